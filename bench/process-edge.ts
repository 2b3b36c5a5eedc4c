// What each process of a bench does at its edge: says where it listens, what it has used so far, and how long its event loop stood still.

import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface Usage {
  /** Microseconds of user and system time so far. */
  readonly cpuMicroseconds: number;
  readonly rssBytes: number;
}

export interface Stall {
  /** The longest that a timer of 1 ms was late since the question before, by the clock: what other processes took counts as well. Milliseconds. */
  readonly longestMs: number;
}

export type Question = { readonly ask: 'usage'; readonly collectGarbage: boolean } | { readonly ask: 'stall' };

const TIMER_MS = 1;

export function reportTo(parent: NodeJS.Process, port: number): void {
  // Not before it is asked for: the timer wakes the process a thousand times a second.
  let delays: ReturnType<typeof monitorEventLoopDelay> | null = null;
  parent.on('message', (question: Question) => {
    if (question.ask === 'stall') {
      const stall: Stall = { longestMs: delays === null ? 0 : Math.max(0, delays.max / 1e6 - TIMER_MS) };
      delays ??= monitorEventLoopDelay({ resolution: TIMER_MS });
      delays.enable();
      delays.reset();
      parent.send?.(stall);
      return;
    }
    if (question.collectGarbage) globalThis.gc?.();
    const { user, system } = parent.cpuUsage();
    const usage: Usage = { cpuMicroseconds: user + system, rssBytes: parent.memoryUsage.rss() };
    parent.send?.(usage);
  });
  parent.on('disconnect', () => parent.exit(0));
  parent.send?.({ port });
}
