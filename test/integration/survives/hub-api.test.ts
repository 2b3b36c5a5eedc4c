// What may happen to the hub's API under ca-sync, and that the fleet does not notice: rows of "Survives" in the issue on rotation.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  alertsOf,
  assertServed,
  DAY_MS,
  generationOf,
  HOUR_MS,
  readiness,
  setSurvivalStage,
  troubleCaSync,
  untilAlert,
  untilGeneration,
  untilView,
} from './survival-stage.ts';

const forbidden = {
  kind: 'answer',
  status: 403,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Forbidden', code: 403, message: 'forbidden' }),
} as const;

test('RBAC withdrawn (403): serves on, says which right is missing, alarms, and follows again when it is back', async (t) => {
  const survival = await setSurvivalStage(t);
  await untilGeneration(survival, 1);
  troubleCaSync(survival.hub, () => forbidden);
  await survival.countersign.sync.reread();
  const { lastError } = survival.countersign.sync.state.current;
  assert.match(`${lastError?.code} ${lastError?.detail}`, /forbidden/i);
  await assertServed(survival);
  await untilAlert(survival, 'CountersignSyncStale');
  assert.equal(await readiness(survival), 200, 'it can still do its work');
  survival.hub.behave();
  await survival.hub.rotate({ order: 'trust-first' });
  await untilGeneration(survival, 2);
  await untilView(survival, ({ lastError: error }) => error === null);
});

test('API away for hours: serves on from memory, and the alarm comes by the days that are left', async (t) => {
  const survival = await setSurvivalStage(t);
  await untilGeneration(survival, 1);
  troubleCaSync(survival.hub, () => ({ kind: 'destroy-connection' }));
  const pass = (ms: number): void => {
    survival.clock.advance(ms);
    survival.hubClock.advance(ms);
  };
  pass(6 * HOUR_MS);
  await survival.countersign.sync.reread();
  await assertServed(survival);
  await untilAlert(survival, 'CountersignSyncStale');
  assert.ok(!(await alertsOf(survival)).includes('CountersignSignerEndsSoon'));
  pass(23 * DAY_MS);
  await untilAlert(survival, 'CountersignSignerEndsSoon');
  pass(5 * DAY_MS);
  await untilAlert(survival, 'CountersignSignerEndsVerySoon');
  await assertServed(survival);
});

test('watch silent: the scheduled re-read finds the new signer', async (t) => {
  const survival = await setSurvivalStage(t, {
    schedule: '* * * * * *',
    prepare: (hub) => {
      troubleCaSync(hub, ({ target }) => (target.includes('watch') ? { kind: 'silence' } : null));
    },
  });
  await untilGeneration(survival, 1);
  await survival.hub.rotate({ order: 'trust-first' });
  await untilGeneration(survival, 2);
  await assertServed(survival);
});

test('process restarted with the hub away: starts, is not ready, says so to agents, and recovers by itself', async (t) => {
  const survival = await setSurvivalStage(t, {
    schedule: '* * * * * *',
    prepare: (hub) => {
      hub.misbehave(() => ({ kind: 'destroy-connection' }));
    },
  });
  assert.equal(await readiness(survival), 503);
  assert.equal(generationOf(survival), 0);
  const { status } = await survival.agent.getManagedCluster();
  assert.equal(status, 503);
  survival.hub.behave();
  await untilGeneration(survival, 1);
  await assertServed(survival);
  assert.equal(await readiness(survival), 200);
});
