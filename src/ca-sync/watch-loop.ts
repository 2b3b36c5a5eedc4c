// Keeps watches on the hub open: one after the other, at once where the last one held, after a pause that grows where it did not. Knows nothing of
// what is watched.

import type { Cancel, Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import { backOffMs } from './back-off.ts';
import type { WatchEnd } from './hub-calls.ts';

export interface WatchSurroundings {
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1), for jitter. */
  readonly random: () => number;
}

/** A watch that ends sooner did not really hold: the next one waits as after a failure. */
const SHORTEST_GOOD_WATCH_MS = 5_000;

export class WatchLoop {
  readonly #around: WatchSurroundings;
  readonly #pauses = new Map<Cancel, () => void>();
  #isClosed = false;

  constructor(around: WatchSurroundings) {
    this.#around = around;
  }

  /** Resolves after `close`, when the watch under way has ended: that is for its owner to bring about. */
  async follow(resource: string, watch: () => Promise<WatchEnd>): Promise<void> {
    let failures = 0;
    while (!this.#isClosed) {
      const startedMs = this.#around.clock.elapsed();
      const end = await watch();
      if (this.#isClosed) return;
      const hasHeld = this.#around.clock.elapsed() - startedMs >= SHORTEST_GOOD_WATCH_MS;
      failures = hasHeld ? 0 : failures + 1;
      this.#logEnd(resource, end, failures);
      await this.#pause(backOffMs(failures, this.#around.random));
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const [cancel, resume] of this.#pauses) {
      cancel();
      resume();
    }
  }

  /** Watches end all the time, and a restarting API server cuts them; the second in a row that does not hold is worth a warning. */
  #logEnd(resource: string, end: WatchEnd, failures: number): void {
    const outcome = end.kind === 'failed' ? { code: end.code, detail: end.detail } : {};
    this.#around.log.event(failures === 2 ? 'watch-failed' : 'watch-ended', { resource, ...outcome });
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#around.clock.after(delayMs, () => {
        this.#pauses.delete(cancel);
        resolve();
      });
      this.#pauses.set(cancel, resolve);
    });
  }
}
