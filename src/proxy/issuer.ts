// The issuing side: answers one question, a leaf for this client chain and this public key. It verifies chain and subject itself, holds the
// signer, and writes the audit. Questions and answers are plain data, so that it can move to a process of its own.

import { createPublicKey, randomBytes } from 'node:crypto';
import type { Audit } from '../audit.ts';
import type { Signer, TrustBundle } from '../ca-sync/ca-sync.ts';
import { fingerprintSHA256 } from '../certificate.ts';
import type { Clock } from '../clock.ts';
import type { FaultCause, Refusal } from '../errors.ts';
import { reissueLeaf } from '../leaf.ts';
import type { LeafProfile } from '../leaf.ts';
import type { ReadonlyLive } from '../live.ts';
import type { Meter } from '../meter.ts';
import { judgePeer } from './peer.ts';
import type { Peer } from './peer.ts';
import { refuseQuarantined } from './quarantine.ts';
import type { Quarantine } from './quarantine.ts';

export interface IssueRequest {
  /** DER, the client's certificate first. */
  readonly chain: readonly Buffer[];
  /** SubjectPublicKeyInfo DER of the new key: EC P-256, whose private half never comes here. */
  readonly publicKeySpki: Buffer;
}

export interface IssuedLeaf {
  readonly kind: 'issued';
  readonly leaf: Buffer;
  readonly leafSHA256: string;
  /** DER of the signer's certificate: goes to the hub behind the leaf, so that trust in its issuer is enough. */
  readonly signerCertificate: Buffer;
  readonly generation: number;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export type IssueAnswer =
  | IssuedLeaf
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'fault'; readonly cause: FaultCause };

export interface Issuer {
  issue(request: IssueRequest): Promise<IssueAnswer>;
}

export interface IssuerParts {
  readonly signer: ReadonlyLive<Signer | null>;
  readonly trust: ReadonlyLive<TrustBundle | null>;
  readonly quarantine: ReadonlyLive<Quarantine>;
  readonly profile: LeafProfile;
  readonly clock: Clock;
  readonly audit: Audit;
  readonly meter: Meter;
}

/** SubjectPublicKeyInfo of an uncompressed P-256 point is 91 bytes (RFC 5480 section 2). */
const SPKI_BYTES = 91;

export function createIssuer(parts: IssuerParts): Issuer {
  return {
    issue: (request) => {
      const answer = issue(request, parts);
      return Promise.resolve(answer);
    },
  };
}

function issue(request: IssueRequest, parts: IssuerParts): IssueAnswer {
  const startedMs = parts.clock.elapsed();
  const now = parts.clock.now();
  if (!isP256(request.publicKeySpki)) throw new Error('the public key to certify is not an EC P-256 key');
  const verdict = judgePeer(request.chain, parts.trust.current, now);
  if (verdict.kind === 'fault') return verdict;
  if (verdict.kind === 'refused') return auditRefusal(verdict.refusal, request, parts);
  const cutOff = refuseQuarantined(parts.quarantine.current, verdict.peer.identity);
  if (cutOff !== null) return auditRefusal(cutOff, request, parts);
  const signer = parts.signer.current;
  if (signer === null) return { kind: 'fault', cause: 'no-signer' };
  const made = reissueLeaf(
    { client: verdict.peer.certificate, publicKeySpki: request.publicKeySpki, serial: randomBytes(16), nowMs: now },
    signer,
    parts.profile,
  );
  if (!made.ok)
    return made.reason === 'client-not-valid' ? auditRefusal(tooLate(made.detail), request, parts) : { kind: 'fault', cause: 'no-signer' };
  const { der, notBeforeMs, notAfterMs } = made.leaf;
  const leafSHA256 = fingerprintSHA256(der);
  auditIssue(verdict.peer, { leafSHA256, generation: signer.generation, notAfterMs }, parts);
  parts.meter.leafIssued(verdict.peer.identity.kind, parts.clock.elapsed() - startedMs);
  const signerCertificate = signer.certificate.der;
  return { kind: 'issued', leaf: der, leafSHA256, signerCertificate, generation: signer.generation, notBeforeMs, notAfterMs };
}

function tooLate(detail: string): Refusal {
  return { rule: 'certificate-expired', detail };
}

function isP256(spki: Buffer): boolean {
  if (spki.length !== SPKI_BYTES) return false;
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
}

function auditIssue(peer: Peer, leaf: { leafSHA256: string; generation: number; notAfterMs: number }, parts: IssuerParts): void {
  const { user, groups, kind, cluster, addon } = peer.identity;
  parts.audit.write({
    event: 'issue',
    clientCertificateSHA256: peer.certificate.fingerprintSHA256,
    leafSHA256: leaf.leafSHA256,
    user,
    groups,
    kind,
    cluster,
    addon,
    generation: leaf.generation,
    notAfter: new Date(leaf.notAfterMs).toISOString(),
  });
}

function auditRefusal(refusal: Refusal, request: IssueRequest, parts: IssuerParts): IssueAnswer {
  const [client] = request.chain;
  parts.meter.issueRefused(refusal.rule);
  parts.audit.write({
    event: 'issue-refused',
    clientCertificateSHA256: client === undefined ? null : fingerprintSHA256(client),
    rule: refusal.rule,
    detail: refusal.detail,
  });
  return { kind: 'refused', refusal };
}
