// Whoever holds a credential of the hub itself, or another cluster's, gets nothing with it: the hub here would let all of them do everything, and
// sees none of it. What the owner may do with it, next to that, passes (fleet-allowed.test.ts).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { packNames } from '../../src/pack-names.ts';
import { addonAgents } from '../requests/addon-traffic.ts';
import { get, sendBuiltIn, sendCustom } from '../requests/agent-traffic.ts';
import { FixtureStage } from '../requests/fixture-stage.ts';
import { importTraffic, klusterletTraffic } from '../requests/klusterlet-traffic.ts';
import type { FixtureIdentity } from '../requests/request-fixture.ts';
import { openConnection } from '../requests/sending.ts';
import type { SentRequest, Wire } from '../requests/sending.ts';

const OCM = 'system:open-cluster-management';
const wires: readonly Wire[] = ['h2', 'http/1.1'];

async function openStage(t: TestContext): Promise<FixtureStage> {
  const stage = await FixtureStage.open({ packs: packNames, settings: { bootstrap: { enabled: true } } });
  t.after(() => stage.close());
  return stage;
}

/** Each on a connection of its own, for a refusal may close it. */
async function assertRefused(stage: FixtureStage, identity: FixtureIdentity, requests: readonly SentRequest[]): Promise<void> {
  await stage.settled();
  const sender = await stage.senderOf(identity);
  stage.stage.hub.clearRequests();
  for (const wire of wires) {
    for (const request of requests) {
      const connection = openConnection(sender, wire);
      const { status, body } = await connection.send(request);
      connection.close();
      const what = `${request.method} ${request.target} over ${wire}: ${status} ${body.slice(0, 300)}`;
      assert.match(body, /"message":"countersign: .*\(rule [-a-z]+, audit-id /, what);
      assert.ok(status === 400 || status === 401 || status === 403, what);
    }
  }
  await stage.settled();
  assert.deepEqual(
    stage.seen().map(({ method, target, user }) => `${user}: ${method} ${target}`),
    [],
  );
}

/** What an administrator would do, and what agents may. */
const wishes: readonly SentRequest[] = [
  get('/api/v1/secrets'),
  get('/apis/cluster.open-cluster-management.io/v1/managedclusters/cluster1'),
  get('/version'),
  sendCustom('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'mine' },
  }),
  ...sendBuiltIn('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'SelfSubjectReview',
  }),
];

const certificate = (user: string, groups: readonly string[], signedBy: 'csr-signer' | 'stranger' = 'csr-signer'): FixtureIdentity => ({
  ...{ kind: 'certificate', user, groups, signedBy },
});
const token = (text: string): FixtureIdentity => ({ kind: 'token', token: text, times: 1 });
const account = (namespace: string, name: string): FixtureIdentity => ({ kind: 'service-account', namespace, name });

const stolen: Readonly<Record<string, FixtureIdentity>> = {
  "the hub's own system:masters certificate, of another trusted CA": { kind: 'administrator' },
  'a system:masters certificate of the CSR signer': certificate('kubernetes-admin', ['system:masters']),
  'a certificate of kube:admin of the CSR signer': certificate('kube:admin', ['system:cluster-admins', 'system:authenticated']),
  "a node's certificate": certificate('system:node:worker-0', ['system:nodes']),
  "the controller manager's certificate": certificate('system:kube-controller-manager', []),
  "an agent's name with system:masters beside its groups": certificate(`${OCM}:cluster1:a`, [`${OCM}:cluster1`, 'system:masters']),
  "an agent's name of a stranger's CA": certificate(`${OCM}:cluster1:a`, [`${OCM}:cluster1`], 'stranger'),
  "kubeadmin's OAuth token": token('sha256~2vQ5d1YxIOJ7u9m0sWqgq3Tn8kE4bRzLhVxCpNfMaDo'),
  'a token of any other service account': account('open-cluster-management-hub', 'registration-controller-sa'),
  "the token of Countersign's own account": account('countersign', 'ca-sync'),
  "a token of the account that a cluster's add-on may have": account('cluster1', 'work-manager-agent'),
  'a bootstrap account in a namespace that is not its own': account('default', 'cluster1-bootstrap-sa'),
  'an account of the shared name in another namespace': account('default', 'agent-registration-bootstrap'),
  nothing: { kind: 'none' },
};

test('no credential of the hub itself is worth anything at the edge', async (t) => {
  const stage = await openStage(t);
  for (const [name, identity] of Object.entries(stolen)) await t.test(name, () => assertRefused(stage, identity, wishes));
});

