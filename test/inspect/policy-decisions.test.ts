// What policies decide by the head of a request: whose it is, what it is for, and nothing that the request says of itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Identity } from '../../src/identity.ts';
import { addon, ask, klusterlet, policyOf } from './policy-asking.ts';

const leases = policyOf(`
- name: own-lease
  apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, update]
  namespaces: ["{{cluster}}"]
  resourceNames: [managed-cluster-lease]
- name: read-leases
  apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [list, watch]
  namespaces: ["{{cluster}}"]
  resourceNames: ["{{cluster}}-lease"]
`);
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/cluster1/leases';

test('what no rule grants is denied, and so is everything where there are no rules', () => {
  const decision = ask(policyOf('[]'), `GET ${LEASES}/managed-cluster-lease`);
  assert.equal(decision.allowed, false);
  assert.equal(decision.rule, 'default-deny');
  assert.deepEqual(decision.refusal?.rule, 'policy-denied');
  assert.equal(decision.closest, null);
});

test('a rule grants what it names to the cluster of the verified identity', () => {
  const decision = ask(leases, `GET ${LEASES}/managed-cluster-lease`);
  assert.deepEqual(decision, { allowed: true, rule: 'p/own-lease', demand: { kind: 'none' }, closest: null, refusal: null });
  assert.equal(ask(leases, `GET ${LEASES}/managed-cluster-lease`, { as: klusterlet('cluster2') }).allowed, false);
  assert.equal(ask(leases, `HEAD ${LEASES}/managed-cluster-lease`).allowed, true);
});

/** Request, and what the closest rule says. */
const denials: readonly (readonly [string, string])[] = [
  [
    `GET /apis/coordination.k8s.io/v1/namespaces/cluster2/leases/managed-cluster-lease`,
    'p/own-lease: the namespace is "cluster2", the rule has "cluster1"',
  ],
  [`GET ${LEASES}/other`, 'p/own-lease: the name is "other", the rule has "managed-cluster-lease"'],
  [`DELETE ${LEASES}/managed-cluster-lease`, 'p/own-lease: the verb is delete, the rule has get, update'],
  [`GET ${LEASES}`, 'p/read-leases: the name is not given, the rule has "cluster1-lease"'],
  [`GET ${LEASES}?fieldSelector=metadata.name%3Dother`, 'p/read-leases: the name is "other", the rule has "cluster1-lease"'],
  [`GET /apis/coordination.k8s.io/v1/leases`, 'p/read-leases: the namespace is not given, the rule has "cluster1"'],
  [
    `GET ${LEASES}/managed-cluster-lease/status`,
    'p/own-lease: the request is for "leases/status of coordination.k8s.io", the rule for leases',
  ],
  [`GET /api/v1/namespaces/cluster1/leases/managed-cluster-lease`, 'p/own-lease: the request is for "leases", the rule for leases'],
];

test('a denial says which rule comes closest and at which attribute it stops', () => {
  for (const [request, expected] of denials) {
    const { closest, refusal } = ask(leases, request);
    assert.equal(`${closest?.rule}: ${closest?.because}`, expected, request);
    assert.ok(refusal?.detail.includes(closest?.because ?? '-'), request);
  }
  assert.match(
    ask(leases, 'GET /api/v1/namespaces/cluster1/secrets').refusal?.detail ?? '',
    /no rule for this resource, asked for by klusterlet of cluster1/,
  );
  assert.equal(
    ask(leases, `GET ${LEASES}/managed-cluster-lease`, { as: addon('cluster1', 'search-collector') }).closest?.because,
    'the caller is add-on search-collector of cluster1, the rule is for klusterlet',
  );
});

test('a name in a field selector is a name, as for RBAC', () => {
  assert.equal(ask(leases, `GET ${LEASES}?fieldSelector=metadata.name%3Dcluster1-lease`).rule, 'p/read-leases');
  assert.equal(ask(leases, `GET ${LEASES}?fieldSelector=metadata.name%3Dcluster1-lease&watch=1`).rule, 'p/read-leases');
  assert.equal(ask(leases, `GET ${LEASES}?fieldSelector=metadata.name%21%3Dcluster1-lease`).allowed, false);
});

test('the deprecated forms of path are denied, whatever a rule says', () => {
  for (const request of ['GET', 'POST', 'DELETE'].map(
    (method) => `${method} /apis/coordination.k8s.io/v1/watch/namespaces/cluster1/leases/cluster1-lease`,
  )) {
    assert.match(ask(leases, request).refusal?.detail ?? '', /deprecated form of path/);
  }
  assert.equal(ask(leases, 'GET /api/v1/proxy/namespaces/cluster1/pods/x').allowed, false);
});

