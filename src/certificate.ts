// X.509 v3 certificates as immutable values. Takes what both Go's crypto/x509 (the hub) and OpenSSL (our TLS) take and read alike, and refuses the
// rest: a certificate that parses here means the same to both. Decides nothing about trust, time or identity (chain.ts, proxy/identity.ts).

import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import { type CertificateExtensions, type Extension, type KeyUsage, parseExtensions } from './certificate-extensions.ts';
import { contextTag, DerError, DerReader, tags } from './der.ts';
import { describeName, parseName } from './distinguished-name.ts';
import { checkPublicKey, type PublicKeyType } from './public-key.ts';

export type { Extension, KeyUsage } from './certificate-extensions.ts';

/** One parsed X.509 v3 certificate, immutable. */
export interface Certificate {
  readonly der: Buffer;
  /** Lower-case hex of SHA-256(der). */
  readonly fingerprintSHA256: string;
  /** Lower-case hex. */
  readonly serial: string;
  /** The Name as it stands in the certificate. */
  readonly subjectDer: Buffer;
  readonly issuerDer: Buffer;
  /** For people and logs: RFC 4514-like, one line, everything but plain ASCII escaped. */
  readonly subject: string;
  readonly issuer: string;
  /** SubjectPublicKeyInfo. */
  readonly spkiDer: Buffer;
  readonly publicKey: KeyObject;
  readonly notBeforeMs: number;
  /** Still valid at this very moment, no longer a millisecond after it (Go x509 isValid). */
  readonly notAfterMs: number;
  readonly basicConstraints: { readonly isAuthority: boolean; readonly pathLength: number | null } | null;
  /** null: extension absent. Never empty. */
  readonly keyUsage: ReadonlySet<KeyUsage> | null;
  /** OIDs in dotted form; null: extension absent. Never empty. */
  readonly extendedKeyUsage: readonly string[] | null;
  readonly subjectKeyId: Buffer | null;
  readonly authorityKeyId: Buffer | null;
  readonly extensions: readonly Extension[];
  /** OIDs of critical extensions that nobody here acts on. */
  readonly unhandledCriticalExtensions: readonly string[];
  readonly tbsDer: Buffer;
  /** OID. */
  readonly signatureAlgorithm: string;
  readonly signature: Buffer;
}

/** The message says what is wrong; safe for logs. */
export class CertificateError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CertificateError';
  }
}

/** Throws CertificateError: whatever Go's crypto/x509 or OpenSSL would refuse is refused. Keeps `der`; its owner must not change it afterwards. */
export function parseCertificate(der: Uint8Array): Certificate {
  try {
    return new ParsedCertificate(readFields(Buffer.isBuffer(der) ? der : Buffer.from(der.buffer, der.byteOffset, der.length)));
  } catch (error) {
    if (error instanceof DerError)
      throw new CertificateError(`not a certificate that the hub would parse: ${error.message}`, { cause: error });
    throw error;
  }
}

/** Lower-case hex; as kube-apiserver's credential-id has it. */
export function fingerprintSHA256(der: Uint8Array): string {
  return hash('sha256', der, 'hex');
}

interface Fields extends CertificateExtensions {
  readonly der: Buffer;
  readonly tbsDer: Buffer;
  readonly serialContent: Buffer;
  readonly signatureAlgorithm: string;
  readonly signature: Buffer;
  readonly issuerDer: Buffer;
  readonly subjectDer: Buffer;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly spkiDer: Buffer;
  readonly publicKeyType: PublicKeyType;
}

function readFields(der: Buffer): Fields {
  const outer = DerReader.over(der);
  const certificate = outer.enter(tags.sequence);
  outer.end();
  const tbsDer = certificate.element(tags.sequence);
  const algorithmDer = certificate.element(tags.sequence);
  const signature = certificate.bitString();
  certificate.end();
  if (signature.unusedBits !== 0) throw new DerError('value', 'a signature that is not whole octets');
  const tbs = DerReader.over(tbsDer).enter(tags.sequence);
  const head = readHead(tbs, algorithmDer);
  const validity = tbs.enter(tags.sequence);
  const notBeforeMs = readTime(validity);
  const notAfterMs = readTime(validity);
  validity.end();
  const subjectDer = readName(tbs);
  const spkiDer = tbs.element(tags.sequence);
  const { type: publicKeyType } = checkPublicKey(DerReader.over(spkiDer).enter(tags.sequence));
  // [1] and [2], the unique identifiers of X.509 v2, are refused with everything else that may stand here: RFC 5280 §4.1.2.8, nobody issues them.
  const extensions = parseExtensions(tbs.isEmpty ? null : tbs.enter(contextTag(3, 'constructed')));
  tbs.end();
  return { der, tbsDer, ...head, signature: signature.bytes, notBeforeMs, notAfterMs, subjectDer, spkiDer, publicKeyType, ...extensions };
}

