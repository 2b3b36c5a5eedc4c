// Serves HTTP/1.1 on accepted connections: one request of a connection at a time, in order, and nothing behind one that was refused.

import { createServer, STATUS_CODES } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Refusal, StatusAnswer } from '../errors.ts';
import type { ClientConnection } from './client-connection.ts';
import { H1ClientExchange } from './client-exchange-h1.ts';
import { FloodGuard } from './flood-guard.ts';
import { closeLingering } from './lingering-close.ts';
import type { SeenHead, ServeParts } from './serve-h2.ts';

/** Requests that a client may send ahead of its answers on one connection; more is a flood, no Kubernetes client pipelines at all. */
const MOST_PIPELINED = 8;

interface Lane {
  readonly connection: ClientConnection;
  readonly guard: FloodGuard;
  /** Those that came ahead of their turn. */
  readonly waiting: { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse }[];
  /** The one whose answer is being made. */
  current: H1ClientExchange | null;
  /** Nothing that still comes is processed. */
  closed: boolean;
  /** Why the parser has given up in the middle of the last one. */
  broken: Refusal | null;
}

/** Where there is no request to speak of. */
const NOTHING_SEEN: SeenHead = { method: '', target: '' };

export class H1Service {
  readonly #parts: ServeParts;
  readonly #server: Server;
  readonly #lanes = new WeakMap<object, Lane>();

  constructor(parts: ServeParts) {
    this.#parts = parts;
    const { limits } = parts;
    this.#server = createServer({
      maxHeaderSize: limits.maxHeaderBytes + limits.maxTargetBytes,
      headersTimeout: limits.headersTimeoutMs,
      // The body has a deadline of its own: silence, not length.
      requestTimeout: 0,
      keepAliveTimeout: limits.connectionIdleTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, limits.headersTimeoutMs),
      insecureHTTPParser: false,
      // Refused by the same rule as every other wrong host.
      requireHostHeader: false,
    });
    // Node would cut the list off silently at 2,000; what counts is our own limit.
    this.#server.maxHeadersCount = 0;
    for (const event of ['request', 'checkContinue', 'checkExpectation'] as const) {
      this.#server.on(event, (incoming: IncomingMessage, outgoing: ServerResponse) => this.#queue(incoming, outgoing));
    }
    this.#server.on('connect', (incoming: IncomingMessage, socket: Duplex) => {
      const seen = { method: incoming.method ?? '', target: incoming.url ?? '' };
      this.#refuse(socket, { rule: 'upgrade-refused', detail: 'CONNECT' }, seen);
    });
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => this.#failed(error, socket));
    // Its own deadlines run only in a server that listens; this one is handed its connections.
    this.#server.emit('listening');
  }

  serve(connection: ClientConnection): void {
    const { socket } = connection;
    const guard = new FloodGuard(connection, this.#parts, () => connection.destroy());
    const lane: Lane = { connection, guard, waiting: [], current: null, closed: false, broken: null };
    this.#lanes.set(socket, lane);
    connection.endWith({ drain: () => this.#drain(lane) });
    // What Node calls behind the last answer of a connection.
    socket.destroySoon = () => closeLingering(socket);
    this.#server.emit('connection', socket);
  }

  close(): void {
    this.#server.close();
  }

  #queue(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const lane = this.#lanes.get(incoming.socket);
    if (lane === undefined) return void incoming.socket.destroy();
    // Nobody answers what came behind the last request; the connection closes behind the answer to that one.
    if (lane.closed) return;
    lane.guard.spendHeaders(incoming.rawHeaders);
    if (lane.guard.hasEnded) return;
    if (lane.current === null) return this.#start(lane, incoming, outgoing);
    if (lane.waiting.length < MOST_PIPELINED) return void lane.waiting.push({ incoming, outgoing });
    lane.guard.stop('pipelining flood');
  }

  #start(lane: Lane, incoming: IncomingMessage, outgoing: ServerResponse): void {
    const exchange = new H1ClientExchange(incoming, outgoing, () => close(lane));
    lane.current = exchange;
    outgoing.once('close', () => this.#next(lane));
    this.#parts.handle(exchange, lane.connection);
    if (lane.broken !== null && lane.waiting.length === 0) exchange.breakBody(lane.broken);
  }

  #next(lane: Lane): void {
    lane.current = null;
    if (lane.closed) return closeLingering(lane.connection.socket);
    const next = lane.waiting.shift();
    if (next !== undefined) this.#start(lane, next.incoming, next.outgoing);
  }

  /** An idle connection ends at once, a busy one behind its answer. */
  #drain(lane: Lane): void {
    close(lane);
    if (lane.current === null) lane.connection.destroy();
    else lane.current.closeBehind();
  }

  #failed(error: NodeJS.ErrnoException, socket: Duplex): void {
    const lane = this.#lanes.get(socket);
    const code = error.code ?? '';
    // A socket that failed, a deadline, or a client that has gone in the middle of a message: nobody is left to answer.
    if (lane === undefined || !code.startsWith('HPE_') || code === 'HPE_INVALID_EOF_STATE') return void socket.destroy();
    // Bytes behind a request that was announced as the last one; or more behind what did not parse.
    if (code === 'HPE_CLOSED_CONNECTION' || lane.broken !== null) return;
    lane.broken = { rule: code === 'HPE_HEADER_OVERFLOW' ? 'header-limit' : 'framing', detail: code };
    // In the body of a request: that one is refused, in its turn.
    const last = lane.waiting.at(-1);
    if (last === undefined ? lane.current?.breakBody(lane.broken) === true : !last.incoming.complete) return;
    this.#refuse(socket, lane.broken, NOTHING_SEEN);
  }

  /** Refuses what never became a request. While another answer is being made there is no place for one of its own. */
  #refuse(socket: Duplex, refusal: Refusal, seen: SeenHead): void {
    const lane = this.#lanes.get(socket);
    // Behind a request that was refused nothing is judged any more.
    if (lane === undefined || lane.closed) return;
    close(lane);
    const answer = this.#parts.refuse(refusal, lane.connection, seen);
    if (lane.current !== null) return void socket.destroy();
    socket.write(toBytes(answer));
    closeLingering(socket);
  }
}

function close(lane: Lane): void {
  lane.closed = true;
  lane.waiting.length = 0;
}

function toBytes(answer: StatusAnswer): string {
  const headers = Object.entries({ ...answer.headers, 'content-length': Buffer.byteLength(answer.body), connection: 'close' });
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `HTTP/1.1 ${answer.code} ${STATUS_CODES[answer.code] ?? ''}\r\n${lines}\r\n${answer.body}`;
}
