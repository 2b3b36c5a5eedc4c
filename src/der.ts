// Strict DER (ITU-T X.690 §8, §10) for certificates: a bounded reader over a buffer that is never copied, and a small writer. Reads definite, minimal
// lengths and one-octet tags only, as Go's cryptobyte does; never repairs, never skips what it does not understand.

/** Octets. A client certificate has about 1 KiB; kube-apiserver's TLS stack reads at most 64 KiB of handshake message (Go crypto/tls maxHandshake). */
export const MAX_DER_BYTES: number = 64 * 1024;

/** Levels of nesting. The deepest that a certificate needs is 12 (a name inside a CRL distribution point); the rest is room. */
const MAX_DEPTH = 24;

export const tags = {
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

/** `[number]`, context-specific. */
export function contextTag(number: number, form: 'primitive' | 'constructed'): number {
  return (form === 'constructed' ? 0xa0 : 0x80) | number;
}

export type DerFault = 'size' | 'truncated' | 'tag' | 'length' | 'depth' | 'trailing' | 'value';

/** Characters; object identifiers in a message come from the certificate and may be long. */
const MAX_MESSAGE_CHARACTERS = 200;

/** What is wrong with the encoding. The message names offsets, tags and object identifiers, no other content: safe for logs. */
export class DerError extends Error {
  readonly fault: DerFault;

  constructor(fault: DerFault, message: string) {
    super(message.slice(0, MAX_MESSAGE_CHARACTERS));
    this.name = 'DerError';
    this.fault = fault;
  }
}

/** Reads elements one after the other from the content of one element. Every method throws DerError where the bytes are not what it names. */
export class DerReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  readonly #depth: number;
  #at: number;
  /** Set by #header: where the content of the element at #at begins and ends. */
  #contentStart = 0;
  #contentEnd = 0;

  private constructor(bytes: Buffer, start: number, end: number, depth: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#depth = depth;
  }

  static over(bytes: Uint8Array): DerReader {
    if (bytes.length > MAX_DER_BYTES) throw new DerError('size', `${bytes.length} octets where at most ${MAX_DER_BYTES} are read`);
    return new DerReader(asBuffer(bytes), 0, bytes.length, 0);
  }

  get isEmpty(): boolean {
    return this.#at === this.#end;
  }

  nextIs(tag: number): boolean {
    return this.#at < this.#end && this.#bytes[this.#at] === tag;
  }

  /** The tag of the next element. */
  nextTag(): number {
    if (this.isEmpty) throw new DerError('truncated', `an element is missing at octet ${this.#at}`);
    return this.#bytes[this.#at] ?? 0;
  }

  /** Tag, length and content of the next element. */
  element(tag: number): Buffer {
    const start = this.#at;
    this.#header(tag);
    this.#at = this.#contentEnd;
    return this.#bytes.subarray(start, this.#contentEnd);
  }

  content(tag: number): Buffer {
    this.#header(tag);
    this.#at = this.#contentEnd;
    return this.#bytes.subarray(this.#contentStart, this.#contentEnd);
  }

  /** Steps over the next element and gives a reader for what is inside it. */
  enter(tag: number): DerReader {
    if (this.#depth >= MAX_DEPTH) throw new DerError('depth', `nested deeper than ${MAX_DEPTH} levels at octet ${this.#at}`);
    this.#header(tag);
    this.#at = this.#contentEnd;
    return new DerReader(this.#bytes, this.#contentStart, this.#contentEnd, this.#depth + 1);
  }

  /** Nothing may follow. */
  end(): void {
    if (!this.isEmpty) throw new DerError('trailing', `unexpected octets at ${this.#at}`);
  }

  boolean(): boolean {
    const content = this.content(tags.boolean);
    // X.690 §11.1: TRUE is 0xff in DER, not any non-zero octet as in BER.
    if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff))
      throw new DerError('value', 'a BOOLEAN that is neither 00 nor FF');
    return content[0] === 0xff;
  }

  /** Content octets, two's complement, minimal (X.690 §8.3.2). */
  integer(tag: number = tags.integer): Buffer {
    const content = this.content(tag);
    if (!isMinimalInteger(content)) throw new DerError('value', 'an INTEGER that is not minimally encoded');
    return content;
  }

  /** Zero or positive, below 2^31: what Go and OpenSSL read alike into an int. */
  smallInteger(): number {
    const content = this.integer();
    if (content.length > 4 || (content[0] ?? 0) >= 0x80) throw new DerError('value', 'an INTEGER below 0 or above 2^31-1');
    return content.readUIntBE(0, content.length);
  }

  /** Dotted form. */
  oid(): string {
    return decodeOid(this.content(tags.oid));
  }

  bitString(): BitString {
    const content = this.content(tags.bitString);
    const unusedBits = content[0];
    if (unusedBits === undefined || unusedBits > 7 || (content.length === 1 && unusedBits > 0))
      throw new DerError('value', 'a malformed BIT STRING');
    // X.690 §11.2.1: unused bits are zero.
    if (((content.at(-1) ?? 0) & ((1 << unusedBits) - 1)) !== 0 && content.length > 1)
      throw new DerError('value', 'a BIT STRING whose unused bits are set');
    return { bytes: content.subarray(1), unusedBits };
  }

  #header(tag: number): void {
    const found = this.nextTag();
    if (found !== tag) throw new DerError('tag', `tag ${hex(found)} at octet ${this.#at} where ${hex(tag)} belongs`);
    let start = this.#at + 2;
    let length = this.#bytes[this.#at + 1] ?? 0;
    if (start > this.#end) throw new DerError('truncated', `an element without length at octet ${this.#at}`);
    if (length >= 0x80) {
      const octets = length & 0x7f;
      // 0x80 is BER's indefinite form; three octets cover MAX_DER_BYTES.
      if (octets === 0 || octets > 3) throw new DerError('length', `an indefinite or oversized length at octet ${this.#at}`);
      if (start + octets > this.#end) throw new DerError('truncated', `a length cut off at octet ${this.#at}`);
      length = this.#bytes.readUIntBE(start, octets);
      start += octets;
      if (length < 0x80 || length < 2 ** (8 * (octets - 1)))
        throw new DerError('length', `a length that is not minimal at octet ${this.#at}`);
    }
    if (length > this.#end - start) throw new DerError('truncated', `an element longer than what holds it at octet ${this.#at}`);
    this.#contentStart = start;
    this.#contentEnd = start + length;
  }
}

export interface BitString {
  readonly bytes: Buffer;
  readonly unusedBits: number;
}

/** Refuses what is not strict DER through and through: for values that are kept as they are and read by nobody here. */
export function requireWellFormed(reader: DerReader): void {
  while (!reader.isEmpty) {
    const tag = reader.nextTag();
    if ((tag & 0x1f) === 0x1f) throw new DerError('tag', 'a tag of more than one octet');
    if ((tag & 0x20) !== 0) requireWellFormed(reader.enter(tag));
    else reader.content(tag);
  }
}

/** As Go's cryptobyte reads it: minimal, each arc below 2^31 (so that an identifier is the same on every platform). */
function decodeOid(content: Buffer): string {
  if (content.length === 0 || (content.at(-1) ?? 0) >= 0x80) throw new DerError('value', 'an OBJECT IDENTIFIER that is cut off');
  let dotted = '';
  let arc = 0;
  let isFirstOctet = true;
  // By index: for-of over a Buffer costs more than the rest of reading a certificate.
  for (let at = 0; at < content.length; at += 1) {
    const octet = content[at] ?? 0;
    if ((isFirstOctet && octet === 0x80) || arc >= 2 ** 24) throw new DerError('value', 'an OBJECT IDENTIFIER with an oversized arc');
    arc = arc * 128 + (octet & 0x7f);
    isFirstOctet = octet < 0x80;
    if (!isFirstOctet) continue;
    dotted = dotted === '' ? splitFirstArc(arc) : `${dotted}.${arc}`;
    arc = 0;
  }
  return dotted;
}

/** X.690 §8.19.4: the first two arcs stand in one. */
function splitFirstArc(arc: number): string {
  const root = Math.min(2, Math.floor(arc / 40));
  return `${root}.${arc - root * 40}`;
}

function isMinimalInteger(content: Buffer): boolean {
  const first = content[0];
  const second = content[1];
  if (first === undefined) return false;
  if (second === undefined) return true;
  return !(first === 0 && second < 0x80) && !(first === 0xff && second >= 0x80);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function hex(octet: number): string {
  return `0x${octet.toString(16).padStart(2, '0')}`;
}

/** One element. Content comes in parts so that callers need not join them first. */
export function encode(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([encodeHeader(tag, length), ...parts]);
}

function encodeHeader(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.from([tag, length]);
  if (length < 0x100) return Buffer.from([tag, 0x81, length]);
  if (length < 0x10000) return Buffer.from([tag, 0x82, length >> 8, length & 0xff]);
  throw new DerError('size', `${length} octets where at most 65535 are written`);
}

export function encodeSequence(...parts: readonly Uint8Array[]): Buffer {
  return encode(tags.sequence, ...parts);
}

/** The INTEGER whose magnitude these octets are, big-endian; never negative. */
export function encodeUnsigned(magnitude: Uint8Array): Buffer {
  const start = magnitude.findIndex((octet) => octet !== 0);
  const minimal = start < 0 ? Buffer.alloc(1) : magnitude.subarray(start);
  return (minimal[0] ?? 0) >= 0x80 ? encode(tags.integer, Buffer.alloc(1), minimal) : encode(tags.integer, minimal);
}

export function encodeOid(dotted: string): Buffer {
  const arcs = dotted.split('.').map(Number);
  const [root = 3, second = 0, ...rest] = arcs;
  const first = root * 40 + second;
  if (arcs.length < 2 || root > 2 || (root < 2 && second > 39) || arcs.some((arc) => !Number.isInteger(arc) || arc < 0 || arc >= 2 ** 31)) {
    throw new DerError('value', `not an object identifier: ${JSON.stringify(dotted)}`);
  }
  return encode(tags.oid, Buffer.from([first, ...rest].flatMap(encodeArc)));
}

function encodeArc(arc: number): number[] {
  const octets = [arc % 128];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) octets.unshift((rest % 128) | 0x80);
  return octets;
}

export function encodeBoolean(value: boolean): Buffer {
  return encode(tags.boolean, Buffer.from([value ? 0xff : 0]));
}

export function encodeBitString(bytes: Uint8Array, unusedBits: number = 0): Buffer {
  return encode(tags.bitString, Buffer.from([unusedBits]), bytes);
}

/** RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050. Whole seconds; a fraction is cut off. */
export function encodeTime(ms: number): Buffer {
  const text = new Date(ms).toISOString();
  const year = Number(text.slice(0, -20));
  if (year < 1950 || year > 9999) throw new DerError('value', 'a time that a certificate cannot hold');
  const digits = `${text.slice(0, 19).replace(/[-:T]/g, '')}Z`;
  return year < 2050 ? encode(tags.utcTime, Buffer.from(digits.slice(2))) : encode(tags.generalizedTime, Buffer.from(digits));
}
