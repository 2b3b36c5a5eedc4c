// The authorities that inbound client certificates may come from. Owns reading them from a PEM bundle, as one immutable value. Never fails
// for a single bad entry, and never passes off a cut-off or useless bundle as a smaller good one.

import { createHash } from 'node:crypto';
import { CertificateError, parseCertificate, splitPemCertificates } from '../certificate.ts';
import type { Certificate } from '../certificate.ts';

/** Immutable. Holds at least one authority. */
export interface TrustBundle {
  /** CA certificates in the order of the bundle, each once. Also those that have ended: time is judged with each verification. */
  readonly authorities: readonly Certificate[];
  /** One sentence for each entry that was left out. */
  readonly skipped: readonly string[];
  /** Lower-case hex of SHA-256 over the authorities' DER, in their order. */
  readonly fingerprint: string;
}

/** Stable: they appear in the log, in metrics and in the status. */
export type TrustRefusalCode = 'trust-empty' | 'trust-truncated' | 'trust-size' | 'trust-no-authority';

export interface TrustRefusal {
  readonly ok: false;
  readonly code: TrustRefusalCode;
  readonly detail: string;
  /** SHA-256 of the bundle's bytes, in hex: tells one refused bundle from the next. */
  readonly materialSHA256: string;
}

export type TrustVerdict = { readonly ok: true; readonly trust: TrustBundle } | TrustRefusal;

/** A hub holds 4 to 6 (csr-signer.md §2). All names go into one TLS CertificateRequest, which ends at 64 KiB: 256 of some 150 bytes fit. */
const MAX_ENTRIES = 256;

const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';

/** Never throws. */
export function readTrustBundle(pem: Buffer): TrustVerdict {
  const text = pem.toString('latin1');
  const entries = splitBundle(text);
  if ('code' in entries) return { ok: false, ...entries, materialSHA256: createHash('sha256').update(pem).digest('hex') };
  const authorities = new Map<string, Certificate>();
  const skipped: string[] = [];
  for (const [index, der] of entries.entries()) {
    const read = readAuthority(der);
    if (typeof read === 'string') skipped.push(`entry ${index + 1}: ${read}`);
    else authorities.set(read.fingerprintSHA256, read);
  }
  if (authorities.size > 0) return { ok: true, trust: seal([...authorities.values()], skipped) };
  const detail = `the bundle holds no usable CA; ${skipped[0] ?? 'it has no entries'}`;
  return { ok: false, code: 'trust-no-authority', detail, materialSHA256: createHash('sha256').update(pem).digest('hex') };
}

function splitBundle(text: string): readonly Buffer[] | { readonly code: TrustRefusalCode; readonly detail: string } {
  // Without this, a bundle cut off while it was written would pass for a smaller one with a bad entry
  if (text.lastIndexOf(BEGIN) > text.lastIndexOf(END))
    return { code: 'trust-truncated', detail: 'the last entry of the bundle has no end' };
  try {
    const entries = splitPemCertificates(text);
    if (entries.length === 0) return { code: 'trust-empty', detail: 'the bundle holds no PEM block CERTIFICATE' };
    if (entries.length <= MAX_ENTRIES) return entries;
    return { code: 'trust-size', detail: `the bundle holds ${entries.length} entries, at most ${MAX_ENTRIES} are read` };
  } catch (error) {
    if (error instanceof CertificateError) return { code: 'trust-size', detail: error.message };
    throw error;
  }
}

/** One authority, or why the entry is none. */
function readAuthority(der: Buffer): Certificate | string {
  try {
    const certificate = parseCertificate(der);
    if (certificate.basicConstraints?.isAuthority !== true) return `${certificate.subject} is not a CA`;
    return certificate.keyUsage?.has('keyCertSign') === false ? `${certificate.subject} may not sign certificates` : certificate;
  } catch (error) {
    if (error instanceof CertificateError) return error.message;
    throw error;
  }
}

function seal(authorities: readonly Certificate[], skipped: readonly string[]): TrustBundle {
  const hash = createHash('sha256');
  for (const authority of authorities) hash.update(authority.der);
  return Object.freeze({ authorities: Object.freeze(authorities), skipped: Object.freeze(skipped), fingerprint: hash.digest('hex') });
}
