// Go's Certificate.Verify for client authentication (go1.26 crypto/x509 verify.go): builds every chain from the leaf over what the client
// sent to the roots, and accepts when one of them holds. The hub's oracle; it shares nothing with the product's verifier.

import { readElements, readSequence } from './der.ts';
import type { ParsedCertificate } from './parsed-certificate.ts';

export type Verification = { readonly ok: true } | { readonly ok: false; readonly detail: string };

interface Pools {
  readonly roots: readonly ParsedCertificate[];
  readonly intermediates: readonly ParsedCertificate[];
  readonly nowMs: number;
}

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ANY_USAGE = '2.5.29.37.0';
/** verify.go maxChainSignatureChecks. */
const MAX_SIGNATURE_CHECKS = 100;

/** RSA and RSA-PSS with SHA-2, ECDSA with SHA-2, Ed25519: what is left once SHA-1 and MD5 are refused. */
const SIGNATURE_ALGORITHMS = new Set([
  '1.2.840.113549.1.1.10',
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.2.840.10045.4.3.2',
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
  '1.3.101.112',
]);

export function verifyForClientAuth(leaf: ParsedCertificate, pools: Pools): Verification {
  const search = new ChainSearch(pools);
  const chains = search.chainsFrom(leaf);
  if (chains.length === 0) return { ok: false, detail: search.firstProblem ?? 'x509: certificate signed by unknown authority' };
  if (!chains.some(allowsClientAuth)) return { ok: false, detail: 'x509: certificate specifies an incompatible key usage' };
  return { ok: true };
}

class ChainSearch {
  firstProblem: string | null = null;
  readonly #pools: Pools;
  #signatureChecks = 0;

  constructor(pools: Pools) {
    this.#pools = pools;
  }

  chainsFrom(leaf: ParsedCertificate): readonly (readonly ParsedCertificate[])[] {
    if (!this.#isValid(leaf, 'leaf', [])) return [];
    return this.#pools.roots.some((root) => root.der.equals(leaf.der)) ? [[leaf]] : this.#extend([leaf]);
  }

  #extend(chain: readonly ParsedCertificate[]): readonly (readonly ParsedCertificate[])[] {
    const last = chain.at(-1);
    if (last === undefined) return [];
    const candidates = (pool: readonly ParsedCertificate[]): readonly ParsedCertificate[] =>
      pool.filter((candidate) => candidate.subject.equals(last.issuer) && !chain.some((member) => isSameEntity(member, candidate)));
    const complete = candidates(this.#pools.roots)
      .filter((root) => this.#isIssuer(root, last) && this.#isValid(root, 'root', chain))
      .map((root) => [...chain, root]);
    const longer = candidates(this.#pools.intermediates)
      .filter((authority) => this.#isIssuer(authority, last) && this.#isValid(authority, 'intermediate', chain))
      .flatMap((authority) => this.#extend([...chain, authority]));
    return [...complete, ...longer];
  }

  /** verify.go isValid, in its order. */
  #isValid(certificate: ParsedCertificate, kind: 'leaf' | 'intermediate' | 'root', chain: readonly ParsedCertificate[]): boolean {
    const { nowMs } = this.#pools;
    const { authority, unknownCritical } = certificate;
    if (unknownCritical.length > 0) return this.#fail('x509: unhandled critical extension');
    if (nowMs < certificate.notBeforeMs)
      return this.#fail('x509: certificate has expired or is not yet valid: current time is before notBefore');
    if (nowMs > certificate.notAfterMs)
      return this.#fail('x509: certificate has expired or is not yet valid: current time is after notAfter');
    if (kind !== 'leaf' && !meetsNameConstraints(certificate, chain))
      return this.#fail('x509: a root or intermediate certificate is not authorized to sign for this name');
    if (kind === 'intermediate' && authority?.isAuthority !== true)
      return this.#fail('x509: certificate is not authorized to sign other certificates');
    // Each member so far but the leaf is an intermediate.
    const tooLong = authority?.isAuthority === true && authority.pathLength !== null && chain.length - 1 > authority.pathLength;
    return tooLong ? this.#fail('x509: too many intermediates for path length constraint') : true;
  }

  /** verify.go considerCandidate and x509.go CheckSignatureFrom. */
  #isIssuer(authority: ParsedCertificate, child: ParsedCertificate): boolean {
    this.#signatureChecks += 1;
    if (this.#signatureChecks > MAX_SIGNATURE_CHECKS)
      return this.#fail('x509: signature check attempts limit reached while verifying certificate chain');
    const mayNotSign = authority.authority?.isAuthority !== true || authority.mayCertSign === false;
    if (mayNotSign) return this.#fail('x509: invalid signature: parent certificate cannot sign this kind of certificate');
    if (!SIGNATURE_ALGORITHMS.has(child.signatureAlgorithm))
      return this.#fail('x509: cannot verify signature: insecure or unknown algorithm');
    return child.isSignedBy(authority) ? true : this.#fail('x509: certificate signed by unknown authority');
  }

  #fail(problem: string): false {
    this.firstProblem ??= problem;
    return false;
  }
}

/** verify.go alreadyInChain: same subject, key and alternative names. */
function isSameEntity(one: ParsedCertificate, other: ParsedCertificate): boolean {
  const names = (certificate: ParsedCertificate): Buffer => Buffer.concat(certificate.alternativeNames.map(({ der }) => der));
  return one.subject.equals(other.subject) && one.publicKeyInfo.equals(other.publicKeyInfo) && names(one).equals(names(other));
}

/** verify.go checkChainForKeyUsage: each certificate that names usages must name this one. */
function allowsClientAuth(chain: readonly ParsedCertificate[]): boolean {
  return chain.every(({ extendedUsages: usages }) => usages.length === 0 || usages.includes(CLIENT_AUTH) || usages.includes(ANY_USAGE));
}

const DNS_TAG = 0x82;
const PERMITTED_TAG = 0xa0;
const EXCLUDED_TAG = 0xa1;

/**
 * Constraints bind subject alternative names only; without any they say nothing. DNS names are judged as Go does; names of other kinds
 * under a constraint are refused outright, which is stricter than Go: no agent's certificate has them.
 */
function meetsNameConstraints(authority: ParsedCertificate, chain: readonly ParsedCertificate[]): boolean {
  const names = chain.flatMap(({ alternativeNames }) => alternativeNames);
  if (authority.nameConstraints === null || names.length === 0) return true;
  if (names.some(({ tag }) => tag !== DNS_TAG)) return false;
  const subtrees = readSequence(authority.nameConstraints);
  const domains = (tag: number): readonly string[] | null => {
    const list = subtrees.find((subtree) => subtree.tag === tag);
    return list === undefined ? null : readElements(list.content).flatMap(domainOfSubtree);
  };
  const [permitted, excluded] = [domains(PERMITTED_TAG), domains(EXCLUDED_TAG)];
  return names.every(({ content }) => {
    const name = content.toString('latin1').toLowerCase();
    const isIn = (domain: string): boolean => domain === '' || name === domain || name.endsWith(`.${domain.replace(/^\./, '')}`);
    return !(excluded ?? []).some(isIn) && (permitted === null || permitted.length === 0 || permitted.some(isIn));
  });
}

function domainOfSubtree(subtree: { readonly content: Buffer }): readonly string[] {
  const [base] = readElements(subtree.content);
  return base?.tag === DNS_TAG ? [base.content.toString('latin1').toLowerCase()] : [];
}
