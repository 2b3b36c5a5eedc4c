// Keeps the hub's token keys at hand: reads them on the schedule, again soon after a failure, and when a token names one that is not there.
// Whatever the source does, the last good ones stay. Never judges a token.

import { CronJob } from 'cron';
import type { Cancel, Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import { Live } from '../live.ts';
import { backOffMs } from './back-off.ts';
import { readJwks, sealJwks } from './jwks.ts';
import type { Jwks, JwksVerdict } from './jwks.ts';
import type { JwksReading, JwksSource } from './jwks-source.ts';
import type { Found } from './source.ts';

export interface JwksState {
  readonly source: 'hub' | 'file';
  /** When a good set was last read, whether it was new or not. */
  readonly lastSuccessMs: number | null;
  /** Why none can be read now; null while one can. */
  readonly lastError: { readonly code: string; readonly detail: string; readonly sinceMs: number } | null;
}

export interface JwksFollowing {
  /** null until a first good one was read. */
  readonly jwks: Live<Jwks | null>;
  readonly state: Live<JwksState>;
  /** Full re-read now. Resolves when a read that began after the call has ended, whatever came of it; never rejects. */
  reread(): Promise<void>;
  /**
   * A token names a key that is not among those published: reads again, unless that was done a moment ago.
   * Resolves to whether the source could be read: where it could not, the key may well be there.
   */
  refresh(): Promise<boolean>;
  /** Resolves when no timer and no socket is left. The value stays readable. */
  close(): Promise<void>;
}

export interface JwksSurroundings {
  readonly schedule: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
}

/** Anybody can send tokens that name keys which do not exist; the hub is not asked more often than this on their account. */
const REFRESH_GAP_MS = 10_000;

/** Resolves after a first attempt to read the source. Throws for a schedule that cron does not know. */
export async function followJwks(source: JwksSource, around: JwksSurroundings): Promise<JwksFollowing> {
  const follower = new JwksFollower(source, around);
  await follower.start();
  return follower;
}

class JwksFollower implements JwksFollowing {
  readonly jwks: Live<Jwks | null> = new Live<Jwks | null>(null);
  readonly state: Live<JwksState>;
  readonly #source: JwksSource;
  readonly #around: JwksSurroundings;
  #running: Promise<void> = Promise.resolve();
  #queued: Promise<void> | null = null;
  #startedMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #pendingRetry: Cancel | null = null;
  #stopSchedule: Cancel | null = null;
  #isClosed = false;

  constructor(source: JwksSource, around: JwksSurroundings) {
    this.#source = source;
    this.#around = around;
    this.state = new Live<JwksState>({ source: source.kind, lastSuccessMs: null, lastError: null });
  }

  async start(): Promise<void> {
    const job = CronJob.from({ cronTime: this.#around.schedule, onTick: () => void this.reread(), start: true, unrefTimeout: true });
    this.#stopSchedule = () => void job.stop();
    this.#source.follow(() => void this.reread());
    await this.reread();
  }

  reread(): Promise<void> {
    this.#queued ??= this.#running.then(() => {
      this.#queued = null;
      this.#running = this.#read();
      return this.#running;
    });
    return this.#queued;
  }

  async refresh(): Promise<boolean> {
    const isDue = this.#around.clock.elapsed() - this.#startedMs >= REFRESH_GAP_MS;
    await (isDue ? this.reread() : (this.#queued ?? this.#running));
    return this.state.current.lastError === null;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopSchedule?.();
    this.#pendingRetry?.();
    await this.#source.close();
    await this.#running;
  }

  async #read(): Promise<void> {
    if (this.#isClosed) return;
    this.#startedMs = this.#around.clock.elapsed();
    try {
      const reading = await this.#source.read();
      if (!this.#isClosed) this.#take(reading);
    } catch (error) {
      this.#around.log.event('internal-error', { detail: String(error) });
      this.#failures += 1;
    }
    this.#planRetry();
  }

  #take({ document, issuer }: JwksReading): void {
    const { clock, log } = this.#around;
    const judged = judge(document);
    const before = this.state.current;
    if (!judged.ok) {
      this.#failures += 1;
      const { code, detail } = judged;
      if (before.lastError?.code !== code) log.event('jwks-failed', { code, detail });
      return this.state.swap({ ...before, lastError: { code, detail, sinceMs: before.lastError?.sinceMs ?? clock.now() } });
    }
    this.#failures = 0;
    if (before.lastError !== null) log.event('jwks-recovered', { failedSince: new Date(before.lastError.sinceMs).toISOString() });
    this.#publish(judged, issuer);
    this.state.swap({ ...before, lastSuccessMs: clock.now(), lastError: null });
  }

  /** An issuer that was known once stays known while its document cannot be read. */
  #publish(judged: Extract<JwksVerdict, { ok: true }>, issuer: Found<string>): void {
    const before = this.jwks.current;
    const next = sealJwks(judged, issuer.kind === 'found' ? issuer.value : (before?.issuer ?? null));
    if (next.fingerprint === before?.fingerprint) return;
    this.#around.log.event('jwks-published', {
      kids: next.keys.map(({ kid }) => kid),
      issuer: next.issuer,
      skipped: next.skipped,
      ...(issuer.kind === 'found' ? {} : { issuerUnknown: issuer.detail }),
    });
    this.jwks.swap(next);
  }

  /** Besides the schedule, which may be hourly. */
  #planRetry(): void {
    this.#pendingRetry?.();
    this.#pendingRetry = null;
    if (this.#failures === 0 || this.#isClosed) return;
    this.#pendingRetry = this.#around.clock.after(backOffMs(this.#failures, this.#around.random), () => {
      this.#pendingRetry = null;
      void this.reread();
    });
  }
}

type Judged = JwksVerdict | { readonly ok: false; readonly code: string; readonly detail: string };

function judge(document: Found<Buffer>): Judged {
  switch (document.kind) {
    case 'found':
      return readJwks(document.value);
    case 'missing':
      return { ok: false, code: 'jwks-missing', detail: document.detail };
    case 'failed':
      return { ok: false, code: document.code, detail: document.detail };
  }
}
