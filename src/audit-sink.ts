// Where audit bytes go: an append-only file, or standard output. Owns descriptors and partial writes; knows nothing of lines or of what may be lost.

import { constants, fstatSync, write as writeDescriptor } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Socket } from 'node:net';

export interface AuditSink {
  /** Resolves with how many bytes of `bytes` were taken, at least one; rejects when none were. Never two at once. */
  write(bytes: Uint8Array): Promise<number>;
  /** Ends the sink. A write still under way may be cut off. */
  close(): Promise<void>;
}

/** Only its owner reads who did what. */
const AUDIT_FILE_MODE = 0o600;

/** O_NONBLOCK: opening a FIFO that nobody reads fails (ENXIO) instead of holding a thread forever. */
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

export async function openFileSink(file: string): Promise<AuditSink> {
  const handle: FileHandle = await open(file, APPEND, AUDIT_FILE_MODE);
  return {
    write: async (bytes) => (await handle.write(bytes)).bytesWritten,
    close: () => handle.close(),
  };
}

const STANDARD_OUTPUT = 1;

/**
 * Standard output without ever blocking the event loop: `process.stdout` writes to a pipe synchronously, and a thread that blocks in write(2) on
 * a pipe nobody empties would keep the process from exiting.
 */
export function openStandardOutputSink(): AuditSink {
  const stats = fstatSync(STANDARD_OUTPUT);
  return stats.isFIFO() || stats.isSocket() ? openPipeSink() : { write: writeStandardOutput, close: () => Promise.resolve() };
}

function writeStandardOutput(bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    writeDescriptor(STANDARD_OUTPUT, bytes, (error, written) => (error === null ? resolve(written) : reject(error)));
  });
}

/** A stream of its own, since `process.stdout` cannot be destroyed. libuv lets one handle wait for a descriptor: nothing else may write here then. */
function openPipeSink(): AuditSink {
  const pipe = new Socket({ fd: STANDARD_OUTPUT, readable: false, writable: true });
  // The failure reaches whoever writes, through the callback.
  pipe.on('error', () => undefined);
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        pipe.write(bytes, (error) => (error === null || error === undefined ? resolve(bytes.length) : reject(error)));
      }),
    close: () => {
      pipe.destroy();
      return Promise.resolve();
    },
  };
}
