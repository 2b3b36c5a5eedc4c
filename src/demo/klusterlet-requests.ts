// What a klusterlet asks of its hub, as recorded (facts/recorded-traffic.md "Steady state"): paths and bodies for one cluster. Sends nothing.

import type { AgentRequest } from './agent-connection.ts';

const CLUSTERS = '/apis/cluster.open-cluster-management.io/v1/managedclusters';
/** client-go's reflector with WatchList, as OCM 1.3 has it. */
const WATCH = 'allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&watch=true';

export function clusterRead(cluster: string): AgentRequest {
  return { method: 'GET', path: `${CLUSTERS}/${cluster}` };
}

export function leaseRead(cluster: string): AgentRequest {
  return { method: 'GET', path: leasePath(cluster) };
}

/** @param leaseJson what `leaseRead` was answered with */
export function leaseRenewal(cluster: string, leaseJson: string, nowMs: number): AgentRequest {
  const lease = JSON.parse(leaseJson) as { spec: Record<string, unknown> };
  lease.spec = { ...lease.spec, renewTime: new Date(nowMs).toISOString().replace('Z', '000Z') };
  return { method: 'PUT', path: leasePath(cluster), body: lease };
}

/** One of the questions that the klusterlet operator asks about its agents' rights. */
export function accessReview(cluster: string): AgentRequest {
  const lease = { group: 'coordination.k8s.io', resource: 'leases', name: 'managed-cluster-lease', namespace: cluster };
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { ...lease, verb: 'update' } },
  };
  return { method: 'POST', path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', body };
}

/** Its own status, changed: what the watch of its own ManagedCluster tells of. */
export function statusChange(cluster: string, value: string): AgentRequest {
  const body = { status: { clusterClaims: [{ name: 'id.k8s.io', value }] } };
  return { method: 'PATCH', path: `${CLUSTERS}/${cluster}/status`, contentType: 'application/merge-patch+json', body };
}

export function worksWatch(cluster: string, seconds: number): string {
  return `/apis/work.open-cluster-management.io/v1/namespaces/${cluster}/manifestworks?${WATCH}&timeoutSeconds=${seconds}`;
}

export function clusterWatch(cluster: string, seconds: number): string {
  return `${CLUSTERS}?fieldSelector=metadata.name%3D${cluster}&${WATCH}&timeoutSeconds=${seconds}`;
}

function leasePath(cluster: string): string {
  return `/apis/coordination.k8s.io/v1/namespaces/${cluster}/leases/managed-cluster-lease`;
}
