// When the source is read, and what a tick does, with timers moved by hand and a source in memory.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reading, Source } from '../../src/ca-sync/source.ts';
import { SyncRunner } from '../../src/ca-sync/sync-runner.ts';
import type { Clock } from '../../src/clock.ts';
import { makeAuthority } from '../pki.ts';
import type { TestAuthority } from '../pki.ts';
import { TEST_NOW_MS } from '../pki-certificate.ts';
import { keyPem } from './mounted-files.ts';
import { keepLog, NEVER } from './waiting.ts';
import type { KeptLog } from './waiting.ts';

const HOUR_MS = 3_600_000;
const first = makeAuthority('first', { notBeforeMs: TEST_NOW_MS - HOUR_MS });
const early = makeAuthority('early', { notBeforeMs: TEST_NOW_MS + HOUR_MS });

/** Time passes only in `pass`. */
class HandClock implements Clock {
  #nowMs = TEST_NOW_MS;
  #timers: { atMs: number; periodMs: number | null; run: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  elapsed(): number {
    return this.#nowMs - TEST_NOW_MS;
  }

  after(delayMs: number, run: () => void): () => void {
    return this.#add({ atMs: this.#nowMs + delayMs, periodMs: null, run });
  }

  every(periodMs: number, run: () => void): () => void {
    return this.#add({ atMs: this.#nowMs + periodMs, periodMs, run });
  }

  get pending(): number {
    return this.#timers.length;
  }

  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const [next] = this.#timers.filter(({ atMs }) => atMs <= endMs).toSorted((one, other) => one.atMs - other.atMs);
      if (next === undefined) break;
      this.#nowMs = next.atMs;
      if (next.periodMs === null) this.#timers = this.#timers.filter((timer) => timer !== next);
      else next.atMs += next.periodMs;
      next.run();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#nowMs = endMs;
  }

  #add(timer: { atMs: number; periodMs: number | null; run: () => void }): () => void {
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }
}

/** Holds what the test puts there. */
class MemorySource implements Source {
  reads = 0;
  isClosed = false;
  hint: () => void = () => undefined;
  next: () => Promise<Reading>;

  constructor(next: () => Promise<Reading>) {
    this.next = next;
  }

  read(): Promise<Reading> {
    this.reads += 1;
    return this.next();
  }

  follow(hint: () => void): void {
    this.hint = hint;
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

const holding = (authority: TestAuthority) => async (): Promise<Reading> => ({
  signer: { kind: 'found', value: { certificate: Buffer.from(authority.pem), key: Buffer.from(keyPem(authority)) } },
  trust: { kind: 'found', value: Buffer.from(authority.pem) },
});

const failing = async (): Promise<Reading> => {
  const failure = { kind: 'failed', code: 'unreachable', detail: 'away' } as const;
  return { signer: failure, trust: failure };
};

interface Parts {
  readonly clock: HandClock;
  readonly source: MemorySource;
  readonly log: KeptLog;
  readonly runner: SyncRunner;
}

async function start(next: () => Promise<Reading>): Promise<Parts> {
  const clock = new HandClock();
  const source = new MemorySource(next);
  const log = keepLog();
  const runner = new SyncRunner(source, { kind: 'files', schedule: NEVER, clock, log, random: () => 1 });
  await runner.start();
  return { clock, source, log, runner };
}

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
