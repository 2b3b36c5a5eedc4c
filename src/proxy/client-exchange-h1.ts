// An HTTP/1.1 request of a client as an exchange.

import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Refusal, StatusAnswer } from '../errors.ts';
import type { RequestHead } from '../inspect/inspect.ts';
import type { ClientExchange } from './client-exchange.ts';

export class H1ClientExchange implements ClientExchange {
  readonly head: RequestHead;
  readonly body: Readable | null;
  readonly #incoming: IncomingMessage;
  readonly #outgoing: ServerResponse;
  readonly #refuseFurther: () => void;
  #chunked = false;
  #malformed: ((refusal: Refusal) => void) | null = null;
  /** What broke the body, maybe before anybody could be told. */
  #broken: Refusal | null = null;

  /** @param refuseFurther called when nothing that comes behind this request may be processed */
  constructor(incoming: IncomingMessage, outgoing: ServerResponse, refuseFurther: () => void) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    this.#refuseFurther = refuseFurther;
    this.head = readH1Head(incoming);
    this.body = this.head.hasBody ? incoming : null;
    // The socket's errors end in 'close', which is what matters.
    incoming.on('error', () => undefined);
    outgoing.on('error', () => undefined);
  }

  onMalformed(run: (refusal: Refusal) => void): void {
    this.#malformed = run;
    if (this.#broken !== null) run(this.#broken);
  }

  /** The parser has given up on the connection. False where this request had come whole before. */
  breakBody(refusal: Refusal): boolean {
    if (this.#incoming.complete) return false;
    this.#broken = refusal;
    this.#malformed?.(refusal);
    return true;
  }

  bodyIsComplete(): boolean {
    return this.#incoming.complete;
  }

  requestTrailers(): readonly string[] {
    return this.#incoming.rawTrailers;
  }

  get closed(): boolean {
    return this.#outgoing.closed || this.#outgoing.destroyed || this.#outgoing.writableFinished;
  }

  onClosed(run: () => void): void {
    this.#outgoing.once('close', run);
  }

  sendContinue(): void {
    if (!this.closed && !this.#outgoing.headersSent) this.#outgoing.writeContinue();
  }

  respond(status: number, headers: readonly string[], bodiless: boolean): void {
    if (this.closed) return;
    const hasLength = headers.some((part, at) => at % 2 === 0 && part === 'content-length');
    const unread = this.body !== null && !this.#incoming.complete;
    // An answer before the end of the request leaves the connection in an unknown place: it closes behind the answer.
    if (unread) this.#outgoing.shouldKeepAlive = false;
    for (let at = 0; at < headers.length; at += 2) {
      // Before anything is decided: writeHead() would throw in the middle of it.
      validateHeaderName(headers[at] ?? '');
      validateHeaderValue(headers[at] ?? '', headers[at + 1] ?? '');
    }
    this.#chunked = !hasLength && !bodiless;
    this.#outgoing.writeHead(status, [...headers, ...(this.#chunked ? ['transfer-encoding', 'chunked'] : [])]);
    if (bodiless) this.end([]);
    // Not flushHeaders(): that writes UTF-8, and header values are bytes.
    else this.#outgoing.write('', 'latin1');
  }

  write(chunk: Buffer): boolean {
    return this.#outgoing.write(chunk);
  }

  onDrain(run: () => void): void {
    this.#outgoing.on('drain', run);
  }

  end(trailers: readonly string[]): void {
    if (trailers.length > 0 && this.#chunked) {
      const pairs: [string, string][] = [];
      for (let at = 0; at < trailers.length; at += 2) pairs.push([trailers[at] ?? '', trailers[at + 1] ?? '']);
      this.#outgoing.addTrailers(pairs);
    }
    if (!this.#outgoing.shouldKeepAlive) this.#refuseFurther();
    this.#outgoing.end();
  }

  abort(): void {
    this.#refuseFurther();
    this.#incoming.socket.destroy();
  }

  /** No further answer is made on this connection once the one that is being made is sent. */
  closeBehind(): void {
    this.#outgoing.shouldKeepAlive = false;
  }

  answer(answer: StatusAnswer, _close: boolean): void {
    if (this.closed) return;
    if (this.#outgoing.headersSent) return this.abort();
    this.#refuseFurther();
    this.#outgoing.shouldKeepAlive = false;
    const headers = [
      ...Object.entries(answer.headers).flat(),
      'content-length',
      String(Buffer.byteLength(answer.body)),
      'connection',
      'close',
    ];
    this.#outgoing.writeHead(answer.code, headers);
    this.#outgoing.end(this.head.method === 'HEAD' ? undefined : answer.body);
  }
}

function readH1Head(incoming: IncomingMessage): RequestHead {
  return {
    httpVersion: incoming.httpVersion === '1.1' ? '1.1' : '1.0',
    method: incoming.method ?? '',
    target: incoming.url ?? '',
    authority: null,
    headers: incoming.rawHeaders,
    hasBody: incoming.headers['transfer-encoding'] !== undefined || Number(incoming.headers['content-length'] ?? 0) > 0,
  };
}
