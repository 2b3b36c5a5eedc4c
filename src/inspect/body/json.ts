// JSON (RFC 8259) as bytes, read once: what Go and JavaScript would read differently is refused, everything is bounded, and the result is plain data
// without prototypes. Knows nothing of Kubernetes.

import { isUtf8 } from 'node:buffer';
import { BodyFault } from './body-fault.ts';
import { readNumber, readStringLiteral } from './json-literal.ts';

/**
 * Numbers: an integer literal within ±(2^53-1) and every literal with a fraction or an exponent is a `number`; a larger integer of 64 bits with sign is
 * a `bigint`, exactly; beyond that it is a `number` again, rounded, as sigs.k8s.io/json rounds it to float64.
 */
export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject;

/** Has no prototype: `__proto__`, `constructor` and the like are keys as any other. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Levels of objects and arrays. The deepest of a ManifestWork with an embedded CRD is about 40; Go stops at 10,000. */
export const MAX_JSON_DEPTH = 64;
/** Keys of all objects together. The largest honest body measured (354 KiB of ManifestWork status) has about 9,000. */
const MAX_KEYS = 50_000;
/** Keys of one object. The largest in Kubernetes are the data of ConfigMaps; a single table that grows to MAX_KEYS would take most of the time there is. */
const MAX_MEMBERS = 10_000;
/** Up to so many keys of one object are compared one by one, which is cheaper than a table. */
const FEW_MEMBERS = 16;
/** Values of all kinds together, so that lists are bounded as well as objects. */
const MAX_VALUES = 100_000;
/** Characters. Label keys have at most 317; `k:` keys of managedFields carry the key fields of a list item. */
const MAX_KEY_CHARACTERS = 4096;
/** Characters. etcd takes requests of at most 1.5 MiB, so no longer string can be stored. */
const MAX_STRING_CHARACTERS = 1.5 * 1024 * 1024;
/** Characters. The exact decimal form of a small double can have 55; encoders write 25 at most. */
const MAX_NUMBER_CHARACTERS = 64;

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isJsonArray(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** Throws BodyFault. Linear in the number of bytes, whatever they are. */
export function parseJson(bytes: Buffer): JsonValue {
  return new JsonParser(decodeText(bytes), false).document();
}

/**
 * As parseJson, refusing whatever it refuses, but every list of the result is empty: for those who ask how far a document reaches. What is not built is
 * most of a status patch, and of the work of the garbage collector.
 */
export function parseJsonOutline(bytes: Buffer): JsonValue {
  return new JsonParser(decodeText(bytes), true).document();
}

function decodeText(bytes: Buffer): string {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) throw new BodyFault('body-form', 'JSON with a byte order mark');
  if (!isUtf8(bytes)) throw new BodyFault('body-form', 'JSON that is not UTF-8');
  return bytes.toString('utf8');
}