function readHead(tbs: DerReader, outerAlgorithm: Buffer): Pick<Fields, 'serialContent' | 'signatureAlgorithm' | 'issuerDer'> {
  const version = tbs.enter(contextTag(0, 'constructed'));
  // Versions 1 and 2 cannot say who is an authority.
  if (version.smallInteger() !== 2) throw new DerError('value', 'a certificate that is not of version 3');
  version.end();
  const serialContent = tbs.integer();
  if ((serialContent[0] ?? 0) >= 0x80) throw new DerError('value', 'a negative serial number');
  const innerAlgorithm = tbs.element(tags.sequence);
  if (!innerAlgorithm.equals(outerAlgorithm)) throw new DerError('value', 'two different signature algorithms');
  const signatureAlgorithm = readSignatureAlgorithm(innerAlgorithm);
  return { serialContent, signatureAlgorithm, issuerDer: readName(tbs) };
}

/** The object identifier of an AlgorithmIdentifier whose parameters are those that its algorithm has. Throws DerError. */
export function readSignatureAlgorithm(der: Buffer): string {
  const algorithm = DerReader.over(der).enter(tags.sequence);
  const oid = algorithm.oid();
  const known = signatureAlgorithms[oid];
  // RFC 4055 §5: NULL or nothing after RSA; RFC 5758 §3.2, RFC 8410 §3: nothing after the others. What follows an unknown one is its own affair.
  if (known === undefined) requireAny(algorithm);
  else if (known.keyType === 'rsa' && !algorithm.isEmpty && algorithm.content(tags.null).length > 0)
    throw new DerError('value', 'a malformed NULL');
  algorithm.end();
  return oid;
}

function requireAny(reader: DerReader): void {
  if (!reader.isEmpty) reader.content(reader.nextTag());
}

function readName(tbs: DerReader): Buffer {
  const der = tbs.element(tags.sequence);
  parseName(der);
  return der;
}

/** RFC 5280 §4.1.2.5: Zulu, with seconds, no fraction. Go also takes offsets and UTCTime without seconds, where OpenSSL refuses to compare. */
const TIME = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;

function readTime(validity: DerReader): number {
  const isShort = validity.nextIs(tags.utcTime);
  const text = validity.content(isShort ? tags.utcTime : tags.generalizedTime).toString('latin1');
  const century = text >= '5' ? '19' : '20';
  const match = TIME.exec(isShort ? century + text : text);
  if (match === null) throw new DerError('value', 'a malformed time');
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // Date.UTC takes 0 to 99 for 1900 to 1999; Go writes the year 1 where a CA was made without a time.
  if (year < 100) date.setUTCFullYear(year);
  // A date that does not exist rolls over into the next month.
  const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  if (!exists) throw new DerError('value', 'a time that does not exist');
  return date.getTime();
}

/** What is costly and not always needed is made on first use. */
class ParsedCertificate implements Certificate {
  readonly der: Buffer;
  readonly tbsDer: Buffer;
  readonly subjectDer: Buffer;
  readonly issuerDer: Buffer;
  readonly spkiDer: Buffer;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly basicConstraints: CertificateExtensions['basicConstraints'];
  readonly keyUsage: ReadonlySet<KeyUsage> | null;
  readonly extendedKeyUsage: readonly string[] | null;
  readonly subjectKeyId: Buffer | null;
  readonly authorityKeyId: Buffer | null;
  readonly extensions: readonly Extension[];
  readonly unhandledCriticalExtensions: readonly string[];
  readonly signatureAlgorithm: string;
  readonly signature: Buffer;
  readonly serial: string;
  #fingerprint: string | undefined;
  #publicKey: KeyObject | undefined;

  constructor(fields: Fields) {
    this.der = fields.der;
    this.tbsDer = fields.tbsDer;
    this.subjectDer = fields.subjectDer;
    this.issuerDer = fields.issuerDer;
    this.spkiDer = fields.spkiDer;
    this.notBeforeMs = fields.notBeforeMs;
    this.notAfterMs = fields.notAfterMs;
    this.basicConstraints = fields.basicConstraints;
    this.keyUsage = fields.keyUsage;
    this.extendedKeyUsage = fields.extendedKeyUsage;
    this.subjectKeyId = fields.subjectKeyId;
    this.authorityKeyId = fields.authorityKeyId;
    this.extensions = fields.extensions;
    this.unhandledCriticalExtensions = fields.unhandledCriticalExtensions;
    this.signatureAlgorithm = fields.signatureAlgorithm;
    this.signature = fields.signature;
    const serial = fields.serialContent;
    this.serial = serial.toString('hex', serial.length > 1 && serial[0] === 0 ? 1 : 0);
  }

