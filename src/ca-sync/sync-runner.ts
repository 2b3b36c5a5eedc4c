// The rim of ca-sync: owns its timers, decides when the source is read, feeds what was read and what the hub answered to the reducer and carries out
// what that says. Never judges a signer itself, and never publishes anything but a whole checked value.

import { CronJob } from 'cron';
import type { Cancel, Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import { Live } from '../live.ts';
import type { SyncView } from '../sync-view.ts';
import { Asking } from './asking.ts';
import type { AskingParts } from './asking.ts';
import { backOffMs } from './back-off.ts';
import { RefusedLeaves } from './refused-leaves.ts';
import { readSigner } from './signer.ts';
import type { Signer } from './signer.ts';
import type { Found, Reading, Source } from './source.ts';
import { showSync } from './sync-showing.ts';
import { startModel, stepSync } from './sync-state.ts';
import type { SyncEffect, SyncEvent, SyncModel } from './sync-state.ts';
import { readTrustBundle } from './trust-bundle.ts';
import type { TrustBundle } from './trust-bundle.ts';
import type { TrustProbe } from './trust-probe.ts';

/** A change often comes as several hints (two objects, four file events); they are gathered into one read. */
const HINT_GATHER_MS = 100;

/** However many hints come, reads on their account are at least this far apart. */
const HINT_GAP_MS = 500;

/** A candidate that waits for its time is noticed this late at most; also bounds how long a jump of the wall clock goes unseen. */
const TICK_MS = 5_000;

/** How often the hub is asked after the signer in use: often enough to tell before most agents notice, twelve small requests an hour. */
const CHECK_MS = 5 * 60_000;

export interface RunnerOptions {
  readonly kind: SyncView['source'];
  /** Cron expression. */
  readonly schedule: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  /** null: a signer is published as soon as it is valid, and the hub is never asked. */
  readonly probe: TrustProbe | null;
}

export class SyncRunner {
  readonly signer: Live<Signer | null> = new Live<Signer | null>(null);
  readonly trust: Live<TrustBundle | null> = new Live<TrustBundle | null>(null);
  readonly usable: Live<ReadonlySet<number>> = new Live<ReadonlySet<number>>(new Set());
  readonly state: Live<SyncView>;
  readonly #source: Source;
  readonly #options: RunnerOptions;
  readonly #asking: Asking | null;
  readonly #refusedLeaves: RefusedLeaves;
  #model: SyncModel;
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
    this.#model = startModel(options.probe !== null);
    this.state = new Live(showSync(options.kind, this.#model));
    const answered: AskingParts['answered'] = (question, answers) => this.#take({ kind: 'hub-answered', question, answers });
    this.#asking = options.probe === null ? null : new Asking({ ...options, probe: options.probe, answered });
    this.#refusedLeaves = new RefusedLeaves(options.clock, (generation) => {
      this.#take({ kind: 'hub-refused', generation });
      void this.reread();
    });
  }

  /**
   * Resolves when a first read was attempted and, if it found a signer, the hub was asked about it once, whatever came of it. Throws for a schedule
   * that cron does not know.
   */
  async start(): Promise<void> {
    const job = CronJob.from({ cronTime: this.#options.schedule, onTick: () => void this.reread(), start: true, unrefTimeout: true });
    const stopTicking = this.#options.clock.every(TICK_MS, () => this.#take({ kind: 'tick' }));
    const stopChecking = this.#options.clock.every(CHECK_MS, () => this.#take({ kind: 'check-due' }));
    this.#stopTimers = () => {
      void job.stop();
      stopTicking();
      stopChecking();
    };
    this.#source.follow(() => this.#takeHint());
    await this.reread();
    await this.#asking?.settled();
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

  /** The hub answered 401 to a leaf of this generation that is held to be valid. */
  hubRefused(generation: number): void {
    if (!this.#isClosed) this.#refusedLeaves.note(generation);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopTimers?.();
    this.#refusedLeaves.close();
    this.#pendingHint?.();
    this.#pendingRetry?.();
    await Promise.all([this.#source.close(), this.#asking?.close()]);
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
    this.#asking?.keepOnly(model.rotation.questions);
    for (const effect of effects) this.#guard(() => this.#carryOut(effect));
    this.#guard(() => this.state.swap(showSync(this.#options.kind, model)));
  }

  /** Agents will soon come with certificates of this signer. A bundle read before the hub trusted it would turn them away until the next read. */
  #seekTrustFor({ certificate }: Signer): void {
    const { current } = this.trust;
    const isTrusted = current?.authorities.some((one) => one.fingerprintSHA256 === certificate.fingerprintSHA256) ?? true;
    if (!isTrusted) this.#takeHint();
  }

  #carryOut(effect: SyncEffect): void {
    switch (effect.kind) {
      case 'publish-signer':
        this.#seekTrustFor(effect.signer);
        return this.signer.swap(effect.signer);
      case 'publish-usable':
        return this.usable.swap(effect.usable);
      case 'ask-hub':
        return this.#asking?.ask(effect.question, effect.tries);
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
