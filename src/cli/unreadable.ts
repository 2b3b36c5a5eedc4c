// What a command was given and cannot read: exit code 64. Not for what was read and refused.

import { readBounded } from '../bounded-file.ts';
import { sayError } from './finding.ts';

/** The message names the option or file and what to do. */
export class Unreadable extends Error {}

export async function readNamed(what: string, file: string, maxBytes: number): Promise<Buffer> {
  try {
    return await readBounded(file, maxBytes);
  } catch (error) {
    throw new Unreadable(`${what} ${sayError(error)}`);
  }
}
