// What each add-on's agent sends to the hub (facts/klusterlet-traffic.md §2, §3), by the name of its pack.

import type { PackName } from '../../src/pack-names.ts';
import { BUILT_IN, discovery, get, informer, patch, sendBuiltIn, sendCustom } from './agent-traffic.ts';
import type { SentRequest } from './sending.ts';

type Traffic = (cluster: string) => readonly SentRequest[];

const custom = (apiVersion: string, kind: string, metadata: object, more: object): unknown => ({ apiVersion, kind, metadata, ...more });

const group = (groupVersion: string, cluster: string): string => `/apis/${groupVersion}/namespaces/${cluster}`;
const core = (cluster: string): string => `/api/v1/namespaces/${cluster}`;

const workManager: Traffic = (cluster) => {
  const kinds = [
    ['action', 'managedclusteractions', 'ManagedClusterAction', 'run-1'],
    ['internal', 'managedclusterinfos', 'ManagedClusterInfo', cluster],
    ['view', 'managedclusterviews', 'ManagedClusterView', 'asked-1'],
  ] as const;
  return kinds.flatMap(([first, resource, kind, name]) => {
    const version = `${first}.open-cluster-management.io/v1beta1`;
    const target = `${group(version, cluster)}/${resource}`;
    const object = custom(version, kind, { name, namespace: cluster, resourceVersion: '1' }, { spec: {}, status: { conditions: [] } });
    return [...discovery(version), ...informer(target), get(`${target}/${name}`), sendCustom('PUT', `${target}/${name}/status`, object)];
  });
};

const searchCollector: Traffic = (cluster) => {
  const target = `${group('proxy.open-cluster-management.io/v1beta1', cluster)}/clusterstatuses/${cluster}/aggregator/sync`;
  const resource = (at: number): unknown => ({
    kind: 'Pod',
    uid: `${cluster}/${at}`,
    properties: { name: `pod-${at}`, namespace: 'default', status: 'Running' },
  });
  const full = { clearAll: true, addResources: Array.from({ length: 5_000 }, (_, at) => resource(at)) };
  const sync = (body: unknown, overwrite: string): SentRequest => {
    const sent = sendCustom('POST', target, body);
    // Go's default client; the header asks for a full resync.
    return { ...sent, headers: [['user-agent', 'Go-http-client/2.0'], ['x-overwrite-state', overwrite], ...sent.headers.slice(-2)] };
  };
  return [sync(full, 'true'), sync({ addResources: [resource(1)], deleteResources: [] }, 'false'), sync({}, 'false')];
};

const policyFramework: Traffic = (cluster) => {
  const version = 'policy.open-cluster-management.io/v1';
  const policies = `${group(version, cluster)}/policies`;
  const metadata = { name: 'policies.must-have', namespace: cluster, resourceVersion: '1' };
  const events = group('events.k8s.io/v1', cluster);
  const about = { kind: 'Policy', namespace: cluster, name: 'policies.must-have' };
  const event = custom(
    'v1',
    'Event',
    { name: 'policies.must-have.17', namespace: cluster },
    { involvedObject: about, reason: 'PolicyStatusSync', type: 'Normal' },
  );
  return [
    ...discovery(version),
    ...informer(policies),
    get(`${policies}/policies.must-have`),
    sendCustom(
      'PUT',
      `${policies}/policies.must-have/status`,
      custom(version, 'Policy', metadata, { spec: {}, status: { compliant: 'Compliant' } }),
    ),
    ...informer(`${core(cluster)}/secrets`, 'fieldSelector=metadata.name%3Dpolicy-encryption-key', BUILT_IN),
    get(`${core(cluster)}/secrets/policy-encryption-key`, BUILT_IN),
    ...sendBuiltIn('POST', `${core(cluster)}/events`, event),
    sendCustom('POST', `${events}/events`, { reason: 'PolicyStatusSync', type: 'Normal', regarding: about }),
    patch(`${core(cluster)}/events/policies.must-have.17`, { count: 2 }, 'strategic-merge'),
    patch(`${events}/events/policies.must-have.17`, { series: { count: 2 } }, 'strategic-merge'),
  ];
};

