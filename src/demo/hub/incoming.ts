// One HTTP request as the hub handles it, whichever protocol carried it, and the connection it came on. The two implementations stand in
// http1-incoming.ts and http2-incoming.ts.

import type { Socket } from 'node:net';
import type { StreamSink } from './api/exchange.ts';
import type { PeerChain } from './authentication.ts';

export interface Connection {
  /** Counted from 1. */
  readonly number: number;
  readonly socket: Socket;
  readonly peer: PeerChain;
  readonly remoteAddress: string;
}

export type HeaderPairs = readonly (readonly [string, string])[];

export type BodyRead =
  | { readonly kind: 'complete'; readonly body: Buffer }
  | { readonly kind: 'too-large' }
  /** The client broke off; `body` is what had come. */
  | { readonly kind: 'aborted'; readonly body: Buffer };

export interface Head {
  readonly status: number;
  /** In the order of writing, names in lower case. */
  readonly headers: HeaderPairs;
}

export interface Incoming {
  readonly method: string;
  readonly target: string;
  /** As received, in order. */
  readonly headers: HeaderPairs;
  readonly httpVersion: '1.1' | '2.0';
  readonly connection: Connection;
  /** Aborted when the client has gone or reset the stream, also after the answer is complete. */
  readonly closed: AbortSignal;
  /** At most once. Sends 100 (Continue) where it is waited for. */
  readBody(limitBytes: number): Promise<BodyRead>;
  /** A whole answer. `body` is left out for HEAD, though its content-length stands. */
  answer(head: Head, body: Buffer | null): void;
  /** An answer whose body follows through the sink. */
  stream(head: Head): StreamSink;
  /** HTTP/2: RST_STREAM with `code`; HTTP/1.1: the connection is torn down. */
  reset(code: number): void;
  /** HTTP/2: GOAWAY (NO_ERROR), the connection ends once its streams have. HTTP/1.1 has no such thing and ignores it. */
  goAway(): void;
}

/** First value of a header, as Go's Header.Get. `name` in lower case. */
export function headerOf(headers: HeaderPairs, name: string): string | undefined {
  return headers.find(([key]) => key.toLowerCase() === name)?.[1];
}

/** Pairs of a flat list of names and values, as Node hands out raw headers. */
export function pairsOf(raw: readonly string[]): HeaderPairs {
  const pairs: [string, string][] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) pairs.push([raw[index] ?? '', raw[index + 1] ?? '']);
  return pairs;
}
