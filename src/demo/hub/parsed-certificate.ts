// One certificate as Go's crypto/x509 parser sees it (go1.26 parser.go): its fields, or the error that makes a Go server break off the
// handshake. The hub's own parser: it shares nothing with the product's. Verifies no signature and knows no time.

import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import { DerError, type Element, readElements, readOid, readSequence, TAG } from './der.ts';
import { type Attribute, readName } from './distinguished-name.ts';

export interface ParsedCertificate {
  readonly der: Buffer;
  readonly sha256: string;
  /** By this authority's key, names aside. Remembered: bytes do not change, and it is asked for every request. */
  readonly isSignedBy: (authority: ParsedCertificate) => boolean;
  readonly subject: Buffer;
  readonly issuer: Buffer;
  readonly attributes: readonly Attribute[];
  readonly publicKeyInfo: Buffer;
  readonly publicKey: KeyObject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly signatureAlgorithm: string;
  /** Null: no such extension. */
  readonly authority: { readonly isAuthority: boolean; readonly pathLength: number | null } | null;
  readonly mayCertSign: boolean | null;
  readonly extendedUsages: readonly string[];
  readonly subjectKeyId: Buffer | null;
  readonly authorityKeyId: Buffer | null;
  /** GeneralNames of subjectAltName: tag and content. */
  readonly alternativeNames: readonly Element[];
  readonly nameConstraints: Buffer | null;
  readonly unknownCritical: readonly string[];
}

interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Buffer;
}

const EXTENSION = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  alternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  crlDistribution: '2.5.29.31',
  policies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  authorityKeyId: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extendedKeyUsage: '2.5.29.37',
  inhibitAnyPolicy: '2.5.29.54',
} as const;
const HANDLED = new Set<string>(Object.values(EXTENSION));

const VERSION_TAG = 0xa0;
const EXTENSIONS_TAG = 0xa3;
const V3 = 2;

/** Throws DerError, with Go's wording where there is one. */
export function parseCertificate(der: Buffer): ParsedCertificate {
  const [tbs, outerAlgorithm] = readSequence(der);
  if (tbs === undefined || outerAlgorithm === undefined) throw new DerError('malformed certificate');
  const fields = [...readSequence(tbs.der)];
  const version = fields[0]?.tag === VERSION_TAG ? (readElements(fields.shift()?.content ?? Buffer.alloc(0))[0]?.content[0] ?? 0) : 0;
  const [serial, algorithm, issuer, validity, subject, publicKeyInfo, ...optional] = fields;
  if (serial === undefined || algorithm === undefined || issuer === undefined || validity === undefined)
    throw new DerError('malformed tbs certificate');
  if (subject === undefined || publicKeyInfo === undefined) throw new DerError('malformed tbs certificate');
  if (((serial.content[0] ?? 0) & 0x80) !== 0) throw new DerError('negative serial number');
  if (!algorithm.der.equals(outerAlgorithm.der)) throw new DerError('inner and outer signature algorithm identifiers do not match');
  readName(issuer.der);
  const [notBefore, notAfter] = readElements(validity.content);
  return {
    der,
    sha256: createHash('sha256').update(der).digest('hex'),
    ...keyOperations(parseWithNode(der)),
    subject: subject.der,
    issuer: issuer.der,
    attributes: readName(subject.der),
    publicKeyInfo: publicKeyInfo.der,
    notBeforeMs: readTime(notBefore),
    notAfterMs: readTime(notAfter),
    signatureAlgorithm: readOid(readElements(algorithm.content)[0]?.content ?? Buffer.alloc(0)),
    ...readExtensions(version === V3 ? optional.find(({ tag }) => tag === EXTENSIONS_TAG) : undefined),
  };
}

function keyOperations(certificate: X509Certificate): Pick<ParsedCertificate, 'isSignedBy' | 'publicKey'> {
  const verdicts = new Map<string, boolean>();
  const isSignedBy = (authority: ParsedCertificate): boolean => {
    const known = verdicts.get(authority.sha256);
    if (known !== undefined) return known;
    const verdict = certificate.verify(authority.publicKey);
    verdicts.set(authority.sha256, verdict);
    return verdict;
  };
  return { isSignedBy, publicKey: certificate.publicKey };
}

function parseWithNode(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (error) {
    throw new DerError(error instanceof Error ? error.message : 'malformed certificate', { cause: error });
  }
}