test('what an identity holds is compared as text and never read as a pattern', () => {
  const strange: Identity = { ...klusterlet('cluster1'), cluster: '*' };
  assert.equal(ask(leases, `GET ${LEASES}/managed-cluster-lease`, { as: strange }).allowed, false);
  const without: Identity = { ...klusterlet('cluster1'), cluster: null };
  assert.equal(ask(leases, `GET ${LEASES}/managed-cluster-lease`, { as: without }).allowed, false);
  const empty: Identity = { ...klusterlet('cluster1'), cluster: '' };
  assert.equal(ask(leases, 'GET /apis/coordination.k8s.io/v1/leases', { as: empty }).allowed, false);
});

test('every variable of an identity can stand in a name', () => {
  const policy = policyOf(
    `
- name: one
  apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
  namespaces: ["{{cluster}}-{{addon}}"]
  resourceNames: ["{{user}}", "x-{{cluster}}"]
`,
    'subjects: { kinds: [addon] }',
  );
  const as = addon('c1', 'a1');
  assert.equal(ask(policy, `GET /api/v1/namespaces/c1-a1/configmaps/${as.user}`, { as }).allowed, true);
  assert.equal(ask(policy, 'GET /api/v1/namespaces/c1-a1/configmaps/x-c1', { as }).allowed, true);
  assert.equal(ask(policy, 'GET /api/v1/namespaces/c1-a1/configmaps/x-c2', { as }).allowed, false);
});

test('a policy is for kinds, add-ons and clusters', () => {
  const rule = `
- name: one
  apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
  namespaces: ["{{cluster}}"]
`;
  const some = policyOf(rule, 'subjects: { kinds: [klusterlet, addon], addons: [a1, a2], clusters: [c1] }');
  const request = 'GET /api/v1/namespaces/c1/configmaps/x';
  assert.equal(ask(some, request, { as: klusterlet('c1') }).allowed, true);
  assert.equal(ask(some, request, { as: addon('c1', 'a2') }).allowed, true);
  assert.equal(ask(some, request, { as: addon('c1', 'a3') }).allowed, false);
  assert.equal(ask(some, 'GET /api/v1/namespaces/c2/configmaps/x', { as: klusterlet('c2') }).allowed, false);
});

test('selectors have to demand what a rule requires, among whatever else', () => {
  const policy = policyOf(`
- name: own
  apiGroups: [certificates.k8s.io]
  resources: [certificatesigningrequests]
  verbs: [list, watch, deletecollection]
  clusterScope: true
  requiredSelectors:
    labels: { open-cluster-management.io/cluster-name: "{{cluster}}" }
    fields: { spec.signerName: kubernetes.io/kube-apiserver-client }
`);
  const L = 'labelSelector=open-cluster-management.io%2Fcluster-name';
  const F = 'fieldSelector=spec.signerName%3Dkubernetes.io%2Fkube-apiserver-client';
  const allowed = (query: string): boolean => ask(policy, `GET /apis/certificates.k8s.io/v1/certificatesigningrequests?${query}`).allowed;
  assert.equal(allowed(`${L}%3Dcluster1&${F}`), true);
  assert.equal(allowed(`${L}%3Dcluster1%2Ca%3Db&${F}%2Cmetadata.name%3Dx&watch=true`), true);
  assert.equal(allowed(`${L}+in+%28cluster1%29&${F}`), true);
  for (const query of [F, `${L}%3Dcluster1`, `${L}%3Dcluster2&${F}`, `${L}+in+%28cluster1%2Ccluster2%29&${F}`, `${L}%21%3Dcluster2&${F}`]) {
    assert.equal(allowed(query), false, query);
  }
  assert.equal(allowed(`${L}%3Dcluster1%2C%2C&${F}`), false, 'what does not parse demands nothing');
});

test('a cluster-scoped object is not reached below a namespace, nor a namespaced one without', () => {
  const policy = policyOf(`
- name: clusters
  apiGroups: [cluster.open-cluster-management.io]
  resources: [managedclusters]
  verbs: [get]
  clusterScope: true
- name: all-works
  apiGroups: [work.open-cluster-management.io]
  resources: [manifestworks]
  verbs: [list]
  clusterScope: true
- name: namespace
  apiGroups: [""]
  resources: [namespaces, namespaces/status]
  verbs: [get]
  clusterScope: true
  resourceNames: ["{{cluster}}"]
- name: unknown
  apiGroups: [example.com]
  resources: [widgets]
  verbs: [get, list]
  namespaces: ["{{cluster}}"]
`);
  const allowed = (path: string): boolean => ask(policy, `GET ${path}`).allowed;
  assert.equal(allowed('/apis/cluster.open-cluster-management.io/v1/managedclusters/cluster2'), true);
  assert.equal(allowed('/apis/cluster.open-cluster-management.io/v1/namespaces/cluster1/managedclusters/cluster2'), false);
  assert.equal(allowed('/apis/work.open-cluster-management.io/v1/manifestworks'), true);
  assert.equal(allowed('/apis/work.open-cluster-management.io/v1/namespaces/cluster1/manifestworks'), false);
  assert.equal(allowed('/api/v1/namespaces/cluster1'), true);
  assert.equal(allowed('/api/v1/namespaces/cluster1/status'), true);
  assert.equal(allowed('/api/v1/namespaces/cluster2'), false);
  assert.equal(allowed('/apis/example.com/v1/namespaces/cluster1/widgets'), true);
  assert.equal(allowed('/apis/example.com/v1/widgets'), false);
});

