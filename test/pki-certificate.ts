// Certificates for tests, well- and ill-formed: built element by element, so that every octet can be made wrong on purpose. Keys are made once a
// process and never written to disk by this file. Nothing here checks anything.

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { type KeyUsage, keyUsages } from '../src/certificate-extensions.ts';
import {
  contextTag,
  encode,
  encodeBitString,
  encodeBoolean,
  encodeOid,
  encodeSequence,
  encodeTime,
  encodeUnsigned,
  tags,
} from '../src/der.ts';

export type TestKeyType = 'rsa' | 'p224' | 'p256' | 'p384' | 'p521' | 'ed25519';

export interface TestKey {
  readonly type: TestKeyType;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly spkiDer: Buffer;
}

const madeKeys = new Map<string, TestKey>();

/** The same key for the same arguments, for as long as the process runs. An RSA key takes up to a second: one is enough for nearly all. */
export function testKey(type: TestKeyType = 'p256', name: string = ''): TestKey {
  const made = madeKeys.get(`${type} ${name}`) ?? { type, ...withSpki(generate(type)) };
  madeKeys.set(`${type} ${name}`, made);
  return made;
}

function generate(type: TestKeyType): { publicKey: KeyObject; privateKey: KeyObject } {
  if (type === 'rsa') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  if (type === 'ed25519') return generateKeyPairSync('ed25519');
  const namedCurve = { p224: 'secp224r1', p256: 'prime256v1', p384: 'secp384r1', p521: 'secp521r1' }[type];
  return generateKeyPairSync('ec', { namedCurve });
}

function withSpki({ publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject }): Omit<TestKey, 'type'> {
  return { publicKey, privateKey, spkiDer: publicKey.export({ type: 'spki', format: 'der' }) };
}

export type StringType = 'utf8' | 'printable' | 't61' | 'bmp' | 'ia5' | 'numeric';

/** An attribute of a name. `der` in place of `value` stands there as it is. */
export interface TestAttribute {
  /** `CN`, `O`, `OU`, `UID` or a dotted object identifier. */
  readonly type: string;
  readonly value?: string;
  /** Left out: utf8. */
  readonly as?: StringType;
  readonly der?: Uint8Array;
}

const attributeOids: Readonly<Record<string, string>> = { CN: '2.5.4.3', O: '2.5.4.10', OU: '2.5.4.11', UID: '1.3.6.1.4.1.57683.2' };

const stringTags: Readonly<Record<StringType, number>> = {
  utf8: tags.utf8String,
  printable: tags.printableString,
  t61: tags.t61String,
  bmp: tags.bmpString,
  ia5: tags.ia5String,
  numeric: tags.numericString,
};

/** DER of a Name; one inner array an RDN. Values of a multi-valued RDN stand in the order given (DER wants another; Go and OpenSSL take any). */
export function encodeName(rdns: readonly (readonly TestAttribute[])[]): Buffer {
  return encodeSequence(...rdns.map((rdn) => encode(tags.set, ...rdn.map(encodeAttribute))));
}

export function encodeAttribute({ type, value = '', as = 'utf8', der }: TestAttribute): Buffer {
  return encodeSequence(encodeOid(attributeOids[type] ?? type), der ?? encodeString(value, as));
}

export function encodeString(value: string, as: StringType): Buffer {
  const octets = as === 'utf8' ? Buffer.from(value) : as === 'bmp' ? Buffer.from(value, 'utf16le').swap16() : Buffer.from(value, 'latin1');
  return encode(stringTags[as], octets);
}

export interface TestExtension {
  readonly oid: string;
  readonly critical?: boolean;
  readonly value: Uint8Array;
}

export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
export const ANY_USAGE = '2.5.29.37.0';

