// The port that agents connect to: TLS, the client certificates it asks for, and the connections that are open. It refuses nobody in the handshake,
// so that a client that is refused gets a sentence.

import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Server, TLSSocket } from 'node:tls';
import type { TrustBundle } from '../ca-sync/ca-sync.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import type { ReadonlyLive } from '../live.ts';
import type { Meter } from '../meter.ts';
import type { LimitSettings, ListenSettings } from '../settings.ts';
import { ClientConnection } from './client-connection.ts';
import type { FlowControl } from './flow-control.ts';
import { toListenerContext } from './listener-context.ts';
import type { Quarantine } from './quarantine.ts';
import { H1Service } from './serve-h1.ts';
import { serveH2 } from './serve-h2.ts';
import type { ServeParts } from './serve-h2.ts';
import type { ServingCertificate } from './serving-certificate.ts';

/** How often open connections are looked over: an expired certificate is off within twice this, 5 s at the most. */
const SWEEP_MS = 2_000;
/** A connection whose certificate no longer holds may finish an answer for this long. */
const LINGER_MS = 1_000;
/** Silence after which TCP probes a client, each second and ten times (libuv). */
const KEEP_ALIVE_MS = 30_000;
/** Connections turned away are counted and logged at most so often. */
const DROP_LOG_MS = 10_000;

export interface ListenerParts {
  readonly listen: ListenSettings;
  readonly limits: LimitSettings;
  readonly serving: ReadonlyLive<ServingCertificate>;
  readonly trust: ReadonlyLive<TrustBundle | null>;
  readonly quarantine: ReadonlyLive<Quarantine>;
  readonly flow: FlowControl;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly handle: ServeParts['handle'];
  readonly refuse: ServeParts['refuse'];
  /** The last connection of this client certificate is gone. */
  readonly onCertificateGone: (clientCertificateSHA256: string) => void;
}

export class Listener {
  readonly #parts: ListenerParts;
  readonly #server: Server;
  readonly #http1: H1Service;
  readonly #connections = new Set<ClientConnection>();
  /** The TCP connections under them, and those whose handshake is not over. */
  readonly #sockets = new Set<Socket>();
  /** Whose certificate does not hold any more: they may finish an answer. */
  readonly #leaving = new WeakSet<ClientConnection>();
  /** Our side was closed before the last sweep. */
  #halfClosed = new Set<ClientConnection>();
  /** Open connections by client certificate SHA-256. */
  readonly #byCertificate = new Map<string, number>();
  readonly #awaitingEmpty: (() => void)[] = [];
  readonly #stops: (() => void)[] = [];
  #draining = false;
  #turnedAway = 0;
  #turnedAwayReason = '';

