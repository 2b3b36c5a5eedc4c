// When the source is read, and what a tick does, with timers moved by hand and a source in memory.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reading } from '../../src/ca-sync/source.ts';
import { early, failing, first, holding, HOUR_MS, start } from './runner-stage.ts';

test('publishes a waiting signer when its time has come, without another read', async () => {
  const { clock, source, runner } = await start(holding(early));
  assert.equal(runner.state.current.signer.candidate?.subject, 'CN=early');
  await clock.pass(HOUR_MS - 1_000);
  assert.equal(runner.state.current.signer.current, null);
  await clock.pass(6_000);
  assert.equal(runner.signer.current?.generation, 1);
  assert.equal(source.reads, 1);
  await runner.close();
});

test('gathers a burst of hints into one read, and keeps reads on hints apart', async () => {
  const { clock, source, runner } = await start(holding(first));
  await clock.pass(10_000);
  for (let count = 0; count < 50; count += 1) source.hint();
  await clock.pass(200);
  assert.equal(source.reads, 2);
  for (let count = 0; count < 100; count += 1) {
    source.hint();
    await clock.pass(50);
  }
  assert.ok(source.reads >= 8 && source.reads <= 13, `${source.reads} reads in 5 s`);
  await runner.close();
});

test('tries again sooner than its schedule when the source cannot be read, ever more slowly, until it can', async () => {
  const { clock, source, runner } = await start(failing);
  const at: number[] = [];
  source.next = async () => {
    at.push(clock.elapsed() / 1_000);
    return failing();
  };
  await clock.pass(100_000);
  assert.deepEqual(at, [1, 3, 7, 15, 31, 61, 91]);
  source.next = holding(first);
  await clock.pass(30_000);
  assert.equal(runner.signer.current?.generation, 1);
  const { reads } = source;
  await clock.pass(100_000);
  assert.equal(source.reads, reads);
  await runner.close();
});

test('a re-read that is asked for during a read begins after it, and those asked for together share it', async () => {
  const { source, runner } = await start(holding(first));
  const gates: (() => void)[] = [];
  source.next = () => new Promise((resolve) => gates.push(() => resolve(holding(first)())));
  const running = runner.reread();
  await new Promise((resolve) => setImmediate(resolve));
  const later = [runner.reread(), runner.reread(), runner.reread()];
  assert.equal(source.reads, 2);
  gates.shift()?.();
  await running;
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(source.reads, 3);
  gates.shift()?.();
  await Promise.all(later);
  assert.equal(source.reads, 3);
  await runner.close();
});

test('goes on when a subscriber or a source throws, and logs it', async () => {
  const { clock, source, log, runner } = await start(failing);
  runner.trust.subscribe(() => {
    throw new Error('of the subscriber');
  });
  source.next = holding(first);
  await runner.reread();
  assert.equal(runner.signer.current?.generation, 1);
  source.next = () => Promise.reject(new Error('of the source'));
  await runner.reread();
  const details = log.events.filter(({ name }) => name === 'internal-error').map(({ fields }) => fields['detail']);
  assert.deepEqual(details, ['Error: of the subscriber', 'Error: of the source']);
  source.next = holding(early);
  await clock.pass(2_000);
  assert.equal(runner.state.current.signer.candidate?.subject, 'CN=early');
  await runner.close();
});

test('leaves no timer when it is closed, and takes nothing from a read under way', async () => {
  const { clock, source, runner } = await start(failing);
  source.hint();
  let finish: (reading: Reading) => void = () => undefined;
  source.next = () => new Promise((resolve) => (finish = resolve));
  const reading = runner.reread();
  await new Promise((resolve) => setImmediate(resolve));
  const closing = runner.close();
  finish(await holding(first)());
  await Promise.all([reading, closing]);
  assert.equal(clock.pending, 0);
  assert.equal(source.isClosed, true);
  assert.equal(runner.signer.current, null);
});
