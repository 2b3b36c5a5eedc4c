// X.509 v3 extensions (RFC 5280 §4.2): read as Go's processExtensions reads them, refusing what it refuses, and also what OpenSSL's
// x509v3_cache_extensions would mark invalid or read otherwise. Decides nothing about trust.

import { contextTag, DerError, DerReader, requireWellFormed, tags } from './der.ts';
import { parseName } from './distinguished-name.ts';

export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  /** What the OCTET STRING holds. */
  readonly value: Buffer;
}

/** RFC 5280 §4.2.1.3, in the order of their bits. */
export const keyUsages = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'crlSign',
  'encipherOnly',
  'decipherOnly',
] as const;

export type KeyUsage = (typeof keyUsages)[number];

export interface BasicConstraints {
  readonly isAuthority: boolean;
  readonly pathLength: number | null;
}

export interface CertificateExtensions {
  readonly extensions: readonly Extension[];
  readonly basicConstraints: BasicConstraints | null;
  readonly keyUsage: ReadonlySet<KeyUsage> | null;
  readonly extendedKeyUsage: readonly string[] | null;
  readonly subjectKeyId: Buffer | null;
  readonly authorityKeyId: Buffer | null;
  /** Critical ones that Go does not act on; a chain with one of them does not verify (RFC 5280 §4.2). */
  readonly unhandledCriticalExtensions: readonly string[];
}

export const extensionOids = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  crlDistributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  authorityKeyId: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extendedKeyUsage: '2.5.29.37',
  inhibitAnyPolicy: '2.5.29.54',
  authorityInfoAccess: '1.3.6.1.5.5.7.1.1',
} as const;

/** In one certificate; honest ones have 3 to 10. */
const MAX_EXTENSIONS = 64;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** `reader` is at the content of `[3]`, or null where a certificate has none. Throws DerError. */
export function parseExtensions(reader: DerReader | null): CertificateExtensions {
  const extensions = reader === null ? [] : readExtensions(reader);
  const unhandled: string[] = [];
  const found: Mutable<CertificateExtensions> = {
    extensions,
    basicConstraints: null,
    keyUsage: null,
    extendedKeyUsage: null,
    subjectKeyId: null,
    authorityKeyId: null,
    unhandledCriticalExtensions: unhandled,
  };
  for (const extension of extensions) {
    const isHandled = interpret(extension, found);
    if (extension.critical && !isHandled) unhandled.push(extension.oid);
  }
  return found;
}

function readExtensions(reader: DerReader): Extension[] {
  const sequence = reader.enter(tags.sequence);
  reader.end();
  const seen = new Map<string, Extension>();
  while (!sequence.isEmpty) {
    const entry = sequence.enter(tags.sequence);
    const oid = entry.oid();
    const critical = entry.nextIs(tags.boolean) && entry.boolean();
    const value = entry.content(tags.octetString);
    entry.end();
    if (seen.has(oid)) throw new DerError('value', `the extension ${oid} twice`);
    if (seen.size >= MAX_EXTENSIONS) throw new DerError('size', `more than ${MAX_EXTENSIONS} extensions`);
    seen.set(oid, { oid, critical, value });
  }
  return [...seen.values()];
}

/** Says whether the extension is one that Go acts on. */
function interpret(extension: Extension, found: Mutable<CertificateExtensions>): boolean {
  const { oid, value } = extension;
  switch (oid) {
    case extensionOids.keyUsage:
      found.keyUsage = parseKeyUsage(value);
      return true;
    case extensionOids.basicConstraints:
      found.basicConstraints = parseBasicConstraints(value);
      return true;
    case extensionOids.extendedKeyUsage:
      found.extendedKeyUsage = parseExtendedKeyUsage(value);
      return true;
    case extensionOids.subjectKeyId:
      requireNonCritical(extension);
      found.subjectKeyId = parseWhole(value, (reader) => reader.content(tags.octetString));
      return true;
    case extensionOids.authorityKeyId:
      requireNonCritical(extension);
      found.authorityKeyId = parseAuthorityKeyId(value);
      return true;
    case extensionOids.subjectAltName:
      return parseSubjectAltName(value);
    default:
      return interpretRare(extension);
  }
}

