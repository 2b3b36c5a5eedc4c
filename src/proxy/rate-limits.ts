// How often one identity may ask: counts its requests by kind of agent and by kind of request, in memory, each instance for itself. Says who has
// to wait and for how long; locks nobody out, answers nobody.

import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Cancel, Clock } from '../clock.ts';
import type { Identity } from '../identity.ts';
import type { Rate, RateSettings } from '../settings.ts';
import type { RequestClass } from './request-class.ts';

/** Whose request it is, and under what name it counts (identity-key.ts). */
export interface RatedIdentity {
  readonly key: string;
  readonly kind: Identity['kind'];
}

/** What was exceeded, and when it is worth while to ask again. */
export interface RateExcess {
  readonly rate: keyof RateSettings;
  readonly retryAfterSeconds: number;
}

/** Every klusterlet and add-on of the largest hub (3,500 clusters, klusterlet-traffic.md §4); measured, 40 MB where all of them are busy. */
const MOST_IDENTITIES = 50_000;
const FORGET_MS = 60_000;
/** A client waits at most so long, and is told again then: client-go sleeps through Retry-After without looking up. */
const LONGEST_WAIT_SECONDS = 60;

export class RateLimits {
  readonly #rates: Readonly<Record<keyof RateSettings, RateWindows>>;
  readonly #clock: Clock;
  /** When each was last seen, in elapsed milliseconds; longest ago first. */
  readonly #seen = new Map<string, number>();
  readonly #keepMs: number;
  readonly #stop: Cancel;

  constructor(settings: RateSettings, clock: Clock) {
    const open = (name: keyof RateSettings): RateWindows => new RateWindows(settings[name]);
    this.#rates = {
      klusterlet: open('klusterlet'),
      addon: open('addon'),
      mutating: open('mutating'),
      list: open('list'),
      watchStarts: open('watchStarts'),
      csrCreates: open('csrCreates'),
      refused: open('refused'),
    };
    this.#clock = clock;
    this.#keepMs = Math.max(...Object.values(this.#rates).map(({ longestMs }) => longestMs));
    this.#stop = clock.every(FORGET_MS, () => this.#forgetIdle());
  }

  /** Identities that are counted at this moment. */
  get size(): number {
    return this.#seen.size;
  }

  /** Counts a request. Null: it may go on. */
  async take({ key, kind }: RatedIdentity, requestClass: RequestClass): Promise<RateExcess | null> {
    this.#see(key);
    // A cluster that is being imported does what its klusterlet does.
    const all = kind === 'addon' ? 'addon' : 'klusterlet';
    return (await this.#takeOf(all, key)) ?? (requestClass === 'read' ? null : this.#takeOf(requestClass, key));
  }

  /** Counts a refusal. True: that was one too many. */
  async isRefusedTooOften({ key }: RatedIdentity): Promise<boolean> {
    this.#see(key);
    return (await this.#takeOf('refused', key)) !== null;
  }

  /** Refusals so far are done with. */
  forgiveRefusals(key: string): void {
    this.#rates.refused.forget(key);
  }

  close(): void {
    this.#stop();
    for (const key of this.#seen.keys()) this.#forget(key);
  }

  async #takeOf(rate: keyof RateSettings, key: string): Promise<RateExcess | null> {
    const waitMs = await this.#rates[rate].take(key);
    if (waitMs === null) return null;
    return { rate, retryAfterSeconds: Math.min(LONGEST_WAIT_SECONDS, Math.max(1, Math.ceil(waitMs / 1_000))) };
  }

  #see(key: string): void {
    this.#seen.delete(key);
    this.#seen.set(key, this.#clock.elapsed());
    if (this.#seen.size <= MOST_IDENTITIES) return;
    const [oldest] = this.#seen.keys();
    if (oldest !== undefined) this.#forget(oldest);
  }

  #forgetIdle(): void {
    const now = this.#clock.elapsed();
    for (const [key, seenMs] of this.#seen) {
      if (now - seenMs <= this.#keepMs) return;
      this.#forget(key);
    }
  }

  #forget(key: string): void {
    this.#seen.delete(key);
    for (const rate of Object.values(this.#rates)) rate.forget(key);
  }
}

/** Of the time in which a used-up burst comes back. The longer, the closer to the rate is what a flood gets through; the shorter, the smaller its bursts. */
const WINDOWS = [1, 4];
/** Below it a window would say more about timers than about clients. */
const SHORTEST_WINDOW_SECONDS = 1;
/** Beyond it nobody waits. */
const LONGEST_WINDOW_SECONDS = 86_400;

/**
 * One rate as two fixed windows. Whoever keeps to it in the way of a token bucket (client-go's flowcontrol does) asks at most `burst + rate × T` times
 * within any time T; that many are let through in each window of length T, so an honest client is never refused. With both windows a flood gets
 * twice the burst at once and 1¼ times the rate in the long run. The library counts by the wall clock and forgets by a timer of its own: after a
 * jump of the clock forwards a window ends early, after one backwards when its length is over all the same.
 */
class RateWindows {
  readonly longestMs: number;
  readonly #windows: readonly RateLimiterMemory[];

  constructor({ sustainedPerSecond, burst }: Rate) {
    const seconds = WINDOWS.map((times) =>
      Math.min(LONGEST_WINDOW_SECONDS, Math.max(SHORTEST_WINDOW_SECONDS, (times * burst) / sustainedPerSecond)),
    );
    this.longestMs = Math.max(...seconds) * 1_000;
    this.#windows = seconds.map(
      (duration) => new RateLimiterMemory({ points: Math.floor(burst + sustainedPerSecond * duration), duration, keyPrefix: '' }),
    );
  }

  /** Null, or the milliseconds after which there is room again. */
  async take(key: string): Promise<number | null> {
    for (const window of this.#windows) {
      // oxlint-disable-next-line no-await-in-loop -- what the first window refuses does not count in the second; neither waits for anything
      const waitMs = await takeOne(window, key);
      if (waitMs !== null) return waitMs;
    }
    return null;
  }

  forget(key: string): void {
    for (const window of this.#windows) void window.delete(key);
  }
}

async function takeOne(window: RateLimiterMemory, key: string): Promise<number | null> {
  try {
    await window.consume(key);
    return null;
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return refusal.msBeforeNext;
    throw refusal;
  }
}
