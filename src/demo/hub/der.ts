// DER as Go's cryptobyte reads and writes it (ITU-T X.690 §10): definite, minimal lengths only. The embedded hub's own reader, on purpose
// not shared with the product, whose certificates the hub has to judge independently. Knows nothing of certificates.

export interface Element {
  readonly tag: number;
  readonly content: Buffer;
  /** Tag, length and content. */
  readonly der: Buffer;
}

export class DerError extends Error {}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
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

/** More would be longer than any message that TLS can carry (RFC 8446 §4.4.2: 2^24-1 bytes of certificate). */
const MAX_LENGTH_OCTETS = 3;

/** The elements that fill `bytes` to the end. */
export function readElements(bytes: Uint8Array): readonly Element[] {
  const input = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const elements: Element[] = [];
  let offset = 0;
  while (offset < input.length) {
    const element = readElementAt(input, offset);
    elements.push(element);
    offset += element.der.length;
  }
  return elements;
}

/** The one element that fills `bytes`, which must have `tag`; returns its children. */
export function readSequence(bytes: Uint8Array, tag: number = TAG.sequence): readonly Element[] {
  const [element, ...rest] = readElements(bytes);
  if (element === undefined || rest.length > 0 || element.tag !== tag)
    throw new DerError(`expected one element with tag 0x${tag.toString(16)}`);
  return readElements(element.content);
}

function readElementAt(input: Buffer, offset: number): Element {
  const tag = input[offset] ?? 0;
  // cryptobyte: "ITU-T X.690 section 8.1.2: an identifier octet with a tag part of 0x1f indicates a high-tag-number form", unsupported.
  if ((tag & 0x1f) === 0x1f) throw new DerError('high tag numbers are not supported');
  const { length, headerLength } = readLength(input, offset);
  const end = offset + headerLength + length;
  if (end > input.length) throw new DerError('an element is longer than what holds it');
  return { tag, content: input.subarray(offset + headerLength, end), der: input.subarray(offset, end) };
}

function readLength(input: Buffer, offset: number): { length: number; headerLength: number } {
  const first = input[offset + 1];
  if (first === undefined) throw new DerError('an element ends before its length');
  if (first < 0x80) return { length: first, headerLength: 2 };
  const octets = first & 0x7f;
  if (octets === 0 || octets > MAX_LENGTH_OCTETS) throw new DerError('indefinite or huge length');
  if (offset + 2 + octets > input.length) throw new DerError('an element ends before its length');
  const length = input.readUIntBE(offset + 2, octets);
  if (length < 0x80 || length < 2 ** (8 * (octets - 1))) throw new DerError('length is not minimal');
  return { length, headerLength: 2 + octets };
}

export function encode(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const octets = content.length < 0x100 ? 1 : content.length < 0x10000 ? 2 : MAX_LENGTH_OCTETS;
  const length = Buffer.alloc(octets);
  length.writeUIntBE(content.length, 0, octets);
  return Buffer.concat([Buffer.from([tag, 0x80 | octets]), length, content]);
}

/** SET OF in DER order (X.690 §11.6), as Go's encoding/asn1 sorts it. */
export function encodeSetOf(elements: readonly Buffer[]): Buffer {
  return encode(TAG.set, ...elements.toSorted((a, b) => a.compare(b)));
}

/** Arcs of an object identifier take a base-128 digit per 7 bits, most significant first (X.690 §8.19). */
export function encodeOid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const octets = [first * 40 + second, ...rest].flatMap((arc) => {
    const digits = [arc % 0x80];
    for (let left = Math.floor(arc / 0x80); left > 0; left = Math.floor(left / 0x80)) digits.unshift(0x80 | (left % 0x80));
    return digits;
  });
  return encode(TAG.oid, Buffer.from(octets));
}

export function readOid(content: Buffer): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const [index, octet] of content.entries()) {
    if (arc === 0 && octet === 0x80) throw new DerError('an object identifier is not minimal');
    arc = arc * 0x80 + (octet & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 0x80) throw new DerError('an arc of an object identifier is too large');
    if (octet < 0x80) {
      arcs.push(arc);
      arc = 0;
    } else if (index === content.length - 1) throw new DerError('an object identifier ends in the middle of an arc');
  }
  const [head, ...rest] = arcs;
  if (head === undefined) throw new DerError('an object identifier is empty');
  const root = Math.min(2, Math.floor(head / 40));
  return [root, head - root * 40, ...rest].join('.');
}
