// A clock whose hour a test moves, while timers stay real: certificates end, renewals fall due, and nothing has to be waited for.

import { systemClock } from '../../src/clock.ts';
import type { Cancel, Clock } from '../../src/clock.ts';

export class SteppedClock implements Clock {
  readonly #haste: number;
  #aheadMs = 0;

  /** @param haste what repeats repeats so many times as often: for looks at files and sweeps that a test would wait for */
  constructor(haste: number = 1) {
    this.#haste = haste;
  }

  /** Both clocks jump; may be negative. */
  advance(ms: number): void {
    this.#aheadMs += ms;
  }

  now(): number {
    return systemClock.now() + this.#aheadMs;
  }

  elapsed(): number {
    return systemClock.elapsed() + this.#aheadMs;
  }

  after(delayMs: number, run: () => void): Cancel {
    return systemClock.after(delayMs, run);
  }

  every(periodMs: number, run: () => void): Cancel {
    return systemClock.every(periodMs / this.#haste, run);
  }
}
