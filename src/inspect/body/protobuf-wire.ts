// What protobuf lets two decoders read differently, refused on the bytes themselves: repeated singular fields, groups, wrong wire types, over-long varints,
// unknown fields, malformed UTF-8, values outside their type. What passes is the one encoding that Kubernetes clients write; protobuf.ts decodes it then.

import { isUtf8 } from 'node:buffer';
import { BodyFault } from './body-fault.ts';
import { type Field, type Message, messageNamed, scalarTypes } from './protobuf-schema.ts';

/** Fields of all messages together, keys and values of maps included. A recorded lease has 40; a Secret or ConfigMap of 3,000 entries stays below. */
const MAX_FIELDS = 10_000;

const wireTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** Throws BodyFault. Linear in the number of bytes; recursive only as deep as the schema nests. */
export function requirePlainEncoding(bytes: Buffer, message: string): void {
  new WireCheck(bytes).message(messageNamed(message), bytes.length);
}

interface Tag {
  readonly id: number;
  readonly wireType: number;
}

/** Of one message: the fields that have been there, and of a map its keys. */
type Seen = Map<number, Set<string>>;

class WireCheck {
  readonly #bytes: Buffer;
  #at = 0;
  #fields = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** From where the check stands to `end`. */
  message(message: Message, end: number): void {
    const seen: Seen = new Map();
    while (this.#at < end) {
      const tag = this.#tag(end);
      const field = message.fields.get(tag.id);
      if (field === undefined) this.#unknownField(message, tag, { seen, end });
      else if (field.form === 'map') this.#mapEntry(field, this.#contentEnd(tag, end), seen);
      else {
        if (field.form !== 'list') this.#requireFirst(tag.id, seen);
        this.#value(field.type, tag, end);
      }
    }
  }

  #tag(end: number): Tag {
    this.#fields += 1;
    if (this.#fields > MAX_FIELDS) throw new BodyFault('body-bounds', `protobuf of more than ${MAX_FIELDS} fields`);
    const tag = this.#uint32(end);
    if (tag < 8) throw this.#malformed('the field number 0');
    return { id: Math.floor(tag / 8), wireType: tag % 8 };
  }

