// The only thing that is shared and may change: a pointer to a whole immutable value. Readers never see half of one.

export interface ReadonlyLive<T> {
  /** The value of this moment. Cannot fail. */
  readonly current: T;
  /** Called after each swap with the new value and the one before it. Returns how to stop. */
  subscribe(listener: (next: T, previous: T) => void): () => void;
}

export class Live<T> implements ReadonlyLive<T> {
  #value: T;
  readonly #listeners = new Set<(next: T, previous: T) => void>();

  constructor(initial: T) {
    this.#value = initial;
  }

  get current(): T {
    return this.#value;
  }

  /** Publishes a value. A listener that throws does not keep the others from hearing of it; the first such error is thrown afterwards. */
  swap(next: T): void {
    const previous = this.#value;
    this.#value = next;
    const errors: unknown[] = [];
    for (const listener of [...this.#listeners]) {
      try {
        listener(next, previous);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  subscribe(listener: (next: T, previous: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
