// The threats of facts/klusterlet-traffic.md §6 that a policy can stop, with real certificate requests: each is refused, and what stands beside it passes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Identity } from '../../src/identity.ts';
import { readBody } from '../../src/inspect/body/body.ts';
import { addon, ask, bootstrap, infoOf, klusterlet } from '../inspect/policy-asking.ts';
import {
  alternativeNames,
  dnsName,
  encodeObject,
  encodeRequest,
  extensionRequest,
  toRequestPem,
} from '../inspect/body/certificate-request.ts';
import { testKey } from '../pki-certificate.ts';
import { addonSubject, klusterletSubject, subjectOf } from '../pki.ts';
import { loadPacks } from './loading.ts';

const policies = loadPacks();
const CSRS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

interface Wish {
  readonly subject: Uint8Array;
  readonly dns?: readonly string[];
  readonly key?: 'p256' | 'rsa' | 'p384';
  readonly metadata?: object;
  readonly spec?: object;
}

/** What becomes of a certificate request in its JSON form: null where it is allowed. */
function askCertificate(as: Identity, { subject, dns = [], key = 'p256', metadata, spec }: Wish): string | null {
  const attributes = dns.length === 0 ? [] : [extensionRequest(alternativeNames(...dns.map(dnsName)))];
  const pem = toRequestPem(encodeRequest({ subject, attributes, key: testKey(key, 'wish') }));
  const info = infoOf(`POST ${CSRS}`);
  const { demand } = policies.decide(info, { identity: as }, 'application/json');
  assert.ok(demand.kind === 'judge');
  const bytes = Buffer.from(
    encodeObject({ pem, ...(metadata === undefined ? {} : { metadata }), ...(spec === undefined ? {} : { spec }) }),
  );
  const body = readBody(bytes, { info, contentType: 'application/json', method: 'POST' });
  if (!body.ok) return `${body.refusal.rule}: ${body.refusal.detail}`;
  const { refusal } = demand.judge(body.body);
  return refusal === null ? null : `${refusal.rule}: ${refusal.detail}`;
}

const CLUSTER = 'open-cluster-management.io/cluster-name';
const ADDON = 'open-cluster-management.io/addon-name';

const addonWish = (cluster: string, name: string, agent: string = name): Wish => ({
  subject: addonSubject(cluster, name, agent),
  dns: [`${name}.addon.open-cluster-management.io`],
  metadata: { generateName: `addon-${cluster}-${name}-`, labels: { [CLUSTER]: cluster, [ADDON]: name } },
});

const c1 = klusterlet('cluster1');

test('a klusterlet gets certificates for itself and for its add-ons', () => {
  assert.equal(askCertificate(c1, { subject: klusterletSubject('cluster1') }), null);
  for (const name of ['work-manager', 'search-collector', 'application-manager', 'my-own-addon'])
    assert.equal(askCertificate(c1, addonWish('cluster1', name)), null, name);
  assert.equal(askCertificate(c1, addonWish('cluster1', 'managed-serviceaccount', 'addon-agent')), null);
  assert.equal(askCertificate(c1, addonWish('cluster1', 'hypershift-addon', 'x7zq4')), null);
  assert.equal(askCertificate(c1, addonWish('cluster1', 'search-collector', 'khnxf')), null, 'its own agent id');
  assert.equal(askCertificate(bootstrap('cluster1'), { subject: klusterletSubject('cluster1', 'anew') }), null);
});

