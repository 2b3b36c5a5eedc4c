// A clock whose time passes only in `pass`: timers fire in their order, each at its own time, and what they set going is over before the next.

import type { Cancel, Clock } from '../../src/clock.ts';

interface Timer {
  atMs: number;
  readonly periodMs: number | null;
  readonly run: () => void;
}

export class HandClock implements Clock {
  readonly #startMs: number;
  #elapsedMs = 0;
  #timers: Timer[] = [];

  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  now(): number {
    return this.#startMs + this.#elapsedMs;
  }

  elapsed(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, run: () => void): Cancel {
    return this.#add({ atMs: this.#elapsedMs + Math.max(delayMs, 0), periodMs: null, run });
  }

  every(periodMs: number, run: () => void): Cancel {
    return this.#add({ atMs: this.#elapsedMs + periodMs, periodMs, run });
  }

  get pending(): number {
    return this.#timers.length;
  }

  /** @param settle resolves when what a timer has begun is over, as far as it can be without time passing */
  async pass(ms: number, settle: () => Promise<void>): Promise<void> {
    const endMs = this.#elapsedMs + ms;
    for (;;) {
      const [next] = this.#timers.filter(({ atMs }) => atMs <= endMs).toSorted((one, other) => one.atMs - other.atMs);
      if (next === undefined) break;
      this.#elapsedMs = Math.max(this.#elapsedMs, next.atMs);
      if (next.periodMs === null) this.#timers = this.#timers.filter((timer) => timer !== next);
      else next.atMs += next.periodMs;
      next.run();
      await settle();
    }
    this.#elapsedMs = endMs;
    await settle();
  }

  #add(timer: Timer): Cancel {
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }
}
