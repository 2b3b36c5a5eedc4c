// Whether a client certificate verifies as the hub would verify it: Go's x509.Certificate.Verify with KeyUsages [ClientAuth], and stricter where
// Countersign must be (design.md §3, invariant 2). A pure function of its arguments: no clock, no store, no revocation (the hub has none either).

import { type Certificate, isSignedBy } from './certificate.ts';
import { extensionOids } from './certificate-extensions.ts';
import type { RefusalRule } from './errors.ts';

export type ChainVerdict = VerifiedChain | RefusedChain;

export interface VerifiedChain {
  readonly ok: true;
  /** Leaf first, anchor last. */
  readonly chain: readonly Certificate[];
  /** The window in which every certificate of the chain is valid. While now is inside it, this verdict holds without another verification. */
  readonly validFromMs: number;
  readonly validUntilMs: number;
}

export interface RefusedChain {
  readonly ok: false;
  readonly rule: CertificateRule;
  /** For the audit: which certificate and what about it. */
  readonly detail: string;
}

type CertificateRule = Extract<RefusalRule, `certificate-${string}`>;

/** Go's maxChainSignatureChecks (verify.go): more is an attempt to keep us busy. */
const MAX_SIGNATURE_CHECKS = 100;

/** Certificates that a client may send besides its own. Kubernetes clients send none or one (csr-signer.md §5). */
const MAX_INTERMEDIATES = 8;

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ANY_USAGE = '2.5.29.37.0';

/**
 * `anchors` is the trust bundle, whatever stands in it: roots or intermediates, each trusted as it is. `intermediates` is what the client sent
 * besides its own certificate. Verify once and keep the verdict for its window; a changed bundle needs a new verification.
 */
export function verifyClientChain(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  anchors: readonly Certificate[],
  nowMs: number,
): ChainVerdict {
  const refusal = judgeLeaf(leaf) ?? judgeIntermediates(intermediates);
  if (refusal !== null) return refusal;
  const search = new ChainSearch(intermediates, anchors);
  search.extend([leaf]);
  const windows = search.chains.map(intersectValidity);
  const valid = windows.filter(({ validFromMs, validUntilMs }) => validFromMs <= nowMs && nowMs <= validUntilMs);
  // The one that lasts longest, so that the verdict need not be renewed earlier than necessary.
  const best = valid.toSorted((a, b) => b.validUntilMs - a.validUntilMs)[0];
  if (best !== undefined) return best;
  return windows[0] === undefined ? search.explain(leaf) : explainTime(windows[0], nowMs);
}

function judgeLeaf(leaf: Certificate): RefusedChain | null {
  const constraint = findConstraint(leaf);
  if (constraint !== null) return refuse('certificate-constraints', `the client certificate ${constraint}`);
  if (leaf.basicConstraints?.isAuthority === true) return refuse('certificate-is-authority', 'the client certificate has CA:TRUE');
  // Stricter than Go, which also takes an absent extension and anyExtendedKeyUsage: invariant 2 wants clientAuth by name.
  if (leaf.extendedKeyUsage?.includes(CLIENT_AUTH) !== true) {
    return refuse('certificate-usage', `the client certificate is for ${leaf.extendedKeyUsage?.join(', ') ?? 'no stated use'}`);
  }
  return null;
}

function judgeIntermediates(intermediates: readonly Certificate[]): RefusedChain | null {
  if (intermediates.length <= MAX_INTERMEDIATES) return null;
  return refuse('certificate-constraints', `${intermediates.length} intermediate certificates where at most ${MAX_INTERMEDIATES} are read`);
}

/**
 * Go applies name constraints to subject alternative names (not to the subject) and, from 1.24, policy constraints; OpenSSL applies both differently.
 * No signer that Countersign can stand in front of carries either, and a leaf of ours is under the same authorities: refused outright, so that no
 * difference can matter.
 */
const constraining: Readonly<Record<string, string>> = {
  [extensionOids.nameConstraints]: 'carries name constraints',
  [extensionOids.policyConstraints]: 'carries policy constraints',
  [extensionOids.policyMappings]: 'carries policy mappings',
  [extensionOids.inhibitAnyPolicy]: 'carries inhibitAnyPolicy',
};

/** null where the certificate carries nothing that keeps it out of every chain. Completes "the authority X …". */
export function findConstraint(certificate: Certificate): string | null {
  const unknown = certificate.unhandledCriticalExtensions[0];
  if (unknown !== undefined) return `carries the unknown critical extension ${unknown}`;
  const extension = certificate.extensions.find(({ oid }) => oid in constraining);
  return extension === undefined ? null : (constraining[extension.oid] ?? null);
}

/** Depth-first, as Go's buildChains: every path from the leaf over the client's intermediates to an anchor, time left aside. */
class ChainSearch {
  readonly chains: (readonly Certificate[])[] = [];
  readonly #intermediates: readonly Certificate[];
  readonly #anchors: readonly Certificate[];
  /** Why signed candidates fell out: the first of each kind. */
  #constraint: string | null = null;
  #hint: string | null = null;
  #checks = 0;

  constructor(intermediates: readonly Certificate[], anchors: readonly Certificate[]) {
    this.#intermediates = intermediates;
    this.#anchors = anchors;
  }