const applicationManager: Traffic = (cluster) => {
  const version = 'apps.open-cluster-management.io/v1alpha1';
  const reports = `${group(version, cluster)}/subscriptionreports`;
  const report = custom(version, 'SubscriptionReport', { name: cluster, namespace: cluster }, { reportType: 'Cluster', results: [] });
  const name = `${cluster}-cluster-secret`;
  const secret = custom('v1', 'Secret', { name, namespace: cluster }, { type: 'Opaque', data: { config: 'e30=' } });
  const about = { kind: 'Subscription', namespace: cluster, name: 'app' };
  const event = custom(
    'v1',
    'Event',
    { name: 'app.17', namespace: cluster },
    { involvedObject: about, reason: 'Deployed', type: 'Normal' },
  );
  return [
    ...discovery(version),
    get(`${reports}/${cluster}`),
    sendCustom('POST', reports, report),
    sendCustom('PUT', `${reports}/${cluster}`, report),
    get(`${core(cluster)}/secrets/${name}`, BUILT_IN),
    ...sendBuiltIn('POST', `${core(cluster)}/secrets`, secret),
    ...sendBuiltIn('PUT', `${core(cluster)}/secrets/${name}`, secret),
    ...sendBuiltIn('POST', `${core(cluster)}/events`, event),
  ];
};

const managedServiceAccount: Traffic = (cluster) => {
  const labels = { 'authentication.open-cluster-management.io/is-managed-serviceaccount': 'true' };
  const token = custom(
    'v1',
    'Secret',
    { name: 'backup', namespace: cluster, labels },
    { type: 'Opaque', data: { 'ca.crt': 'eA==', token: 'eA==' } },
  );
  return ['v1alpha1', 'v1beta1'].flatMap((version) => {
    const groupVersion = `authentication.open-cluster-management.io/${version}`;
    const accounts = `${group(groupVersion, cluster)}/managedserviceaccounts`;
    const metadata = { name: 'backup', namespace: cluster, resourceVersion: '1' };
    return [
      ...discovery(groupVersion),
      ...informer(accounts),
      get(`${accounts}/backup`),
      sendCustom(
        'PUT',
        `${accounts}/backup/status`,
        custom(groupVersion, 'ManagedServiceAccount', metadata, { spec: {}, status: { tokenSecretRef: { name: 'backup' } } }),
      ),
      ...informer(`${core(cluster)}/secrets`, '', BUILT_IN),
      ...sendBuiltIn('POST', `${core(cluster)}/secrets`, token),
      ...sendBuiltIn('PUT', `${core(cluster)}/secrets/backup`, token),
    ];
  });
};

const observability: Traffic = (cluster) => {
  const version = 'observability.open-cluster-management.io/v1beta1';
  const addons = `${group(version, cluster)}/observabilityaddons`;
  const metadata = { name: 'observability-addon', namespace: cluster, resourceVersion: '1' };
  const object = custom(version, 'ObservabilityAddon', metadata, { spec: { enableMetrics: true }, status: { conditions: [] } });
  return [
    ...discovery(version),
    get(`${addons}/observability-addon`),
    ...informer(addons),
    sendCustom('PUT', `${addons}/observability-addon`, object),
    sendCustom('PUT', `${addons}/observability-addon/status`, object),
    get('/apis/observability.open-cluster-management.io/v1beta2/multiclusterobservabilities?limit=500'),
  ];
};

const submariner: Traffic = (cluster) => {
  const [configs, addons] = ['submarineraddon.open-cluster-management.io/v1alpha1', 'addon.open-cluster-management.io/v1alpha1'];
  const config = custom(
    configs,
    'SubmarinerConfig',
    { name: 'submariner', namespace: cluster, resourceVersion: '1' },
    { spec: {}, status: { conditions: [] } },
  );
  return [
    ...informer(`${group(addons, cluster)}/managedclusteraddons`),
    ...informer(`${group(configs, cluster)}/submarinerconfigs`),
    sendCustom('PUT', `${group(configs, cluster)}/submarinerconfigs/submariner/status`, config),
    sendCustom('PUT', `${group(addons, cluster)}/managedclusteraddons/submariner/status`, ownStatus(cluster, 'submariner')),
    get(`${core(cluster)}/secrets/${cluster}-aws-creds`, BUILT_IN),
  ];
};

