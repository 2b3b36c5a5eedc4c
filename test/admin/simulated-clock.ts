// A clock that stands still until a test moves it: timers fire in their order, as soon as the hour has come.

import type { Cancel, Clock } from '../../src/clock.ts';

interface Timer {
  readonly dueMs: number;
  readonly periodMs: number | null;
  readonly run: () => void;
}

export class SimulatedClock implements Clock {
  readonly #timers = new Map<number, Timer>();
  #elapsedMs = 0;
  #wallMs: number;
  #next = 0;

  constructor(nowMs: number) {
    this.#wallMs = nowMs;
  }

  now(): number {
    return this.#wallMs;
  }

  elapsed(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, run: () => void): Cancel {
    return this.#add({ dueMs: this.#elapsedMs + delayMs, periodMs: null, run });
  }

  every(periodMs: number, run: () => void): Cancel {
    return this.#add({ dueMs: this.#elapsedMs + periodMs, periodMs, run });
  }

  /** Both clocks go on together. */
  advance(ms: number): void {
    const endMs = this.#elapsedMs + ms;
    for (;;) {
      const [number, timer] = [...this.#timers].toSorted(([, one], [, other]) => one.dueMs - other.dueMs)[0] ?? [];
      if (number === undefined || timer === undefined || timer.dueMs > endMs) break;
      this.#moveTo(timer.dueMs);
      this.#timers.delete(number);
      if (timer.periodMs !== null) this.#timers.set(number, { ...timer, dueMs: timer.dueMs + timer.periodMs });
      timer.run();
    }
    this.#moveTo(endMs);
  }

  /** The wall clock alone is put forward or back. */
  jump(ms: number): void {
    this.#wallMs += ms;
  }

  get timers(): number {
    return this.#timers.size;
  }

  #moveTo(elapsedMs: number): void {
    this.#wallMs += Math.max(0, elapsedMs - this.#elapsedMs);
    this.#elapsedMs = Math.max(this.#elapsedMs, elapsedMs);
  }

  #add(timer: Timer): Cancel {
    this.#next += 1;
    const number = this.#next;
    this.#timers.set(number, timer);
    return () => this.#timers.delete(number);
  }
}
