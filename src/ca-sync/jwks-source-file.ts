// The hub's token keys from a file that somebody else keeps. What a half-written file holds is refused by whoever reads it as keys.

import { stat } from 'node:fs/promises';
import { readBounded } from '../bounded-file.ts';
import type { Cancel, Clock } from '../clock.ts';
import { MAX_JWKS_BYTES } from './jwks-source.ts';
import type { JwksReading, JwksSource } from './jwks-source.ts';
import type { Found } from './source.ts';

/** A stat call costs nothing; kubelet's symlink swaps are seen so too. */
const LOOK_MS = 2_000;

export function openFileJwksSource(file: string, clock: Clock): JwksSource {
  return new FileJwksSource(file, clock);
}

class FileJwksSource implements JwksSource {
  readonly kind = 'file';
  readonly #file: string;
  readonly #clock: Clock;
  #mark = '';
  #stopLooking: Cancel | null = null;
  #looking: Promise<void> = Promise.resolve();

  constructor(file: string, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  async read(): Promise<JwksReading> {
    const issuer: Found<string> = { kind: 'missing', detail: 'a file of keys does not name their issuer' };
    try {
      return { document: { kind: 'found', value: await readBounded(this.#file, MAX_JWKS_BYTES) }, issuer };
    } catch (error) {
      const detail = error instanceof Error ? error.message : `${this.#file} cannot be read`;
      return { document: { kind: 'failed', code: 'file-unreadable', detail }, issuer };
    }
  }

  follow(hint: () => void): void {
    this.#stopLooking = this.#clock.every(LOOK_MS, () => {
      this.#looking = this.#looking.then(() => this.#look(hint));
    });
  }

  async close(): Promise<void> {
    this.#stopLooking?.();
    this.#stopLooking = null;
    await this.#looking;
  }

  /** The first look always hints: between a read and it nobody would have seen a change. */
  async #look(hint: () => void): Promise<void> {
    const mark = await markOf(this.#file);
    if (mark === this.#mark || this.#stopLooking === null) return;
    this.#mark = mark;
    hint();
  }
}

/** Changes whenever the file behind the path, links followed, may have changed. */
async function markOf(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}
