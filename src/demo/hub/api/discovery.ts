// What the hub serves, as clients ask for it: aggregated (/api, /apis with apidiscovery.k8s.io/v2) and by group and version.
// Made from the table in resources.ts; the same rows in the same form as kube-apiserver's.

import { createHash } from 'node:crypto';
import { answerJson, answerText } from './answer.ts';
import type { ApiAnswer, ApiRequest } from './exchange.ts';
import { type JsonObject, encodeJson } from './json.ts';
import { parseAccept } from './negotiation.ts';
import { type Resource, apiVersionOf, resources } from './resources.ts';

/** Verbs in the order in which each kind of API registers them. */
const BUILTIN_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const CUSTOM_VERBS = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];
const SUBRESOURCE_VERBS = ['get', 'patch', 'update'];

/** The namespace's finalize is PUT only (pkg/registry/core/namespace/storage). */
function subresourceVerbs(subresource: string): readonly string[] {
  return subresource === 'finalize' ? ['update'] : SUBRESOURCE_VERBS;
}

function verbsOf(resource: Resource): readonly string[] {
  if (!resource.isStored) return ['create'];
  return resource.family.kind === 'custom' ? CUSTOM_VERBS : BUILTIN_VERBS;
}

/** Null: not a path of discovery. */
export function discover(request: ApiRequest, serverAddress: string): ApiAnswer | null {
  const [prefix = '', group = '', version = '', ...rest] = request.path.replace(/^\/+|\/+$/g, '').split('/');
  if (rest.length > 0) return null;
  if (prefix === 'api' && version === '') return group === '' ? discoverCore(request, serverAddress) : listResources('', group);
  if (prefix !== 'apis') return null;
  if (group === '') return wantsAggregated(request) ? aggregated(request, namedGroups()) : answerJson(200, encodeJson(legacyGroups()));
  return version === '' ? describeGroup(group) : listResources(group, version);
}

function discoverCore(request: ApiRequest, serverAddress: string): ApiAnswer {
  if (wantsAggregated(request)) return aggregated(request, ['']);
  const serverAddressByClientCIDRs = [{ clientCIDR: '0.0.0.0/0', serverAddress }];
  return answerJson(200, encodeJson({ kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs }));
}

function namedGroups(): readonly string[] {
  return [...new Set(resources.map(({ group }) => group))].filter((group) => group !== '');
}

function versionsOf(group: string): readonly string[] {
  return [...new Set(resources.filter((row) => row.group === group).map(({ version }) => version))];
}

const AGGREGATED_TYPE = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** The first clause that can be served decides; only v2 of the aggregated form is. */
function wantsAggregated(request: ApiRequest): boolean {
  for (const { type, parameters } of parseAccept(request.headers.get('accept') ?? '')) {
    if (type !== 'application/json' && type !== '*/*' && type !== 'application/*') continue;
    if (!parameters.has('as')) return false;
    const isServed = parameters.get('as') === 'APIGroupDiscoveryList' && parameters.get('g') === 'apidiscovery.k8s.io';
    if (isServed && parameters.get('v') === 'v2') return true;
  }
  return false;
}

function aggregated(request: ApiRequest, groups: readonly string[]): ApiAnswer {
  const items = groups.map((group) => ({
    metadata: group === '' ? {} : { name: group },
    versions: versionsOf(group).map((version) => ({ version, resources: rowsOf(group, version).map(aggregatedRow), freshness: 'Current' })),
  }));
  const text = encodeJson({ kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items });
  const etag = `"${createHash('sha512').update(text).digest('hex').toUpperCase()}"`;
  const headers = { 'cache-control': 'public', etag, vary: 'Accept' };
  if (request.headers.get('if-none-match') === etag) return { status: 304, headers, body: null };
  return { status: 200, headers: { ...headers, 'content-type': AGGREGATED_TYPE }, body: Buffer.from(`${text}\n`) };
}

function rowsOf(group: string, version: string): readonly Resource[] {
  return resources.filter((row) => row.group === group && row.version === version);
}

/** A built-in kind's own group and version go without saying here. */
function responseKind(resource: Resource): JsonObject {
  const isCustom = resource.family.kind === 'custom';
  return { group: isCustom ? resource.group : '', version: isCustom ? resource.version : '', kind: resource.kind };
}

function aggregatedRow(resource: Resource): JsonObject {
  const subresources = resource.subresources.map((subresource) => ({
    subresource,
    responseKind: responseKind(resource),
    verbs: subresourceVerbs(subresource),
  }));
  return {
    resource: resource.resource,
    responseKind: responseKind(resource),
    scope: resource.isNamespaced ? 'Namespaced' : 'Cluster',
    singularResource: resource.singular,
    verbs: verbsOf(resource),
    ...(resource.shortNames.length === 0 ? {} : { shortNames: resource.shortNames }),
    ...(subresources.length === 0 ? {} : { subresources }),
  };
}

function groupOf(name: string): JsonObject {
  const versions = versionsOf(name).map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions, preferredVersion: versions[0] ?? {} };
}

function legacyGroups(): JsonObject {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: namedGroups().map(groupOf) };
}

function describeGroup(group: string): ApiAnswer {
  if (versionsOf(group).length === 0) return pageNotFound();
  return answerJson(200, encodeJson({ kind: 'APIGroup', apiVersion: 'v1', ...groupOf(group) }));
}

function listResources(group: string, version: string): ApiAnswer {
  const rows = rowsOf(group, version);
  if (rows.length === 0) return pageNotFound();
  const groupVersion = apiVersionOf({ group, version });
  return answerJson(200, encodeJson({ kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: rows.flatMap(legacyRows) }));
}

function legacyRows(resource: Resource): readonly JsonObject[] {
  const base = { singularName: resource.singular, namespaced: resource.isNamespaced, kind: resource.kind };
  const shortNames = resource.shortNames.length === 0 ? {} : { shortNames: resource.shortNames };
  const subresources = resource.subresources.map((subresource) => ({
    ...base,
    name: `${resource.resource}/${subresource}`,
    singularName: '',
    verbs: subresourceVerbs(subresource),
  }));
  return [{ name: resource.resource, ...base, verbs: verbsOf(resource), ...shortNames }, ...subresources];
}

export function pageNotFound(): ApiAnswer {
  return answerText(404, '404 page not found\n');
}