function readTime(element: Element | undefined): number {
  const text = element?.content.toString('latin1') ?? '';
  const isUtc = element?.tag === TAG.utcTime;
  const match = (isUtc ? /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/ : /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/).exec(text);
  if (match === null || (!isUtc && element?.tag !== TAG.generalizedTime)) throw new DerError('malformed time');
  const [, year = '', month = '', day = '', hour = '', minute = '', second = ''] = match;
  // RFC 5280 §4.1.2.5.1: two-digit years from 50 on are in the last century.
  const century = !isUtc ? '' : Number(year) >= 50 ? '19' : '20';
  const date = new Date(`${century}${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(date.getTime()) || date.getUTCDate() !== Number(day)) throw new DerError('malformed time');
  return date.getTime();
}

type ExtensionFields = Pick<
  ParsedCertificate,
  | 'authority'
  | 'mayCertSign'
  | 'extendedUsages'
  | 'subjectKeyId'
  | 'authorityKeyId'
  | 'alternativeNames'
  | 'nameConstraints'
  | 'unknownCritical'
>;

function readExtensions(element: Element | undefined): ExtensionFields {
  const list = element === undefined ? [] : readSequence(element.content).map(readExtension);
  if (new Set(list.map(({ oid }) => oid)).size !== list.length) throw new DerError('certificate contains duplicate extensions');
  const find = (oid: string): Extension | null => list.find((extension) => extension.oid === oid) ?? null;
  const names = find(EXTENSION.alternativeName);
  return {
    authority: readBasicConstraints(find(EXTENSION.basicConstraints)),
    mayCertSign: readMayCertSign(find(EXTENSION.keyUsage)),
    extendedUsages: readExtendedUsages(find(EXTENSION.extendedKeyUsage)),
    subjectKeyId: readSubjectKeyId(find(EXTENSION.subjectKeyId)),
    authorityKeyId: readAuthorityKeyId(find(EXTENSION.authorityKeyId)),
    alternativeNames: names === null ? [] : readAlternativeNames(names),
    nameConstraints: find(EXTENSION.nameConstraints)?.value ?? null,
    unknownCritical: list.filter((extension) => extension.critical && !isHandled(extension)).map(({ oid }) => oid),
  };
}

/** A critical extension that the parser knows can still be "unhandled": names or constraints of no kind that Go looks at. */
function isHandled({ oid, value }: Extension): boolean {
  if (oid === EXTENSION.alternativeName) return readSequence(value).some(({ tag }) => NAME_TAGS.has(tag));
  if (oid !== EXTENSION.nameConstraints) return HANDLED.has(oid);
  const bases = readSequence(value).flatMap((subtrees) =>
    readElements(subtrees.content).map((subtree) => readElements(subtree.content)[0]?.tag ?? 0),
  );
  return bases.every((tag) => NAME_TAGS.has(tag));
}

function readExtension(element: Element): Extension {
  if (element.tag !== TAG.sequence) throw new DerError('malformed extension');
  const [oid, ...rest] = readElements(element.content);
  const flag = rest[0]?.tag === TAG.boolean ? rest.shift() : undefined;
  const [value, ...tooMany] = rest;
  if (oid?.tag !== TAG.oid || value?.tag !== TAG.octetString || tooMany.length > 0) throw new DerError('malformed extension');
  if (flag !== undefined && (flag.content.length !== 1 || ![0x00, 0xff].includes(flag.content[0] ?? 1)))
    throw new DerError('malformed extension critical field');
  return { oid: readOid(oid.content), critical: flag?.content[0] === 0xff, value: value.content };
}

function readBasicConstraints(extension: Extension | null): ParsedCertificate['authority'] {
  if (extension === null) return null;
  const fields = [...readSequence(extension.value)];
  const flag = fields[0]?.tag === TAG.boolean ? fields.shift() : undefined;
  const length = fields.shift();
  if (fields.length > 0 || (length !== undefined && (length.tag !== TAG.integer || length.content.length > 4)))
    throw new DerError('invalid basic constraints');
  return {
    isAuthority: flag?.content[0] === 0xff,
    pathLength: length === undefined ? null : length.content.readIntBE(0, length.content.length),
  };
}

const CERT_SIGN_BIT = 0x04;

function readMayCertSign(extension: Extension | null): boolean | null {
  if (extension === null) return null;
  const [bits] = readElements(extension.value);
  if (bits?.tag !== TAG.bitString || bits.content.length < 1) throw new DerError('invalid key usage');
  // Go's KeyUsage is 0, as if absent, where no bit is set (verify.go CheckSignatureFrom).
  if (bits.content.subarray(1).every((octet) => octet === 0)) return null;
  return ((bits.content[1] ?? 0) & CERT_SIGN_BIT) !== 0;
}

function readExtendedUsages(extension: Extension | null): readonly string[] {
  if (extension === null) return [];
  return readSequence(extension.value).map((usage) => {
    if (usage.tag !== TAG.oid) throw new DerError('invalid extended key usages');
    return readOid(usage.content);
  });
}

function readSubjectKeyId(extension: Extension | null): Buffer | null {
  if (extension === null) return null;
  if (extension.critical) throw new DerError('subject key identifier incorrectly marked critical');
  const [id] = readElements(extension.value);
  if (id?.tag !== TAG.octetString) throw new DerError('invalid subject key identifier');
  return id.content;
}

const KEY_IDENTIFIER_TAG = 0x80;

function readAuthorityKeyId(extension: Extension | null): Buffer | null {
  if (extension === null) return null;
  if (extension.critical) throw new DerError('authority key identifier incorrectly marked critical');
  return readSequence(extension.value).find(({ tag }) => tag === KEY_IDENTIFIER_TAG)?.content ?? null;
}

const MAIL_TAG = 0x81;
const DNS_TAG = 0x82;
const URI_TAG = 0x86;
const IP_TAG = 0x87;
const NAME_TAGS = new Set([MAIL_TAG, DNS_TAG, URI_TAG, IP_TAG]);

function readAlternativeNames(extension: Extension): readonly Element[] {
  const names = readSequence(extension.value);
  for (const { tag, content } of names) {
    const isText = tag === MAIL_TAG || tag === DNS_TAG || tag === URI_TAG;
    if (isText && content.some((octet) => octet > 0x7f)) throw new DerError('SAN is malformed');
    if (tag === URI_TAG && !URL.canParse(content.toString('latin1'))) throw new DerError('cannot parse URI in SAN');
    if (tag === IP_TAG && content.length !== 4 && content.length !== 16) throw new DerError('cannot parse IP address in SAN');
  }
  return names;
}
