// What is counted for the status page: totals, an hour of minutes, and the certificates that agents have shown; all of it bounded.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tally } from '../../src/admin/tally.ts';
import type { Identity } from '../../src/identity.ts';
import type { MeteredRequest } from '../../src/meter.ts';
import { SimulatedClock } from './simulated-clock.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, NOW_MS } from './views.ts';

const allowed: MeteredRequest = { kind: 'klusterlet', verb: 'get', verdict: 'allow', code: 200, rule: null };
const refused: MeteredRequest = { kind: 'addon', verb: 'list', verdict: 'deny', code: 403, rule: 'policy-denied' };
const wouldRefuse: MeteredRequest = { ...refused, verdict: 'would-deny', code: 200 };

function agent(cluster: string | null, user: string): Identity {
  return { user, groups: [], uid: null, kind: 'klusterlet', cluster, addon: null };
}

test('counts what was allowed, refused, and would have been, in all and by rule', () => {
  const tally = new Tally(new SimulatedClock(NOW_MS));
  for (const request of [allowed, allowed, refused, wouldRefuse]) tally.countRequest(request);
  const { allowed: passed, refused: turnedAway, wouldRefuse: reported, refusalsByRule } = tally.read();
  assert.deepEqual([passed, turnedAway, reported], [3, 1, 1]);
  assert.deepEqual([...refusalsByRule], [['policy-denied', 2]]);
});

test('keeps the last sixty minutes, the present one last, and forgets older ones', () => {
  const clock = new SimulatedClock(NOW_MS);
  const tally = new Tally(clock);
  tally.countRequest(refused);
  clock.advance(30 * MINUTE_MS);
  tally.countRequest(allowed);
  const { perMinute } = tally.read();
  assert.equal(perMinute.length, 60);
  assert.deepEqual(perMinute.at(-1), { atMs: NOW_MS + 30 * MINUTE_MS, allowed: 1, refused: 0 });
  assert.deepEqual(perMinute.at(-31), { atMs: NOW_MS, allowed: 0, refused: 1 });
  clock.advance(30 * MINUTE_MS);
  assert.equal(
    tally.read().perMinute.reduce((sum, minute) => sum + minute.refused, 0),
    0,
  );
  assert.equal(tally.read().refused, 1);
});

test('a wall clock that jumps moves the hours of the minutes and none of the counts', () => {
  const clock = new SimulatedClock(NOW_MS);
  const tally = new Tally(clock);
  tally.countRequest(allowed);
  clock.jump(-DAY_MS);
  assert.deepEqual(tally.read().perMinute.at(-1), { atMs: NOW_MS - DAY_MS, allowed: 1, refused: 0 });
});

test('of each cluster the certificate counts that ends first, of the newest of each agent', () => {
  const tally = new Tally(new SimulatedClock(NOW_MS));
  const window = (days: number) => ({ notBeforeMs: NOW_MS - DAY_MS, notAfterMs: NOW_MS + days * DAY_MS });
  tally.see(agent('c1', 'klusterlet'), window(2));
  tally.see(agent('c1', 'klusterlet'), window(20));
  tally.see(agent('c1', 'klusterlet'), window(3));
  tally.see(agent('c1', 'addon'), window(10));
  tally.see(agent('c2', 'klusterlet'), window(1));
  tally.see(agent(null, 'cluster-proxy'), window(1));
  assert.deepEqual(
    tally.read().clusters.map(({ cluster, user, notAfterMs }) => [cluster, user, (notAfterMs - NOW_MS) / DAY_MS]),
    [
      ['c1', 'addon', 10],
      ['c2', 'klusterlet', 1],
    ],
  );
});

test('a certificate that has ended is shown for an hour more', () => {
  const clock = new SimulatedClock(NOW_MS);
  const tally = new Tally(clock);
  tally.see(agent('c1', 'klusterlet'), { notBeforeMs: NOW_MS - DAY_MS, notAfterMs: NOW_MS + HOUR_MS });
  clock.advance(2 * HOUR_MS);
  assert.equal(tally.read().clusters.length, 1);
  clock.advance(1);
  assert.equal(tally.read().clusters.length, 0);
});

test('ten thousand clusters are known and no more, nor more than 64 agents of one', () => {
  const tally = new Tally(new SimulatedClock(NOW_MS));
  const window = { notBeforeMs: NOW_MS, notAfterMs: NOW_MS + 2 * DAY_MS };
  for (let number = 0; number <= 10_000; number += 1) tally.see(agent(`c${number}`, 'klusterlet'), window);
  assert.equal(tally.read().clusters.length, 10_000);
  for (let number = 0; number < 64; number += 1) tally.see(agent('c0', `addon-${number}`), window);
  tally.see(agent('c0', 'one-too-many'), { ...window, notAfterMs: NOW_MS + DAY_MS });
  assert.equal(tally.read().clusters.find(({ cluster }) => cluster === 'c0')?.notAfterMs, NOW_MS + 2 * DAY_MS);
});
