// When the hub is asked, with timers moved by hand and a hub in memory.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeAuthority } from '../pki.ts';
import { TEST_NOW_MS } from '../pki-certificate.ts';
import { first, holding, HOUR_MS, MemoryHub, type Parts, start } from './runner-stage.ts';

const DAY_MS = 24 * HOUR_MS;
const second = makeAuthority('second', { notBeforeMs: TEST_NOW_MS - HOUR_MS / 2, notAfterMs: TEST_NOW_MS + 40 * DAY_MS });

interface Stage extends Parts {
  readonly hub: MemoryHub;
}

/** The first signer is in use, accepted. */
async function setStage(): Promise<Stage> {
  const hub = new MemoryHub(async () => 'accepted');
  const parts = await start(holding(first), hub);
  hub.clock = parts.clock;
  hub.asked.length = 0;
  return { ...parts, hub };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('has asked about the first signer once it has started', async () => {
  const { runner } = await setStage();
  assert.equal(runner.signer.current?.generation, 1);
  assert.deepEqual([...runner.usable.current], [1]);
  await runner.close();
});

test('asks about a candidate at once, then ever more slowly, until the hub accepts it', async () => {
  const { clock, source, hub, runner } = await setStage();
  hub.answer = async () => 'rejected';
  source.next = holding(second);
  await runner.reread();
  await clock.pass(100_000);
  assert.deepEqual(
    hub.asked.map(({ atS }) => atS),
    [0, 1, 3, 7, 15, 31, 61, 91],
  );
  assert.equal(runner.signer.current?.generation, 1);
  hub.answer = async () => 'accepted';
  await clock.pass(30_000);
  assert.equal(runner.signer.current?.generation, 2);
  const { length } = hub.asked;
  await clock.pass(100_000);
  assert.equal(hub.asked.length, length);
  await runner.close();
});

test('asks after the current signer each five minutes', async () => {
  const { clock, hub, runner } = await setStage();
  await clock.pass(1_000_000);
  assert.deepEqual(
    hub.asked.map(({ atS }) => atS),
    [300, 600, 900],
  );
  await runner.close();
});

test('a storm of refused leaves is one question in ten seconds, and no generation is forgotten', async () => {
  const { clock, source, hub, runner } = await setStage();
  source.next = holding(second);
  await runner.reread();
  await turn();
  assert.equal(runner.signer.current?.generation, 2);
  hub.asked.length = 0;
  const { reads } = source;
  for (let count = 0; count < 1_000; count += 1) {
    runner.hubRefused(1);
    runner.hubRefused(2);
    if (count % 10 === 0) await clock.pass(100);
  }
  await clock.pass(60_000);
  assert.deepEqual(hub.asked, [
    { atS: 0, subject: 'CN=first' },
    { atS: 10, subject: 'CN=second' },
    { atS: 20, subject: 'CN=first' },
    { atS: 30, subject: 'CN=second' },
  ]);
  assert.ok(source.reads - reads <= 4, `${source.reads - reads} reads`);
  await runner.close();
});

test('a question that nobody needs answered any more is dropped, and its late answer is ignored', async () => {
  const { clock, source, hub, runner } = await setStage();
  let aborted = false;
  let give: (outcome: 'accepted') => void = () => undefined;
  hub.answer = (_, signal) => {
    signal.addEventListener('abort', () => (aborted = true));
    return new Promise((resolve) => (give = resolve));
  };
  source.next = holding(second);
  await runner.reread();
  assert.equal(runner.state.current.signer.candidate?.phase, 'probing');
  source.next = holding(first);
  await runner.reread();
  assert.equal(aborted, true);
  give('accepted');
  await turn();
  assert.equal(runner.signer.current?.generation, 1);
  assert.equal(runner.state.current.signer.candidate, null);
  await clock.pass(60_000);
  assert.equal(hub.asked.length, 1);
  await runner.close();
});

test('a probe that breaks is no opinion, and is tried again', async () => {
  const { clock, source, hub, log, runner } = await setStage();
  hub.answer = () => Promise.reject(new Error('of the probe'));
  source.next = holding(second);
  await runner.reread();
  await turn();
  assert.deepEqual(log.events.find(({ name }) => name === 'internal-error')?.fields, { detail: 'Error: of the probe' });
  assert.equal(runner.signer.current?.generation, 1);
  hub.answer = async () => 'accepted';
  await clock.pass(2_000);
  assert.equal(runner.signer.current?.generation, 2);
  await runner.close();
});

test('goes back to the signer before when the hub refuses the leaves of the current one', async () => {
  const { source, hub, log, runner } = await setStage();
  source.next = holding(second);
  await runner.reread();
  await turn();
  hub.answer = async (subject) => (subject === 'CN=second' ? 'rejected' : 'accepted');
  runner.hubRefused(2);
  await turn();
  await turn();
  assert.equal(runner.signer.current?.generation, 3);
  assert.equal(runner.signer.current?.certificate.subject, 'CN=first');
  assert.deepEqual([...runner.usable.current], [3, 1]);
  assert.ok(log.names().includes('signer-rolled-back'));
  await runner.close();
});

test('leaves no timer and no question when it is closed', async () => {
  const { clock, source, hub, runner } = await setStage();
  hub.answer = async () => 'rejected';
  source.next = holding(second);
  await runner.reread();
  await turn();
  runner.hubRefused(1);
  runner.hubRefused(7);
  await runner.close();
  assert.equal(clock.pending, 0);
  assert.equal(hub.isClosed, true);
  const { length } = hub.asked;
  runner.hubRefused(1);
  await clock.pass(60_000);
  assert.equal(hub.asked.length, length);
});

test('counts what happened to signers and to reads', async () => {
  const { source, runner } = await setStage();
  source.next = holding(makeAuthority('long gone', { notBeforeMs: TEST_NOW_MS - 2 * DAY_MS, notAfterMs: TEST_NOW_MS - DAY_MS }));
  await runner.reread();
  const failure = { kind: 'failed', code: 'timeout', detail: 'late' } as const;
  source.next = async () => ({ signer: failure, trust: failure });
  await runner.reread();
  await runner.reread();
  const { rotations, errors } = runner.state.current;
  assert.deepEqual(rotations, { published: 1, unproven: 0, refused: 1, 'rolled-back': 0 });
  assert.deepEqual(errors, { timeout: 2 });
  await runner.close();
});
