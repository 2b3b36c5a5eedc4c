// DER by hand, for certificates and requests that a case makes on purpose, and the places in a finished certificate that are compared byte for byte.
// Shares nothing with the product's own DER code, which it helps to judge. Checks nothing that it writes.

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  t61String: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

export function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOctets(content.length), content]);
}

function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Buffer.from([0x80 | octets.length, ...octets]);
}

export function sequence(...contents: readonly Uint8Array[]): Buffer {
  return element(TAG.sequence, ...contents);
}

/** `[number]`, constructed. */
export function context(number: number, ...contents: readonly Uint8Array[]): Buffer {
  return element(0xa0 | number, ...contents);
}

/** `[number]`, primitive. */
export function contextPrimitive(number: number, content: Uint8Array): Buffer {
  return element(0x80 | number, content);
}

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(TAG.oid, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(arc: number): number[] {
  const octets = [arc % 128];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) octets.unshift((rest % 128) | 0x80);
  return octets;
}

/** A positive integer of these octets, in its shortest form. */
export function unsigned(magnitude: Uint8Array): Buffer {
  const first = magnitude.findIndex((octet) => octet !== 0);
  const octets = first === -1 ? Buffer.from([0]) : Buffer.from(magnitude.subarray(first));
  return element(TAG.integer, (octets[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.from([0]), octets]) : octets);
}

export function boolean(value: boolean): Buffer {
  return element(TAG.boolean, Buffer.from([value ? 0xff : 0]));
}

export function bitString(octets: Uint8Array, unusedBits: number = 0): Buffer {
  return element(TAG.bitString, Buffer.from([unusedBits]), octets);
}

/** RFC 5280 §4.1.2.5: UTCTime through 2049. */
export function time(ms: number): Buffer {
  const iso = new Date(ms).toISOString();
  const digits = iso.slice(0, 19).replaceAll(/[-:T]/g, '');
  const year = Number(iso.slice(0, 4));
  return year < 2050 && year >= 1950
    ? element(TAG.utcTime, Buffer.from(`${digits.slice(2)}Z`))
    : element(TAG.generalizedTime, Buffer.from(`${digits}Z`));
}

export function pem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .replaceAll(/.{64}(?!$)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

interface Element {
  readonly tag: number;
  /** With its tag and length. */
  readonly whole: Buffer;
  readonly content: Buffer;
}

/** @throws Error where the octets are no elements one behind the other */
function readElements(octets: Buffer): readonly Element[] {
  const found: Element[] = [];
  for (let at = 0; at < octets.length; ) {
    const tag = octets.readUInt8(at);
    const first = octets.readUInt8(at + 1);
    const count = first < 0x80 ? 0 : first & 0x7f;
    const length = count === 0 ? first : octets.readUIntBE(at + 2, count);
    const start = at + 2 + count;
    if (start + length > octets.length) throw new Error('an element reaches beyond its end');
    found.push({ tag, whole: octets.subarray(at, start + length), content: octets.subarray(start, start + length) });
    at = start + length;
  }
  return found;
}

export interface CertificateParts {
  /** The Names, as they stand there. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly publicKey: Buffer;
  /** basicConstraints says CA:TRUE, whatever the key usage says beside it. */
  readonly claimsAuthority: boolean;
}

/** Of a version 3 certificate (RFC 5280 §4.1). @throws Error where it is none */
export function certificateParts(der: Buffer): CertificateParts {
  const [certificate] = readElements(der);
  const [tbs] = readElements(certificate?.content ?? Buffer.alloc(0));
  const [version, , , issuer, , subject, publicKey, ...rest] = readElements(tbs?.content ?? Buffer.alloc(0));
  if (version?.tag !== 0xa0 || issuer === undefined || subject === undefined || publicKey === undefined)
    throw new Error('not a version 3 certificate');
  return { issuer: issuer.whole, subject: subject.whole, publicKey: publicKey.whole, claimsAuthority: rest.some(claimsAuthority) };
}

const BASIC_CONSTRAINTS = oid('2.5.29.19');

/** In the field of extensions, `[3]`. */
function claimsAuthority({ tag, content }: Element): boolean {
  if (tag !== 0xa3) return false;
  const [extensions] = readElements(content);
  return readElements(extensions?.content ?? Buffer.alloc(0)).some((extension) => {
    const [type, ...values] = readElements(extension.content);
    if (type?.whole.equals(BASIC_CONSTRAINTS) !== true) return false;
    const [constraints] = readElements(values.at(-1)?.content ?? Buffer.alloc(0));
    return readElements(constraints?.content ?? Buffer.alloc(0)).some((one) => one.tag === TAG.boolean && one.content[0] !== 0);
  });
}
