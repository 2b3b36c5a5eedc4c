// Holders whose move did not come about: when each is tried again, and the leaf that was made for it already. Owns no timer.

import type { Clock } from '../clock.ts';
import type { Credential } from './credential.ts';

/** Until the first repetition, and at most; doubled in between. The old credential serves meanwhile, so there is no hurry. */
const FIRST_MS = 5_000;
const LONGEST_MS = 5 * 60_000;

interface SetBack {
  readonly failures: number;
  readonly againAtMs: number;
  /** Not issued once more for each try: the hub was away, not the signer. */
  readonly prepared: Credential | null;
}

export class SetBacks {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #byHolder = new Map<string, SetBack>();

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  isWaiting(holder: string): boolean {
    return this.#clock.elapsed() < (this.#byHolder.get(holder)?.againAtMs ?? Number.NEGATIVE_INFINITY);
  }

  preparedFor(holder: string): Credential | null {
    return this.#byHolder.get(holder)?.prepared ?? null;
  }

  /** Between half and all of its time, so that those who failed together do not come again together. */
  note(holder: string, prepared: Credential | null): void {
    const failures = (this.#byHolder.get(holder)?.failures ?? 0) + 1;
    const waitMs = Math.min(FIRST_MS * 2 ** Math.min(failures - 1, 16), LONGEST_MS) * (0.5 + this.#random() / 2);
    this.#byHolder.set(holder, { failures, againAtMs: this.#clock.elapsed() + waitMs, prepared });
  }

  forget(holder: string): void {
    this.#byHolder.delete(holder);
  }

  /** Forgets everyone else. */
  keepOnly(holders: ReadonlySet<string>): void {
    for (const holder of this.#byHolder.keys()) if (!holders.has(holder)) this.#byHolder.delete(holder);
  }

  clear(): void {
    this.#byHolder.clear();
  }
}