/** Extensions of authorities: nothing here acts on them, but a malformed one makes Go refuse the certificate. */
function interpretRare(extension: Extension): boolean {
  switch (extension.oid) {
    case extensionOids.crlDistributionPoints:
      parseEach(extension.value, parseDistributionPoint);
      return true;
    case extensionOids.certificatePolicies:
      parsePolicies(extension.value);
      return true;
    case extensionOids.authorityInfoAccess:
      requireNonCritical(extension);
      parseEach(extension.value, (access) => {
        access.oid();
        access.content(access.nextTag());
      });
      return true;
    case extensionOids.nameConstraints:
    case extensionOids.policyMappings:
    case extensionOids.policyConstraints:
    case extensionOids.inhibitAnyPolicy:
      // chain.ts lets no certificate with one of these into a chain, whatever it holds.
      return true;
    default:
      return false;
  }
}

function parseWhole<T>(value: Buffer, parse: (reader: DerReader) => T): T {
  const reader = DerReader.over(value);
  const result = parse(reader);
  reader.end();
  return result;
}

/** A SEQUENCE OF SEQUENCE. */
function parseEach(value: Buffer, parse: (entry: DerReader) => void): void {
  const sequence = parseWhole(value, (reader) => reader.enter(tags.sequence));
  while (!sequence.isEmpty) {
    const entry = sequence.enter(tags.sequence);
    parse(entry);
    entry.end();
  }
}

/** RFC 5280 §4.2.1.1, §4.2.1.2, §4.2.2.1: "MUST mark this extension as non-critical"; Go refuses, OpenSSL does not. */
function requireNonCritical({ oid, critical }: Extension): void {
  if (critical) throw new DerError('value', `the extension ${oid} marked critical`);
}

function parseKeyUsage(value: Buffer): ReadonlySet<KeyUsage> {
  const { bytes } = parseWhole(value, (reader) => reader.bitString());
  const usages = new Set(keyUsages.filter((_, bit) => ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0));
  // Go takes an empty key usage for an absent one, OpenSSL 3 for an invalid certificate.
  if (usages.size === 0) throw new DerError('value', 'a key usage that names none');
  return usages;
}

function parseBasicConstraints(value: Buffer): BasicConstraints {
  const constraints = parseWhole(value, (reader) => reader.enter(tags.sequence));
  const isAuthority = constraints.nextIs(tags.boolean) && constraints.boolean();
  const pathLength = constraints.isEmpty ? null : constraints.smallInteger();
  constraints.end();
  // RFC 5280 §4.2.1.9: a path length only beside cA TRUE. OpenSSL refuses otherwise in strict mode; Go would count with it.
  if (pathLength !== null && !isAuthority) throw new DerError('value', 'a path length on a certificate that is no authority');
  return { isAuthority, pathLength };
}

function parseExtendedKeyUsage(value: Buffer): readonly string[] {
  const sequence = parseWhole(value, (reader) => reader.enter(tags.sequence));
  const usages: string[] = [];
  while (!sequence.isEmpty) usages.push(sequence.oid());
  // Go takes an empty one for "any usage", OpenSSL for "none".
  if (usages.length === 0) throw new DerError('value', 'an extended key usage that names none');
  return usages;
}

function parseAuthorityKeyId(value: Buffer): Buffer | null {
  const identifier = parseWhole(value, (reader) => reader.enter(tags.sequence));
  const keyId = identifier.nextIs(contextTag(0, 'primitive')) ? identifier.content(contextTag(0, 'primitive')) : null;
  if (identifier.nextIs(contextTag(1, 'constructed'))) {
    const issuer = identifier.enter(contextTag(1, 'constructed'));
    while (!issuer.isEmpty) parseGeneralName(issuer);
  }
  if (identifier.nextIs(contextTag(2, 'primitive'))) identifier.integer(contextTag(2, 'primitive'));
  identifier.end();
  return keyId;
}

