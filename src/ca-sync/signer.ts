// The CA that leaves are issued from. Owns the checks that make tls.crt and tls.key a signer: everything that does not depend on the hour
// or on the signer before it (rotation.ts judges those). Never lets a signer through whose leaves the hub would refuse.

import { createHash } from 'node:crypto';
import { CertificateError, isSignedBy, readCertificates } from '../certificate.ts';
import type { Certificate } from '../certificate.ts';
import { findConstraint } from '../chain.ts';
import { SigningKey } from './signing-key.ts';
import type { KeyRefusalCode } from './signing-key.ts';
import type { SignerMaterial } from './source.ts';

/** Immutable. Only this reaches the issuer. */
export interface Signer extends CheckedSigner {
  /** 1 for the first that is published, then 1 more for each. */
  readonly generation: number;
}

/** A signer that may be published as soon as the clock and the one before it allow. */
export interface CheckedSigner {
  /** The first certificate of tls.crt. */
  readonly certificate: Certificate;
  /** The others, each the issuer of the one before it. */
  readonly chain: readonly Certificate[];
  readonly key: SigningKey;
}

/** Stable: they appear in the log, in metrics and in the status. */
export type SignerRefusalCode =
  | KeyRefusalCode
  | 'certificate-missing'
  | 'certificate-unreadable'
  | 'key-missing'
  | 'key-mismatch'
  | 'not-authority'
  | 'no-key-cert-sign'
  | 'no-client-auth'
  | 'constrained'
  | 'chain-broken'
  | 'chain-length';

export interface SignerRefusal {
  readonly ok: false;
  readonly code: SignerRefusalCode;
  readonly detail: string;
  /** Lower-case hex of SHA-256 over tls.crt as stored: tells one refused Secret from the next. Nothing of the key goes into it. */
  readonly materialSHA256: string;
}

export type SignerVerdict = { readonly ok: true; readonly signer: CheckedSigner } | SignerRefusal;

/** OpenShift has 1 or 2 (csr-signer.md §1); Go's verifier gives up on long chains, and each is sent with every hub handshake. */
const MAX_CHAIN = 8;

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ANY_USAGE = '2.5.29.37.0';

type Problem = { readonly code: SignerRefusalCode; readonly detail: string };

/** Never throws. Erases the bytes of the key before it returns. */
export function readSigner(material: SignerMaterial): SignerVerdict {
  const materialSHA256 = createHash('sha256').update(material.certificate).digest('hex');
  try {
    const read = readMaterial(material);
    if ('code' in read) return { ok: false, ...read, materialSHA256 };
    const problem = findProblem(read);
    return problem === null ? { ok: true, signer: read } : { ok: false, ...problem, materialSHA256 };
  } finally {
    material.key.fill(0);
  }
}

/** Whether two reads are of one signer. The key needs no look: both were matched with the same certificate. */
export function isSameSigner(one: CheckedSigner, other: CheckedSigner): boolean {
  const all = (signer: CheckedSigner): string => [signer.certificate, ...signer.chain].map((each) => each.fingerprintSHA256).join();
  return all(one) === all(other);
}

function readMaterial(material: SignerMaterial): CheckedSigner | Problem {
  if (material.certificate.length === 0) return { code: 'certificate-missing', detail: 'there is no tls.crt, or it is empty' };
  if (material.key.length === 0) return { code: 'key-missing', detail: 'there is no tls.key, or it is empty' };
  let certificates: readonly Certificate[];
  try {
    certificates = readCertificates(material.certificate.toString('latin1'));
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    return { code: 'certificate-unreadable', detail: `tls.crt: ${error.message}` };
  }
  const [certificate, ...chain] = certificates;
  if (certificate === undefined) return { code: 'certificate-unreadable', detail: 'tls.crt holds no PEM block CERTIFICATE' };
  if (certificates.length > MAX_CHAIN)
    return { code: 'chain-length', detail: `tls.crt holds ${certificates.length} certificates, at most ${MAX_CHAIN} are read` };
  const key = SigningKey.read(material.key);
  return key.ok ? { certificate, chain, key: key.key } : { code: key.code, detail: `tls.key: ${key.detail}` };
}

function findProblem(signer: CheckedSigner): Problem | null {
  if (!signer.key.belongsTo(signer.certificate.spkiDer)) {
    return { code: 'key-mismatch', detail: 'tls.key is not the key of the first certificate in tls.crt' };
  }
  return findAuthorityProblem(signer.certificate) ?? findChainProblem(signer);
}

/** Go's rules for a certificate above the leaf: Certificate.isValid and checkChainForKeyUsage in crypto/x509/verify.go. */
function findAuthorityProblem(certificate: Certificate): Problem | null {
  if (certificate.basicConstraints?.isAuthority !== true)
    return { code: 'not-authority', detail: `${certificate.subject} is not a CA (basicConstraints)` };
  if (certificate.keyUsage !== null && !certificate.keyUsage.has('keyCertSign')) {
    return { code: 'no-key-cert-sign', detail: `${certificate.subject} may not sign certificates (keyUsage)` };
  }
  const usages = certificate.extendedKeyUsage;
  if (usages !== null && !usages.includes(CLIENT_AUTH) && !usages.includes(ANY_USAGE)) {
    return {
      code: 'no-client-auth',
      detail: `${certificate.subject} restricts its leaves to usages without clientAuth (extendedKeyUsage)`,
    };
  }
  const constraint = findConstraint(certificate);
  return constraint === null ? null : { code: 'constrained', detail: `${certificate.subject} ${constraint}` };
}

function findChainProblem(signer: CheckedSigner): Problem | null {
  let child = signer.certificate;
  for (const [depth, issuer] of signer.chain.entries()) {
    if (!child.issuerDer.equals(issuer.subjectDer) || !isSignedBy(child, issuer)) {
      return { code: 'chain-broken', detail: `certificate ${depth + 2} of tls.crt (${issuer.subject}) did not issue the one before it` };
    }
    const problem = findAuthorityProblem(issuer);
    if (problem !== null) return { code: 'chain-broken', detail: `certificate ${depth + 2} of tls.crt: ${problem.detail}` };
    // Below an issuer at this depth stand the leaf's issuer and the intermediates up to it: depth + 1 CAs (RFC 5280 §4.2.1.9)
    const allowed = issuer.basicConstraints?.pathLength ?? null;
    if (allowed !== null && allowed < depth + 1) {
      return {
        code: 'chain-broken',
        detail: `certificate ${depth + 2} of tls.crt allows ${allowed} CAs below it (pathLenConstraint), there are ${depth + 1}`,
      };
    }
    child = issuer;
  }
  return null;
}
