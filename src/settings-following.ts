// The settings in force while the process runs: those it was started with, and of a changed file what takes effect at once. A file that does not check
// out leaves them as they are.

import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Clock } from './clock.ts';
import type { Log } from './events.ts';
import { Live } from './live.ts';
import type { ReadonlyLive } from './live.ts';
import { readSettings, readSettingsText, sayProblem } from './settings.ts';
import type { Problem, Settings, SettingsVerdict } from './settings.ts';

export interface FollowedSettings {
  /** Swapped when something that takes effect at once has changed. */
  readonly live: ReadonlyLive<Settings>;
  /** Reads the file now; resolves when that is over, whatever came of it. */
  reread(): Promise<void>;
  close(): void;
}

/**
 * How often the file is read: by content, so that mounted ConfigMaps and editors' swaps are seen too. A few hundred microseconds each time, and a
 * captured cluster is cut off within two seconds of the edit.
 */
const LOOK_MS = 1_000;
/** A half-written file may release whom the whole one holds: two reads this far apart have to agree. */
const SETTLE_MS = 150;
const MOST_SETTLING_READS = 8;

export function followSettings(file: string, initial: Settings, around: { readonly clock: Clock; readonly log: Log }): FollowedSettings {
  const follower = new SettingsFollower(file, initial, around);
  const stop = around.clock.every(LOOK_MS, () => void follower.look());
  return {
    live: follower.live,
    reread: () => follower.reread(),
    close: () => {
      follower.isClosed = true;
      stop();
    },
  };
}

/** What takes effect at once: its name, and how it is taken from a changed file into the settings that are in force. */
const atOnce: readonly (readonly [string, (running: Settings, found: Settings) => Settings])[] = [
  ['quarantine.clusters', (running, found) => ({ ...running, quarantine: { ...running.quarantine, clusters: found.quarantine.clusters } })],
  ['log.level', (running, found) => ({ ...running, log: found.log })],
];

interface Reading {
  readonly text: string | Problem;
  /** Equal for equal readings. */
  readonly mark: string;
}

class SettingsFollower {
  readonly live: Live<Settings>;
  isClosed = false;
  readonly #file: string;
  readonly #clock: Clock;
  readonly #log: Log;
  /** What was judged last, taken or refused: the same again is no news. */
  #judged = '';
  #looking: Promise<void> | null = null;

  constructor(file: string, initial: Settings, { clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#file = file;
    this.#clock = clock;
    this.#log = log;
    this.live = new Live(initial);
  }

  /** One at a time. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch((error: unknown) => this.#log.event('internal-error', { error: String(error) }))
      .finally(() => {
        this.#looking = null;
      });
    return this.#looking;
  }

  /** One that begins after the asking, and tells of what it finds although it was told before. */
  async reread(): Promise<void> {
    await this.#looking;
    this.#judged = '';
    await this.look();
  }

  async #look(): Promise<void> {
    // A pipe can be read once, and was at the start.
    if (!(await isFileOrNothing(this.#file))) return;
    let reading = await this.#read();
    for (let reads = 1; reads < MOST_SETTLING_READS && reading.mark !== this.#judged; reads += 1) {
      const before = reading.mark;
      // oxlint-disable-next-line no-await-in-loop -- two readings have to be apart
      await new Promise<void>((settled) => void this.#clock.after(SETTLE_MS, settled));
      // oxlint-disable-next-line no-await-in-loop -- as above
      reading = await this.#read();
      if (this.isClosed) return;
      if (reading.mark === before) return this.#judge(reading);
    }
  }

  async #read(): Promise<Reading> {
    const text = await readSettingsText(this.#file);
    return { text, mark: JSON.stringify(text) };
  }

  #judge({ text, mark }: Reading): void {
    this.#judged = mark;
    const verdict: SettingsVerdict =
      typeof text === 'string' ? readSettings(text, dirname(resolve(this.#file))) : { ok: false, problems: [text] };
    if (verdict.ok) return this.#take(verdict.settings);
    this.#log.event('settings-refused', { problems: verdict.problems.map((problem) => sayProblem(this.#file, problem)) });
  }

  #take(found: Settings): void {
    let next = this.live.current;
    const applied: string[] = [];
    for (const [name, apply] of atOnce) {
      const changed = apply(next, found);
      if (!isSame(changed, next)) applied.push(name);
      next = changed;
    }
    if (applied.length > 0) {
      this.#log.event('settings-applied', { settings: applied });
      this.live.swap(next);
    }
    if (!isSame(next, found)) this.#log.event('settings-changed', { file: this.#file });
  }
}

async function isFileOrNothing(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isFile(),
    () => true,
  );
}

function isSame(one: Settings, other: Settings): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
