// What the hub does wrong when a test asks for it, in place of an answer: a stand-in has to be able to fail like the real one.

import { constants } from 'node:http2';
import type { Incoming } from './incoming.ts';

export type Misbehaviour =
  /** HTTP/2: REFUSED_STREAM, which says that nothing was processed; HTTP/1.1: the connection is torn down. */
  | { readonly kind: 'refuse-stream' }
  /** HTTP/2: RST_STREAM with INTERNAL_ERROR; HTTP/1.1: the connection is torn down. */
  | { readonly kind: 'reset-stream' }
  | { readonly kind: 'destroy-connection' }
  /** The request is taken and never answered. */
  | { readonly kind: 'silence' }
  /** Any answer at all. */
  | { readonly kind: 'answer'; readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }
  /** 200 and a body of this many bytes, as fast as the client reads; reset after `cutAfterBytes` of them, if given. */
  | { readonly kind: 'flood'; readonly bytes: number; readonly cutAfterBytes?: number };

/** Of what is written at a time to a client that gets a flood: that of one TLS record. */
const FLOOD_CHUNK = Buffer.alloc(16 * 1024, '0123456789abcdef');

export function misbehave(incoming: Incoming, misbehaviour: Misbehaviour): void {
  switch (misbehaviour.kind) {
    case 'refuse-stream':
      return incoming.reset(constants.NGHTTP2_REFUSED_STREAM);
    case 'reset-stream':
      return incoming.reset(constants.NGHTTP2_INTERNAL_ERROR);
    case 'destroy-connection':
      incoming.connection.socket.destroy();
      return;
    case 'silence':
      return;
    case 'answer':
      return incoming.answer(
        { status: misbehaviour.status, headers: Object.entries(misbehaviour.headers) },
        Buffer.from(misbehaviour.body),
      );
    case 'flood':
      return flood(incoming, misbehaviour.bytes, misbehaviour.cutAfterBytes ?? Number.POSITIVE_INFINITY);
    default:
      return misbehaviour satisfies never;
  }
}

function flood(incoming: Incoming, bytes: number, cutAfterBytes: number): void {
  const sink = incoming.stream({
    status: 200,
    headers: [
      ['content-type', 'application/json'],
      ['content-length', String(bytes)],
    ],
  });
  let written = 0;
  const writeOn = (): void => {
    while (written < Math.min(bytes, cutAfterBytes)) {
      if (sink.closed.aborted) return;
      const chunk = FLOOD_CHUNK.subarray(0, Math.min(FLOOD_CHUNK.length, bytes - written));
      written += chunk.length;
      if (!sink.write(chunk)) return sink.onDrain(writeOn);
    }
    if (written < bytes) incoming.reset(constants.NGHTTP2_INTERNAL_ERROR);
    else sink.end();
  };
  writeOn();
}