test('basic authentication and other schemes are refused like no credential', async (t) => {
  const stage = await openStage(t);
  const wishWith = (authorization: string): SentRequest[] =>
    wishes.map((one) => ({ ...one, headers: [...one.headers, ['authorization', authorization]] }));
  for (const authorization of ['Basic a3ViZWFkbWluOnNlY3JldA==', 'Negotiate abc', 'Bearer', 'Bearer a b']) {
    await assertRefused(stage, { kind: 'none' }, wishWith(authorization));
  }
});

test("an administrator's token beside a klusterlet's certificate goes no further than the proxy", async (t) => {
  const stage = await openStage(t);
  const admin = stage.stage.hub.serviceAccountToken({ namespace: 'kube-system', name: 'clusterrole-aggregation-controller' });
  for (const wire of wires) {
    await stage.settled();
    stage.stage.hub.clearRequests();
    const connection = openConnection({ ...(await stage.senderOf({ kind: 'klusterlet', cluster: 'cluster1' })), token: admin }, wire);
    assert.equal((await connection.send(get('/apis/cluster.open-cluster-management.io/v1/managedclusters/cluster1'))).status, 200);
    assert.match((await connection.send(get('/api/v1/secrets'))).body, /rule policy-denied/);
    connection.close();
    await stage.settled();
    const [seen, ...others] = stage.seen();
    assert.deepEqual([seen?.user, others.length], [`${OCM}:cluster1:abcde`, 0]);
    assert.ok(seen?.headers.every(([name]) => name.toLowerCase() !== 'authorization') === true);
  }
});

/** What names no cluster is no cluster's. Of bodies the small ones: they are refused by their heads, and a large one makes the close linger. */
function ofCluster(cluster: string, traffic: readonly SentRequest[]): readonly SentRequest[] {
  return traffic.filter(({ target, body }) => (target.includes(cluster) || body?.includes(cluster) === true) && isSmall(body));
}

function isSmall(body: Buffer | null): boolean {
  return (body?.length ?? 0) < 64 * 1024;
}

test("with a cluster's certificate, nothing that another cluster's agents may do can be done", async (t) => {
  const stage = await openStage(t);
  const klusterlet = ofCluster('cluster2', klusterletTraffic('cluster2', 'abcde'));
  assert.ok(klusterlet.length > 80);
  await t.test('klusterlet', () => assertRefused(stage, { kind: 'klusterlet', cluster: 'cluster1' }, klusterlet));
  for (const { addon, traffic } of Object.values(addonAgents)) {
    const requests = ofCluster('cluster2', traffic('cluster2'));
    await t.test(addon, () => assertRefused(stage, { kind: 'addon', cluster: 'cluster1', addon }, requests));
  }
});

test("with the token by which a cluster is imported, another cluster's import cannot be done", async (t) => {
  const stage = await openStage(t);
  await assertRefused(stage, { kind: 'bootstrap', cluster: 'cluster1' }, ofCluster('cluster2', importTraffic('cluster2')));
});

test("with one add-on's certificate, nothing that only the klusterlet or another add-on may do can be done", async (t) => {
  const stage = await openStage(t);
  const agents = Object.values(addonAgents);
  const everything = [klusterletTraffic('cluster1', 'abcde'), ...agents.map(({ traffic }) => traffic('cluster1'))].flat();
  for (const { addon, traffic } of agents) {
    const own = new Set(traffic('cluster1').map(sayHead));
    const others = everything.filter((request) => !isIn(own, request) && !isShared(request));
    const once = [...new Map(others.map((request) => [sayHead(request), request])).values()].filter(({ body }) => isSmall(body));
    assert.ok(once.length > 30);
    await t.test(addon, () => assertRefused(stage, { kind: 'addon', cluster: 'cluster1', addon }, once));
  }
});

/** Rules are for all versions of a group, and for events of any name. */
function sayHead({ method, target }: SentRequest): string {
  const path = target.split('?', 1)[0] ?? '';
  return `${method} ${path.replace(/^(\/apis\/[^/]+)\/[^/]+/, '$1').replace(/(\/events)\/[^/]+$/, '$1/*')}`;
}

/** Who lists all objects may ask for one. */
function isIn(own: ReadonlySet<string>, request: SentRequest): boolean {
  const head = sayHead(request);
  return own.has(head) || (request.method === 'GET' && own.has(head.replace(/\/[^/]+$/, '')));
}

/** Discovery is the same for all who may ask for it. */
function isShared({ target }: SentRequest): boolean {
  return /^\/(?:api|apis)(?:\/[^/]+){0,2}$/.test(target);
}
