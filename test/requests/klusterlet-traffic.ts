// What the registration agent, the work agent and the klusterlet operator of one cluster send to their hub (facts/klusterlet-traffic.md §2, §3;
// recorded-traffic.md), for itself and for its add-ons.

import { BUILT_IN, get, informer, patch, sendBuiltIn, sendCustom } from './agent-traffic.ts';
import { makeSigningRequest } from './certificate-request.ts';
import type { SentRequest } from './sending.ts';

const OCM = 'system:open-cluster-management';
const CERTIFICATES = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const CLUSTERS = '/apis/cluster.open-cluster-management.io/v1/managedclusters';
const USAGES = ['digital signature', 'key encipherment', 'client auth'];

export function klusterletTraffic(cluster: string, agent: string): readonly SentRequest[] {
  const namespace = (group: string): string => `/apis/${group}/namespaces/${cluster}`;
  const works = `${namespace('work.open-cluster-management.io/v1')}/manifestworks`;
  return [
    ...informer(CERTIFICATES, `labelSelector=open-cluster-management.io%2Fcluster-name%3D${cluster}`, BUILT_IN),
    get(`${CERTIFICATES}/${cluster}-bcdfg`, BUILT_IN),
    ...informer(CLUSTERS, `fieldSelector=metadata.name%3D${cluster}`),
    get(`${CLUSTERS}/${cluster}`),
    patch(`${CLUSTERS}/${cluster}/status`, {
      metadata: { resourceVersion: '1', uid: 'x' },
      status: { version: { kubernetes: 'v1.36.2' } },
    }),
    ...leaseTraffic(cluster),
    ...addonReports(cluster),
    ...informer(works),
    patch(`${works}/hello`, {
      metadata: { finalizers: ['cluster.open-cluster-management.io/manifest-work-cleanup'], resourceVersion: '1' },
    }),
    patch(`${works}/hello/status`, workStatus(1)),
    // facts/inspection.md: a status of 354 KiB was seen.
    patch(`${works}/hello/status`, workStatus(2_000)),
    ...eventTraffic(cluster),
    ...accessReviews(cluster).flatMap((attributes) => review(attributes)),
    ...ownRequests(cluster, agent),
    ...addonRequests(cluster),
  ];
}

function leaseTraffic(cluster: string): readonly SentRequest[] {
  const target = `/apis/coordination.k8s.io/v1/namespaces/${cluster}/leases/managed-cluster-lease`;
  const spec = { holderIdentity: 'managed-cluster-lease', leaseDurationSeconds: 60, renewTime: '2026-11-23T12:00:00.000000Z' };
  const metadata = { name: 'managed-cluster-lease', namespace: cluster, labels: { 'open-cluster-management.io/cluster-name': cluster } };
  return [get(target, BUILT_IN), ...sendBuiltIn('PUT', target, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec })];
}

/** v1alpha1 up to OCM 1.2, v1beta1 from 1.3. */
function addonReports(cluster: string): readonly SentRequest[] {
  const condition = { type: 'Available', status: 'True', reason: 'ManagedClusterAddOnLeaseUpdated', message: 'x' };
  return ['v1alpha1', 'v1beta1'].flatMap((version) => {
    const addons = `/apis/addon.open-cluster-management.io/${version}/namespaces/${cluster}/managedclusteraddons`;
    return [
      ...informer(addons),
      patch(`${addons}/work-manager/status`, { metadata: { resourceVersion: '1', uid: 'x' }, status: { conditions: [condition] } }),
      patch(`${addons}/work-manager/status`, { status: { kubeClientDriver: 'csr' } }),
    ];
  });
}

function workStatus(manifests: number): unknown {
  const conditions = [{ type: 'Applied', status: 'True', reason: 'AppliedManifestComplete', message: 'Apply manifest complete' }];
  const one = (ordinal: number): unknown => ({
    conditions,
    resourceMeta: { ordinal, kind: 'ConfigMap', name: `c${ordinal}`, namespace: 'default' },
  });
  return {
    metadata: { resourceVersion: '1' },
    status: { conditions, resourceStatus: { manifests: Array.from({ length: manifests }, (_, at) => one(at)) } },
  };
}

