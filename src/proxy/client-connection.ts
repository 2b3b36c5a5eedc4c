// One TLS connection of a client: who is behind it, whether that still holds, and how it ends.

import type { TLSSocket } from 'node:tls';
import type { TrustBundle } from '../ca-sync/ca-sync.ts';
import { fingerprintSHA256 } from '../certificate.ts';
import type { Clock } from '../clock.ts';
import type { ReadonlyLive } from '../live.ts';
import type { Identity } from '../identity.ts';
import { judgePeer, rejudgePeer } from './peer.ts';
import type { PeerVerdict } from './peer.ts';

/** Certificates read from a handshake; one more than may be sent, so that too many can be told from enough. */
const MOST_CERTIFICATES_READ = 6;

/** What each protocol brings: how a connection stops taking requests. */
export interface ConnectionEnding {
  /** No new requests; the open ones go on; the connection closes behind them. */
  drain(): void;
}

export interface ConnectionParts {
  readonly trust: ReadonlyLive<TrustBundle | null>;
  readonly clock: Clock;
}

export class ClientConnection {
  readonly socket: TLSSocket;
  /** SHA-256 of the certificate that the client sent, whatever becomes of it; null where it sent none. */
  readonly clientCertificateSHA256: string | null;
  readonly #parts: ConnectionParts;
  readonly #chain: readonly Buffer[];
  #verdict: PeerVerdict;
  #identity: Identity | null = null;
  #ending: ConnectionEnding | null = null;

  constructor(socket: TLSSocket, parts: ConnectionParts) {
    this.socket = socket;
    this.#parts = parts;
    this.#chain = readPeerChain(socket);
    const [certificate] = this.#chain;
    this.clientCertificateSHA256 = certificate === undefined ? null : fingerprintSHA256(certificate);
    this.#verdict = this.#note(judgePeer(this.#chain, parts.trust.current, parts.clock.now()));
  }

  /** Of a certificate that was accepted once, on this connection: what went on under it is its doing. Nothing is believed of any other. */
  get identity(): Identity | null {
    return this.#identity;
  }

  /** The verdict of this moment. What was refused once stays refused: the client has to connect anew. */
  judge(): PeerVerdict {
    const { trust, clock } = this.#parts;
    if (this.#verdict.kind === 'accepted') this.#verdict = rejudgePeer(this.#verdict.peer, trust.current, clock.now());
    // Without a bundle there was no verdict yet; it may have come meanwhile.
    if (this.#verdict.kind === 'fault') this.#verdict = this.#note(judgePeer(this.#chain, trust.current, clock.now()));
    return this.#verdict;
  }

  endWith(ending: ConnectionEnding): void {
    this.#ending = ending;
  }

  drain(): void {
    if (this.#ending === null) this.socket.destroy();
    else this.#ending.drain();
  }

  destroy(): void {
    this.socket.destroy();
  }

  #note(verdict: PeerVerdict): PeerVerdict {
    if (verdict.kind === 'accepted') this.#identity = verdict.peer.identity;
    return verdict;
  }
}

/**
 * DER of the client's certificate and of those it sent behind it, in their order. Empty where it sent none. Once a connection: reading takes the
 * others out of Node's hands (listener-context.ts says why nobody else may read).
 */
function readPeerChain(socket: TLSSocket): readonly Buffer[] {
  const chain: Buffer[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined && chain.length < MOST_CERTIFICATES_READ) {
    chain.push(next.raw);
    next = next.issuerCertificate;
  }
  return chain;
}