export const extension = {
  keyUsage: (...usages: readonly KeyUsage[]): TestExtension => {
    const bits = usages.map((usage) => keyUsages.indexOf(usage));
    const octets = Buffer.alloc(Math.max(...bits) > 7 ? 2 : 1);
    for (const bit of bits) octets[bit >> 3] = (octets[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
    return { oid: '2.5.29.15', critical: true, value: encodeBitString(octets, 7 - (Math.max(...bits) % 8)) };
  },
  extendedKeyUsage: (...oids: readonly string[]): TestExtension => ({ oid: '2.5.29.37', value: encodeSequence(...oids.map(encodeOid)) }),
  basicConstraints: (isAuthority: boolean, pathLength?: number): TestExtension => ({
    oid: '2.5.29.19',
    critical: true,
    value: encodeSequence(
      ...(isAuthority ? [encodeBoolean(true)] : []),
      ...(pathLength === undefined ? [] : [encodeUnsigned(Buffer.from([pathLength]))]),
    ),
  }),
  subjectKeyId: (id: Uint8Array): TestExtension => ({ oid: '2.5.29.14', value: encode(tags.octetString, id) }),
  authorityKeyId: (id: Uint8Array): TestExtension => ({
    oid: '2.5.29.35',
    value: encodeSequence(encode(contextTag(0, 'primitive'), id)),
  }),
  dnsNames: (...names: readonly string[]): TestExtension => ({
    oid: '2.5.29.17',
    value: encodeSequence(...names.map((name) => encode(contextTag(2, 'primitive'), Buffer.from(name)))),
  }),
};

/** An element a property; each replaces what would stand there. Times are epoch milliseconds. */
export interface TestCertificate {
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  readonly publicKey: TestKey | Uint8Array;
  readonly signedBy: TestKey;
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  readonly extensions?: readonly TestExtension[];
  /** Magnitude; left out: 16 random octets. */
  readonly serial?: Uint8Array;
  /** Whole elements, for malformed ones. */
  readonly raw?: {
    readonly version?: Uint8Array;
    readonly serial?: Uint8Array;
    readonly innerAlgorithm?: Uint8Array;
    readonly algorithm?: Uint8Array;
    readonly validity?: Uint8Array;
    /** After the public key: `[1]`, `[2]`, `[3]`, or anything. */
    readonly tail?: Uint8Array;
    readonly signature?: Uint8Array;
    /** After the signature. */
    readonly end?: Uint8Array;
  };
}

/** The window of every test certificate that names no other: 1 January 2026 to 1 January 2027. */
export const TEST_NOT_BEFORE_MS: number = Date.UTC(2026, 0, 1);
export const TEST_NOT_AFTER_MS: number = Date.UTC(2027, 0, 1);
/** A moment inside it. */
export const TEST_NOW_MS: number = Date.UTC(2026, 5, 15, 12);

/** DER. */
export function encodeCertificate(plan: TestCertificate): Buffer {
  const { raw = {}, notBeforeMs = TEST_NOT_BEFORE_MS, notAfterMs = TEST_NOT_AFTER_MS } = plan;
  const algorithm = raw.algorithm ?? signatureAlgorithmOf(plan.signedBy.type);
  const tbs = encodeSequence(
    raw.version ?? encode(contextTag(0, 'constructed'), encodeUnsigned(Buffer.from([2]))),
    raw.serial ?? encodeUnsigned(plan.serial ?? randomBytes(16)),
    raw.innerAlgorithm ?? algorithm,
    plan.issuer,
    raw.validity ?? encodeSequence(encodeTime(notBeforeMs), encodeTime(notAfterMs)),
    plan.subject,
    plan.publicKey instanceof Uint8Array ? plan.publicKey : plan.publicKey.spkiDer,
    raw.tail ?? encodeExtensions(plan.extensions ?? []),
  );
  const signature = raw.signature ?? encodeBitString(sign(digestOf(plan.signedBy.type), tbs, plan.signedBy.privateKey));
  return encodeSequence(tbs, algorithm, signature, raw.end ?? Buffer.alloc(0));
}

function encodeExtensions(extensions: readonly TestExtension[]): Buffer {
  if (extensions.length === 0) return Buffer.alloc(0);
  return encode(contextTag(3, 'constructed'), encodeSequence(...extensions.map(encodeExtension)));
}

function encodeExtension({ oid, critical = false, value }: TestExtension): Buffer {
  return encodeSequence(encodeOid(oid), ...(critical ? [encodeBoolean(true)] : []), encode(tags.octetString, value));
}

const signatureOids: Readonly<Record<TestKeyType, string>> = {
  rsa: '1.2.840.113549.1.1.11',
  p224: '1.2.840.10045.4.3.2',
  p256: '1.2.840.10045.4.3.2',
  p384: '1.2.840.10045.4.3.3',
  p521: '1.2.840.10045.4.3.4',
  ed25519: '1.3.101.112',
};

/** AlgorithmIdentifier of what `encodeCertificate` signs with. */
export function signatureAlgorithmOf(type: TestKeyType): Buffer {
  return encodeSequence(encodeOid(signatureOids[type]), type === 'rsa' ? encode(tags.null) : Buffer.alloc(0));
}

export function digestOf(type: TestKeyType): 'sha256' | 'sha384' | 'sha512' | null {
  if (type === 'ed25519') return null;
  return type === 'p384' ? 'sha384' : type === 'p521' ? 'sha512' : 'sha256';
}
