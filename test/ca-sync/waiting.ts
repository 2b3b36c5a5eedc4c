// Waits for what a test expects to happen, on events and never on time alone; keeps a log to look at.

import type { Clock } from '../../src/clock.ts';
import { systemClock } from '../../src/clock.ts';
import type { EventName, Log } from '../../src/events.ts';
import type { ReadonlyLive } from '../../src/live.ts';
import { TEST_NOW_MS } from '../pki-certificate.ts';

/** Generous: it only bounds how long a broken test hangs. */
const DEADLINE_MS = 30_000;

/** Of a value that did not come, characters. */
const MOST_SHOWN = 1_000;

/** Resolves with the first value, the present one included, for which `holds`. */
export function until<T>(live: ReadonlyLive<T>, holds: (value: T) => boolean): Promise<T> {
  return new Promise((resolve, reject) => {
    if (holds(live.current)) return resolve(live.current);
    const give = (): void => {
      clearTimeout(deadline);
      stop();
    };
    const stop = live.subscribe((value) => {
      if (!holds(value)) return;
      give();
      resolve(value);
    });
    const deadline = setTimeout(() => {
      give();
      reject(new Error(`did not come in ${DEADLINE_MS} ms; last: ${JSON.stringify(live.current)?.slice(0, MOST_SHOWN)}`));
    }, DEADLINE_MS);
  });
}

/** For what nobody announces. */
export async function untilTrue(holds: () => boolean): Promise<void> {
  const endMs = performance.now() + DEADLINE_MS;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`did not come true in ${DEADLINE_MS} ms: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export interface KeptLog extends Log {
  readonly events: { readonly name: EventName; readonly fields: Readonly<Record<string, unknown>> }[];
  names(): readonly EventName[];
}

export function keepLog(): KeptLog {
  const events: KeptLog['events'] = [];
  return { events, names: () => events.map(({ name }) => name), event: (name, fields = {}) => void events.push({ name, fields }) };
}

/** Real timers at the hour at which test certificates are valid. */
export const testClock: Clock = { ...systemClock, now: () => TEST_NOW_MS };

/** A cron expression that does not fire while a test runs. */
export const NEVER = '0 0 1 1 *';
