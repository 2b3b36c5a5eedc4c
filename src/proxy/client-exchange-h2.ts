// An HTTP/2 stream of a client as an exchange.

import { constants } from 'node:http2';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Readable } from 'node:stream';
import type { StatusAnswer } from '../errors.ts';
import type { RequestHead } from '../inspect/inspect.ts';
import type { ClientExchange } from './client-exchange.ts';
import { sendTrailers } from './hub-session-h2.ts';

export class H2ClientExchange implements ClientExchange {
  readonly head: RequestHead;
  readonly body: Readable | null;
  readonly #stream: ServerHttp2Stream;
  readonly #closeConnection: () => void;
  #requestTrailers: readonly string[] = [];
  #responseTrailers: readonly string[] = [];
  #waitsForTrailers = false;

  constructor(stream: ServerHttp2Stream, head: RequestHead, closeConnection: () => void) {
    this.#stream = stream;
    this.head = head;
    this.body = head.hasBody ? stream : null;
    this.#closeConnection = closeConnection;
    // A reset by the client arrives as 'error' and 'close'; only 'close' matters.
    stream.on('error', () => undefined);
    if (head.hasBody) {
      stream.on('trailers', (_headers, _flags, raw) => {
        this.#requestTrailers = raw;
      });
    }
  }

  onMalformed(): void {
    // nghttp2 resets such a stream by itself.
  }

  bodyIsComplete(): boolean {
    // Node also ends the readable side on RST_STREAM with NO_ERROR, and on close() before it resets; END_STREAM alone leaves the stream open.
    return !this.#stream.closed && !this.#stream.destroyed;
  }

  requestTrailers(): readonly string[] {
    return this.#requestTrailers;
  }

  get closed(): boolean {
    return this.#stream.closed || this.#stream.destroyed;
  }

  onClosed(run: () => void): void {
    let called = false;
    const once = (): void => {
      if (!called) run();
      called = true;
    };
    this.#stream.once('close', once);
    // After a reset with NO_ERROR, 'close' waits for a body that nobody reads any more.
    this.#stream.once('aborted', once);
  }

  sendContinue(): void {
    if (!this.closed && !this.#stream.headersSent)
      this.#stream.additionalHeaders({ [constants.HTTP2_HEADER_STATUS]: constants.HTTP_STATUS_CONTINUE });
  }

  respond(status: number, headers: readonly string[], bodiless: boolean): void {
    if (this.closed) return;
    this.#waitsForTrailers = !bodiless && mayHaveTrailers(headers);
    if (this.#waitsForTrailers) this.#stream.once('wantTrailers', () => this.#endWithTrailers());
    this.#stream.respond([':status', String(status), ...headers], { endStream: bodiless, waitForTrailers: this.#waitsForTrailers });
    if (bodiless) this.#stopReading();
  }

  write(chunk: Buffer): boolean {
    return this.#stream.write(chunk);
  }

  onDrain(run: () => void): void {
    this.#stream.on('drain', run);
  }

  end(trailers: readonly string[]): void {
    this.#responseTrailers = trailers;
    this.#stream.end();
    if (!this.#waitsForTrailers) this.#stopReading();
  }

  #endWithTrailers(): void {
    sendTrailers(this.#stream, this.#responseTrailers);
    // Node sends them in an immediate of its own, and not at all on a stream that is being closed.
    setImmediate(() => this.#stopReading());
  }

  abort(): void {
    // With an error, so that what was sent so far is reset and not ended (see hub-session-h2.ts).
    if (!this.#stream.destroyed) this.#stream.destroy(new Error('the answer cannot be completed'));
  }

  answer(answer: StatusAnswer, close: boolean): void {
    if (this.closed) return;
    if (this.#stream.headersSent) return this.abort();
    const bodiless = this.head.method === 'HEAD';
    const headers = [...Object.entries(answer.headers).flat(), 'content-length', String(Buffer.byteLength(answer.body))];
    this.#stream.respond([':status', String(answer.code), ...headers], { endStream: bodiless });
    if (!bodiless) this.#stream.end(answer.body);
    this.#stopReading();
    if (close) this.#closeConnection();
  }

  /** RFC 9113 section 8.1: after a complete answer the rest of the request is called off with RST_STREAM and NO_ERROR. */
  #stopReading(): void {
    if (this.body === null || this.body.readableEnded || this.closed) return;
    this.#stream.close(constants.NGHTTP2_NO_ERROR);
    // What has come is dropped: the stream stays in its session's books until somebody has read it.
    this.#stream.resume();
  }
}

/** Trailers are rare and cost a frame of their own: only where the answer announces them or has no length of its own. */
function mayHaveTrailers(headers: readonly string[]): boolean {
  let hasLength = false;
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] === 'trailer') return true;
    if (headers[at] === 'content-length') hasLength = true;
  }
  return !hasLength;
}

/** The head of a stream as Node delivers it. */
export function readH2Head(headers: IncomingHttpHeaders, raw: readonly string[], endStream: boolean): RequestHead {
  const plain: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    if (raw[at]?.startsWith(':') !== true) plain.push(raw[at] ?? '', raw[at + 1] ?? '');
  }
  return {
    httpVersion: '2.0',
    method: headers[':method'] ?? '',
    target: headers[':path'] ?? '',
    authority: headers[':authority'] ?? null,
    headers: plain,
    hasBody: !endStream,
  };
}
