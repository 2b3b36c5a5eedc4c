// A request target as Go's net/http and net/url read it: path decoded once, query kept. Repairs nothing.

import type { Attributes } from './api/exchange.ts';
import type { RequestInfo } from './api/request-info.ts';

export interface RequestTarget {
  readonly path: string;
  readonly query: URLSearchParams;
}

/** Null: Go answers 400 Bad Request. An absolute form is read by its path (RFC 9112 §3.2.2). */
export function readTarget(target: string): RequestTarget | null {
  const relative = target.replace(/^https?:\/\/[^/?#]*/i, '');
  const [rawPath = '', ...rest] = relative.split('?');
  if (!relative.startsWith('/') && relative !== '') return null;
  try {
    return { path: decodeURIComponent(rawPath === '' ? '/' : rawPath), query: new URLSearchParams(rest.join('?')) };
  } catch {
    return null;
  }
}

/** What is asked of the authorizer (apiserver pkg/endpoints/filters/authorization.go GetAuthorizerAttributes). */
export function attributesOf(info: RequestInfo): Attributes {
  if (!info.isResourceRequest) return { kind: 'path', verb: info.verb, path: info.path };
  const { verb, resource, subresource, namespace, name } = info;
  return { kind: 'resource', verb, group: info.apiGroup, version: info.apiVersion, resource, subresource, namespace, name };
}
