// What agents' client libraries make of their wishes: lists and watches in the forms of old and new releases, objects in JSON and protobuf, patches.
// facts/klusterlet-traffic.md §3 "Protocol facts".

import { encodeBody } from './kubernetes-body.ts';
import type { SentRequest } from './sending.ts';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
/** client-go: of built-in types, of custom resources. */
export const BUILT_IN: string = `${PROTOBUF},application/json`;
const CUSTOM: string = 'application/json, */*';
/** As the recorded agents send it, `$Format` and all (facts/recorded-traffic.md). */
const AGENT = 'registration/v0.0.0 (linux/amd64) kubernetes/$Format';

export function get(target: string, accept: string = CUSTOM): SentRequest {
  return { method: 'GET', target, headers: headersOf(accept), body: null };
}

function headersOf(accept: string): [string, string][] {
  return [
    ['accept', accept],
    ['accept-encoding', 'gzip'],
    ['user-agent', AGENT],
  ];
}

/** `selector` as in a query, or ''. The order is that of Go's url.Values: by key. */
export function informer(path: string, selector: string = '', accept: string = CUSTOM): readonly SentRequest[] {
  const chosen = selector === '' ? '' : `${selector}&`;
  return [
    // Until client-go 0.34: LIST, by pages where it has to be; then the watch.
    `?${chosen}limit=500&resourceVersion=0`,
    `?allowWatchBookmarks=true&${chosen}resourceVersion=1&timeout=9m33s&timeoutSeconds=573&watch=true`,
    // From 0.35: the watch brings the list along; a plain list only after a failure.
    `?allowWatchBookmarks=true&${chosen}resourceVersionMatch=NotOlderThan&sendInitialEvents=true&timeout=5m32s&timeoutSeconds=332&watch=true`,
    `?${chosen}resourceVersion=1`.replace('&&', '&'),
  ].map((query) => get(`${path}${query}`, accept));
}

/** Of a built-in type: protobuf from current agents, JSON from those of 2024 and before. */
export function sendBuiltIn(method: 'POST' | 'PUT', target: string, object: unknown): readonly SentRequest[] {
  return (['protobuf', 'json'] as const).map((as) => {
    const { bytes, contentType } = encodeBody(object, as);
    return withBody(method, target, { bytes, contentType, accept: BUILT_IN });
  });
}

export function sendCustom(method: 'POST' | 'PUT', target: string, object: unknown): SentRequest {
  const { bytes, contentType } = encodeBody(object, 'json');
  return withBody(method, target, { bytes, contentType, accept: CUSTOM });
}

export function patch(target: string, body: unknown, kind: 'merge' | 'strategic-merge' = 'merge'): SentRequest {
  const bytes = Buffer.from(JSON.stringify(body));
  return withBody('PATCH', target, { bytes, contentType: `application/${kind}-patch+json`, accept: CUSTOM });
}

/** controller-runtime finds the kinds of its scheme so: aggregated discovery first, then each group version. */
export function discovery(...groupVersions: readonly string[]): readonly SentRequest[] {
  const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
  return [get('/api', aggregated), get('/apis', aggregated), ...groupVersions.map((each) => get(`/apis/${each}`))];
}

interface SentBody {
  readonly bytes: Buffer;
  readonly contentType: string;
  readonly accept: string;
}

function withBody(method: string, target: string, { bytes, contentType, accept }: SentBody): SentRequest {
  const headers = [...headersOf(accept), ['content-type', contentType] as const, ['content-length', String(bytes.length)] as const];
  return { method, target, headers, body: bytes };
}
