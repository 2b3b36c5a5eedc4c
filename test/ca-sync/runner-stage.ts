// A SyncRunner whose time passes by hand and whose source and hub are in memory.

import type { Reading, Source } from '../../src/ca-sync/source.ts';
import { SyncRunner } from '../../src/ca-sync/sync-runner.ts';
import type { TrustProbe } from '../../src/ca-sync/trust-probe.ts';
import type { Clock } from '../../src/clock.ts';
import type { ProbeAnswer } from '../../src/sync-view.ts';
import { makeAuthority } from '../pki.ts';
import type { TestAuthority } from '../pki.ts';
import { TEST_NOW_MS } from '../pki-certificate.ts';
import { keyPem } from './mounted-files.ts';
import { keepLog, NEVER } from './waiting.ts';
import type { KeptLog } from './waiting.ts';

export const HOUR_MS = 3_600_000;
export const first: TestAuthority = makeAuthority('first', { notBeforeMs: TEST_NOW_MS - HOUR_MS });
export const early: TestAuthority = makeAuthority('early', { notBeforeMs: TEST_NOW_MS + HOUR_MS });

/** Time passes only in `pass`. */
export class HandClock implements Clock {
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
export class MemorySource implements Source {
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

export const holding = (authority: TestAuthority) => async (): Promise<Reading> => ({
  signer: { kind: 'found', value: { certificate: Buffer.from(authority.pem), key: Buffer.from(keyPem(authority)) } },
  trust: { kind: 'found', value: Buffer.from(authority.pem) },
});

export const failing = async (): Promise<Reading> => {
  const failure = { kind: 'failed', code: 'unreachable', detail: 'away' } as const;
  return { signer: failure, trust: failure };
};

export interface Parts {
  readonly clock: HandClock;
  readonly source: MemorySource;
  readonly log: KeptLog;
  readonly runner: SyncRunner;
}

export async function start(next: () => Promise<Reading>, probe: TrustProbe | null = null): Promise<Parts> {
  const clock = new HandClock();
  const source = new MemorySource(next);
  const log = keepLog();
  const runner = new SyncRunner(source, { kind: 'files', schedule: NEVER, clock, log, random: () => 1, probe });
  await runner.start();
  return { clock, source, log, runner };
}

/** Answers what the test says; `asked` has the second of each question. */
export class MemoryHub implements TrustProbe {
  readonly asked: { readonly atS: number; readonly subject: string }[] = [];
  isClosed = false;
  answer: (subject: string, signal: AbortSignal) => Promise<ProbeAnswer['outcome']>;
  clock: Clock | null = null;

  constructor(answer: (subject: string, signal: AbortSignal) => Promise<ProbeAnswer['outcome']>) {
    this.answer = answer;
  }

  async ask({ certificate }: Parameters<TrustProbe['ask']>[0], signal: AbortSignal): Promise<readonly ProbeAnswer[]> {
    this.asked.push({ atS: (this.clock?.elapsed() ?? 0) / 1_000, subject: certificate.subject });
    const outcome = await this.answer(certificate.subject, signal);
    return [{ endpoint: 'https://hub', outcome, detail: outcome, atMs: 0, fingerprintSHA256: certificate.fingerprintSHA256 }];
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}