test('T1, T2: nobody gets the certificate of another cluster, or one that is not exactly theirs', () => {
  const prefix = 'system:open-cluster-management';
  const wishes: Readonly<Record<string, Wish>> = {
    'another cluster': { subject: klusterletSubject('cluster2') },
    'another agent': { subject: klusterletSubject('cluster1', 'other') },
    'a longer name (CVE-2026-4740)': { subject: klusterletSubject('cluster11') },
    'another label': { subject: klusterletSubject('cluster1'), metadata: { labels: { [CLUSTER]: 'cluster2' } } },
    'two labels': { subject: klusterletSubject('cluster1'), metadata: { labels: { [CLUSTER]: 'cluster1', [ADDON]: 'x' } } },
    'no label': { subject: klusterletSubject('cluster1'), metadata: { labels: {} } },
    'a name of its choice': { subject: klusterletSubject('cluster1'), metadata: { name: 'cluster2-abcde' } },
    'another signer': { subject: klusterletSubject('cluster1'), spec: { signerName: 'kubernetes.io/kube-apiserver-client-kubelet' } },
    'a custom signer': { subject: klusterletSubject('cluster1'), spec: { signerName: 'example.com/anything' } },
    'server usage': { subject: klusterletSubject('cluster1'), spec: { usages: ['digital signature', 'key encipherment', 'server auth'] } },
    'fewer usages': { subject: klusterletSubject('cluster1'), spec: { usages: ['client auth'] } },
    'a SAN': { subject: klusterletSubject('cluster1'), dns: ['api.hub.example.com'] },
    'an RSA key': { subject: klusterletSubject('cluster1'), key: 'rsa' },
    'another curve': { subject: klusterletSubject('cluster1'), key: 'p384' },
    'ten minutes': { subject: klusterletSubject('cluster1'), spec: { expirationSeconds: 600 } },
    'a further group': {
      subject: subjectOf(`${prefix}:cluster1:khnxf`, [`${prefix}:cluster1`, `${prefix}:managed-clusters`, `${prefix}:cluster2`]),
    },
    'system:masters': { subject: subjectOf(`${prefix}:cluster1:khnxf`, [`${prefix}:cluster1`, 'system:masters']) },
    'an administrator': { subject: subjectOf('kubernetes-admin', ['system:masters']) },
  };
  for (const [title, wish] of Object.entries(wishes)) {
    assert.match(askCertificate(c1, wish) ?? 'allowed', /^(?:policy-body|csr-subject): /, title);
    if (title !== 'another agent')
      assert.match(askCertificate(bootstrap('cluster1'), wish) ?? 'allowed', /^(?:policy-body|csr-subject): /, `${title}, bootstrap`);
  }
  assert.equal(askCertificate(c1, { subject: klusterletSubject('cluster1'), spec: { expirationSeconds: 86_400 } }), null);
});

test('T3: an add-on certificate is for an add-on of the own cluster, under its own label and its own agent name', () => {
  const wishes: Readonly<Record<string, Wish>> = {
    'another cluster': addonWish('cluster2', 'work-manager'),
    'another cluster under the own label': { ...addonWish('cluster1', 'work-manager'), subject: addonSubject('cluster2', 'work-manager') },
    'another add-on under the label': { ...addonWish('cluster1', 'work-manager'), subject: addonSubject('cluster1', 'search-collector') },
    "another agent's name": addonWish('cluster1', 'managed-serviceaccount', 'other'),
    "another klusterlet's agent id": addonWish('cluster1', 'work-manager', 'other'),
    'no random name': addonWish('cluster1', 'hypershift-addon', 'aaaaa'),
    "another add-on's SAN": { ...addonWish('cluster1', 'work-manager'), dns: ['search-collector.addon.open-cluster-management.io'] },
    'two SANs': { ...addonWish('cluster1', 'work-manager'), dns: ['work-manager.addon.open-cluster-management.io', 'api.hub.example.com'] },
    'no SAN': { ...addonWish('cluster1', 'work-manager'), dns: [] },
  };
  for (const [title, wish] of Object.entries(wishes)) assert.match(askCertificate(c1, wish) ?? 'allowed', /^policy-body: /, title);
  for (const as of [addon('cluster1', 'work-manager'), bootstrap('cluster1')]) {
    const { refusal } = ask(policies, `POST ${CSRS}`, { as, type: 'application/json' });
    if (as.kind === 'addon') assert.equal(refusal?.rule, 'policy-denied');
    else assert.match(askCertificate(as, addonWish('cluster1', 'work-manager')) ?? 'allowed', /^policy-body: /);
  }
});

/** Allowed as it stands; in the name of any other cluster it is not. */
const honest: readonly (readonly [Identity, string])[] = [
  [c1, 'GET /apis/coordination.k8s.io/v1/namespaces/cluster1/leases/managed-cluster-lease'],
  [c1, 'PUT /apis/coordination.k8s.io/v1/namespaces/cluster1/leases/managed-cluster-lease'],
  [c1, 'GET /apis/work.open-cluster-management.io/v1/namespaces/cluster1/manifestworks?watch=true'],
  [c1, 'GET /apis/addon.open-cluster-management.io/v1alpha1/namespaces/cluster1/managedclusteraddons'],
  [c1, 'GET /apis/cluster.open-cluster-management.io/v1/managedclusters/cluster1'],
  [c1, 'GET /apis/cluster.open-cluster-management.io/v1/managedclusters?fieldSelector=metadata.name%3Dcluster1'],
  [c1, `GET ${CSRS}?labelSelector=open-cluster-management.io%2Fcluster-name%3Dcluster1`],
  [c1, `GET ${CSRS}/cluster1-x7zq4`],
  [c1, 'POST /apis/events.k8s.io/v1/namespaces/cluster1/events'],
  [
    addon('cluster1', 'search-collector'),
    'POST /apis/proxy.open-cluster-management.io/v1beta1/namespaces/cluster1/clusterstatuses/cluster1/aggregator/sync',
  ],
  [addon('cluster1', 'managed-serviceaccount'), 'GET /api/v1/namespaces/cluster1/secrets'],
  [addon('cluster1', 'governance-policy-framework'), 'GET /api/v1/namespaces/cluster1/secrets/policy-encryption-key'],
  [addon('cluster1', 'submariner'), 'GET /api/v1/namespaces/cluster1/secrets/cluster1-aws-creds'],
];

