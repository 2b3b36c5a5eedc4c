// The trust probe at a hub that misbehaves: it always has an answer, in time, and goes nowhere else.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { askHub } from '../../src/ca-sync/ca-sync.ts';
import type { Signer } from '../../src/ca-sync/ca-sync.ts';
import type { ProbeAnswer } from '../../src/sync-view.ts';
import { canaries, openProbedHub } from '../ca-sync/probed-hub.ts';
import type { ProbedHub } from '../ca-sync/probed-hub.ts';
import { untilTrue } from '../ca-sync/waiting.ts';

interface Stage extends ProbedHub {
  readonly signer: Signer;
  ask(): Promise<ProbeAnswer | undefined>;
}

const SHORT_MS = 300;

async function setStage(t: TestContext): Promise<Stage> {
  const stage = await openProbedHub(t);
  const sync = await stage.start();
  const signer = sync.signer.current;
  assert.ok(signer !== null);
  const target = { hub: { ...stage.hubSettings, connectTimeoutMs: SHORT_MS }, caSync: stage.settings };
  return { ...stage, signer, ask: async () => (await askHub(signer, target, stage.clock))[0] };
}

test('a hub that takes the request and never answers is unreachable after hub.connectTimeout', async (t) => {
  const { hub, ask } = await setStage(t);
  hub.misbehave(() => ({ kind: 'silence' }));
  const answer = await ask();
  assert.deepEqual(
    [answer?.outcome, answer?.detail],
    ['unreachable', `the hub gives no answer to a leaf of this signer (no whole answer within ${SHORT_MS} ms)`],
  );
});

test('an answer without end is not read to the end', async (t) => {
  const { hub, ask } = await setStage(t);
  hub.misbehave(() => ({ kind: 'flood', bytes: 1024 ** 4 }));
  assert.equal((await ask())?.outcome, 'unreachable');
  await untilTrue(() => hub.openStreams() <= 2);
});

test('a redirect is not followed', async (t) => {
  const { hub, ask } = await setStage(t);
  hub.clearRequests();
  hub.misbehave(() => ({ kind: 'answer', status: 307, headers: { location: `${hub.url}/elsewhere` }, body: '' }));
  const answer = await ask();
  assert.deepEqual([answer?.outcome, answer?.detail], ['unreachable', 'the hub answers 307 to a leaf of this signer']);
  assert.equal(
    hub.requests.some(({ target }) => target === '/elsewhere'),
    false,
  );
});

test('a connection that is cut is no rejection', async (t) => {
  const { hub, ask } = await setStage(t);
  hub.misbehave(() => ({ kind: 'destroy-connection' }));
  assert.equal((await ask())?.outcome, 'unreachable');
});

test('a hub before 1.28 that names the canary in its refusal has accepted it', async (t) => {
  const { hub, ask } = await setStage(t);
  const user = 'system:open-cluster-management:countersign-probe:canary';
  const message = `selfsubjectreviews.authentication.k8s.io is forbidden: User "${user}" cannot create resource`;
  const body = JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Forbidden', code: 403, message });
  hub.misbehave(() => ({ kind: 'answer', status: 403, headers: { 'content-type': 'application/json' }, body }));
  assert.equal((await ask())?.outcome, 'accepted');
});

test('each question has a leaf and a key of its own', async (t) => {
  const { hub, ask } = await setStage(t);
  await ask();
  await ask();
  const leaves = canaries(hub).map(({ certificates }) => certificates[0]?.toString('hex'));
  assert.equal(leaves.length, 3);
  assert.equal(new Set(leaves).size, 3);
});

test('closing ends a question that the hub leaves open, and leaves no connection', async (t) => {
  const { hub, start } = await openProbedHub(t, { connectTimeoutMs: 600_000 });
  const sync = await start();
  hub.misbehave(({ target }) => (target.includes('selfsubjectreviews') ? { kind: 'silence' } : null));
  await hub.rotate({ order: 'trust-first' });
  await untilTrue(() => sync.state.current.signer.candidate !== null && hub.openStreams() === 3);
  await sync.close();
  await untilTrue(() => hub.connections() === 0);
  assert.equal(sync.signer.current?.generation, 1);
});
