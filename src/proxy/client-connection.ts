// One TLS connection of a client: who is behind it, whether that still holds, and how it ends.

import type { TLSSocket } from 'node:tls';
import type { TrustBundle } from '../ca-sync/ca-sync.ts';
import { fingerprintSHA256 } from '../certificate.ts';
import type { Clock } from '../clock.ts';
import type { Refusal } from '../errors.ts';
import type { Identity } from '../identity.ts';
import type { ReadonlyLive } from '../live.ts';
import type { Meter } from '../meter.ts';
import type { BootstrapPeer } from './bootstrap-peer.ts';
import { judgePeer, rejudgePeer } from './peer.ts';
import type { PeerVerdict } from './peer.ts';
import { refuseQuarantined } from './quarantine.ts';
import type { Quarantine } from './quarantine.ts';

/** Certificates read from a handshake; one more than may be sent, so that too many can be told from enough. */
const MOST_CERTIFICATES_READ = 6;

/** What each protocol brings: how a connection stops taking requests. */
export interface ConnectionEnding {
  /** No new requests; the open ones go on; the connection closes behind them. */
  drain(): void;
}

export interface ConnectionParts {
  readonly trust: ReadonlyLive<TrustBundle | null>;
  readonly quarantine: ReadonlyLive<Quarantine>;
  readonly clock: Clock;
  readonly meter: Meter;
}

export class ClientConnection {
  readonly socket: TLSSocket;
  /** SHA-256 of the certificate that the client sent, whatever becomes of it; null where it sent none. */
  readonly clientCertificateSHA256: string | null;
  readonly #parts: ConnectionParts;
  readonly #chain: readonly Buffer[];
  #verdict: PeerVerdict;
  #identity: Identity | null = null;
  #bootstrap: BootstrapPeer | null = null;
  #ending: ConnectionEnding | null = null;

  constructor(socket: TLSSocket, parts: ConnectionParts) {
    this.socket = socket;
    this.#parts = parts;
    this.#chain = readPeerChain(socket);
    const [certificate] = this.#chain;
    this.clientCertificateSHA256 = certificate === undefined ? null : fingerprintSHA256(certificate);
    this.#verdict = this.#note(judgePeer(this.#chain, parts.trust.current, parts.clock.now()));
  }

  /** Of a certificate or token that was accepted once, on this connection: what went on under it is its doing. Nothing is believed of any other. */
  get identity(): Identity | null {
    return this.#bootstrap?.identity ?? this.#identity;
  }

  /** Of a connection without a certificate, once a token was accepted on it. */
  get bootstrap(): BootstrapPeer | null {
    return this.#bootstrap;
  }

  admit(client: BootstrapPeer): void {
    this.#bootstrap = client;
  }

  /** Why what was accepted on this connection does not hold any more; null while it does. */
  lapse(): Refusal | null {
    if (this.#bootstrap !== null) return this.#bootstrap.lapse() ?? this.quarantined();
    const verdict = this.judge();
    return verdict.kind === 'refused' ? verdict.refusal : null;
  }

  /** The verdict of this moment. What was refused once stays refused: the client has to connect anew. */
  judge(): PeerVerdict {
    const { trust, clock } = this.#parts;
    if (this.#verdict.kind === 'accepted') this.#verdict = rejudgePeer(this.#verdict.peer, trust.current, clock.now());
    // Without a bundle there was no verdict yet; it may have come meanwhile.
    if (this.#verdict.kind === 'fault') this.#verdict = this.#note(judgePeer(this.#chain, trust.current, clock.now()));
    const cutOff = this.#verdict.kind === 'accepted' ? this.quarantined() : null;
    if (cutOff !== null) this.refuse(cutOff);
    return this.#verdict;
  }

  /** Whether who was accepted here is cut off now; null: no. */
  quarantined(): Refusal | null {
    return this.identity === null ? null : refuseQuarantined(this.#parts.quarantine.current, this.identity);
  }

  /** From now on and for good, whatever its certificate says. */
  refuse(refusal: Refusal): void {
    this.#verdict = { kind: 'refused', refusal };
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

  /** Accepted once at the most: what follows on that are judgements of the same peer. */
  #note(verdict: PeerVerdict): PeerVerdict {
    if (verdict.kind !== 'accepted') return verdict;
    const { identity, certificate } = verdict.peer;
    this.#identity = identity;
    this.#parts.meter.clientSeen(identity, certificate);
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