/** The whole object, registrations as they were read. */
function ownStatus(cluster: string, addon: string): unknown {
  const own = `system:open-cluster-management:cluster:${cluster}:addon:${addon}`;
  const subject = { user: `${own}:agent:${addon}-agent`, groups: [own, `system:open-cluster-management:addon:${addon}`] };
  const registrations = [{ signerName: 'kubernetes.io/kube-apiserver-client', subject }];
  return custom(
    'addon.open-cluster-management.io/v1alpha1',
    'ManagedClusterAddOn',
    { name: addon, namespace: cluster, resourceVersion: '1' },
    {
      spec: {},
      status: { conditions: [], registrations },
    },
  );
}

const hypershift: Traffic = (cluster) => {
  const addons = `${group('addon.open-cluster-management.io/v1alpha1', cluster)}/managedclusteraddons/hypershift-addon`;
  const scores = `${group('cluster.open-cluster-management.io/v1alpha1', cluster)}/addonplacementscores`;
  const metadata = { name: 'hosted-clusters-score', namespace: cluster };
  const score = custom('cluster.open-cluster-management.io/v1alpha1', 'AddOnPlacementScore', metadata, {
    status: { scores: [{ name: 'hostedClustersCount', value: 1 }] },
  });
  const labels = { 'synced-from-spoke': 'true' };
  const secret = custom(
    'v1',
    'Secret',
    { name: 'one-admin-kubeconfig', namespace: cluster, labels },
    { type: 'Opaque', data: { kubeconfig: 'eA==' } },
  );
  return [
    ...discovery(),
    get(`${core(cluster)}/secrets/hypershift-operator-oidc-provider-s3-credentials`, BUILT_IN),
    get(`${core(cluster)}/configmaps/hypershift-operator-install-flags`, BUILT_IN),
    get(addons),
    sendCustom('PUT', `${addons}/status`, ownStatus(cluster, 'hypershift-addon')),
    get(`${scores}/hosted-clusters-score`),
    sendCustom('POST', scores, score),
    sendCustom('PUT', `${scores}/hosted-clusters-score/status`, score),
    ...sendBuiltIn('POST', `${core(cluster)}/secrets`, secret),
    ...sendBuiltIn('PUT', `${core(cluster)}/secrets/one-admin-kubeconfig`, secret),
    { ...get(`${core(cluster)}/secrets/one-admin-kubeconfig`, BUILT_IN), method: 'DELETE' },
  ];
};

const template: Traffic = (cluster) => {
  const target = `${group('example.com/v1', cluster)}/widgets`;
  return [
    ...discovery('example.com/v1'),
    ...informer(target),
    get(`${core(cluster)}/configmaps/my-addon-settings`, BUILT_IN),
    patch(`${target}/one/status`, { metadata: { resourceVersion: '1' }, status: { ready: true } }),
    sendCustom(
      'POST',
      `${group('example.com/v1', cluster)}/widgetreports`,
      custom('example.com/v1', 'WidgetReport', { name: cluster, namespace: cluster }, {}),
    ),
  ];
};

export interface AddonAgent {
  readonly addon: string;
  readonly traffic: Traffic;
}

/** The packs for an add-on's agent. config-policy-controller's sends nothing; cluster-proxy's only what is in a pack of its own. */
export const addonAgents: Readonly<Partial<Record<PackName, AddonAgent>>> = {
  'work-manager': { addon: 'work-manager', traffic: workManager },
  'search-collector': { addon: 'search-collector', traffic: searchCollector },
  'governance-policy-framework': { addon: 'governance-policy-framework', traffic: policyFramework },
  'application-manager': { addon: 'application-manager', traffic: applicationManager },
  'managed-serviceaccount': { addon: 'managed-serviceaccount', traffic: managedServiceAccount },
  'observability-controller': { addon: 'observability-controller', traffic: observability },
  submariner: { addon: 'submariner', traffic: submariner },
  'hypershift-addon': { addon: 'hypershift-addon', traffic: hypershift },
  'addon-template': { addon: 'my-addon', traffic: template },
};
