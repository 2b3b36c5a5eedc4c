// Reads a request body into memory up to a limit. Never waits for a client that has gone.

import type { Readable } from 'node:stream';
import type { BodyRead } from './incoming.ts';

export function readBodyOf(source: Readable, limitBytes: number, closed: AbortSignal): Promise<BodyRead> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const finish = (result: BodyRead): void => {
      source.off('data', onData).off('end', onEnd).off('error', onAbort).off('close', onAbort);
      closed.removeEventListener('abort', onAbort);
      resolve(result);
    };
    const onData = (chunk: Buffer): void => {
      length += chunk.length;
      if (length > limitBytes) {
        source.pause();
        finish({ kind: 'too-large' });
      } else chunks.push(chunk);
    };
    const onEnd = (): void => finish({ kind: 'complete', body: Buffer.concat(chunks) });
    const onAbort = (): void => finish({ kind: 'aborted', body: Buffer.concat(chunks) });
    if (source.readableEnded) return resolve({ kind: 'complete', body: Buffer.alloc(0) });
    if (closed.aborted) return resolve({ kind: 'aborted', body: Buffer.alloc(0) });
    source.on('data', onData).on('end', onEnd).on('error', onAbort).on('close', onAbort);
    closed.addEventListener('abort', onAbort);
  });
}
