// How often something may happen within a second. Counts, never waits.

import type { Clock } from '../clock.ts';

const WINDOW_MS = 1_000;

export class Budget {
  readonly #most: number;
  readonly #clock: Clock;
  #windowStartMs: number;
  #spent = 0;

  constructor(mostPerSecond: number, clock: Clock) {
    this.#most = mostPerSecond;
    this.#clock = clock;
    this.#windowStartMs = clock.elapsed();
  }

  /** False once this second's budget is used up. */
  spend(amount: number = 1): boolean {
    const now = this.#clock.elapsed();
    if (now - this.#windowStartMs >= WINDOW_MS) {
      this.#windowStartMs = now;
      this.#spent = 0;
    }
    this.#spent += amount;
    return this.#spent <= this.#most;
  }
}
