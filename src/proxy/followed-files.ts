// What is read from files and read again when they change: checked each time, the last good value kept. On failure nothing but the reason changes.

import type { Clock } from '../clock.ts';
import { Live } from '../live.ts';
import type { ReadonlyLive } from '../live.ts';

/** How often files are read again: symlink swaps of mounted Secrets are seen by their content, not by events. */
const REREAD_MS = 10_000;

export interface FollowedFiles<T> {
  readonly live: ReadonlyLive<T>;
  /** Reads the files now, and never fails: what is wrong with them goes to `onRefused`. */
  reread(): Promise<void>;
  close(): void;
}

export interface FollowPlan<T> {
  /** Reads and checks. @throws Error with the setting and what is wrong */
  readonly read: () => Promise<T>;
  readonly isSame: (one: T, other: T) => boolean;
  readonly onPublished: (value: T) => void;
  /** Once for each reason, however often it is found. */
  readonly onRefused: (reason: string) => void;
  readonly clock: Clock;
}

/** @throws Error of `read`, when there is no good value to begin with */
export async function followFiles<T>(plan: FollowPlan<T>): Promise<FollowedFiles<T>> {
  const first = await plan.read();
  plan.onPublished(first);
  const live = new Live(first);
  let refused: string | null = null;
  const readAgain = async (): Promise<void> => {
    try {
      const next = await plan.read();
      refused = null;
      if (plan.isSame(next, live.current)) return;
      plan.onPublished(next);
      live.swap(next);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== refused) plan.onRefused(reason);
      refused = reason;
    }
  };
  // One reading after the other, so that none publishes what an earlier one saw; who comes while one waits its turn shares that one.
  let running = Promise.resolve();
  let queued: Promise<void> | null = null;
  const reread = (): Promise<void> => {
    queued ??= running.then(() => {
      queued = null;
      running = readAgain();
      return running;
    });
    return queued;
  };
  return { live, reread, close: plan.clock.every(REREAD_MS, () => void reread()) };
}
