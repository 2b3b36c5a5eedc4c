// HTTP/2 on the hub's port: one stream of a session, answered as golang.org/x/net/http2 answers.

import { constants, type ServerHttp2Stream } from 'node:http2';
import type { StreamSink } from './api/exchange.ts';
import { readBodyOf } from './body-reader.ts';
import { type BodyRead, type Connection, type Head, headerOf, type HeaderPairs, type Incoming, pairsOf } from './incoming.ts';

export class Http2Incoming implements Incoming {
  readonly method: string;
  readonly target: string;
  readonly headers: HeaderPairs;
  readonly httpVersion = '2.0';
  readonly connection: Connection;
  readonly #stream: ServerHttp2Stream;
  readonly #closed = new AbortController();
  #awaitsContinue: boolean;

  constructor(stream: ServerHttp2Stream, rawHeaders: readonly string[], connection: Connection) {
    this.headers = pairsOf(rawHeaders);
    this.method = headerOf(this.headers, ':method') ?? '';
    this.target = headerOf(this.headers, ':path') ?? '';
    this.connection = connection;
    this.#stream = stream;
    this.#awaitsContinue = headerOf(this.headers, 'expect')?.toLowerCase() === '100-continue';
    stream.on('close', () => this.#closed.abort());
    // A reset arrives as 'close' too; without a listener its error would end the process.
    stream.on('error', () => this.#closed.abort());
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  readBody(limitBytes: number): Promise<BodyRead> {
    if (this.#awaitsContinue && !this.#stream.destroyed) this.#stream.additionalHeaders({ ':status': 100 });
    this.#awaitsContinue = false;
    return readBodyOf(this.#stream, limitBytes, this.closed);
  }

  answer(head: Head, body: Buffer | null): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) return;
    const hasBody = body !== null && body.length > 0 && this.method !== 'HEAD';
    stream.respond(responseHeaders(head), { endStream: !hasBody });
    if (hasBody) stream.end(body);
    this.#releaseUnreadBody();
  }

  stream(head: Head): StreamSink {
    const stream = this.#stream;
    let isComplete = false;
    // Without this, Node ends a stream that is reset in the middle of its body with END_STREAM first: cut off would look complete.
    if (!stream.destroyed && !stream.closed) stream.respond(responseHeaders(head), { waitForTrailers: true });
    stream.on('wantTrailers', () => {
      if (isComplete) stream.sendTrailers({});
    });
    return {
      write: (chunk) => (stream.writable ? stream.write(chunk) : true),
      onDrain: (run) => stream.once('drain', run),
      end: () => {
        isComplete = true;
        if (stream.writable) stream.end();
      },
      closed: this.closed,
    };
  }

  reset(code: number): void {
    this.#stream.close(code);
  }

  goAway(): void {
    this.#stream.session?.close();
  }

  /** Go ends a stream that is answered before its body came with RST_STREAM (NO_ERROR), RFC 9113 §8.1. */
  #releaseUnreadBody(): void {
    const stream = this.#stream;
    if (stream.readableEnded || stream.endAfterHeaders) return;
    stream.once('finish', () => {
      if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
    });
    stream.resume();
  }
}

function responseHeaders(head: Head): Record<string, string | number> {
  return { ':status': head.status, ...Object.fromEntries(head.headers) };
}
