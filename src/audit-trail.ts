// The queue between those who write audit lines and the sink that takes them: bounded, in order, whole lines only. What does not fit is counted,
// logged and, once there is room again, written down in the trail itself.

import type { AuditSink } from './audit-sink.ts';
import type { Cancel, Clock } from './clock.ts';
import type { Log } from './events.ts';

/** About 16,000 lines of 500 bytes: minutes of a busy instance, while a full disk or a stuck reader is seen to. */
const MAX_QUEUED_BYTES = 8 * 1024 * 1024;
/** Of one write: small enough that a slow pipe shows progress. */
const MAX_BATCH_BYTES = 64 * 1024;
const RETRY_MS = 1_000;
const LOST_REPORT_PERIOD_MS = 10_000;
const FLUSH_DEADLINE_MS = 5_000;
/** Of one text: the longest that means anything is a request target (limits.maxTargetBytes). */
const MAX_TEXT_CHARACTERS = 8 * 1024;

export class AuditTrail {
  readonly #clock: Clock;
  readonly #log: Log;
  #sink: AuditSink;
  #lines: Buffer[] = [];
  #queuedBytes = 0;
  /** How much of the first line has been written already. */
  #partialBytes = 0;
  #lost = 0;
  #lostSinceStart = 0;
  #lostReportedAtMs = Number.NEGATIVE_INFINITY;
  #state: 'open' | 'paused' | 'closed' = 'open';
  #isFailing = false;
  #isDraining = false;
  #draining: Promise<void> = Promise.resolve();
  #replacing: Promise<void> = Promise.resolve();
  #cancelRetry: Cancel | null = null;

  constructor(sink: AuditSink, { clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#sink = sink;
    this.#clock = clock;
    this.#log = log;
  }

  /** Since it was opened. */
  get linesLost(): number {
    return this.#lostSinceStart;
  }

  append(line: object): void {
    const bytes = encode(line);
    if (this.#state === 'closed' || this.#queuedBytes + bytes.length > MAX_QUEUED_BYTES) {
      this.#lost += 1;
      this.#lostSinceStart += 1;
      this.#reportLost(LOST_REPORT_PERIOD_MS);
      return;
    }
    this.#enqueue(bytes);
    if (this.#cancelRetry === null) void this.#start();
  }

  /** Goes on with the sink that `openSink` gives, from the next whole line; with the present one where it gives none. */
  replace(openSink: () => Promise<AuditSink>): Promise<void> {
    this.#replacing = this.#replacing.then(() => this.#replaceNow(openSink));
    return this.#replacing;
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    await this.#replacing;
    this.#state = 'closed';
    this.#cancelRetry?.();
    let cancelDeadline: Cancel = () => undefined;
    const deadline = new Promise<void>((resolve) => {
      cancelDeadline = this.#clock.after(FLUSH_DEADLINE_MS, resolve);
    });
    await Promise.race([this.#start(), deadline]);
    this.#lost += this.#lines.length;
    this.#lostSinceStart += this.#lines.length;
    this.#reportLost(0);
    await Promise.race([this.#sink.close().catch(() => undefined), deadline]);
    cancelDeadline();
  }

  async #replaceNow(openSink: () => Promise<AuditSink>): Promise<void> {
    if (this.#state === 'closed') return;
    let next: AuditSink;
    try {
      next = await openSink();
    } catch (error) {
      this.#log.event('audit-reopen-failed', { error: say(error) });
      return;
    }
    this.#state = 'paused';
    await this.#draining;
    await this.#sink.close().catch(() => undefined);
    this.#sink = next;
    this.#partialBytes = 0;
    this.#state = 'open';
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    this.#log.event('audit-reopened');
    void this.#start();
  }

  #enqueue(bytes: Buffer): void {
    this.#lines.push(bytes);
    this.#queuedBytes += bytes.length;
  }

  /** One drain at a time; resolves when the queue is empty or the sink fails. */
  #start(): Promise<void> {
    if (!this.#isDraining) this.#draining = this.#drain();
    return this.#draining;
  }

  async #drain(): Promise<void> {
    this.#isDraining = true;
    try {
      while (this.#lines.length > 0 && this.#state !== 'paused') {
        this.#consume(await this.#sink.write(this.#nextBatch()));
        this.#recover();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isDraining = false;
    }
  }

  #nextBatch(): Buffer {
    let bytes = 0;
    let count = 0;
    while (count < this.#lines.length && (count === 0 || bytes < MAX_BATCH_BYTES)) {
      bytes += this.#lines[count]?.length ?? 0;
      count += 1;
    }
    return Buffer.concat(this.#lines.slice(0, count)).subarray(this.#partialBytes);
  }

  #consume(writtenBytes: number): void {
    let rest = this.#partialBytes + writtenBytes;
    let count = 0;
    while (count < this.#lines.length && rest >= (this.#lines[count]?.length ?? 0)) {
      rest -= this.#lines[count]?.length ?? 0;
      count += 1;
    }
    for (const line of this.#lines.splice(0, count)) this.#queuedBytes -= line.length;
    this.#partialBytes = rest;
  }

  #fail(error: unknown): void {
    if (!this.#isFailing) this.#log.event('audit-failed', { error: say(error) });
    this.#isFailing = true;
    if (this.#state !== 'open') return;
    this.#cancelRetry = this.#clock.after(RETRY_MS, () => {
      this.#cancelRetry = null;
      void this.#start();
    });
  }

  #recover(): void {
    if (this.#isFailing) this.#log.event('audit-recovered');
    this.#isFailing = false;
    if (this.#lost === 0 || this.#state === 'closed') return;
    this.#reportLost(0);
    this.#enqueue(encode({ time: new Date(this.#clock.now()).toISOString(), event: 'lost', lines: this.#lost }));
    this.#lost = 0;
  }

  #reportLost(periodMs: number): void {
    const nowMs = this.#clock.elapsed();
    if (this.#lost === 0 || nowMs - this.#lostReportedAtMs < periodMs) return;
    this.#lostReportedAtMs = nowMs;
    this.#log.event('audit-lost', { lines: this.#lost });
  }
}

/** JSON leaves DEL, the C1 controls and the Unicode line separators as they are; terminals and line readers do not. */
const UNESCAPED_CONTROLS = /[\u007f-\u009f\u2028\u2029]/g;

function encode(line: object): Buffer {
  const json = JSON.stringify(line, (_key, value: unknown) =>
    typeof value === 'string' && value.length > MAX_TEXT_CHARACTERS ? `${value.slice(0, MAX_TEXT_CHARACTERS)}…` : value,
  );
  const escaped = json.replace(UNESCAPED_CONTROLS, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return Buffer.from(`${escaped}\n`);
}

function say(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
