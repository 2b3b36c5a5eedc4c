// A plain HTTP/2 client for tests of the embedded hub: one session a connection, whole answers, and what became of the session. Uses
// nothing of the product.

import { once } from 'node:events';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import type { SecureContextOptions } from 'node:tls';
import type { EmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';

/** Long enough for a machine that is very busy; a test that waits this long has failed. */
export const DEADLINE_MS = 30_000;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface HubClient {
  readonly session: ClientHttp2Session;
  /** Codes of the GOAWAY frames received. */
  readonly goAways: readonly number[];
  /** `untilBytes`: the answer is a stream, which is left after that many bytes. */
  request(headers: OutgoingHttpHeaders, body?: Buffer, untilBytes?: number): Promise<Answer>;
  /** Resolves once the server has read everything sent so far and answered; by then a GOAWAY would have come. False: the session is closed. */
  isStillOpen(): Promise<boolean>;
  close(): void;
}

export function connectTo(url: string, tls: SecureContextOptions): HubClient {
  const session = connect(url, { ...tls });
  session.on('error', () => undefined);
  const goAways: number[] = [];
  session.on('goaway', (code) => goAways.push(code));
  return {
    session,
    goAways,
    request: (headers, body, untilBytes) => request(session, headers, body, untilBytes),
    isStillOpen: () => isStillOpen(session),
    close: () => session.destroy(),
  };
}

function request(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: Buffer, untilBytes?: number): Promise<Answer> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  const chunks: Buffer[] = [];
  let answered: IncomingHttpHeaders = {};
  stream.on('response', (received) => {
    answered = received;
  });
  const complete = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no complete answer to ${String(headers[':path'])} within ${DEADLINE_MS} ms`)),
      DEADLINE_MS,
    );
    const settle = (): void => {
      clearTimeout(timer);
      if (answered[':status'] === undefined) reject(new Error('the connection ended without an answer'));
      else resolve();
    };
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (untilBytes !== undefined && Buffer.concat(chunks).length >= untilBytes) settle();
    });
    stream.on('end', settle).on('close', settle);
    stream.on('error', (error: Error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
  return complete.then(() => {
    if (untilBytes !== undefined) stream.close();
    return { status: Number(answered[':status'] ?? 0), headers: answered, body: Buffer.concat(chunks) };
  });
}

async function isStillOpen(session: ClientHttp2Session): Promise<boolean> {
  if (session.closed || session.destroyed) return false;
  const gone = once(session, 'close').then(() => false);
  const ponged = new Promise<boolean>((resolve) => {
    if (!session.ping((error) => resolve(error === null && !session.closed))) resolve(false);
  });
  return Promise.race([gone, ponged]);
}

/** Waits for a condition that something else brings about. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const startedMs = Date.now();
  while (!condition()) {
    if (Date.now() - startedMs > DEADLINE_MS) throw new Error(`${what}: not within ${DEADLINE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export interface Presented {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** Null: no client certificate. */
export function connectAs(presented: Presented | null, to: EmbeddedHub): HubClient {
  const ca = to.servingCaPem;
  return connectTo(to.url, presented === null ? { ca } : { ca, cert: presented.certificatePem, key: presented.keyPem });
}

export function get(client: HubClient, path: string): Promise<Answer> {
  return client.request({ ':method': 'GET', ':path': path });
}

/** Status of one request on a connection of its own. */
export async function statusFor(presented: Presented | null, path: string, to: EmbeddedHub): Promise<number> {
  const client = connectAs(presented, to);
  try {
    return (await get(client, path)).status;
  } finally {
    client.close();
  }
}
