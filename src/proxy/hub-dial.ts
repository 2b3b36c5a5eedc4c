// Opens TLS connections to the hub with one credential, and says in our words why that failed. Never offers a TLS session to resume: a ticket
// would carry the identity of the connection it came from.

import { isIP } from 'node:net';
import { connect, createSecureContext } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../clock.ts';
import { Fault } from '../errors.ts';
import type { FaultCause } from '../errors.ts';
import type { HubCredential } from './hub-credential.ts';

export interface HubAddress {
  readonly url: URL;
  /** PEM of the CAs that the hub's serving certificate may come from. */
  readonly caPem: string;
  readonly connectTimeoutMs: number;
}

export type HubProtocol = 'h2' | 'http/1.1';

export interface HubConnection {
  readonly socket: TLSSocket;
  readonly protocol: HubProtocol;
}

/** Silence after which TCP probes the other end, each second and ten times (libuv): a hub that is gone is noticed within 40 s, watches included. */
const KEEP_ALIVE_MS = 30_000;

/** TLS alerts by which a server says that it does not want our certificate (RFC 8446 section 6.2), as OpenSSL names them. */
const leafAlerts =
  /ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED|CERTIFICATE_EXPIRED|CERTIFICATE_UNKNOWN|UNKNOWN_CA|ACCESS_DENIED|CERTIFICATE_REQUIRED|DECODE_ERROR|DECRYPT_ERROR)/;

export class HubDialer {
  readonly #hub: HubAddress;
  readonly #credential: HubCredential;
  readonly #clock: Clock;
  /** Open or about to be. */
  readonly #sockets = new Set<TLSSocket>();
  #ended = false;

  constructor(hub: HubAddress, credential: HubCredential, clock: Clock) {
    this.#hub = hub;
    this.#credential = credential;
    this.#clock = clock;
  }

  /** Whether there is any connection, open or about to be. */
  get isConnected(): boolean {
    return this.#sockets.size > 0;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /**
   * @param offer the protocols to offer by ALPN, best first
   * @throws Fault hub-unreachable, hub-certificate, hub-connect-timeout or hub-refused-leaf; draining once ended
   */
  dial(offer: readonly HubProtocol[]): Promise<HubConnection> {
    if (this.#ended) return Promise.reject(endedFault());
    const socket = openSocket(this.#hub, this.#credential, offer);
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    return this.#settle(socket);
  }

  /** Nobody needs the connections any more, open or not: all end, and no more are opened. */
  end(): void {
    this.#ended = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  #settle(socket: TLSSocket): Promise<HubConnection> {
    const hub = this.#hub;
    const { promise, resolve, reject } = Promise.withResolvers<HubConnection>();
    const stopTimer = this.#clock.after(hub.connectTimeoutMs, () => {
      reject(new Fault('hub-connect-timeout', `no TLS connection to ${hub.url.host} within ${hub.connectTimeoutMs} ms`));
      socket.destroy();
    });
    // Stays for the socket's life: an alert behind the handshake (TLS 1.3 refuses our certificate so) leaves it open by itself, and an HTTP/2 session
    // on it says nothing before it has closed (lib/internal/http2/core.js finishSessionClose).
    socket.on('error', (error: Error) => {
      socket.destroy();
      const cause: FaultCause = isUntrusted(socket, error) ? 'hub-certificate' : connectFault(error);
      reject(new Fault(cause, describe(hub, error), { cause: error }));
    });
    socket.once('close', () => {
      stopTimer();
      reject(this.#ended ? endedFault() : new Fault('hub-unreachable', `${hub.url.host}: the connection was closed during the handshake`));
    });
    socket.once('secureConnect', () => {
      stopTimer();
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      socket.setNoDelay(true);
      resolve({ socket, protocol: socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1' });
    });
    return promise;
  }
}

export function endedFault(): Fault {
  return new Fault('draining', 'no client waits for a connection any more');
}

function openSocket(hub: HubAddress, { tls }: HubCredential, offer: readonly HubProtocol[]): TLSSocket {
  const host = hub.url.hostname.replace(/^\[|\]$/g, '');
  return connect({
    host,
    port: Number(hub.url.port || 443),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ALPNProtocols: [...offer],
    secureContext: createSecureContext({
      ...(tls === null ? {} : { cert: tls.certificateChainPem, key: tls.keyPem }),
      ca: hub.caPem,
      minVersion: 'TLSv1.2',
    }),
    rejectUnauthorized: true,
  });
}

/** Whether the hub's certificate, not the connection, is what is wrong: TLSSocket sets `authorizationError` before it gives up. */
function isUntrusted(socket: TLSSocket, error: Error): boolean {
  return Boolean(socket.authorizationError) || errorCode(error) === 'ERR_TLS_CERT_ALTNAME_INVALID';
}

/** What an error on a hub connection means; `fallback` where it says nothing about certificates. */
export function connectFault(error: Error, fallback: FaultCause = 'hub-unreachable'): FaultCause {
  return leafAlerts.test(errorCode(error)) ? 'hub-refused-leaf' : fallback;
}

function errorCode(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function describe(hub: HubAddress, error: Error): string {
  const code = errorCode(error);
  return `${hub.url.host}: ${code === '' ? '' : `${code}: `}${error.message.split('\n')[0]?.slice(0, 200) ?? ''}`;
}
