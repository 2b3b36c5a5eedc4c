// The hub's one port: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN, a client certificate asked for and never refused in the handshake.
// Owns sockets and sessions and nothing above: each request goes to one handler.

import { constants as cryptoConstants, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import { performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from 'node:tls';
import { Http1Incoming } from './http1-incoming.ts';
import { Http2Incoming } from './http2-incoming.ts';
import type { Connection, Incoming } from './incoming.ts';
import { PeerChains } from './peer-chain.ts';

export interface HttpServerOptions {
  readonly certificatePem: string;
  readonly keyPem: string;
  /** False: ALPN offers http/1.1 alone. */
  readonly offersHttp2: boolean;
  readonly maxConcurrentStreams: number;
}

/** apiserver: IdleTimeout 90 s; kube-apiserver's ReadHeaderTimeout is 32 s, Go's handshake has the same limit. */
const IDLE_TIMEOUT_MS = 90_000;
const HEADER_TIMEOUT_MS = 32_000;
/** net/http DefaultMaxHeaderBytes. */
const MAX_HEADER_BYTES = 1024 * 1024;
/** apiserver secure_serving.go resourceBody99Percentile, as the upload buffer of a stream; a connection's is that times the streams. */
const STREAM_WINDOW_BYTES = 256 * 1024;
const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024;
const TICKET_KEYS_BYTES = 48;
/** Node refuses streams of a session that buffers more than 10 MB; Go has no such limit, and thousands of streams share one here. */
const MAX_SESSION_MEGABYTES = 1024;

export class HubHttpServer {
  readonly #options: HttpServerOptions;
  readonly #handle: (incoming: Incoming) => void;
  readonly #tls: TlsServer;
  readonly #http1: HttpServer;
  readonly #chains = new PeerChains();
  readonly #connections = new Map<TLSSocket, Connection>();
  /** Below TLS, from their first moment. */
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #open = new Set<Incoming>();
  #accepted = 0;
  /** The same over every change of the trust bundle, as Go's GetConfigForClient keeps them: tickets outlive it. */
  readonly #ticketKeys = randomBytes(TICKET_KEYS_BYTES);

  constructor(options: HttpServerOptions, handle: (incoming: Incoming) => void) {
    this.#options = options;
    this.#handle = handle;
    this.#tls = createTlsServer({
      ...this.#context([]),
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: HEADER_TIMEOUT_MS,
    });
    this.#tls.on('connection', (socket: Socket) => this.#onConnection(socket));
    this.#tls.on('secureConnection', (socket) => this.#onSecureConnection(socket));
    this.#http1 = createServer({
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADER_TIMEOUT_MS,
      requestTimeout: 0,
      keepAliveTimeout: IDLE_TIMEOUT_MS,
    });
    this.#http1.on('request', (request, response) =>
      this.#onHttp1(new Http1Incoming(request, response, this.#at(request.socket as TLSSocket, false))),
    );
    this.#http1.on('checkContinue', (request, response) =>
      this.#onHttp1(new Http1Incoming(request, response, this.#at(request.socket as TLSSocket, true))),
    );
    // An upgrade that nobody serves is an ordinary request to Go's server.
  }

  /** Resolves to the port, on 127.0.0.1. */
  async listen(port: number): Promise<number> {
    this.#tls.listen(port, '127.0.0.1');
    await once(this.#tls, 'listening');
    return (this.#tls.address() as AddressInfo).port;
  }

  /** Certificates whose subjects new handshakes name as acceptable. They verify nothing here. */
  nameAuthorities(certificates: readonly string[]): void {
    this.#tls.setSecureContext(this.#context(certificates));
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Requests whose answer is not complete, watches included. */
  get openStreams(): number {
    return this.#open.size;
  }

  goAwayAll(): void {
    for (const session of this.#sessions) session.close();
  }

  destroyAllConnections(): void {
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#connections.keys()) socket.destroy();
    // Those whose handshake is under way: the client may think that it is over.
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = this.#tls.listening ? once(this.#tls, 'close') : Promise.resolve();
    this.#tls.close();
    this.destroyAllConnections();
    this.#http1.close();
    await closed;
  }

  #context(authorities: readonly string[]): Parameters<typeof createTlsServer>[0] & object {
    return {
      cert: this.#options.certificatePem,
      key: this.#options.keyPem,
      ca: [...authorities],
      minVersion: 'TLSv1.2',
      ALPNProtocols: this.#options.offersHttp2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      ticketKeys: this.#ticketKeys,
      // Go's servers do not renegotiate.
      secureOptions: cryptoConstants.SSL_OP_NO_RENEGOTIATION,
    };
  }

  #onConnection(socket: Socket): void {
    if (!this.#tls.listening) return void socket.destroy();
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #onSecureConnection(socket: TLSSocket): void {
    socket.on('error', () => socket.destroy());
    const connection = this.#accept(socket);
    if (connection === null) return;
    if (socket.alpnProtocol === 'h2') this.#onHttp2(socket, connection);
    else this.#http1.emit('connection', socket);
  }

  #accept(socket: TLSSocket): Connection | null {
    this.#accepted += 1;
    try {
      const remoteAddress = socket.remoteAddress ?? '127.0.0.1';
      const connection = { number: this.#accepted, socket, peer: this.#chains.of(socket), remoteAddress };
      this.#connections.set(socket, connection);
      socket.once('close', () => this.#connections.delete(socket));
      return connection;
    } catch {
      // A Go server ends such a handshake with the alert decode_error; Node has finished it already.
      socket.destroy();
      return null;
    }
  }

  #at(socket: TLSSocket, awaitsContinue: boolean): { connection: Connection; awaitsContinue: boolean } {
    const connection = this.#connections.get(socket);
    if (connection === undefined) throw new Error('a request came on a connection that was not accepted');
    return { connection, awaitsContinue };
  }

  #onHttp1(incoming: Incoming): void {
    this.#serve(incoming);
  }

  #onHttp2(socket: TLSSocket, connection: Connection): void {
    const settings = {
      maxConcurrentStreams: this.#options.maxConcurrentStreams,
      maxHeaderListSize: MAX_HEADER_BYTES,
      initialWindowSize: STREAM_WINDOW_BYTES,
    };
    const session = performServerHandshake(socket, { settings, maxSessionMemory: MAX_SESSION_MEGABYTES });
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    session.on('error', () => session.destroy());
    session.on('connect', () => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES));
    let streams = 0;
    session.on('stream', (stream: ServerHttp2Stream, _headers, _flags, rawHeaders: string[]) => {
      streams += 1;
      stream.once('close', () => {
        streams -= 1;
      });
      this.#serve(new Http2Incoming(stream, rawHeaders, connection));
    });
    session.setTimeout(IDLE_TIMEOUT_MS, () => {
      if (streams === 0) session.close();
    });
  }

  #serve(incoming: Incoming): void {
    this.#open.add(incoming);
    incoming.closed.addEventListener('abort', () => this.#open.delete(incoming), { once: true });
    this.#handle(incoming);
  }
}