  extend(chain: readonly Certificate[]): void {
    const child = chain.at(-1);
    if (child === undefined) return;
    for (const anchor of findIssuers(child, this.#anchors)) {
      if (this.#accepts(anchor, chain, child)) this.chains.push([...chain, anchor]);
    }
    for (const intermediate of findIssuers(child, this.#intermediates)) {
      if (this.#accepts(intermediate, chain, child)) this.extend([...chain, intermediate]);
    }
  }

  explain(leaf: Certificate): RefusedChain {
    if (this.#constraint !== null) return refuse('certificate-constraints', this.#constraint);
    return refuse(
      'certificate-unknown-authority',
      this.#hint ?? `no authority with the subject ${shorten(leaf.issuer)} is in the trust bundle`,
    );
  }

  #accepts(candidate: Certificate, chain: readonly Certificate[], child: Certificate): boolean {
    if (isInChain(candidate, chain)) return false;
    this.#checks += 1;
    const unfit =
      this.#checks > MAX_SIGNATURE_CHECKS ? `more than ${MAX_SIGNATURE_CHECKS} signatures to check` : findUnfitIssuer(child, candidate);
    if (unfit !== null) {
      this.#hint ??= unfit;
      return false;
    }
    const constraint = findConstraint(candidate) ?? findPathFault(candidate, chain.length - 1);
    if (constraint !== null) this.#constraint ??= `the authority ${shorten(candidate.subject)} ${constraint}`;
    return constraint === null;
  }
}

/** By the raw bytes of the name, as Go; key identifiers only say which to try first (cert_pool.go findPotentialParents). */
function findIssuers(child: Certificate, authorities: readonly Certificate[]): readonly Certificate[] {
  const rank = ({ subjectKeyId }: Certificate): number => {
    if (subjectKeyId === null || child.authorityKeyId === null) return 1;
    return subjectKeyId.equals(child.authorityKeyId) ? 0 : 2;
  };
  return authorities.filter(({ subjectDer }) => subjectDer.equals(child.issuerDer)).toSorted((a, b) => rank(a) - rank(b));
}

/** Go's CheckSignatureFrom: null where `issuer` may sign certificates and did sign this one. */
function findUnfitIssuer(child: Certificate, issuer: Certificate): string | null {
  const name = shorten(issuer.subject);
  if (issuer.basicConstraints?.isAuthority !== true) return `${name} is not an authority`;
  if (issuer.keyUsage?.has('keyCertSign') === false) return `${name} may not sign certificates`;
  return isSignedBy(child, issuer)
    ? null
    : `the signature is not by ${name}, or of an algorithm that the hub refuses (${child.signatureAlgorithm})`;
}

/** `intermediates`: authorities between the candidate and the leaf. */
function findPathFault(candidate: Certificate, intermediates: number): string | null {
  const limit = candidate.basicConstraints?.pathLength ?? null;
  if (limit !== null && intermediates > limit) return `allows ${limit} authorities below it, and there are ${intermediates}`;
  const usages = candidate.extendedKeyUsage;
  // Go nests extended key usages: an authority that lists some limits all below it (checkChainForKeyUsage).
  if (usages !== null && !usages.includes(CLIENT_AUTH) && !usages.includes(ANY_USAGE)) return 'is not for client authentication';
  return null;
}

/** Go's alreadyInChain: same subject, key and alternative names, so that cross-signed authorities make no circles. */
function isInChain(candidate: Certificate, chain: readonly Certificate[]): boolean {
  const names = findAlternativeNames(candidate);
  return chain.some((member) => {
    if (!member.subjectDer.equals(candidate.subjectDer) || !member.spkiDer.equals(candidate.spkiDer)) return false;
    const others = findAlternativeNames(member);
    return names === null || others === null ? names === others : names.equals(others);
  });
}

function findAlternativeNames(certificate: Certificate): Buffer | null {
  return certificate.extensions.find(({ oid }) => oid === extensionOids.subjectAltName)?.value ?? null;
}

function intersectValidity(chain: readonly Certificate[]): VerifiedChain {
  const validFromMs = Math.max(...chain.map(({ notBeforeMs }) => notBeforeMs));
  const validUntilMs = Math.min(...chain.map(({ notAfterMs }) => notAfterMs));
  return { ok: true, chain, validFromMs, validUntilMs };
}

function explainTime({ chain }: VerifiedChain, nowMs: number): RefusedChain {
  const ended = chain.find(({ notAfterMs }) => notAfterMs < nowMs);
  const at = (ms: number): string => new Date(ms).toISOString();
  if (ended !== undefined) return refuse('certificate-expired', `${shorten(ended.subject)} ended at ${at(ended.notAfterMs)}`);
  const early = chain.find(({ notBeforeMs }) => notBeforeMs > nowMs);
  return refuse(
    'certificate-not-yet-valid',
    early === undefined ? 'no moment in the chain' : `${shorten(early.subject)} begins at ${at(early.notBeforeMs)}`,
  );
}

/** Characters of a detail: one audit line, also where identifiers in the certificate are long. */
const MAX_DETAIL_CHARACTERS = 600;

function refuse(rule: CertificateRule, detail: string): RefusedChain {
  return { ok: false, rule, detail: detail.slice(0, MAX_DETAIL_CHARACTERS) };
}

/** Characters of a name in one audit line; the fingerprint is there as well. */
const MAX_NAME_CHARACTERS = 200;

function shorten(name: string): string {
  return name.length > MAX_NAME_CHARACTERS ? `${name.slice(0, MAX_NAME_CHARACTERS)}…` : name;
}
