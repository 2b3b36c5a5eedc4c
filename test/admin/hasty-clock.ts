// A clock whose timers a test sets off by how long they would have taken; what is due at once happens at once. Nothing is waited for.

import { systemClock } from '../../src/clock.ts';
import type { Cancel, Clock } from '../../src/clock.ts';

interface Timer {
  readonly delayMs: number;
  readonly run: () => void;
}

export class HastyClock implements Clock {
  readonly #timers = new Set<Timer>();
  #elapsedMs = 0;

  /** The delays of the timers that have not gone off. */
  get waiting(): readonly number[] {
    return [...this.#timers].map(({ delayMs }) => delayMs);
  }

  /** As if so much time had passed, for the timers of exactly that delay. */
  fire(delayMs: number): void {
    this.#elapsedMs += delayMs;
    for (const timer of [...this.#timers].filter((each) => each.delayMs === delayMs)) {
      this.#timers.delete(timer);
      timer.run();
    }
  }

  now(): number {
    return systemClock.now() + this.#elapsedMs;
  }

  elapsed(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, run: () => void): Cancel {
    if (delayMs === 0) return systemClock.after(0, run);
    const timer = { delayMs, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  every(periodMs: number, run: () => void): Cancel {
    return systemClock.every(periodMs, run);
  }
}
