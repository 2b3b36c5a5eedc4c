// Who a client is: the judgement over its certificate chain against the trust bundle of this moment. Made once a connection, made again
// when the bundle changes, and once more on the issuing side, which trusts nobody's word for it.

import type { TrustBundle } from '../ca-sync/ca-sync.ts';
import type { Certificate } from '../certificate.ts';
import { CertificateError, parseCertificate } from '../certificate.ts';
import { verifyClientChain } from '../chain.ts';
import type { FaultCause, Refusal } from '../errors.ts';
import type { Identity } from '../identity.ts';
import { readIdentity } from '../identity.ts';

export interface Peer {
  readonly certificate: Certificate;
  /** DER of the client's certificate and of what it sent behind it, as received. */
  readonly chain: readonly Buffer[];
  readonly identity: Identity;
  /** The times between which leaf and authorities all hold, in epoch milliseconds. */
  readonly validFromMs: number;
  readonly validUntilMs: number;
  /** The bundle that it was verified against. */
  readonly trust: TrustBundle;
}

export type PeerVerdict =
  | { readonly kind: 'accepted'; readonly peer: Peer }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'fault'; readonly cause: FaultCause };

/** Certificates that a client may send: its own and a chain. kube-controller-manager issues one alone. */
const MOST_CERTIFICATES = 5;

/**
 * Judges a client chain.
 * @param chain DER, the client's own certificate first; empty where the client showed none
 * @param trust the bundle of this moment; null where there is none yet
 */
export function judgePeer(chain: readonly Buffer[], trust: TrustBundle | null, nowMs: number): PeerVerdict {
  if (chain.length === 0) return refused('no-client-certificate', 'the client sent no certificate');
  if (chain.length > MOST_CERTIFICATES)
    return refused('certificate-malformed', `${chain.length} certificates, ${MOST_CERTIFICATES} allowed`);
  if (trust === null) return { kind: 'fault', cause: 'no-trust-bundle' };
  const parsed = parseChain(chain);
  if (typeof parsed === 'string') return refused('certificate-malformed', parsed);
  const [certificate, ...intermediates] = parsed;
  if (certificate === undefined) return refused('no-client-certificate', 'the client sent no certificate');
  const verified = verifyClientChain(certificate, intermediates, trust.authorities, nowMs);
  if (!verified.ok) return refused(verified.rule, verified.detail);
  const read = readIdentity(certificate.subjectDer);
  if (!read.ok) return refused(read.rule, read.detail);
  const { validFromMs, validUntilMs } = verified;
  return { kind: 'accepted', peer: { certificate, chain, identity: read.identity, validFromMs, validUntilMs, trust } };
}

/** Judges again what was accepted before: cheap while neither the bundle nor the validity has changed. */
export function rejudgePeer(peer: Peer, trust: TrustBundle | null, nowMs: number): PeerVerdict {
  if (trust === peer.trust && nowMs >= peer.validFromMs && nowMs <= peer.validUntilMs) return { kind: 'accepted', peer };
  return judgePeer(peer.chain, trust, nowMs);
}

function refused(rule: Refusal['rule'], detail: string): PeerVerdict {
  return { kind: 'refused', refusal: { rule, detail } };
}

function parseChain(chain: readonly Buffer[]): readonly Certificate[] | string {
  try {
    return chain.map((der) => parseCertificate(der));
  } catch (error) {
    if (error instanceof CertificateError) return error.message;
    throw error;
  }
}
