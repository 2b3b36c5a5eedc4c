// Signer and trust bundle from three files, as mounted Secrets or as anybody writes them. Owns telling a finished write from one that is
// under way. Level-triggered: what the directories report is a hint, and where they report nothing a look each other second finds it.

import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cancel, Clock } from '../clock.ts';
import type { FilesCaSyncSettings } from '../settings.ts';
import { readSnapshot } from './file-snapshot.ts';
import type { Snapshot } from './file-snapshot.ts';
import type { Found, Reading, SignerMaterial, Source, SourceFailure } from './source.ts';

/** Two reads this far apart have to agree before something new is believed: a writer pauses less within one file. */
const SETTLE_MS = 150;

/** How many reads are tried before the answer is that somebody keeps writing; with SETTLE_MS about a second. */
const MAX_SETTLING_READS = 8;

/** kubelet swaps a link, which fs.watch sees; other file systems, and links to links, it does not. Three stat calls cost nothing. */
const LOOK_MS = 2_000;

type Files = FilesCaSyncSettings['files'];

/** `pause` is about the writer, not about the hour; unlike a Clock's timer it has to hold also where nothing else keeps the process alive. */
export function openFilesSource(files: Files, clock: Clock, pause: (ms: number) => Promise<void> = sleep): Source {
  return new FilesSource(files, clock, pause);
}

class FilesSource implements Source {
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #pause: (ms: number) => Promise<void>;
  readonly #watchers = new Map<string, FSWatcher>();
  /** Of the contents that were reported last: seen again, they need no second read. */
  #believed: string | null = null;
  #marks = '';
  #looking: Promise<void> | null = null;
  #stopLooking: Cancel | null = null;
  #isClosed = false;

  constructor(files: Files, clock: Clock, pause: (ms: number) => Promise<void>) {
    this.#files = files;
    this.#clock = clock;
    this.#pause = pause;
  }

  async read(): Promise<Reading> {
    let snapshot = await readSnapshot(this.#files);
    for (let reads = 1; reads < MAX_SETTLING_READS; reads += 1) {
      if (snapshot.digest === this.#believed) return report(snapshot);
      const before = snapshot.digest;
      snapshot.erase();
      await this.#pause(SETTLE_MS);
      snapshot = await readSnapshot(this.#files);
      if (snapshot.digest === before) this.#believed = before;
    }
    if (snapshot.digest === this.#believed) return report(snapshot);
    snapshot.erase();
    const unsettled: SourceFailure = { kind: 'failed', code: 'file-unsettled', detail: 'the files change from one look to the next' };
    return { signer: unsettled, trust: unsettled };
  }

  follow(hint: () => void): void {
    const look = (): void => {
      this.#looking ??= this.#look(hint).finally(() => {
        this.#looking = null;
      });
    };
    this.#stopLooking = this.#clock.every(LOOK_MS, look);
    look();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopLooking?.();
    await this.#looking;
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** The first look always hints: between a read and it nobody would have seen a change. */
  async #look(hint: () => void): Promise<void> {
    if (this.#isClosed) return;
    this.#watchDirectories(hint);
    const marks = (await Promise.all(Object.values(this.#files).map(mark))).join();
    if (marks === this.#marks || this.#isClosed) return;
    this.#marks = marks;
    hint();
  }

  /** A directory that cannot be watched (yet) is tried again with the next look. */
  #watchDirectories(hint: () => void): void {
    for (const directory of new Set(Object.values(this.#files).map(dirname))) {
      if (this.#watchers.has(directory)) continue;
      try {
        const watcher = watch(directory, { persistent: false }, hint);
        this.#watchers.set(directory, watcher);
        watcher.once('error', () => {
          watcher.close();
          this.#watchers.delete(directory);
        });
      } catch {
        // Not there, or no inotify watch left: the look finds changes without it
      }
    }
  }
}

/** Changes whenever the file behind the path, links followed, may have changed. */
async function mark(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}

function report(snapshot: Snapshot): Reading {
  return { signer: joinPair(snapshot.certificateFile, snapshot.keyFile), trust: snapshot.trustBundleFile };
}

function joinPair(certificate: Found<Buffer>, key: Found<Buffer>): Found<SignerMaterial> {
  if (certificate.kind === 'found' && key.kind === 'found')
    return { kind: 'found', value: { certificate: certificate.value, key: key.value } };
  if (key.kind === 'found') key.value.fill(0);
  const [worst] = [certificate, key].filter((each) => each.kind !== 'found').toSorted((one) => (one.kind === 'failed' ? -1 : 1));
  return worst ?? { kind: 'missing', detail: '' };
}