function eventTraffic(cluster: string): readonly SentRequest[] {
  const metadata = { name: `${cluster}.18eac2460f2ee525`, namespace: cluster };
  const [events, core] = [`/apis/events.k8s.io/v1/namespaces/${cluster}/events`, `/api/v1/namespaces/${cluster}/events`];
  const event = { apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata, reason: 'Available', note: 'available', type: 'Normal' };
  const about = { kind: 'ManifestWork', namespace: cluster, name: 'hello' };
  const old = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata,
    involvedObject: about,
    reason: 'ResourceCreated',
    message: 'created',
    type: 'Normal',
  };
  return [
    ...sendBuiltIn('POST', events, {
      ...event,
      eventTime: '2026-11-23T12:00:00.000000Z',
      action: 'Available',
      reportingController: 'klusterlet-agent',
    }),
    ...sendBuiltIn('POST', core, old),
    patch(`${events}/hello.17`, { series: { count: 2, lastObservedTime: '2026-11-23T12:00:00.000000Z' } }, 'strategic-merge'),
    patch(`${core}/hello.17`, { count: 2, lastTimestamp: '2026-11-23T12:00:00Z' }, 'strategic-merge'),
  ];
}

type Attributes = Readonly<Record<string, string>>;

/** The 24 questions of the klusterlet operator, as recorded (24 to 47). */
function accessReviews(cluster: string): readonly Attributes[] {
  const ask = (verbs: readonly string[], attributes: Attributes): readonly Attributes[] => verbs.map((verb) => ({ verb, ...attributes }));
  const clusters = { group: 'cluster.open-cluster-management.io', resource: 'managedclusters', name: cluster };
  const works = { namespace: cluster, group: 'work.open-cluster-management.io', resource: 'manifestworks' };
  return [
    ...ask(['get', 'list', 'watch'], { group: 'certificates.k8s.io', resource: 'certificatesigningrequests' }),
    ...ask(['get', 'list', 'update', 'watch'], clusters),
    ...ask(['patch', 'update'], { ...clusters, subresource: 'status' }),
    ...ask(['renew'], { group: 'register.open-cluster-management.io', resource: 'managedclusters', subresource: 'clientcertificates' }),
    ...ask(['get', 'update'], { namespace: cluster, group: 'coordination.k8s.io', resource: 'leases', name: 'managed-cluster-lease' }),
    ...ask(['create', 'patch', 'update'], { namespace: cluster, resource: 'events' }),
    ...ask(['create', 'patch', 'update'], { namespace: cluster, group: 'events.k8s.io', resource: 'events' }),
    ...ask(['get', 'list', 'watch', 'update'], works),
    ...ask(['patch', 'update'], { ...works, subresource: 'status' }),
  ];
}