test('subresources and what follows them are named', () => {
  const policy = policyOf(`
- name: sync
  apiGroups: [proxy.open-cluster-management.io]
  resources: [clusterstatuses/aggregator]
  subresourcePath: sync/now
  verbs: [get]
  namespaces: ["{{cluster}}"]
- name: pods
  apiGroups: [""]
  resources: [pods, pods/log]
  verbs: [get]
  namespaces: ["{{cluster}}"]
`);
  const allowed = (path: string): boolean => ask(policy, `GET ${path}`).allowed;
  const status = '/apis/proxy.open-cluster-management.io/v1/namespaces/cluster1/clusterstatuses/cluster1';
  assert.equal(allowed(`${status}/aggregator/sync/now`), true);
  for (const path of [status, `${status}/aggregator`, `${status}/aggregator/sync`, `${status}/aggregator/sync/now/x`])
    assert.equal(allowed(path), false, path);
  assert.equal(allowed('/api/v1/namespaces/cluster1/pods/x/log'), true);
  for (const path of ['exec', 'proxy', 'log/x', 'attach']) assert.equal(allowed(`/api/v1/namespaces/cluster1/pods/x/${path}`), false, path);
});

test('paths that are no resource have rules of their own', () => {
  const policy = policyOf(`
- name: discovery
  verbs: [get]
  nonResourceURLs: [/version, /api, "/apis/*"]
`);
  const allowed = (request: string): boolean => ask(policy, request).allowed;
  for (const request of ['GET /version', 'GET /api', 'GET /apis/example.com/v1']) assert.equal(allowed(request), true, request);
  for (const request of ['GET /apis', 'GET /version/x', 'GET /metrics', 'HEAD /version', 'POST /version'])
    assert.equal(allowed(request), false, request);
  assert.equal(allowed('GET /apis/example.com/v1/widgets'), false, 'a resource is no path');
  assert.equal(ask(policy, 'GET /metrics').closest?.rule, 'p/discovery');
});

test('conditions on the head are CEL, and an error denies', () => {
  const policy = policyOf(`
- name: generated
  apiGroups: [certificates.k8s.io]
  resources: [certificatesigningrequests]
  verbs: [get]
  clusterScope: true
  matchConditions:
    - { expression: "request.name.startsWith(identity.cluster + '-')", message: a name of one's own }
    - { expression: "request.name.split('-')[1] != 'x'", message: not x }
`);
  const R = 'GET /apis/certificates.k8s.io/v1/certificatesigningrequests';
  assert.equal(ask(policy, `${R}/cluster1-abcde`).allowed, true);
  assert.equal(ask(policy, `${R}/cluster2-abcde`).closest?.because, "not given: a name of one's own");
  assert.equal(ask(policy, `${R}/cluster1-x`).closest?.because, 'not given: not x');
  const without: Identity = { ...klusterlet('cluster1'), cluster: null };
  assert.equal(ask(policy, `${R}/cluster1-abcde`, { as: without }).allowed, false);
});

test('everybody may ask who they are, and only that', () => {
  const nothing = policyOf('[]');
  const R = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const decision = ask(nothing, `POST ${R}`);
  assert.equal(decision.rule, 'always/self-subject-review');
  assert.deepEqual(decision.demand, { kind: 'count', mostBytes: 4096 });
  const others = [
    `GET ${R}`,
    `POST ${R}/x`,
    `POST /apis/authentication.k8s.io/v1/namespaces/a/selfsubjectreviews`,
    'POST /apis/authentication.k8s.io/v1/tokenreviews',
  ];
  for (const request of [
    ...others,
    'POST /apis/authorization.k8s.io/v1/selfsubjectreviews',
    `POST /apis/authentication.k8s.io/v1/watch/selfsubjectreviews`,
  ]) {
    assert.equal(ask(nothing, request).allowed, false, request);
  }
});
