// A hub session over HTTP/2: one TLS connection, opened for one client certificate, and the exchanges on it.

import { connect, constants } from 'node:http2';
import type { ClientSessionOptions, ClientHttp2Session, ClientHttp2Stream, Http2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { Fault } from '../errors.ts';
import type { FaultCause } from '../errors.ts';
import { connectFault } from './hub-dial.ts';
import { isBodiless } from './hub-exchange.ts';
import type { HubExchange, HubListener, HubRequest, HubSession } from './hub-exchange.ts';

/** What the hub may send ahead of its reader, bytes: large enough for a list at full speed, small enough for thousands of sessions. */
const STREAM_WINDOW_BYTES = 256 * 1024;
const CONNECTION_WINDOW_BYTES = 1024 * 1024;

/** Room for some hundred uploads that wait for the hub; Node's default is 10, beyond which it resets streams (ENHANCE_YOUR_CALM). */
const SESSION_MEMORY_MEGABYTES = 64;

/** Node's default is unlimited; kube-apiserver answers with about twenty headers. */
const MOST_RESPONSE_HEADERS = 256;

const END_STREAM = constants.NGHTTP2_FLAG_END_STREAM;

export class H2HubSession implements HubSession {
  readonly protocol = 'h2';
  /**
   * Settles at the hub's first SETTINGS, or with why there will be none. Before that its limits are unknown, and with TLS 1.3 also whether it takes
   * our certificate: what fails before it has failed before any request.
   */
  readonly ready: Promise<Fault | null>;
  readonly #session: ClientHttp2Session;
  readonly #authority: string;
  #open = 0;
  #answered = false;
  #isReady = false;
  #lastStreamAccepted = Number.POSITIVE_INFINITY;
  #failure: FaultCause = 'hub-reset';

  constructor(socket: TLSSocket, hubUrl: URL) {
    this.#authority = hubUrl.host;
    const options: ClientSessionOptions & { strictSingleValueFields: boolean } = {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES },
      maxHeaderListPairs: MOST_RESPONSE_HEADERS,
      maxSessionMemory: SESSION_MEMORY_MEGABYTES,
      // What may stand twice was decided before; Node would throw.
      strictSingleValueFields: false,
    };
    this.#session = connect(hubUrl, options);
    this.#session.once('connect', () => this.#session.setLocalWindowSize(CONNECTION_WINDOW_BYTES));
    this.#session.on('error', (error: Error) => {
      this.#failure = this.#faultOf(error);
    });
    this.#session.on('goaway', (_code: number, lastStreamId: number) => {
      this.#lastStreamAccepted = lastStreamId;
    });
    this.ready = new Promise((resolve) => {
      this.#session.once('remoteSettings', () => {
        this.#isReady = true;
        resolve(null);
      });
      this.#session.once('close', () =>
        resolve(new Fault(this.#failure, 'the hub ended the connection before it had sent its HTTP/2 settings')),
      );
    });
    // Server push is switched off; a stream that is pushed all the same is a broken peer.
    this.#session.on('stream', (pushed: ClientHttp2Stream) => pushed.destroy());
  }

  get open(): number {
    return this.#open;
  }

  get usable(): boolean {
    return !this.#session.closed && !this.#session.destroyed;
  }

  get hasRoom(): boolean {
    const most = this.#session.remoteSettings?.maxConcurrentStreams ?? Number.POSITIVE_INFINITY;
    return this.usable && this.#open < most;
  }

  get answered(): boolean {
    return this.#answered;
  }

  send(request: HubRequest, listener: HubListener): HubExchange {
    const waitForTrailers = request.hasBody && request.contentLength === null;
    const stream = this.#session.request(
      [':method', request.method, ':scheme', 'https', ':authority', this.#authority, ':path', request.target, ...request.headers],
      { endStream: !request.hasBody, waitForTrailers },
    );
    this.#open += 1;
    stream.once('close', () => {
      this.#open -= 1;
    });
    const exchange = new H2HubExchange(stream, waitForTrailers);
    this.#relay(stream, exchange, { listener, method: request.method });
    return exchange;
  }

  #relay(stream: ClientHttp2Stream, exchange: H2HubExchange, to: { listener: HubListener; method: string }): void {
    const { listener, method } = to;
    const hasEnded = watchEndOfStream(stream, () => listener.arrived());
    let over = false;
    let trailers: readonly string[] = [];
    let failure: FaultCause | null = null;
    stream.on('continue', () => listener.continued());
    stream.on('response', (headers, flags, raw) => {
      this.#answered = true;
      const status = headers[':status'] ?? 0;
      over = (flags & END_STREAM) !== 0 || isBodiless(method, status);
      // A hub that has not ended such an answer yet may only end it.
      if (over) stream.on('data', () => stream.destroy());
      listener.responded(status, raw, over ? null : stream);
    });
    stream.on('trailers', (_headers, _flags, raw: string[]) => {
      trailers = raw;
    });
    stream.on('end', () => {
      if (over || exchange.aborted || !hasEnded()) return;
      over = true;
      listener.completed(trailers);
    });
    stream.on('error', (error: Error) => {
      failure = this.#faultOf(error);
    });
    stream.once('close', () => {
      if (over || exchange.aborted) return;
      const cause = this.#wasProcessed(stream) ? this.#worse(failure) : 'hub-not-processed';
      listener.failed(new Fault(cause, `stream ended with code ${stream.rstCode}`));
    });
  }

  /** RFC 9113 section 6.8 (above the last stream identifier of GOAWAY) and section 8.7 (REFUSED_STREAM): certainly not processed. */
  #wasProcessed(stream: ClientHttp2Stream): boolean {
    if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) return false;
    if (stream.id === undefined) return this.#failure === 'hub-refused-leaf';
    return stream.id <= this.#lastStreamAccepted;
  }

  /** With its settings the hub has taken our certificate: an alert after them is about something else, and what it ends may have been processed. */
  #faultOf(error: Error): FaultCause {
    const cause = sessionFault(error);
    return this.#isReady && cause === 'hub-refused-leaf' ? 'hub-reset' : cause;
  }

  /** The session's own failure says more than that of the stream that it took down. */
  #worse(ofStream: FaultCause | null): FaultCause {
    return this.#failure === 'hub-reset' ? (ofStream ?? 'hub-reset') : this.#failure;
  }

  retire(): void {
    if (this.usable) this.#session.close();
  }

  destroy(): void {
    this.#session.destroy();
  }

  onClosed(run: () => void): void {
    if (this.#session.destroyed) queueMicrotask(run);
    else this.#session.once('close', run);
  }
}

