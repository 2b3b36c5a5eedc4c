// A request with a body, as the listener would hand it to readBody, and what comes out of it.

import assert from 'node:assert/strict';
import { type JudgedBody, type ReadBody, readBody } from '../../../src/inspect/body/body.ts';
import { readRequestInfo } from '../../../src/inspect/request-info.ts';

export const JSON_TYPE = 'application/json';
export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';
export const MERGE_PATCH = 'application/merge-patch+json';
export const JSON_PATCH = 'application/json-patch+json';
export const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';
export const APPLY_PATCH = 'application/apply-patch+yaml';

export const paths = {
  csrs: '/apis/certificates.k8s.io/v1/certificatesigningrequests',
  lease: '/apis/coordination.k8s.io/v1/namespaces/cluster1/leases/managed-cluster-lease',
  leases: '/apis/coordination.k8s.io/v1/namespaces/cluster1/leases',
  events: '/apis/events.k8s.io/v1/namespaces/cluster1/events',
  coreEvents: '/api/v1/namespaces/cluster1/events',
  secrets: '/api/v1/namespaces/cluster1/secrets',
  configMaps: '/api/v1/namespaces/cluster1/configmaps',
  managedClusters: '/apis/cluster.open-cluster-management.io/v1/managedclusters',
  workStatus: '/apis/work.open-cluster-management.io/v1/namespaces/cluster1/manifestworks/hello/status',
  work: '/apis/work.open-cluster-management.io/v1/namespaces/cluster1/manifestworks/hello',
  token: '/api/v1/namespaces/cluster1/serviceaccounts/search-agent/token',
  tokenReviews: '/apis/authentication.k8s.io/v1/tokenreviews',
  selfReviews: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
  accessReviews: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
  search: '/apis/proxy.open-cluster-management.io/v1beta1/namespaces/cluster1/clusterstatuses/cluster1/aggregator/sync',
} as const;

export interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly contentType?: string | null;
  readonly body: string | Uint8Array;
}

/** POST of JSON to the leases of cluster1 unless said otherwise. */
export function read({ method = 'POST', path = paths.leases, contentType = JSON_TYPE, body }: Sent): ReadBody {
  const segments = path.split('/').slice(1);
  const info = readRequestInfo(method, segments, []);
  return readBody(typeof body === 'string' ? Buffer.from(body) : Buffer.from(body), { info, contentType, method });
}

export function accept(sent: Sent): JudgedBody {
  const result = read(sent);
  assert.ok(result.ok, result.ok ? '' : `${result.refusal.rule}: ${result.refusal.detail}`);
  return result.body;
}

export function refusalOf(sent: Sent): string {
  const result = read(sent);
  return result.ok ? 'accepted' : result.refusal.rule;
}

/** Plain JSON data for comparison: prototypes gone and come back, bigints as text with an n. */
export function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner)));
}

/** CPU that this thread took, in milliseconds: other processes on the machine do not count, as they would with a clock. */
export function cpuMs(operation: () => void): number {
  const before = process.threadCpuUsage();
  operation();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000;
}
