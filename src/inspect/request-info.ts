// How kube-apiserver reads a request: verb, resource and names, from method, decoded path and query. The same answers as k8s.io/apiserver
// pkg/endpoints/request/requestinfo.go, special cases included, plus the scope of the resource. Never repairs and never refuses.

import type { QueryParameter } from './query.ts';
import { type ResourceScope, scopeOf } from './resource-scope.ts';
import { exactFieldValue, parseFieldSelector, parseLabelSelector } from './selectors.ts';

export interface RequestInfo {
  readonly isResource: boolean;
  /** Decoded, with its leading slash. */
  readonly path: string;
  /** Of the Kubernetes API for a resource (empty where the method has none); the method in lower case for any other path. */
  readonly verb: string;
  readonly apiPrefix: '' | 'api' | 'apis';
  readonly apiGroup: string;
  readonly apiVersion: string;
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  /** From the path; for list and watch, from a field selector on metadata.name. */
  readonly name: string;
  /** The segments from the resource on; those behind the subresource are nobody's but the handler's. */
  readonly parts: readonly string[];
  /** As sent, for list, watch and deletecollection; null for all other verbs, which take no notice of them. */
  readonly labelSelector: string | null;
  readonly fieldSelector: string | null;
  readonly scope: ResourceScope;
  /** The verb stands in the path (`/api/v1/watch/pods`), whatever the method says: deprecated since 1.11, sent by no agent. */
  readonly isVerbInPath: boolean;
}

const verbOfMethod: ReadonlyMap<string, string> = new Map([
  ['POST', 'create'],
  ['GET', 'get'],
  ['HEAD', 'get'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
]);

/** requestinfo.go specialVerbs. */
const verbsInPath: ReadonlySet<string> = new Set(['proxy', 'watch']);

/** requestinfo.go namespaceSubresources: any other word behind a namespace is a resource in it. */
const namespaceSubresources: ReadonlySet<string> = new Set(['status', 'finalize']);

/** `segments` decoded and none of them empty; `method` in upper case. */
export function readRequestInfo(method: string, segments: readonly string[], query: readonly QueryParameter[]): RequestInfo {
  const path = `/${segments.join('/')}`;
  const prefix = readPrefix(segments);
  if (prefix === null) return { ...nothing, path, verb: method.toLowerCase() };
  const { apiPrefix, apiGroup, apiVersion, rest } = prefix;
  const isVerbInPath = verbsInPath.has(rest[0] ?? '');
  const methodVerb = isVerbInPath ? (rest[0] ?? '') : (verbOfMethod.get(method) ?? '');
  const { namespace, parts } = readNamespace(isVerbInPath ? rest.slice(1) : rest);
  const resource = parts[0] ?? '';
  const subresource = methodVerb === 'proxy' ? '' : (parts[2] ?? '');
  const named = refine(methodVerb, parts[1] ?? '', query);
  const takesSelectors = !isVerbInPath && verbsWithSelectors.has(named.verb);
  return {
    isResource: true,
    path,
    verb: named.verb,
    apiPrefix,
    apiGroup,
    apiVersion,
    namespace,
    resource,
    subresource,
    name: named.name,
    parts,
    labelSelector: takesSelectors ? firstValue(query, 'labelSelector') : null,
    fieldSelector: takesSelectors ? firstValue(query, 'fieldSelector') : null,
    scope: scopeOf(apiGroup, resource),
    isVerbInPath,
  };
}

const nothing: Omit<RequestInfo, 'path' | 'verb'> = {
  isResource: false,
  apiPrefix: '',
  apiGroup: '',
  apiVersion: '',
  namespace: '',
  resource: '',
  subresource: '',
  name: '',
  parts: [],
  labelSelector: null,
  fieldSelector: null,
  scope: 'unknown',
  isVerbInPath: false,
};

interface Prefix extends Pick<RequestInfo, 'apiPrefix' | 'apiGroup' | 'apiVersion'> {
  readonly rest: readonly string[];
}

/** Null for a path that names no resource. Neither group nor version need exist. */
function readPrefix(segments: readonly string[]): Prefix | null {
  const [first = '', second = '', third = ''] = segments;
  if (first === 'api' && segments.length >= 3) return { apiPrefix: 'api', apiGroup: '', apiVersion: second, rest: segments.slice(2) };
  if (first === 'apis' && segments.length >= 4) return { apiPrefix: 'apis', apiGroup: second, apiVersion: third, rest: segments.slice(3) };
  return null;
}

/** A namespace object is in itself: its namespace and its name are the same. */
function readNamespace(parts: readonly string[]): { readonly namespace: string; readonly parts: readonly string[] } {
  if (parts[0] !== 'namespaces') return { namespace: '', parts };
  const isObject = parts.length <= 2 || namespaceSubresources.has(parts[2] ?? '');
  return { namespace: parts[1] ?? '', parts: isObject ? parts : parts.slice(2) };
}

const verbsWithSelectors: ReadonlySet<string> = new Set(['list', 'watch', 'deletecollection']);

/** list, watch and deletecollection are known by the missing name, and by the query. */
function refine(verb: string, name: string, query: readonly QueryParameter[]): { readonly verb: string; readonly name: string } {
  if (name !== '') return { verb, name };
  if (verb === 'delete') return { verb: 'deletecollection', name };
  if (verb !== 'get') return { verb, name };
  return { verb: isTrue(firstValue(query, 'watch')) ? 'watch' : 'list', name: selectedName(query) };
}

/** apimachinery pkg/runtime/conversion.go Convert_Slice_string_To_bool: anything but `0` and `false` is true, the empty string too. */
function isTrue(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

/** strconv.ParseInt of 64 bits, as near as a pattern comes. */
const integer = /^[+-]?[0-9]{1,18}$/;

/** The name in a field selector; none where the list options as a whole do not decode, or where it could not stand in a path. */
function selectedName(query: readonly QueryParameter[]): string {
  const text = firstValue(query, 'fieldSelector');
  if (text === null) return '';
  const fields = parseFieldSelector(text);
  const decodes =
    parseLabelSelector(firstValue(query, 'labelSelector') ?? '') !== null &&
    ['limit', 'timeoutSeconds'].every((key) => integer.test(firstValue(query, key) ?? '0'));
  if (fields === null || !decodes) return '';
  const name = exactFieldValue(fields, 'metadata.name') ?? '';
  return name === '.' || name === '..' || /[/%]/.test(name) ? '' : name;
}

/** Of a repeated key the first value counts (net/url Values.Get). */
function firstValue(query: readonly QueryParameter[], key: string): string | null {
  return query.find((parameter) => parameter.key === key)?.value ?? null;
}
