// A bound on what all requests together may hold at once. Counts, never waits.

export class MemoryShare {
  readonly #mostBytes: number;
  #takenBytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Returns how to give it back, harmless the second time; null where there is not so much left. */
  take(bytes: number): (() => void) | null {
    if (this.#takenBytes + bytes > this.#mostBytes) return null;
    this.#takenBytes += bytes;
    let isHeld = true;
    return () => {
      if (isHeld) this.#takenBytes -= bytes;
      isHeld = false;
    };
  }
}
