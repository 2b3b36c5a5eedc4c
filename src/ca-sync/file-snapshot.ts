// One look at the three files of the files source. Owns reading a file whole and bounded; never follows a name into something that is not a
// regular file, where a read could wait for ever.

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { FilesCaSyncSettings } from '../settings.ts';
import { MAX_MATERIAL_BYTES } from './source.ts';
import type { Found } from './source.ts';

export interface Snapshot {
  readonly certificateFile: Found<Buffer>;
  readonly keyFile: Found<Buffer>;
  readonly trustBundleFile: Found<Buffer>;
  /** Of all three, absence and failures included: equal digests, equal snapshots. Stays in memory, since the key goes into it. */
  readonly digest: string;
  /** Overwrites the bytes of the key. */
  erase(): void;
}

export async function readSnapshot(files: FilesCaSyncSettings['files']): Promise<Snapshot> {
  const paths = [files.certificateFile, files.keyFile, files.trustBundleFile] as const;
  const [certificateFile, keyFile, trustBundleFile] = await Promise.all([readWhole(paths[0]), readWhole(paths[1]), readWhole(paths[2])]);
  const hash = createHash('sha256');
  for (const found of [certificateFile, keyFile, trustBundleFile]) {
    const content = found.kind === 'found' ? found.value : Buffer.from(found.detail);
    hash.update(`${found.kind} ${content.length} `).update(content);
  }
  const erase = (): void => {
    if (keyFile.kind === 'found') keyFile.value.fill(0);
  };
  return { certificateFile, keyFile, trustBundleFile, digest: hash.digest('hex'), erase };
}

async function readWhole(path: string): Promise<Found<Buffer>> {
  let file: FileHandle | null = null;
  try {
    // Without O_NONBLOCK, opening a FIFO waits for its writer
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { size, isFile } = await describe(file);
    if (!isFile) return { kind: 'failed', code: 'file-unreadable', detail: `${path} is not a file` };
    if (size > MAX_MATERIAL_BYTES)
      return { kind: 'failed', code: 'too-large', detail: `${path} has more than ${MAX_MATERIAL_BYTES} bytes` };
    return { kind: 'found', value: await readUpTo(file, size) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing', detail: `${path} does not exist` };
    return { kind: 'failed', code: 'file-unreadable', detail: `${path} cannot be read (${code ?? 'unknown error'})` };
  } finally {
    await file?.close();
  }
}

async function describe(file: FileHandle): Promise<{ size: number; isFile: boolean }> {
  const stats = await file.stat();
  return { size: stats.size, isFile: stats.isFile() };
}

/** A file that grows meanwhile is cut here; the next snapshot differs then, and only two equal ones are believed. */
async function readUpTo(file: FileHandle, size: number): Promise<Buffer> {
  const bytes = Buffer.alloc(size);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await file.read(bytes, length, size - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}
