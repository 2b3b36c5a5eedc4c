// A list of clusters that others follow: swapped only when it is another one, and never let down by who listens.

import type { Log } from '../events.ts';
import { Live } from '../live.ts';

export class PublishedNames {
  readonly live: Live<readonly string[]> = new Live<readonly string[]>([]);
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param names sorted */
  publish(names: readonly string[]): void {
    if (names.join() === this.live.current.join()) return;
    try {
      this.live.swap(names);
    } catch (error) {
      this.#log.event('internal-error', { detail: String(error) });
    }
  }
}
