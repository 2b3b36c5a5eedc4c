// What a bootstrap token may send in a body: bound to the token's own cluster, or to the first one that a shared account's connection names, be it in
// the body. With the pack as it comes, on real sockets.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { bearer, bootstrapPack, CLUSTERS, own, ruleOf, setStage, shared, tokenOf } from '../proxy/bootstrap-stage.ts';
import type { Stage } from '../proxy/bootstrap-stage.ts';
import { openH2, requestH2 } from '../proxy/test-client.ts';
import type { Answer, ClientRequestPlan } from '../proxy/test-client.ts';

const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

interface Recorded {
  readonly method: string;
  readonly target: string;
  readonly subject: string | null;
  readonly body: string;
}

/** Protobuf, for cluster1. */
const recordedRequest = readFileSync(new URL('../../fixtures/recorded/recorded-requests.jsonl', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Recorded)
  .find(({ subject, method, target }) => subject === null && method === 'POST' && target === REQUESTS);

function certificateRequest(): ClientRequestPlan {
  assert.ok(recordedRequest !== undefined);
  const headers = { 'content-type': 'application/vnd.kubernetes.protobuf' };
  return { method: 'POST', path: REQUESTS, headers, body: Buffer.from(recordedRequest.body, 'base64') };
}

function json(path: string, object: object): ClientRequestPlan {
  return { method: 'POST', path, headers: { 'content-type': 'application/json' }, body: JSON.stringify(object) };
}

function managedCluster(name: string, spec: object = { hubAcceptsClient: false }): ClientRequestPlan {
  return json(CLUSTERS, { apiVersion: 'cluster.open-cluster-management.io/v1', kind: 'ManagedCluster', metadata: { name }, spec });
}

const review: ClientRequestPlan = json(REVIEWS, {
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SelfSubjectAccessReview',
  spec: { resourceAttributes: { group: 'certificates.k8s.io', resource: 'certificatesigningrequests', verb: 'create' } },
});

interface Agent {
  readonly stage: Stage;
  /** On one connection. */
  readonly send: (plan: ClientRequestPlan) => Promise<Answer>;
}

async function connect(t: TestContext, token: string): Promise<Agent> {
  const stage = await setStage(t, { policies: bootstrapPack() });
  const session = openH2(t, stage.proxy.port, null);
  return { stage, send: (plan) => requestH2(session, { ...plan, headers: { ...plan.headers, ...bearer(token) } }) };
}

const sharedToken = tokenOf(shared.namespace, shared.name);
const said = (answer: Answer): readonly [number, string] => [answer.status, ruleOf(answer)];

test('a shared account that names its cluster only in a body is bound to it by that', async (t) => {
  const { stage, send } = await connect(t, sharedToken);
  assert.equal((await send(certificateRequest())).status, 200);
  assert.deepEqual(said(await send({ path: `${CLUSTERS}/cluster2` })), [403, 'bootstrap-other-cluster']);
  assert.equal((await send({ path: `${CLUSTERS}/cluster1` })).status, 200);
  assert.equal((await send(managedCluster('cluster1'))).status, 200);
  assert.deepEqual(said(await send(managedCluster('cluster2'))), [403, 'policy-body']);
  assert.deepEqual(
    stage.hub.seen.map(({ method, target }) => [method, target]),
    [
      ['POST', REQUESTS],
      ['GET', `${CLUSTERS}/cluster1`],
      ['POST', CLUSTERS],
    ],
  );
});

test('what names no cluster leaves a shared account unbound, and passes where the pack has it', async (t) => {
  const { send } = await connect(t, sharedToken);
  assert.equal((await send(review)).status, 200);
  assert.equal((await send(managedCluster('cluster2'))).status, 200);
  assert.deepEqual(said(await send({ path: `${CLUSTERS}/cluster1` })), [403, 'bootstrap-other-cluster']);
});

test('of two creations at once one names the cluster, and the other one is refused', async (t) => {
  const { stage, send } = await connect(t, sharedToken);
  // The first request decides on the token alone; both bodies come behind it.
  assert.equal((await send(review)).status, 200);
  const answers = await Promise.all([send(managedCluster('cluster1')), send(managedCluster('cluster2'))]);
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  assert.equal(answers.filter(({ status }) => status === 403).length, 1);
  assert.equal(stage.hub.seen.filter(({ target }) => target === CLUSTERS).length, 1);
});

test("nobody gets a certificate for another cluster: not with one's own account, not with a shared one that is bound", async (t) => {
  const other = await connect(t, tokenOf('cluster2', 'cluster2-bootstrap-sa'));
  assert.deepEqual(said(await other.send(certificateRequest())), [403, 'policy-body']);
  const bound = await connect(t, sharedToken);
  assert.equal((await bound.send({ path: `${CLUSTERS}/cluster2` })).status, 200);
  assert.deepEqual(said(await bound.send(certificateRequest())), [403, 'policy-body']);
  assert.equal(other.stage.hub.handshakes.length, 0);
  assert.deepEqual(
    bound.stage.hub.seen.map(({ method }) => method),
    ['GET'],
  );
});

test('a cluster does not accept itself, and a body that names it otherwise than it reads is refused', async (t) => {
  const { stage, send } = await connect(t, own);
  assert.deepEqual(said(await send(managedCluster('cluster1', { hubAcceptsClient: true }))), [403, 'policy-body']);
  assert.deepEqual(said(await send(managedCluster('local-cluster'))), [403, 'policy-body']);
  const plan = managedCluster('cluster1');
  const twice = { ...plan, body: String(plan.body).replace('"name":"cluster1"', '"name":"cluster2","name":"cluster1"') };
  assert.equal((await send(twice)).status, 400);
  assert.equal(stage.hub.handshakes.length, 0);
});

test('a cluster in quarantine is not imported, by whatever its name is known', async (t) => {
  const { stage, send } = await connect(t, sharedToken);
  stage.proxy.quarantine.swap({ clusters: new Map([['cluster1', ['settings']]]) });
  assert.deepEqual(said(await send(certificateRequest())), [403, 'quarantined']);
  assert.equal(stage.hub.handshakes.length, 0);
});