  constructor(parts: ListenerParts) {
    this.#parts = parts;
    const { limits, clock } = parts;
    this.#http1 = new H1Service(this.#serveParts());
    this.#server = createServer({
      ...toListenerContext(parts.serving.current, parts.trust.current),
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: limits.handshakeTimeoutMs,
    });
    this.#server.maxConnections = limits.maxConnections;
    this.#listenTo(this.#server);
    this.#stops.push(parts.serving.subscribe(() => this.#renewContext()));
    this.#stops.push(parts.trust.subscribe(() => this.#renewContext()));
    this.#stops.push(parts.quarantine.subscribe(() => this.#sweep()));
    this.#stops.push(clock.every(SWEEP_MS, () => this.#sweep()));
    this.#stops.push(clock.every(SWEEP_MS, () => this.#endHalfClosed()));
    this.#stops.push(clock.every(DROP_LOG_MS, () => this.#logTurnedAway()));
  }

  get connections(): number {
    return this.#connections.size;
  }

  isConnected(clientCertificateSHA256: string): boolean {
    return this.#byCertificate.has(clientCertificateSHA256);
  }

  /** @throws Error naming the setting, when the address cannot be bound */
  listen(): Promise<AddressInfo> {
    const { address, port } = this.#parts.listen;
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => reject(new Error(`listen.address, listen.port: ${error.message}`, { cause: error }));
      this.#server.once('error', failed);
      this.#server.listen(port, address, () => {
        this.#server.off('error', failed);
        // accept(2) that fails, for want of descriptors: that client is lost, the listener is not.
        this.#server.on('error', (error: Error) => this.#turnAway(error.message));
        resolve(this.#server.address() as AddressInfo);
      });
    });
  }

  /** Takes no new connections and no new requests on the open ones. Resolves when the last connection is gone. */
  async drain(): Promise<void> {
    this.#draining = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const emptied = this.#connections.size === 0 ? null : new Promise<void>((resolve) => this.#awaitingEmpty.push(resolve));
    for (const connection of this.#connections) connection.drain();
    await Promise.all([closed, emptied]);
  }

  /**
   * Cuts off what is left, half-made handshakes included, so that each client notices: a clean end would pass off half a list as a whole one, and
   * client-go begins a watch again after either.
   */
  cut(): void {
    for (const connection of this.#connections) connection.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Ends what is still open, and the listener with it. */
  destroy(): void {
    for (const stop of this.#stops) stop();
    this.cut();
    this.#http1.close();
    this.#server.close();
  }

  #listenTo(server: Server): void {
    server.on('secureConnection', (socket) => this.#accept(socket));
    // A handshake that failed or took too long has nobody to answer; whoever scans the port must not fill the log. Node leaves the socket open.
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    server.on('drop', () => this.#turnAway('limits.maxConnections'));
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  #serveParts(): ServeParts {
    const { limits, clock, log, flow, handle, refuse } = this.#parts;
    return { limits, clock, log, flow, handle, refuse };
  }

  #renewContext(): void {
    // Who is out is out, also where OpenSSL should not like the new bundle.
    this.#sweep();
    this.#server.setSecureContext(toListenerContext(this.#parts.serving.current, this.#parts.trust.current));
  }

  #accept(socket: TLSSocket): void {
    // A fatal alert behind the handshake leaves the socket open by itself.
    socket.on('error', () => socket.destroy());
    if (this.#draining) return void socket.destroy();
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.setNoDelay(true);
    const { trust, quarantine, clock, flow, meter } = this.#parts;
    const connection = new ClientConnection(socket, { trust, quarantine, clock, meter });
    this.#connections.add(connection);
    flow.opened(connection);
    const certificate = connection.clientCertificateSHA256;
    if (certificate !== null) this.#byCertificate.set(certificate, (this.#byCertificate.get(certificate) ?? 0) + 1);
    socket.once('close', () => this.#gone(connection, certificate));
    if (socket.alpnProtocol === 'h2') serveH2(connection, this.#serveParts());
    else this.#http1.serve(connection);
  }

  #gone(connection: ClientConnection, certificate: string | null): void {
    this.#connections.delete(connection);
    this.#parts.flow.closed(connection);
    if (this.#connections.size === 0) for (const resolve of this.#awaitingEmpty.splice(0)) resolve();
    if (certificate === null) return;
    const left = (this.#byCertificate.get(certificate) ?? 1) - 1;
    if (left > 0) {
      this.#byCertificate.set(certificate, left);
      return;
    }
    this.#byCertificate.delete(certificate);
    this.#parts.onCertificateGone(certificate);
  }

  #sweep(): void {
    for (const connection of this.#connections) {
      if (connection.identity !== null && !this.#leaving.has(connection)) this.#judgeAnew(connection);
    }
  }

  /** Ends a connection whose certificate or token held before and does not any more. */
  #judgeAnew(connection: ClientConnection): void {
    const { identity } = connection;
    const refusal = connection.lapse();
    if (refusal === null) return;
    const { log, clock } = this.#parts;
    const { rule, detail } = refusal;
    log.event('connection-closed-by-policy', { user: identity?.user ?? null, cluster: identity?.cluster ?? null, rule, detail });
    this.#leaving.add(connection);
    // Who is cut off has nothing to finish.
    if (rule === 'quarantined') return connection.destroy();
    connection.drain();
    clock.after(LINGER_MS, () => connection.destroy());
  }

  /** A client that keeps its side open after we have closed ours would stay for as long as it likes. */
  #endHalfClosed(): void {
    for (const connection of this.#halfClosed) connection.destroy();
    this.#halfClosed = new Set([...this.#connections].filter(({ socket }) => socket.writableFinished));
  }

  #turnAway(reason: string): void {
    this.#turnedAway += 1;
    this.#turnedAwayReason = reason;
  }

  #logTurnedAway(): void {
    if (this.#turnedAway === 0) return;
    const { log, limits } = this.#parts;
    log.event('connection-refused', { reason: this.#turnedAwayReason, most: limits.maxConnections, turnedAway: this.#turnedAway });
    this.#turnedAway = 0;
  }
}
