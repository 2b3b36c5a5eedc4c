// What a policy would have to grant for a refused request to pass, and how grants become few without becoming wide: two are joined only where they
// differ in one thing, so that together they allow what they allowed apart and nothing else.

import type { RequestInfo } from '../inspect/inspect.ts';
import type { RefusedRequest } from './refused-requests.ts';

export interface Grant {
  readonly kind: RefusedRequest['identity']['kind'];
  /** Empty but for add-ons. */
  readonly addons: readonly string[];
  readonly verbs: readonly string[];
  /** What is no resource; then everything below is empty. */
  readonly paths: readonly string[];
  readonly groups: readonly string[];
  /** With their subresource. */
  readonly resources: readonly string[];
  readonly subresourcePath: string;
  /** Empty: cluster scope. */
  readonly namespaces: readonly string[];
  /** Empty: the request names none. */
  readonly names: readonly string[];
  /** Of a patch. */
  readonly contentTypes: readonly string[];
  readonly requests: readonly RefusedRequest[];
}

/** `info` is that of the request, as the audit has it. */
export function grantFor(request: RefusedRequest, info: RequestInfo): Grant {
  const { identity, contentType } = request;
  const whose = { kind: identity.kind, addons: identity.addon === null ? [] : [identity.addon], verbs: [info.verb], requests: [request] };
  if (!info.isResource) return { ...whose, ...nothing, paths: [info.path] };
  // A namespace lies in none, though it is its own (requestinfo.go).
  const namespace = info.apiGroup === '' && info.resource === 'namespaces' ? '' : info.namespace;
  return {
    ...whose,
    paths: [],
    groups: [info.apiGroup],
    resources: [info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`],
    subresourcePath: info.parts.slice(3).join('/'),
    namespaces: namespace === '' ? [] : [namespace === identity.cluster ? OWN_CLUSTER : namespace],
    names: info.name === '' ? [] : [generalName(info.name, namespace, identity.cluster)],
    contentTypes: info.verb === 'patch' ? [mediaTypeOf(contentType)] : [],
  };
}

const OWN_CLUSTER = '{{cluster}}';

/** Agents name things after their cluster. In the cluster's own namespace a name that begins with it is meant so; elsewhere it may be another cluster's. */
function generalName(name: string, namespace: string, cluster: string | null): string {
  if (name === cluster) return OWN_CLUSTER;
  const isOwn = cluster !== null && namespace === cluster && name.startsWith(`${cluster}-`);
  return isOwn ? OWN_CLUSTER + name.slice(cluster.length) : name;
}

const nothing: Omit<Grant, 'kind' | 'addons' | 'verbs' | 'paths' | 'requests'> = {
  groups: [],
  resources: [],
  subresourcePath: '',
  namespaces: [],
  names: [],
  contentTypes: [],
};

function mediaTypeOf(contentType: string | null): string {
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** In which two grants may differ; the first are those that read best as a list. */
const joinable = ['verbs', 'names', 'resources', 'paths', 'contentTypes', 'groups', 'namespaces', 'addons'] as const;

export function joinGrants(grants: readonly Grant[]): readonly Grant[] {
  return joinable.reduce<readonly Grant[]>(joinBy, grants);
}

/** An empty list means something else than a list (any name, cluster scope): those are not joined. */
function joinBy(grants: readonly Grant[], field: (typeof joinable)[number]): readonly Grant[] {
  const groups = Map.groupBy(grants, (grant) => JSON.stringify({ ...grant, requests: null, [field]: grant[field].length > 0 }));
  return [...groups.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const all = [first, ...others];
    const values = [...new Set(all.flatMap((grant) => grant[field]))].toSorted();
    return [{ ...first, [field]: values, requests: all.flatMap(({ requests }) => requests) }];
  });
}