function review(resourceAttributes: Attributes): readonly SentRequest[] {
  const kind = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview' };
  return sendBuiltIn('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { ...kind, spec: { resourceAttributes } });
}

function ownRequests(cluster: string, agent: string): readonly SentRequest[] {
  const groups = [[`${OCM}:${cluster}`, `${OCM}:managed-clusters`], [`${OCM}:${cluster}`]];
  return groups.flatMap((each) =>
    sendBuiltIn(
      'POST',
      CERTIFICATES,
      makeSigningRequest({
        ...{ user: `${OCM}:${cluster}:${agent}`, groups: each, signerName: 'kubernetes.io/kube-apiserver-client', usages: USAGES },
        ...{ labels: { 'open-cluster-management.io/cluster-name': cluster }, generateName: `${cluster}-` },
      }),
    ),
  );
}

/** facts/klusterlet-traffic.md §1 "Add-on specifics"; `bcdfg` where the hub's manager makes five characters up. */
const agentNames: Readonly<Record<string, string>> = {
  'work-manager': 'work-manager',
  'application-manager': 'application-manager',
  'search-collector': 'search-collector',
  'governance-policy-framework': 'governance-policy-framework',
  'config-policy-controller': 'config-policy-controller',
  'managed-serviceaccount': 'addon-agent',
  'observability-controller': 'observability',
  submariner: 'submariner-addon-agent',
  'hypershift-addon': 'bcdfg',
  'my-addon': 'my-addon-agent',
};

/** Add-ons' certificates, with the two groups of new frameworks, the third of old ones, and that of observability. */
function addonRequests(cluster: string): readonly SentRequest[] {
  return [
    ...Object.entries(agentNames).flatMap(([addon, agent]) => {
      const own = `${OCM}:cluster:${cluster}:addon:${addon}`;
      const two = [own, `${OCM}:addon:${addon}`];
      const third = addon === 'observability-controller' ? `ca-hash-${'0a'.repeat(32)}` : 'system:authenticated';
      return [two, [...two, third]].flatMap((groups) => requestFor(cluster, addon, { user: `${own}:agent:${agent}`, groups }));
    }),
    ...requestFor(cluster, 'cluster-proxy', {
      user: 'open-cluster-management:cluster-proxy:addon-agent',
      groups: ['open-cluster-management:cluster-proxy'],
    }),
    ...requestFor(cluster, 'cluster-proxy', {
      user: 'open-cluster-management:cluster-proxy:proxy-agent',
      groups: ['open-cluster-management:cluster-proxy'],
      signerName: 'open-cluster-management.io/proxy-agent-signer',
    }),
    ...requestFor(cluster, 'observability-controller', {
      user: 'managed-cluster-observability',
      groups: [],
      organizationalUnits: ['acm', `ca-hash-${'0a'.repeat(32)}`],
      signerName: 'open-cluster-management.io/observability-signer',
    }),
  ];
}

interface AddonCertificate {
  readonly user: string;
  readonly groups: readonly string[];
  readonly organizationalUnits?: readonly string[];
  readonly signerName?: string;
}

function requestFor(cluster: string, addon: string, asked: AddonCertificate): readonly SentRequest[] {
  const names = { dnsNames: [`${addon}.addon.open-cluster-management.io`], generateName: `addon-${cluster}-${addon}-` };
  const labels = { 'open-cluster-management.io/cluster-name': cluster, 'open-cluster-management.io/addon-name': addon };
  const { signerName = 'kubernetes.io/kube-apiserver-client' } = asked;
  return sendBuiltIn('POST', CERTIFICATES, makeSigningRequest({ ...asked, ...names, labels, usages: USAGES, signerName }));
}

/** What a cluster sends before it has a certificate (recorded 1 to 5, and the operator's six questions). */
export function importTraffic(cluster: string): readonly SentRequest[] {
  const kind = { apiVersion: 'cluster.open-cluster-management.io/v1', kind: 'ManagedCluster' };
  const questions = [
    ...['create', 'get'].map((verb) => ({ verb, group: 'cluster.open-cluster-management.io', resource: 'managedclusters' })),
    ...['create', 'get', 'list', 'watch'].map((verb) => ({ verb, group: 'certificates.k8s.io', resource: 'certificatesigningrequests' })),
  ];
  return [
    ...questions.flatMap((attributes) => review(attributes)),
    get(`${CLUSTERS}/${cluster}`),
    ...informer(CERTIFICATES, `labelSelector=open-cluster-management.io%2Fcluster-name%3D${cluster}`, BUILT_IN),
    ...informer(CLUSTERS, `fieldSelector=metadata.name%3D${cluster}`),
    sendCustom('POST', CLUSTERS, {
      ...kind,
      metadata: { name: cluster },
      spec: { hubAcceptsClient: false },
      status: { conditions: null, version: {} },
    }),
    ...ownRequests(cluster, 'khnxf'),
  ];
}
