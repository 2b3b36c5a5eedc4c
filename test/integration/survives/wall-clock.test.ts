// What a wrong or a late clock does: rows of "Survives" in the issue on rotation.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedKlusterlet } from '../../../src/demo/demo.ts';
import { until } from '../../ca-sync/waiting.ts';
import { assertServed, DAY_MS, generationOf, readiness, setSurvivalStage, untilGeneration, untilView } from './survival-stage.ts';

for (const [name, jumpMs] of [
  ['forward', DAY_MS],
  ['back', -DAY_MS],
] as const) {
  test(`wall clock jumps by a day ${name}: nothing is thrown away, the agent is served on both sides of the jump`, async (t) => {
    const survival = await setSurvivalStage(t, { ageMs: 3 * DAY_MS });
    await untilGeneration(survival, 1);
    await assertServed(survival);
    survival.clock.advance(jumpMs);
    await survival.countersign.sync.reread();
    assert.equal(generationOf(survival), 1);
    await assertServed(survival);
    await survival.hub.rotate({ order: 'trust-first' });
    // Too early by its own clock, or with canaries that are too early by the hub's: in either case the next signer waits.
    const phase = jumpMs > 0 ? 'probing' : 'waiting';
    await untilView(survival, ({ signer }) => signer.candidate?.phase === phase);
    await assertServed(survival);
    survival.clock.advance(-jumpMs);
    await untilGeneration(survival, 2);
    await assertServed(survival);
  });
}

test('wall clock jumps back behind the signer itself: it is kept, and serves again when the clock is right', async (t) => {
  const survival = await setSurvivalStage(t, { ageMs: DAY_MS / 4 });
  await untilGeneration(survival, 1);
  survival.clock.advance(-DAY_MS);
  await untilView(survival, ({ signer }) => signer.current?.window === 'not-valid-yet');
  assert.equal(generationOf(survival), 1);
  survival.clock.advance(DAY_MS);
  await untilView(survival, ({ signer }) => signer.current?.window === 'in-window');
  await assertServed(survival);
});

test('hub off for 40 days: everything has expired; the signer is followed and the agents come back by bootstrap', async (t) => {
  const survival = await setSurvivalStage(t, { schedule: '* * * * * *', moreSettings: 'bootstrap: { enabled: true }\n' });
  const { hub, clock, hubClock, countersign } = survival;
  await untilGeneration(survival, 1);
  await assertServed(survival);
  hub.misbehave(() => ({ kind: 'destroy-connection' }));
  clock.advance(40 * DAY_MS);
  hubClock.advance(40 * DAY_MS);
  await untilView(survival, ({ signer }) => signer.current?.window === 'ended');
  assert.equal(await readiness(survival), 503);
  // csr-signer.md §3: the live Secret is replaced at once, trust follows; expired authorities drop out of every bundle.
  hub.behave();
  await hub.rotate({ order: 'secret-first', newRoot: true, trustDelayMs: 500 });
  await hub.republishBundle();
  await untilGeneration(survival, 2);
  const signedBy = countersign.sync.signer.current?.certificate.fingerprintSHA256;
  await until(countersign.sync.trust, (trust) => trust?.authorities.some((one) => one.fingerprintSHA256 === signedBy) === true);
  assert.equal((await survival.agent.whoAmI()).status, 401, 'its certificate ended ten days ago');

  const server = `https://127.0.0.1:${countersign.address.port}`;
  const token = await hub.prepareImport('cluster1');
  const visitor = new SimulatedKlusterlet('cluster1', { server, caPem: hub.servingCaPem, credentials: null }, clock);
  t.after(() => visitor.stop());
  const path = '/apis/cluster.open-cluster-management.io/v1/managedclusters/cluster1';
  const read = await visitor.ask({ method: 'GET', path, headers: { authorization: `Bearer ${token}` } });
  assert.equal(read.status, 200, read.body);

  const credentials = await hub.issueClientCertificate({ subject: { kind: 'klusterlet', cluster: 'cluster1' } });
  const agent = new SimulatedKlusterlet('cluster1', { server, caPem: hub.servingCaPem, credentials }, clock);
  t.after(() => agent.stop());
  await assertServed({ ...survival, agent });
  await untilView(survival, ({ signer }) => signer.current?.proof === 'accepted');
  assert.equal(await readiness(survival), 200);
});
