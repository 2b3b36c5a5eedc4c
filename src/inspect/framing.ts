// What has to hold for the message as such before anything in it means something: method, version, and whether it may have a body.

import type { Refusal } from '../errors.ts';
import type { RequestHead } from './head.ts';

/** The methods that kube-apiserver maps to verbs (k8s.io/apiserver pkg/endpoints/request/requestinfo.go) and OPTIONS, which it answers itself. */
const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** A body there has no defined meaning (RFC 9110 section 9.3.1) and is a classic of request smuggling. */
const bodiless: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

export function judgeFraming(head: RequestHead): Refusal | null {
  if (head.method === 'CONNECT') return { rule: 'upgrade-refused', detail: 'CONNECT' };
  if (!methods.has(head.method)) return { rule: 'method-not-supported', detail: head.method.slice(0, 20) };
  if (head.httpVersion === '1.0') return { rule: 'framing', detail: 'HTTP/1.0' };
  if (head.hasBody && bodiless.has(head.method)) return { rule: 'framing', detail: `${head.method} with a body` };
  return null;
}