test('T7, T8, T9, T11, T15: what is allowed to a cluster is allowed in its own name only', () => {
  const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?$/).filter((name) => name !== 'cluster1');
  const other = fc.oneof(
    label,
    fc.constantFrom('cluster2', 'cluster11', 'cluster', 'cluster1-1', 'local-cluster', 'kube-system', 'open-cluster-management'),
  );
  for (const [as, request] of honest) assert.equal(ask(policies, request, { as }).allowed, true, request);
  fc.assert(
    fc.property(fc.constantFrom(...honest), other, (pair, cluster) => {
      const [as, request] = pair;
      const elsewhere = request.replaceAll('cluster1', cluster);
      assert.equal(ask(policies, elsewhere, { as }).allowed, false, elsewhere);
    }),
    { numRuns: 500 },
  );
});

test('T8, T10, T12 to T15: what no agent needs is allowed to none of them', () => {
  const requests = [
    'GET /api/v1/namespaces/cluster1/secrets/cluster1-import',
    'GET /api/v1/secrets',
    'GET /api/v1/namespaces/kube-system/secrets',
    'GET /api/v1/namespaces/cluster1/configmaps',
    'GET /api/v1/namespaces',
    'GET /api/v1/nodes',
    'GET /apis/cluster.open-cluster-management.io/v1/managedclusters',
    'PUT /apis/cluster.open-cluster-management.io/v1/managedclusters/cluster1',
    'PATCH /apis/cluster.open-cluster-management.io/v1/managedclusters/cluster1',
    'DELETE /apis/cluster.open-cluster-management.io/v1/managedclusters/cluster1',
    'POST /apis/work.open-cluster-management.io/v1/namespaces/cluster1/manifestworks',
    'PUT /apis/work.open-cluster-management.io/v1/namespaces/cluster1/manifestworks/hello',
    'DELETE /apis/work.open-cluster-management.io/v1/namespaces/cluster1/manifestworks/hello',
    'DELETE /apis/work.open-cluster-management.io/v1/namespaces/cluster1/manifestworks',
    'POST /apis/addon.open-cluster-management.io/v1alpha1/namespaces/cluster1/managedclusteraddons',
    'DELETE /apis/addon.open-cluster-management.io/v1alpha1/namespaces/cluster1/managedclusteraddons/work-manager',
    'POST /api/v1/namespaces/cluster1/serviceaccounts/search-collector-agent/token',
    'POST /api/v1/namespaces/cluster1/pods/x/exec',
    'GET /api/v1/namespaces/cluster1/pods/x/exec?command=sh',
    'GET /api/v1/namespaces/cluster1/services/x/proxy/admin',
    'GET /api/v1/proxy/namespaces/cluster1/services/x',
    'GET /api/v1/watch/namespaces/cluster1/secrets',
    'POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
    'POST /apis/authorization.k8s.io/v1/subjectaccessreviews',
    'POST /apis/authentication.k8s.io/v1/tokenreviews',
    'POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
    'PUT /apis/certificates.k8s.io/v1/certificatesigningrequests/cluster1-x7zq4/approval',
    'PUT /apis/certificates.k8s.io/v1/certificatesigningrequests/cluster1-x7zq4/status',
    'DELETE /apis/certificates.k8s.io/v1/certificatesigningrequests/cluster1-x7zq4',
    'GET /apis/clusterview.open-cluster-management.io/v1/managedclusters',
    'GET /apis/hcp.ocm.io/v1alpha1/hostedcontrolplanes',
    'GET /apis/oauth.openshift.io/v1/oauthaccesstokens',
    'GET /oauth/authorize',
    'GET /metrics',
    'GET /logs/kube-apiserver/audit.log',
    'GET /debug/pprof/heap',
    'GET /openapi/v3',
    'OPTIONS /apis/work.open-cluster-management.io/v1/namespaces/cluster1/manifestworks',
  ];
  const names = [
    'search-collector',
    'application-manager',
    'governance-policy-framework',
    'observability-controller',
    'submariner',
    'hypershift-addon',
    'unheard-of',
  ];
  const callers = [
    c1,
    bootstrap('cluster1'),
    ...['work-manager', 'managed-serviceaccount', 'config-policy-controller', ...names].map((name) => addon('cluster1', name)),
  ];
  for (const as of callers)
    for (const request of requests) assert.equal(ask(policies, request, { as }).allowed, false, `${as.user}: ${request}`);
});
