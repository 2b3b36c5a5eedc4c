// Reading a file that an operator has named: whole, but never more than its bound. Knows nothing of what is in it.

import { createReadStream } from 'node:fs';

/** A pipe (`<(…)`) is a file too. Rejects with an Error that names the file and why, safe for people and logs. */
export async function readBounded(file: string, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    // `end` is inclusive: one byte more than allowed shows that there is more.
    for await (const chunk of createReadStream(file, { end: maxBytes }) as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new Error(`${file} cannot be read (${code})`, { cause: error });
  }
  if (length > maxBytes) throw new Error(`${file} is larger than ${maxBytes / 1024} KiB`);
  return Buffer.concat(chunks);
}
