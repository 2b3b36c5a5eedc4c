// How kube-apiserver reads a request: verb, resource and names, from the method, the decoded path and the query. A port of
// k8s.io/apiserver pkg/endpoints/request/requestinfo.go (NewRequestInfo); it never repairs a path and never refuses one.

export interface RequestInfo {
  readonly isResourceRequest: boolean;
  readonly path: string;
  /** Of the Kubernetes API for a resource; the method in lower case for any other path. */
  readonly verb: string;
  readonly apiPrefix: string;
  readonly apiGroup: string;
  readonly apiVersion: string;
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  /** The segments from the resource on. */
  readonly parts: readonly string[];
}

const verbOfMethod: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** `namespaces/{name}/{word}` is a subresource of the namespace for these words only (requestinfo.go namespaceSubresources). */
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

/** Verbs that stand in the path, whatever the method (requestinfo.go specialVerbs). */
const VERBS_IN_PATH = new Set(['proxy', 'watch']);

/** `method` in upper case, `path` decoded, as kube-apiserver gets them. */
export function readRequestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const segments = path.replace(/^\/+|\/+$/g, '').split('/');
  const prefix = readPrefix(segments);
  if (prefix === null) return otherPath(method, path);
  const base = { isResourceRequest: true, path, ...prefix.api };
  let verb = verbOfMethod[method] ?? '';
  let parts = prefix.rest;
  if (VERBS_IN_PATH.has(parts[0] ?? '')) {
    // Upstream: "unable to determine kind and namespace from url", answered as a non-resource path would be.
    if (parts.length < 2) return { ...otherPath(method, path), ...prefix.api, verb: parts[0] ?? '' };
    verb = parts[0] ?? '';
    parts = parts.slice(1);
  }
  const scope = readNamespace(parts);
  parts = scope.parts;
  const names = { resource: parts[0] ?? '', name: parts[1] ?? '', subresource: verb === 'proxy' ? '' : (parts[2] ?? '') };
  const refined = refineVerb(verb, names.name, query);
  return { ...base, ...names, ...refined, namespace: scope.namespace, parts };
}

function otherPath(method: string, path: string): RequestInfo {
  return {
    isResourceRequest: false,
    path,
    verb: method.toLowerCase(),
    apiPrefix: '',
    apiGroup: '',
    apiVersion: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    parts: [],
  };
}

interface Prefix {
  readonly api: { readonly apiPrefix: string; readonly apiGroup: string; readonly apiVersion: string };
  readonly rest: readonly string[];
}

/** Null for a path that names no resource. The group need not exist. */
function readPrefix(segments: readonly string[]): Prefix | null {
  const [apiPrefix = '', second = '', third = ''] = segments;
  if (segments.length < 3) return null;
  if (apiPrefix === 'api') return { api: { apiPrefix, apiGroup: '', apiVersion: second }, rest: segments.slice(2) };
  if (apiPrefix !== 'apis' || segments.length < 4) return null;
  return { api: { apiPrefix, apiGroup: second, apiVersion: third }, rest: segments.slice(3) };
}

function readNamespace(parts: readonly string[]): { namespace: string; parts: readonly string[] } {
  if (parts[0] !== 'namespaces' || parts.length < 2) return { namespace: '', parts };
  const namespace = parts[1] ?? '';
  const isOfNamespaceItself = parts.length === 2 || NAMESPACE_SUBRESOURCES.has(parts[2] ?? '');
  return { namespace, parts: isOfNamespaceItself ? parts : parts.slice(2) };
}

/** list, watch and deletecollection: known only by the missing name and by the query. */
function refineVerb(verb: string, name: string, query: URLSearchParams): { verb: string; name: string } {
  if (name !== '') return { verb, name };
  if (verb === 'delete') return { verb: 'deletecollection', name };
  if (verb === 'get') return { verb: isTrue(query.get('watch')) ? 'watch' : 'list', name: nameOfFieldSelector(query) };
  if (verb === 'watch') return { verb, name };
  return { verb, name };
}

/** runtime.Convert_Slice_string_To_bool: present and neither "0" nor "false"; the empty string is true. */
export function isTrue(value: string | null): boolean {
  return value !== null && value.toLowerCase() !== 'false' && value !== '0';
}

/** `metadata.name=x` names the object for authorization, where x can be a path segment (path.IsValidPathSegmentName). */
function nameOfFieldSelector(query: URLSearchParams): string {
  const selector = query.get('fieldSelector') ?? '';
  for (const term of selector.split(',')) {
    const match = /^metadata\.name==?([^=!]*)$/.exec(term);
    const name = match?.[1] ?? '';
    if (name !== '' && name !== '.' && name !== '..' && !/[/%]/.test(name)) return name;
  }
  return '';
}