const code = {
  tab: 0x09,
  lineFeed: 0x0a,
  carriageReturn: 0x0d,
  space: 0x20,
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  letterF: 0x66,
  letterN: 0x6e,
  letterT: 0x74,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const;

/** RFC 8259 section 6. Sticky: matches where the parser stands. */
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

/** Recursive, by at most MAX_JSON_DEPTH. Places in messages are offsets in characters. */
class JsonParser {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #keys = 0;
  #values = 0;
  readonly #isOutline: boolean;
  /** Within a list that is checked and not kept. */
  #skims = false;
  /** Of the objects around, within such a list: as many as #openCount. */
  readonly #openKeys: string[] = [];
  #openCount = 0;

  constructor(text: string, isOutline: boolean) {
    this.#text = text;
    this.#isOutline = isOutline;
  }

  document(): JsonValue {
    const value = this.#value();
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#malformed('something after the value');
    return value;
  }

  #value(): JsonValue {
    this.#values += 1;
    if (this.#values > MAX_VALUES) throw this.#outOfBounds(`more than ${MAX_VALUES} values`);
    this.#skipSpace();
    switch (this.#text.charCodeAt(this.#at)) {
      case code.openBrace:
        return this.#skims ? this.#skimObject() : this.#object();
      case code.openBracket:
        return this.#array();
      case code.quote:
        return this.#string(MAX_STRING_CHARACTERS, !this.#skims);
      case code.letterT:
        return this.#word('true', true);
      case code.letterF:
        return this.#word('false', false);
      case code.letterN:
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #object(): JsonObject {
    this.#enter();
    const object = Object.create(null) as Record<string, JsonValue>;
    if (this.#closes(code.closeBrace)) return object;
    let members = 0;
    do {
      members += 1;
      const key = this.#key(members);
      // Go takes the last of two, others the first. Keys that differ in case only are two keys, as for sigs.k8s.io/json.
      if (key in object) throw this.#malformed('the same key twice');
      this.#colon();
      object[key] = this.#value();
    } while (this.#continues(code.closeBrace));
    return object;
  }

  /** The same, without an object: its keys stand on a stack while it is open. */
  #skimObject(): null {
    this.#enter();
    if (this.#closes(code.closeBrace)) return null;
    const firstKey = this.#openCount;
    let many: Set<string> | null = null;
    do {
      const members = this.#openCount - firstKey + 1;
      const key = this.#key(members);
      if (members > FEW_MEMBERS) many ??= new Set(this.#openKeys.slice(firstKey, this.#openCount));
      if (many?.has(key) ?? this.#isOpen(key, firstKey)) throw this.#malformed('the same key twice');
      many?.add(key);
      this.#openKeys[this.#openCount] = key;
      this.#openCount += 1;
      this.#colon();
      this.#value();
    } while (this.#continues(code.closeBrace));
    this.#openCount = firstKey;
    return null;
  }

  #isOpen(key: string, firstKey: number): boolean {
    for (let at = firstKey; at < this.#openCount; at += 1) if (this.#openKeys[at] === key) return true;
    return false;
  }

  #key(members: number): string {
    this.#skipSpace();
    this.#keys += 1;
    if (members > MAX_MEMBERS || this.#keys > MAX_KEYS)
      throw this.#outOfBounds(`more than ${MAX_MEMBERS} keys in one object or ${MAX_KEYS} in all`);
    return this.#string(MAX_KEY_CHARACTERS, true);
  }

  #colon(): void {
    this.#skipSpace();
    if (this.#text.charCodeAt(this.#at) !== code.colon) throw this.#malformed('no colon after a key');
    this.#at += 1;
  }

  #array(): readonly JsonValue[] {
    this.#enter();
    const array: JsonValue[] = [];
    if (this.#closes(code.closeBracket)) return array;
    const wasSkimming = this.#skims;
    this.#skims ||= this.#isOutline;
    do {
      const value = this.#value();
      if (!this.#skims) array.push(value);
    } while (this.#continues(code.closeBracket));
    this.#skims = wasSkimming;
    return array;
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > MAX_JSON_DEPTH) throw this.#outOfBounds(`nested deeper than ${MAX_JSON_DEPTH} levels`);
    this.#at += 1;
  }

  /** Right after an opening bracket: whether it closes at once. */
  #closes(closing: number): boolean {
    this.#skipSpace();
    if (this.#text.charCodeAt(this.#at) !== closing) return false;
    this.#leave();
    return true;
  }

  /** After a member: whether another one follows. */
  #continues(closing: number): boolean {
    this.#skipSpace();
    const found = this.#text.charCodeAt(this.#at);
    if (found === closing) {
      this.#leave();
      return false;
    }
    if (found !== code.comma) throw this.#malformed('neither a comma nor an end');
    this.#at += 1;
    return true;
  }

  #leave(): void {
    this.#at += 1;
    this.#depth -= 1;
  }

  /** '' where it is not kept. */
  #string(maxCharacters: number, isKept: boolean): string {
    const text = this.#text;
    const start = this.#at + 1;
    if (text.charCodeAt(this.#at) !== code.quote) throw this.#malformed('no string where one belongs');
    let at = start;
    let isEscaped = false;
    for (let found = text.charCodeAt(at); found !== code.quote; found = text.charCodeAt(at)) {
      // Also true at the end of the text, where charCodeAt gives NaN.
      if (!(found >= code.space)) throw this.#malformed('a string with a control character, or cut off');
      if (found === code.backslash) isEscaped = true;
      at += found === code.backslash ? 2 : 1;
    }
    if (at - start > maxCharacters) throw this.#outOfBounds(`a string of ${at - start} characters where ${maxCharacters} are allowed`);
    this.#at = at + 1;
    if (isEscaped) return this.#unescape(text.slice(start - 1, at + 1));
    return isKept ? text.slice(start, at) : '';
  }

  /** `literal` has its quotes and no control characters: what JSON.parse can still object to is an escape that does not exist. */
  #unescape(literal: string): string {
    const value = readStringLiteral(literal);
    if (value === null) throw this.#malformed('a string with a malformed escape');
    // Go replaces half of a surrogate pair by U+FFFD, JavaScript keeps it.
    if (!value.isWellFormed()) throw this.#malformed('a string with half of a surrogate pair');
    return value;
  }

  #word<T extends boolean | null>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#malformed('an unknown word');
    this.#at += word.length;
    return value;
  }

  #number(): number | bigint {
    NUMBER.lastIndex = this.#at;
    if (!NUMBER.test(this.#text)) throw this.#malformed('no value where one belongs');
    const literal = this.#text.slice(this.#at, NUMBER.lastIndex);
    if (literal.length > MAX_NUMBER_CHARACTERS) throw this.#outOfBounds(`a number of more than ${MAX_NUMBER_CHARACTERS} characters`);
    const value = readNumber(literal);
    // Go refuses 1e400 where JavaScript reads Infinity.
    if (!Number.isFinite(value) && typeof value === 'number') throw this.#malformed('a number that no float64 holds');
    this.#at += literal.length;
    return value;
  }

  #skipSpace(): void {
    const text = this.#text;
    for (;;) {
      const found = text.charCodeAt(this.#at);
      if (found !== code.space && found !== code.lineFeed && found !== code.carriageReturn && found !== code.tab) return;
      this.#at += 1;
    }
  }

  #malformed(what: string): BodyFault {
    return new BodyFault('body-form', `malformed JSON: ${what} at ${this.#at}`);
  }

  #outOfBounds(what: string): BodyFault {
    return new BodyFault('body-bounds', `JSON with ${what}, at ${this.#at}`);
  }
}
