// A hub session over HTTP/1.1, for hubs that offer no HTTP/2: a few keep-alive connections, all opened for one client certificate, each with one
// exchange at a time.

import { Agent, request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { Fault } from '../errors.ts';
import type { FaultCause } from '../errors.ts';
import { connectFault } from './hub-dial.ts';
import { isBodiless } from './hub-exchange.ts';
import type { HubExchange, HubListener, HubRequest, HubSession } from './hub-exchange.ts';

/** As many exchanges at once as one client connection may have streams, twice over: a client certificate may be on several connections. */
const MOST_CONNECTIONS = 200;
/** Connections kept for the next request; the rest closes when idle. */
const KEPT_CONNECTIONS = 4;
/** Bytes of a response head; Node's own default, said here because it bounds what the hub can make us hold. */
const RESPONSE_HEAD_BYTES = 16 * 1024;

/** Opens one more connection for the same credential. */
export type DialAgain = () => Promise<TLSSocket>;

export class H1HubSession implements HubSession {
  readonly protocol = 'http/1.1';
  readonly #hubUrl: URL;
  readonly #agent: HubAgent;
  readonly #closedListeners: (() => void)[] = [];
  #open = 0;
  #answered = false;
  #retired = false;
  #closed = false;

  constructor(first: TLSSocket, hubUrl: URL, dialAgain: DialAgain) {
    this.#hubUrl = hubUrl;
    this.#agent = new HubAgent(first, dialAgain);
    first.once('close', () => {
      if (this.#open === 0) this.destroy();
    });
  }

  get open(): number {
    return this.#open;
  }

  get usable(): boolean {
    return !this.#retired;
  }

  get hasRoom(): boolean {
    return this.usable && this.#open < MOST_CONNECTIONS;
  }

  get answered(): boolean {
    return this.#answered;
  }

  send(request: HubRequest, listener: HubListener): HubExchange {
    const chunked = request.hasBody && request.contentLength === null;
    const outgoing = httpRequest({
      agent: this.#agent,
      host: this.#hubUrl.hostname,
      method: request.method,
      path: request.target,
      headers: ['host', this.#hubUrl.host, ...request.headers, ...(chunked ? ['transfer-encoding', 'chunked'] : [])],
      maxHeaderSize: RESPONSE_HEAD_BYTES,
      setDefaultHeaders: false,
    });
    this.#open += 1;
    outgoing.once('close', () => this.#over());
    const exchange = new H1HubExchange(outgoing, chunked);
    this.#relay(outgoing, exchange, listener);
    if (request.hasBody) outgoing.flushHeaders();
    else outgoing.end();
    return exchange;
  }

  #relay(outgoing: ClientRequest, exchange: H1HubExchange, listener: HubListener): void {
    let answered = false;
    let over = false;
    const failed = (cause: FaultCause, detail: string): void => {
      if (over || exchange.aborted) return;
      over = true;
      listener.failed(new Fault(cause, detail));
    };
    outgoing.on('continue', () => listener.continued());
    outgoing.on('upgrade', (_response, socket) => {
      socket.destroy();
      failed('hub-protocol', 'the hub switched protocols unasked');
    });
    outgoing.on('response', (incoming) => {
      this.#answered = true;
      answered = true;
      if (over || exchange.aborted) return;
      const bodiless = isBodiless(outgoing.method, incoming.statusCode ?? 0);
      if (!bodiless && !hasEnd(incoming)) {
        failed('hub-protocol', 'an answer of which only the connection could tell the end');
        return void outgoing.destroy();
      }
      incoming.on('end', () => {
        if (over || exchange.aborted || !incoming.complete) return;
        over = true;
        listener.completed(incoming.rawTrailers);
      });
      incoming.on('error', () => undefined);
      incoming.on('close', () => failed('hub-reset', 'the answer was cut short'));
      over = bodiless;
      if (bodiless) incoming.resume();
      listener.responded(incoming.statusCode ?? 0, incoming.rawHeaders, bodiless ? null : incoming);
    });
    // What happens to the sending side behind the answer's head, or to a connection behind the answer's last byte, does not change the answer.
    outgoing.on('error', (error) => {
      if (!answered) failed(requestFault(error, outgoing.reusedSocket), error.message);
    });
    outgoing.on('close', () => {
      if (!answered) failed('hub-reset', 'the connection was closed before an answer');
    });
  }

  #over(): void {
    this.#open -= 1;
    if (this.#retired && this.#open === 0) this.destroy();
  }

  retire(): void {
    this.#retired = true;
    if (this.#open === 0) this.destroy();
  }

  destroy(): void {
    this.#retired = true;
    if (this.#closed) return;
    this.#closed = true;
    this.#agent.destroy();
    for (const run of this.#closedListeners) run();
  }

  onClosed(run: () => void): void {
    if (this.#closed) queueMicrotask(run);
    else this.#closedListeners.push(run);
  }
}

class H1HubExchange implements HubExchange {
  aborted = false;
  readonly #outgoing: ClientRequest;
  readonly #chunked: boolean;

  constructor(outgoing: ClientRequest, chunked: boolean) {
    this.#outgoing = outgoing;
    this.#chunked = chunked;
  }

  write(chunk: Buffer): boolean {
    return this.#outgoing.write(chunk);
  }

  onDrain(run: () => void): void {
    this.#outgoing.on('drain', run);
  }

  end(trailers: readonly string[]): void {
    if (trailers.length > 0 && this.#chunked) this.#outgoing.addTrailers(toPairs(trailers));
    this.#outgoing.end();
  }

  abort(): void {
    this.aborted = true;
    this.#outgoing.destroy();
  }
}

/** Hands out the connection that decided for HTTP/1.1 first, then opens more with the same credential. Keeps no TLS sessions. */
class HubAgent extends Agent {
  #first: TLSSocket | null;
  readonly #dialAgain: DialAgain;

  constructor(first: TLSSocket, dialAgain: DialAgain) {
    super({ keepAlive: true, maxSockets: MOST_CONNECTIONS, maxFreeSockets: KEPT_CONNECTIONS });
    this.#first = first;
    this.#dialAgain = dialAgain;
  }

  override createConnection(_options: unknown, created?: (error: Error | null, socket: TLSSocket) => void): TLSSocket | undefined {
    const first = this.#first;
    this.#first = null;
    if (first !== null && !first.destroyed) return first;
    this.#dialAgain().then(
      (socket) => created?.(null, socket),
      (error: unknown) => (created as ((error: Error) => void) | undefined)?.(error instanceof Error ? error : new Error(String(error))),
    );
    return undefined;
  }

  override destroy(): void {
    this.#first?.destroy();
    super.destroy();
  }
}

/** Without a length and without chunks, a broken connection would look like an end. kube-apiserver never answers like that. */
function hasEnd({ headers }: IncomingMessage): boolean {
  return headers['content-length'] !== undefined || /(?:^|,)[ \t]*chunked$/i.test(headers['transfer-encoding'] ?? '');
}

function toPairs(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at < flat.length; at += 2) pairs.push([flat[at] ?? '', flat[at + 1] ?? '']);
  return pairs;
}

/** A connection that has carried a request before had its certificate taken: an alert on it is about something else. */
function requestFault(error: Error, isReused: boolean): FaultCause {
  if (error instanceof Fault) return error.faultCause;
  const code = 'code' in error ? String(error.code) : '';
  if (code.startsWith('HPE_')) return 'hub-protocol';
  return isReused ? 'hub-reset' : connectFault(error, 'hub-reset');
}