  get fingerprintSHA256(): string {
    this.#fingerprint ??= fingerprintSHA256(this.der);
    return this.#fingerprint;
  }

  get publicKey(): KeyObject {
    this.#publicKey ??= createPublicKey({ key: this.spkiDer, format: 'der', type: 'spki' });
    return this.#publicKey;
  }

  get subject(): string {
    return describeName(parseName(this.subjectDer));
  }

  get issuer(): string {
    return describeName(parseName(this.issuerDer));
  }
}

interface SignatureAlgorithm {
  readonly keyType: PublicKeyType;
  readonly digest: 'sha256' | 'sha384' | 'sha512' | null;
}

/** Those that Go verifies, less RSA-PSS, which no Kubernetes signer uses (kube-controller-manager signs with these: csr-signer.md §5). No SHA-1, no MD5. */
const signatureAlgorithms: Readonly<Record<string, SignatureAlgorithm>> = {
  '1.2.840.113549.1.1.11': { keyType: 'rsa', digest: 'sha256' },
  '1.2.840.113549.1.1.12': { keyType: 'rsa', digest: 'sha384' },
  '1.2.840.113549.1.1.13': { keyType: 'rsa', digest: 'sha512' },
  '1.2.840.10045.4.3.2': { keyType: 'ec', digest: 'sha256' },
  '1.2.840.10045.4.3.3': { keyType: 'ec', digest: 'sha384' },
  '1.2.840.10045.4.3.4': { keyType: 'ec', digest: 'sha512' },
  '1.3.101.112': { keyType: 'ed25519', digest: null },
};

/** The signature only: says nothing about names, time or rights. False also where the algorithm is not one that the hub takes. */
export function isSignedBy(child: Certificate, issuer: Certificate): boolean {
  return isSignatureBy(issuer.publicKey, issuer.publicKey.asymmetricKeyType, child);
}

/** As isSignedBy, for whatever is signed like a certificate. A KeyObject takes 30 µs to be made and 50 to tell its type: hence PEM, and `keyType`. */
export function isSignatureBy(publicKey: KeyObject | string, keyType: string | undefined, signed: Signed): boolean {
  const algorithm = signatureAlgorithms[signed.signatureAlgorithm];
  if (algorithm === undefined || keyType !== algorithm.keyType) return false;
  return verify(algorithm.digest, signed.tbsDer, publicKey, signed.signature);
}

type Signed = Pick<Certificate, 'tbsDer' | 'signatureAlgorithm' | 'signature'>;

/** Characters. Bundles come from Secrets and ConfigMaps, which hold at most 1 MiB (Kubernetes), or from files of that kind. */
const MAX_PEM_CHARACTERS = 1024 * 1024;
const MAX_PEM_BLOCKS = 1_000;

const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';

/** Every CERTIFICATE block; throws CertificateError on the first bad one. */
export function readCertificates(pem: string): readonly Certificate[] {
  return splitPemCertificates(pem).map(parseCertificate);
}

/**
 * DER of each CERTIFICATE block, unparsed (for bundles, where bad entries are skipped one by one). A block that is cut off or not base64 is an empty
 * Buffer, so that it is counted and refused like any other bad one. Text around blocks and blocks of other kinds are passed over, as Go does.
 */
export function splitPemCertificates(pem: string): readonly Buffer[] {
  if (pem.length > MAX_PEM_CHARACTERS)
    throw new CertificateError(`PEM of ${pem.length} characters where at most ${MAX_PEM_CHARACTERS} are read`);
  const blocks: Buffer[] = [];
  for (let begin = pem.indexOf(BEGIN); begin >= 0; begin = pem.indexOf(BEGIN, begin + BEGIN.length)) {
    if (begin > 0 && pem[begin - 1] !== '\n') continue;
    if (blocks.length >= MAX_PEM_BLOCKS) throw new CertificateError(`more than ${MAX_PEM_BLOCKS} certificates in one PEM text`);
    const start = begin + BEGIN.length;
    const end = pem.indexOf('-----', start);
    blocks.push(end >= 0 && pem.startsWith(END, end) ? decodeBase64(pem.slice(start, end)) : Buffer.alloc(0));
  }
  return blocks;
}

function decodeBase64(text: string): Buffer {
  const characters = text.replace(/\s+/g, '');
  const isWhole = characters.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(characters);
  return isWhole ? Buffer.from(characters, 'base64') : Buffer.alloc(0);
}

/** RFC 7468: lines of 64 characters, with a newline at the end. */
export function toPem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [BEGIN, ...lines, END, ''].join('\n');
}
