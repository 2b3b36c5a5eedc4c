// The join of a cluster as a real registration agent makes it, recorded, with tokens that the embedded hub issues and keys that ca-sync fetches from it:
// through the real proxy, over HTTP/2 and HTTP/1.1.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { startCaSync } from '../../src/ca-sync/ca-sync.ts';
import type { CaSync } from '../../src/ca-sync/ca-sync.ts';
import { startEmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';
import type { EmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';
import { silentLog } from '../../src/events.ts';
import { NEVER } from '../ca-sync/waiting.ts';
import { bootstrapPack } from '../proxy/bootstrap-stage.ts';
import { SteppedClock } from '../proxy/stepped-clock.ts';
import { openH1, openH2 } from '../proxy/test-client.ts';
import { startTestProxy } from '../proxy/test-proxy.ts';
import type { TestProxy } from '../proxy/test-proxy.ts';
import { statusOverH1, statusOverH2 } from '../proxy/watch-status.ts';
import { noProbe } from '../no-probe.ts';

interface Recorded {
  readonly seq: number;
  readonly subject: string | null;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

const read = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
const recorded = read('fixtures/recorded/recorded-requests.jsonl')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Recorded)
  .filter(({ subject }) => subject === null);

interface Stage {
  readonly hub: EmbeddedHub;
  readonly sync: CaSync;
  readonly proxy: TestProxy;
  readonly clock: SteppedClock;
}

async function setStage(t: TestContext): Promise<Stage> {
  const hub = await startEmbeddedHub();
  t.after(() => hub.close());
  const folder = mkdtempSync(join(tmpdir(), 'countersign-join-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'ca.crt'), hub.servingCaPem);
  writeFileSync(join(folder, 'kubeconfig'), hub.syncKubeconfig());
  const clock = new SteppedClock();
  const signer = { namespace: 'openshift-kube-controller-manager', secret: 'csr-signer' };
  const trust = { namespace: 'openshift-config-managed', configMap: 'csr-controller-ca', key: 'ca-bundle.crt' };
  const sync = await startCaSync(
    { source: 'kubernetes', kubeconfigFile: join(folder, 'kubeconfig'), signer, trust, schedule: NEVER, probe: noProbe },
    { clock, log: silentLog, bootstrap: { enabled: true, jwksFile: null, sharedServiceAccounts: [] } },
  );
  t.after(() => sync.close());
  const bootstrap = { jwks: sync.jwks, refreshJwks: () => sync.refreshJwks() };
  const proxy = await startTestProxy(t, {
    hubUrl: new URL(hub.url),
    hub: { caFile: join(folder, 'ca.crt') },
    clock,
    bootstrap,
    policies: bootstrapPack(),
  });
  return { hub, sync, proxy, clock };
}

/** What a real hub answers: the import controller's RBAC refuses the watch of managed clusters, the shared account's does not. */
const expected = { own: [404, 200, 403, 201, 201], shared: [404, 200, 200, 201, 201] };

for (const account of ['own', 'shared'] as const) {
  for (const protocol of ['HTTP/2', 'HTTP/1.1'] as const) {
    test(`the recorded join passes with ${account === 'own' ? "the cluster's own" : 'the shared'} bootstrap account over ${protocol}`, async (t) => {
      const { hub, proxy } = await setStage(t);
      const token = account === 'own' ? await hub.prepareImport('cluster1') : hub.bootstrapToken;
      const [session, agent] = [openH2(t, proxy.port, null), openH1(t, null)];
      hub.clearRequests();
      const statuses: number[] = [];
      for (const request of recorded) {
        const headers = Object.fromEntries(
          request.headers.map(([name, value]) => [name, name === 'authorization' ? `Bearer ${token}` : value]),
        );
        const plan = { method: request.method, path: request.target, headers, body: Buffer.from(request.body, 'base64') };
        statuses.push(await (protocol === 'HTTP/2' ? statusOverH2(session, plan) : statusOverH1(agent, proxy.port, plan)));
      }
      assert.deepEqual(statuses, expected[account]);
      const user = `system:serviceaccount:${account === 'own' ? 'cluster1:cluster1-bootstrap-sa' : 'open-cluster-management:agent-registration-bootstrap'}`;
      const seen = hub.requests.filter((one) => one.user === user);
      assert.deepEqual(
        seen.map(({ method, target, body }) => [method, target, Buffer.from(body).toString('base64')]),
        recorded.map(({ method, target, body }) => [method, target, body]),
      );
      assert.ok(proxy.audit.every((line) => line.event === 'request' && line.user === user && line.verdict === 'allow'));
    });
  }
}

test('what an importing cluster does not need is refused by the pack, and the hub hears nothing of it', async (t) => {
  const { hub, proxy } = await setStage(t);
  const headers = { authorization: `Bearer ${await hub.prepareImport('cluster1')}` };
  const session = openH2(t, proxy.port, null);
  hub.clearRequests();
  for (const path of [
    '/api/v1/namespaces/cluster1/secrets',
    '/apis/certificates.k8s.io/v1/certificatesigningrequests',
    '/api',
    '/openid/v1/jwks',
  ]) {
    assert.equal(await statusOverH2(session, { path, headers }), 403, path);
  }
  assert.deepEqual(
    hub.requests.filter(({ user }) => user?.endsWith('bootstrap-sa') === true),
    [],
  );
});

test("the hub's keys are kept while it is away, and its next key is followed without a word", async (t) => {
  const { hub, sync, proxy, clock } = await setStage(t);
  const token = await hub.prepareImport('cluster1');
  const path = '/apis/cluster.open-cluster-management.io/v1/managedclusters/cluster1';
  const ask = (of: string): Promise<number> =>
    statusOverH2(openH2(t, proxy.port, null), { path, headers: { authorization: `Bearer ${of}` } });
  hub.misbehave(() => ({ kind: 'destroy-connection' }));
  await sync.reread();
  assert.equal(await ask(token), 502, 'the token holds, the hub is away');
  hub.behave();
  assert.equal(await ask(token), 404);
  await hub.rotateTokenKey(false);
  const next = await hub.prepareImport('cluster1');
  clock.advance(10_000);
  assert.equal(await ask(next), 404);
  assert.equal(await ask(token), 404, 'the key before it goes on');
  await hub.rotateTokenKey(true);
  await sync.reread();
  assert.equal(await ask(next), 401);
});

test("an account that the hub has taken away is refused by the hub, in the hub's words", async (t) => {
  const { hub, proxy } = await setStage(t);
  const headers = { authorization: `Bearer ${await hub.prepareImport('cluster1')}` };
  hub.removeServiceAccount('cluster1', 'cluster1-bootstrap-sa');
  const path = '/apis/cluster.open-cluster-management.io/v1/managedclusters/cluster1';
  assert.equal(await statusOverH2(openH2(t, proxy.port, null), { path, headers }), 401);
  const [line] = proxy.audit;
  assert.ok(line?.event === 'request');
  assert.deepEqual([line.verdict, line.code], ['allow', 401]);
});
