// What the hub's registration controller makes of a cluster that an administrator accepts (OCM pkg/registration/hub): namespace, lease,
// RBAC and the conditions of the ManagedCluster.

import type { Clock } from '../../clock.ts';
import type { Rbac } from './authorization.ts';
import type { Loopback } from './loopback.ts';
import { acceptedClusterRbac } from './rbac-defaults.ts';

const LABEL = 'open-cluster-management.io/cluster-name';
const LEASE_DURATION_SECONDS = 60;

export async function acceptCluster(name: string, hub: { loopback: Loopback; rbac: Rbac; clock: Clock }): Promise<void> {
  const { loopback, rbac, clock } = hub;
  const now = new Date(clock.now());
  const labels = { [LABEL]: name };
  await loopback.apply('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
  const clusters = '/apis/cluster.open-cluster-management.io/v1/managedclusters';
  const kind = { apiVersion: 'cluster.open-cluster-management.io/v1', kind: 'ManagedCluster' };
  const spec = { hubAcceptsClient: true, leaseDurationSeconds: LEASE_DURATION_SECONDS };
  await loopback.apply(clusters, { ...kind, metadata: { name }, spec });
  const lastTransitionTime = now.toISOString().replace(/\.\d+Z$/, 'Z');
  const accepted = {
    type: 'HubAcceptedManagedCluster',
    status: 'True',
    reason: 'HubClusterAdminAccepted',
    message: 'Accepted by hub cluster admin',
  };
  await loopback.request('PATCH', `${clusters}/${name}/status`, {
    status: { conditions: [{ ...accepted, lastTransitionTime }], version: {} },
  });
  await loopback.apply(`/apis/coordination.k8s.io/v1/namespaces/${name}/leases`, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'managed-cluster-lease', namespace: name, labels },
    spec: { holderIdentity: 'managed-cluster-lease', renewTime: now.toISOString().replace('Z', '000Z') },
  });
  rbac.apply(acceptedClusterRbac(name));
}