/** Says whether there is a name of a kind that Go reads. */
function parseSubjectAltName(value: Buffer): boolean {
  const names = parseWhole(value, (reader) => reader.enter(tags.sequence));
  if (names.isEmpty) throw new DerError('value', 'a subject alternative name without names');
  let isAnyRead = false;
  while (!names.isEmpty) isAnyRead = parseGeneralName(names) || isAnyRead;
  return isAnyRead;
}

// oxlint-disable-next-line no-control-regex -- IA5String is all of ASCII.
const ASCII = /^[\x00-\x7f]*$/;
const LABELS = /^[\x21-\x2d\x2f-\x7e]+(?:\.[\x21-\x2d\x2f-\x7e]+)*$/;
/** The plain form of RFC 3986 with a host, which Go's url.Parse surely takes (`spiffe://…`); Go refuses some odder ones, so all of those go. */
const PLAIN_URI = /^[a-z][a-z0-9+.-]*:\/\/[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::[0-9]{1,5})?(?:\/[A-Za-z0-9._~!$&'()*+,;=:@/-]*)?$/;

/** One GeneralName (RFC 5280 §4.2.1.6). Says whether Go reads its kind. */
function parseGeneralName(names: DerReader): boolean {
  const tag = names.nextTag();
  switch (tag) {
    case contextTag(1, 'primitive'):
      return requireText(names.content(tag), ASCII, 'rfc822Name');
    case contextTag(2, 'primitive'):
      return requireText(names.content(tag), LABELS, 'dNSName');
    case contextTag(6, 'primitive'):
      return requireText(names.content(tag), PLAIN_URI, 'uniformResourceIdentifier');
    case contextTag(7, 'primitive'):
      return requireAddress(names.content(tag));
    case contextTag(4, 'constructed'): {
      const directory = names.enter(tag);
      parseName(directory.element(tags.sequence));
      directory.end();
      return false;
    }
    case contextTag(8, 'primitive'):
      names.content(tag);
      return false;
    case contextTag(0, 'constructed'):
    case contextTag(3, 'constructed'):
    case contextTag(5, 'constructed'):
      requireWellFormed(names.enter(tag));
      return false;
    default:
      throw new DerError('tag', `a general name with tag 0x${tag.toString(16)}`);
  }
}

function requireText(content: Buffer, form: RegExp, kind: string): true {
  if (!form.test(content.toString('latin1'))) throw new DerError('value', `a malformed ${kind}`);
  return true;
}

function requireAddress(content: Buffer): true {
  // Go refuses IPv4-mapped IPv6 (::ffff:0:0/96), which other software takes for the IPv4 address.
  const isMapped = content.length === 16 && content.toString('hex', 0, 12) === '00000000000000000000ffff';
  if ((content.length !== 4 && content.length !== 16) || isMapped) throw new DerError('value', 'a malformed iPAddress');
  return true;
}

/** RFC 5280 §4.2.1.13. Of the names of a point, Go knows fullName only. */
function parseDistributionPoint(point: DerReader): void {
  if (point.nextIs(contextTag(0, 'constructed'))) {
    const name = point.enter(contextTag(0, 'constructed'));
    const fullName = name.enter(contextTag(0, 'constructed'));
    name.end();
    while (!fullName.isEmpty) fullName.content(fullName.nextTag());
  }
  if (point.nextIs(contextTag(1, 'primitive'))) point.content(contextTag(1, 'primitive'));
  if (point.nextIs(contextTag(2, 'constructed'))) requireWellFormed(point.enter(contextTag(2, 'constructed')));
}

function parsePolicies(value: Buffer): void {
  const seen = new Set<string>();
  parseEach(value, (policy) => {
    const oid = policy.oid();
    if (seen.has(oid)) throw new DerError('value', `the certificate policy ${oid} twice`);
    seen.add(oid);
    if (!policy.isEmpty) requireWellFormed(policy.enter(tags.sequence));
  });
}
