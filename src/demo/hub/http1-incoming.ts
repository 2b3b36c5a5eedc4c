// HTTP/1.1 on the hub's port: Node's parser, answers shaped as Go's net/http shapes them.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { StreamSink } from './api/exchange.ts';
import { readBodyOf } from './body-reader.ts';
import { type BodyRead, type Connection, type Head, headerOf, type HeaderPairs, type Incoming, pairsOf } from './incoming.ts';

/** net/http server.go maxPostHandlerReadBytes: how much of an unread body is thrown away rather than the connection. */
const MAX_DISCARDED_BYTES = 256 * 1024;

export class Http1Incoming implements Incoming {
  readonly method: string;
  readonly target: string;
  readonly headers: HeaderPairs;
  readonly httpVersion = '1.1';
  readonly connection: Connection;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #closed = new AbortController();
  #awaitsContinue: boolean;

  constructor(request: IncomingMessage, response: ServerResponse, at: { connection: Connection; awaitsContinue: boolean }) {
    this.method = request.method ?? '';
    this.target = request.url ?? '';
    this.headers = pairsOf(request.rawHeaders);
    this.connection = at.connection;
    this.#request = request;
    this.#response = response;
    this.#awaitsContinue = at.awaitsContinue;
    response.on('close', () => this.#closed.abort());
    // Without a listener a reset in the middle of an upload would end the process.
    request.on('error', () => this.#closed.abort());
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  readBody(limitBytes: number): Promise<BodyRead> {
    if (this.#awaitsContinue) this.#response.writeContinue();
    this.#awaitsContinue = false;
    return readBodyOf(this.#request, limitBytes, this.closed);
  }

  answer(head: Head, body: Buffer | null): void {
    this.#writeHead(head);
    this.#response.end(this.method === 'HEAD' ? null : body);
    this.#request.resume();
  }

  stream(head: Head): StreamSink {
    this.#writeHead(head);
    this.#response.flushHeaders();
    const response = this.#response;
    return {
      write: (chunk) => response.write(chunk),
      onDrain: (run) => response.once('drain', run),
      end: () => response.end(),
      closed: this.closed,
    };
  }

  reset(): void {
    this.connection.socket.destroy();
  }

  goAway(): void {
    // UnauthenticatedHTTP2DOSMitigation and goaway-chance are for HTTP/2 only.
  }

  #writeHead(head: Head): void {
    const response = this.#response;
    // Go writes neither Connection: keep-alive nor Keep-Alive, and canonical names.
    response.removeHeader('connection');
    response.sendDate = false;
    const headers = head.headers.map(([name, value]): [string, string] => [canonicalName(name), value]);
    if (this.#mustClose()) headers.push(['Connection', 'close']);
    response.writeHead(head.status, headers.flat());
  }

  /** A body that nobody has read and that is too long to be thrown away, or that the client still holds back, ends the connection. */
  #mustClose(): boolean {
    if (this.#request.readableEnded) return false;
    const announced = headerOf(this.headers, 'content-length');
    const isChunked = headerOf(this.headers, 'transfer-encoding') !== undefined;
    return this.#awaitsContinue || isChunked || Number(announced ?? 0) > MAX_DISCARDED_BYTES;
  }
}

/** net/textproto CanonicalMIMEHeaderKey. */
function canonicalName(name: string): string {
  return name.replaceAll(/(^|-)([a-z])/g, (_match, dash: string, letter: string) => dash + letter.toUpperCase());
}
