// Leaves that the hub refuses come in storms: passes on of which generation they are, one at a time and sparingly, and forgets none. Knows nothing of
// what is done about it.

import type { Cancel, Clock } from '../clock.ts';

/** Time enough to ask the hub twice and for what follows to take effect; agents repeat what failed within the minute (recorded-traffic.md). */
const PAUSE_MS = 10_000;

export class RefusedLeaves {
  readonly #clock: Clock;
  readonly #passOn: (generation: number) => void;
  /** No more than there are generations in use. */
  readonly #waiting = new Set<number>();
  #pause: Cancel | null = null;

  constructor(clock: Clock, passOn: (generation: number) => void) {
    this.#clock = clock;
    this.#passOn = passOn;
  }

  note(generation: number): void {
    this.#waiting.add(generation);
    if (this.#pause === null) this.#next();
  }

  close(): void {
    this.#pause?.();
    this.#waiting.clear();
  }

  /** Whichever waits longest: a storm over one generation must not keep the others from being heard. */
  #next(): void {
    this.#pause = null;
    const [generation] = this.#waiting;
    if (generation === undefined) return;
    this.#waiting.delete(generation);
    this.#pause = this.#clock.after(PAUSE_MS, () => this.#next());
    this.#passOn(generation);
  }
}
