// The runner at its clock: it looks each five seconds, says each change once, and is held up by nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AlertRunner } from '../../src/admin/alert-runner.ts';
import type { AlertChange } from '../../src/admin/alert-runner.ts';
import type { AlertReading } from '../../src/admin/alerts.ts';
import { keepLog } from '../ca-sync/waiting.ts';
import { SimulatedClock } from './simulated-clock.ts';
import { current, MINUTE_MS, NOW_MS, processWith, syncWith } from './views.ts';

const unproven = syncWith({ current: { ...current, proof: 'unproven' } });

function startRunner() {
  const clock = new SimulatedClock(NOW_MS);
  const log = keepLog();
  const changes: AlertChange[] = [];
  let closed = 0;
  let reading: () => AlertReading = () => ({
    sync: syncWith(),
    servingCertificate: processWith().servingCertificate,
    clusters: [],
    counters: { refused: 0, hubRejections: 0, auditLinesLost: 0 },
  });
  const runner = new AlertRunner({
    clock,
    log,
    read: () => reading(),
    sinks: [
      {
        take: (change) => void changes.push(change),
        close: async () => {
          closed += 1;
        },
      },
    ],
  });
  const healthy = reading;
  return {
    clock,
    log,
    changes,
    runner,
    closed: () => closed,
    is: (next: (() => AlertReading) | null) => {
      reading = next ?? healthy;
    },
    healthy,
  };
}

test('says in the log, publishes and hands on what is raised and what is over, once each', () => {
  const { clock, log, changes, runner, is, healthy } = startRunner();
  const published: number[] = [];
  runner.alerts.subscribe((alerts) => published.push(alerts.length));
  is(() => ({ ...healthy(), sync: { ...unproven, lastSuccessMs: clock.now() } }));
  clock.advance(MINUTE_MS);
  is(() => ({ ...healthy(), sync: { ...syncWith(), lastSuccessMs: clock.now() } }));
  clock.advance(MINUTE_MS);
  assert.deepEqual(
    log.events.map(({ name, fields }) => [name, fields['name'], fields['severity']]),
    [
      ['alert-raised', 'CountersignSignerUnproven', 'critical'],
      ['alert-cleared', 'CountersignSignerUnproven', 'critical'],
    ],
  );
  assert.deepEqual(published, [1, 0]);
  assert.deepEqual(
    changes.map(({ raised, cleared, nowMs }) => [raised.length, cleared.length, nowMs - NOW_MS]),
    [
      [1, 0, 5_000],
      [0, 1, MINUTE_MS + 5_000],
    ],
  );
});

test('publishes a changed reason without raising the alert again', () => {
  const { clock, log, runner, is, healthy } = startRunner();
  const refused = (detail: string) => ({
    ...syncWith({ refused: { code: 'c', detail, fingerprintSHA256: 'f', sinceMs: NOW_MS } }),
    lastSuccessMs: clock.now(),
  });
  is(() => ({ ...healthy(), sync: refused('garbage') }));
  clock.advance(6 * MINUTE_MS);
  is(() => ({ ...healthy(), sync: refused('another key') }));
  clock.advance(5_000);
  assert.match(runner.alerts.current[0]?.message ?? '', /another key/);
  assert.deepEqual(log.names(), ['alert-raised']);
});

test('goes on where the facts cannot be read for once', () => {
  const { clock, log, runner, is, healthy } = startRunner();
  is(() => {
    throw new Error('no facts');
  });
  clock.advance(5_000);
  is(() => ({ ...healthy(), sync: unproven }));
  clock.advance(5_000);
  assert.deepEqual(log.names(), ['internal-error', 'alert-raised']);
  assert.equal(runner.alerts.current.length, 1);
});

test('leaves no timer behind and closes the ways out', async () => {
  const { clock, runner, closed } = startRunner();
  await runner.close();
  assert.equal(clock.timers, 0);
  assert.equal(closed(), 1);
});
