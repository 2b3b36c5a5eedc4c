// The certificates that a TLS client sent, leaf first, as Go's PeerCertificates has them, on resumed sessions too. Judges nothing; a
// certificate that Go cannot parse is an error here.

import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import type { PeerChain } from './authentication.ts';
import { type ParsedCertificate, parseCertificate } from './parsed-certificate.ts';

/** Leaves whose chain is remembered; the oldest goes first. */
const MAX_REMEMBERED = 10_000;
/** Node links what was sent by issuer; more than this is no chain. Go's limit is its 100 signature checks. */
const MAX_CHAIN_LENGTH = 100;

/**
 * A Go server's tickets carry the whole chain; OpenSSL's carry the leaf alone. So the chain of each leaf is remembered from its last full
 * handshake, and given back when the session is resumed.
 */
export class PeerChains {
  readonly #byLeaf = new Map<string, PeerChain>();

  /** Throws DerError where a Go server would break off the handshake. */
  of(socket: TLSSocket): PeerChain {
    const sent = sentCertificates(socket.getPeerCertificate(true));
    const [leaf, ...others] = sent;
    if (leaf === undefined) return null;
    const remembered = this.#byLeaf.get(leaf.sha256);
    if (socket.isSessionReused() && remembered !== undefined) return remembered;
    const chain: PeerChain = [leaf, ...others];
    this.#remember(leaf.sha256, chain);
    return chain;
  }

  #remember(leafSha256: string, chain: PeerChain): void {
    this.#byLeaf.delete(leafSha256);
    this.#byLeaf.set(leafSha256, chain);
    const [oldest] = this.#byLeaf.keys();
    if (this.#byLeaf.size > MAX_REMEMBERED && oldest !== undefined) this.#byLeaf.delete(oldest);
  }
}

/** An empty object stands for "no certificate"; a self-signed one is its own issuer. */
function sentCertificates(first: DetailedPeerCertificate): readonly ParsedCertificate[] {
  const certificates: ParsedCertificate[] = [];
  const seen = new Set<DetailedPeerCertificate>();
  let next: DetailedPeerCertificate | undefined = first;
  while (next?.raw !== undefined && !seen.has(next) && certificates.length < MAX_CHAIN_LENGTH) {
    seen.add(next);
    certificates.push(parseCertificate(next.raw));
    next = next.issuerCertificate;
  }
  return certificates;
}