class H2HubExchange implements HubExchange {
  aborted = false;
  #trailers: readonly string[] = [];
  readonly #stream: ClientHttp2Stream;

  constructor(stream: ClientHttp2Stream, waitForTrailers: boolean) {
    this.#stream = stream;
    if (waitForTrailers) stream.once('wantTrailers', () => sendTrailers(stream, this.#trailers));
  }

  write(chunk: Buffer): boolean {
    // A hub that has answered and wants no more of the body resets the stream (RFC 9113 section 8.1): a write now would tear its answer down.
    return !this.#stream.closed && !this.#stream.writableEnded && this.#stream.write(chunk);
  }

  onDrain(run: () => void): void {
    this.#stream.on('drain', run);
  }

  end(trailers: readonly string[]): void {
    this.#trailers = trailers;
    if (!this.#stream.closed) this.#stream.end();
  }

  abort(): void {
    this.aborted = true;
    // Not close(CANCEL): that ends the stream first, and a half-sent body would arrive as a complete one. destroy() with an error only resets.
    if (!this.#stream.destroyed) this.#stream.destroy(new Error('aborted by the client'));
  }
}

/**
 * Whether END_STREAM has come. Node ends the readable side of a stream that was reset or torn down as well, also with NO_ERROR and CANCEL, and has
 * no public word for the difference; but such a stream it marks closed before.
 */
function watchEndOfStream(stream: ClientHttp2Stream, onEnd: () => void): () => boolean {
  let ended = false;
  const push = stream.push.bind(stream);
  stream.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
    const more = push(chunk, encoding);
    if (chunk !== null || stream.closed || ended) return more;
    ended = true;
    onEnd();
    return more;
  };
  return () => ended;
}

/** Node takes trailers as an object only; several lines of one name become an array. What it will not write it throws at: no trailers then, a reset. */
export function sendTrailers(stream: Http2Stream, pairs: readonly string[]): void {
  // Without a prototype: `constructor` and `__proto__` are names like any other.
  const trailers = Object.create(null) as Record<string, string[]>;
  for (let at = 0; at < pairs.length; at += 2) (trailers[pairs[at] ?? ''] ??= []).push(pairs[at + 1] ?? '');
  try {
    stream.sendTrailers(trailers);
  } catch (error) {
    stream.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

function sessionFault(error: Error): FaultCause {
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'ERR_HTTP2_GOAWAY_SESSION') return 'hub-not-processed';
  if (code === 'ERR_HTTP2_ERROR' || code === 'ERR_HTTP2_SESSION_ERROR')
    return /PROTO|FRAME|COMPRESS|HEADER/i.test(error.message) ? 'hub-protocol' : 'hub-reset';
  return connectFault(error, 'hub-reset');
}
