// When something is read again: on a hint, each minute in any case, soon after a failure. Reads never overlap and never pile up. Knows nothing of
// what is read.

import type { Cancel, Clock } from '../clock.ts';
import { backOffMs } from './back-off.ts';

export interface RereadingParts {
  /** Resolves to whether it could be read; never rejects. */
  readonly read: () => Promise<boolean>;
  readonly clock: Clock;
  readonly random: () => number;
}

/** What a watch did not tell is found this late at the most. */
const PERIOD_MS = 60_000;
/** A change often comes as two or three hints. */
const GATHER_MS = 20;
/** However many hints come, reads on their account are at least this far apart. */
const HINT_GAP_MS = 250;

export class Rereading {
  readonly #parts: RereadingParts;
  #running: Promise<void> = Promise.resolve();
  #queued: Promise<void> | null = null;
  #startedMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #pending: { readonly cancel: Cancel; readonly dueMs: number } | null = null;
  #stopPeriod: Cancel | null = null;
  #isClosed = false;

  constructor(parts: RereadingParts) {
    this.#parts = parts;
  }

  /** Resolves when a first read was attempted. */
  start(): Promise<void> {
    this.#stopPeriod = this.#parts.clock.every(PERIOD_MS, () => void this.now());
    return this.now();
  }

  /** Resolves when a read that began after this call has ended. */
  now(): Promise<void> {
    this.#queued ??= this.#running.then(() => {
      this.#queued = null;
      this.#running = this.#read();
      return this.#running;
    });
    return this.#queued;
  }

  hint(): void {
    this.#plan(Math.max(GATHER_MS, this.#startedMs + HINT_GAP_MS - this.#parts.clock.elapsed()));
  }

  /** Resolves when no timer is left and no read under way, which its owner ends. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopPeriod?.();
    this.#pending?.cancel();
    await this.#queued;
    await this.#running;
  }

  async #read(): Promise<void> {
    if (this.#isClosed) return;
    this.#startedMs = this.#parts.clock.elapsed();
    const couldRead = await this.#parts.read();
    this.#failures = couldRead ? 0 : this.#failures + 1;
    if (!couldRead) this.#plan(backOffMs(this.#failures, this.#parts.random));
  }

  #plan(delayMs: number): void {
    const dueMs = this.#parts.clock.elapsed() + delayMs;
    // The sooner one counts: neither do hints put off each other, nor a failure a hint.
    if (this.#isClosed || (this.#pending !== null && this.#pending.dueMs <= dueMs)) return;
    this.#pending?.cancel();
    const cancel = this.#parts.clock.after(delayMs, () => {
      this.#pending = null;
      void this.now();
    });
    this.#pending = { cancel, dueMs };
  }
}
