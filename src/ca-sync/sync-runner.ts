// The rim of ca-sync: owns its timers, decides when the source is read, feeds what was read to the reducer and carries out what that says.
// Never judges a signer itself, and never publishes anything but a whole checked value.

import { CronJob } from 'cron';
import type { Cancel, Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import { Live } from '../live.ts';
import { backOffMs } from './back-off.ts';
import { readSigner } from './signer.ts';
import type { Signer } from './signer.ts';
import type { Found, Reading, Source } from './source.ts';
import { initialModel, showState, stepSync } from './sync-state.ts';
import type { SyncEffect, SyncEvent, SyncModel, SyncState } from './sync-state.ts';
import { readTrustBundle } from './trust-bundle.ts';
import type { TrustBundle } from './trust-bundle.ts';

/** A change often comes as several hints (two objects, four file events); they are gathered into one read. */
const HINT_GATHER_MS = 100;

/** However many hints come, reads on their account are at least this far apart. */
const HINT_GAP_MS = 500;

/** A candidate that waits for its time is noticed this late at most; also bounds how long a jump of the wall clock goes unseen. */
const TICK_MS = 5_000;

export interface RunnerOptions {
  readonly kind: SyncState['source'];
  /** Cron expression. */
  readonly schedule: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
}

export class SyncRunner {
  readonly signer: Live<Signer | null> = new Live<Signer | null>(null);
  readonly trust: Live<TrustBundle | null> = new Live<TrustBundle | null>(null);
  readonly state: Live<SyncState>;
  readonly #source: Source;
  readonly #options: RunnerOptions;
  #model: SyncModel = initialModel;
  #running: Promise<void> = Promise.resolve();
  #queued: Promise<void> | null = null;
  #lastReadMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #pendingHint: Cancel | null = null;
  #pendingRetry: Cancel | null = null;
  #stopTimers: Cancel | null = null;
  #isClosed = false;

  constructor(source: Source, options: RunnerOptions) {
    this.#source = source;
    this.#options = options;
    this.state = new Live(showState(options.kind, initialModel));
  }

  /** Resolves when a first read was attempted, whatever came of it. Throws for a schedule that cron does not know. */
  async start(): Promise<void> {
    const job = CronJob.from({ cronTime: this.#options.schedule, onTick: () => void this.reread(), start: true, unrefTimeout: true });
    const stopTicking = this.#options.clock.every(TICK_MS, () => this.#take({ kind: 'tick' }));
    this.#stopTimers = () => {
      void job.stop();
      stopTicking();
    };
    this.#source.follow(() => this.#takeHint());
    await this.reread();
  }

  /** Resolves when a read that began after this call has ended. Calls that come while one is queued share it, so reads never pile up. */
  reread(): Promise<void> {
    this.#queued ??= this.#running.then(() => {
      this.#queued = null;
      this.#running = this.#read();
      return this.#running;
    });
    return this.#queued;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopTimers?.();
    this.#pendingHint?.();
    this.#pendingRetry?.();
    await this.#source.close();
    await this.#running;
  }

  #takeHint(): void {
    if (this.#isClosed || this.#pendingHint !== null) return;
    const delayMs = Math.max(HINT_GATHER_MS, this.#lastReadMs + HINT_GAP_MS - this.#options.clock.elapsed());
    this.#pendingHint = this.#options.clock.after(delayMs, () => {
      this.#pendingHint = null;
      void this.reread();
    });
  }

  async #read(): Promise<void> {
    if (this.#isClosed) return;
    this.#lastReadMs = this.#options.clock.elapsed();
    let hasFailed = true;
    try {
      const reading = await this.#source.read();
      if (this.#isClosed) return;
      hasFailed = reading.signer.kind === 'failed' || reading.trust.kind === 'failed';
      this.#take(judge(reading));
    } catch (error) {
      this.#options.log.event('internal-error', { detail: String(error) });
    }
    this.#planRetry(hasFailed);
  }

  /** Besides the schedule, which may be hourly: a source that cannot be read is tried again soon. */
  #planRetry(hasFailed: boolean): void {
    this.#pendingRetry?.();
    this.#pendingRetry = null;
    this.#failures = hasFailed ? this.#failures + 1 : 0;
    if (!hasFailed || this.#isClosed) return;
    this.#pendingRetry = this.#options.clock.after(backOffMs(this.#failures, this.#options.random), () => {
      this.#pendingRetry = null;
      void this.reread();
    });
  }

  #take(event: SyncEvent): void {
    const { model, effects } = stepSync(this.#model, event, this.#options.clock.now());
    this.#model = model;
    for (const effect of effects) this.#guard(() => this.#carryOut(effect));
    this.#guard(() => this.state.swap(showState(this.#options.kind, model)));
  }

  #carryOut(effect: SyncEffect): void {
    switch (effect.kind) {
      case 'publish-signer':
        return this.signer.swap(effect.signer);
      case 'publish-trust':
        return this.trust.swap(effect.trust);
      case 'log':
        return this.#options.log.event(effect.event, effect.fields);
    }
  }

  /** What a subscriber throws is its own failure; it must not keep the others, or the next effect, from happening. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#options.log.event('internal-error', { detail: String(error) });
    }
  }
}

function judge(reading: Reading): SyncEvent {
  return { kind: 'read', signer: mapFound(reading.signer, readSigner), trust: mapFound(reading.trust, readTrustBundle) };
}

function mapFound<T, V>(found: Found<T>, read: (value: T) => V): Found<V> {
  return found.kind === 'found' ? { kind: 'found', value: read(found.value) } : found;
}
