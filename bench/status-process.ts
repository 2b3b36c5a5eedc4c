// A work agent of a bench, in a process of its own so that what it spends on sending delays nobody else's clock: status patches of 350 KiB, one after
// another, while it is told to.

import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeStatusPatch, statusPatchType, statusPath } from './status-patch.ts';

/** Milliseconds from the start of one patch to that of the next; 0: each as soon as the one before is answered. null: none. */
export interface StatusOrder {
  readonly everyMs: number | null;
}

export interface StatusReport {
  /** Answered since the order before. */
  readonly patches: number;
}

const [, , directory = '', port = ''] = process.argv;
const read = (name: string): string => readFileSync(join(directory, name), 'utf8');
const session = connect(`https://127.0.0.1:${port}`, { ca: read('serving-ca.crt'), cert: read('client.crt'), key: read('client.key') });
const body = makeStatusPatch();
const patchHead = { ':method': 'PATCH', ':path': statusPath('cluster1'), 'content-type': statusPatchType, 'content-length': body.length };
let patches = 0;
let stop = new AbortController();
let running: Promise<void> = Promise.resolve();

process.on('message', (order: StatusOrder) => void obey(order));
process.on('disconnect', () => process.exit(0));
session.once('connect', () => process.send?.({ port: 0 }));

/** Answers when the last patch of the order before is through. */
async function obey(order: StatusOrder): Promise<void> {
  stop.abort();
  await running;
  const report: StatusReport = { patches };
  patches = 0;
  stop = new AbortController();
  if (order.everyMs !== null) running = run(order.everyMs, stop.signal);
  process.send?.(report);
}

async function run(everyMs: number, stopped: AbortSignal): Promise<void> {
  while (!stopped.aborted) {
    const next = sleep(everyMs);
    await patchOnce();
    patches += 1;
    await next;
  }
}

function patchOnce(): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stream = session.request(patchHead);
  stream.on('response', (headers) => {
    if (headers[':status'] !== 200) reject(new Error(`a status patch was answered ${headers[':status']}`));
  });
  stream.on('error', reject);
  stream.on('end', resolve);
  stream.resume();
  stream.end(body);
  return promise;
}