  #requireFirst(id: number, seen: Seen): void {
    // Decoders differ: the last one wins, or messages are merged.
    if (seen.has(id)) throw this.#malformed(`field ${id} twice`);
    seen.set(id, NO_KEYS);
  }

  #value(type: string, tag: Tag, end: number): void {
    if (type === 'bool' || type === 'int32' || type === 'int64') return this.#integer(type, tag, end);
    const contentEnd = this.#contentEnd(tag, end);
    if (!scalarTypes.has(type)) this.message(messageNamed(type), contentEnd);
    else if (type === 'string') this.#requireUtf8(contentEnd);
    this.#at = contentEnd;
  }

  #integer(type: 'bool' | 'int32' | 'int64', tag: Tag, end: number): void {
    if (tag.wireType !== wireTypes.varint) throw this.#malformed(`wire type ${tag.wireType} for the number in field ${tag.id}`);
    const value = this.#varint(end);
    // Go cuts off what does not fit; others refuse it or take another value.
    if (type === 'bool' && value > 1) throw this.#malformed(`a truth value in field ${tag.id} that is neither 0 nor 1`);
    if (type === 'int32' && value > MOST_INT32 && value < LEAST_NEGATIVE_INT32)
      throw this.#malformed(`a number beyond 32 bits in field ${tag.id}`);
  }

  /** The entry of a map is a message with key and value; Go leaves out a value without bytes. */
  #mapEntry(field: Field, end: number, seen: Seen): void {
    const inEntry: Seen = new Map();
    let key: string | undefined;
    while (this.#at < end) {
      const tag = this.#tag(end);
      if (tag.id > 2) throw this.#malformed('a map entry with more than key and value');
      this.#requireFirst(tag.id, inEntry);
      const start = this.#at;
      this.#value(tag.id === 1 ? 'string' : field.type, tag, end);
      if (tag.id === 1) key = this.#bytes.toString('utf8', start, this.#at);
    }
    if (key === undefined) throw this.#malformed('a map entry without key');
    const keys = seen.get(field.id) ?? new Set<string>();
    if (keys.has(key)) throw this.#malformed('the same map key twice');
    seen.set(field.id, keys.add(key));
  }

  /**
   * Zero values pass everywhere: Go writes every field that is no pointer, so a client whose API is newer sends its new fields empty, and a hub that knows
   * them reads what it would have read without them.
   */
  #unknownField(message: Message, tag: Tag, { seen, end }: { readonly seen: Seen; readonly end: number }): void {
    const start = this.#at;
    this.#skip(tag, end);
    if (message.takesUnknownFields) return;
    const isZero = this.#at === start + 1 && this.#bytes[start] === 0;
    if (!isZero) throw this.#malformed(`the unknown field ${tag.id} in ${message.name}`);
    this.#requireFirst(tag.id, seen);
  }

  #skip(tag: Tag, end: number): void {
    switch (tag.wireType) {
      case wireTypes.varint:
        this.#varint(end);
        return;
      case wireTypes.bytes:
        this.#at = this.#contentEnd(tag, end);
        return;
      case wireTypes.fixed32:
      case wireTypes.fixed64:
        this.#at += tag.wireType === wireTypes.fixed32 ? 4 : 8;
        if (this.#at > end) throw this.#malformed('a field that is cut off');
        return;
      default:
        throw this.#malformed(`wire type ${tag.wireType} (groups are not used)`);
    }
  }

  /** Reads a length; what it spans has to lie within `end`. */
  #contentEnd(tag: Tag, end: number): number {
    if (tag.wireType !== wireTypes.bytes) throw this.#malformed(`wire type ${tag.wireType} for field ${tag.id}`);
    const length = this.#uint32(end);
    if (length > end - this.#at) throw this.#malformed(`field ${tag.id} is longer than what holds it`);
    return this.#at + length;
  }

  #requireUtf8(contentEnd: number): void {
    // Go's decoder does not look, ours would put U+FFFD.
    if (!isUtf8(this.#bytes.subarray(this.#at, contentEnd))) throw this.#malformed('a string that is not UTF-8');
  }

  #uint32(end: number): number {
    const value = this.#varint(end);
    if (typeof value === 'bigint' || value > 0xffffffff) throw this.#malformed('a tag or length beyond 32 bits');
    return value;
  }

  /** A bigint only where there are more than seven groups of seven bits. Minimal, and below 2^64. */
  #varint(end: number): number | bigint {
    let value = 0;
    let scale = 1;
    for (let count = 1; ; count += 1) {
      if (this.#at >= end) throw this.#malformed('a varint that is cut off');
      const octet = this.#bytes[this.#at] ?? 0;
      this.#at += 1;
      if (count > 7) return this.#longVarint(BigInt(value) + (BigInt(octet & 0x7f) << 49n), octet, end);
      value += (octet & 0x7f) * scale;
      scale *= 128;
      if (octet >= 0x80) continue;
      if (octet === 0 && count > 1) throw this.#malformed('a varint that is longer than need be');
      return value;
    }
  }

  /** Goes on after eight octets. */
  #longVarint(first: bigint, last: number, end: number): bigint {
    let value = first;
    let octet = last;
    for (let shift = 56n; octet >= 0x80; shift += 7n) {
      if (this.#at >= end || shift > 63n) throw this.#malformed('a varint that is cut off or too long');
      octet = this.#bytes[this.#at] ?? 0;
      this.#at += 1;
      value += BigInt(octet & 0x7f) << shift;
    }
    if (octet === 0 || value > MOST_UINT64) throw this.#malformed('a varint that is longer than need be, or beyond 64 bits');
    return value;
  }

  #malformed(what: string): BodyFault {
    return new BodyFault('body-form', `malformed protobuf: ${what}, at ${this.#at}`);
  }
}

const NO_KEYS: Set<string> = new Set();
const MOST_INT32 = 2 ** 31 - 1;
/** Negative numbers are written with their sign extended to 64 bits. */
const LEAST_NEGATIVE_INT32 = 2n ** 64n - 2n ** 31n;
const MOST_UINT64 = 2n ** 64n - 1n;
