import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BodyFault } from '../../../src/inspect/body/body-fault.ts';
import { type JsonValue, parseJson, parseJsonOutline } from '../../../src/inspect/body/json.ts';
import { cpuMs, plain } from './reading.ts';

const MIB = 1024 * 1024;

function faultOf(text: string | Uint8Array): string {
  try {
    parseJson(Buffer.from(text as string));
    return 'accepted';
  } catch (error) {
    assert.ok(error instanceof BodyFault, String(error));
    return error.rule;
  }
}

const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
const listOf = (count: number, item: string): string => `[${Array.from({ length: count }, () => item).join(',')}]`;
const objectOf = (count: number): string => `{${Array.from({ length: count }, (_, n) => `"k${n}":0`).join(',')}}`;

const malformed: readonly (readonly [what: string, text: string | Uint8Array])[] = [
  ['nothing but space', ' \n'],
  ['an object that is cut off', '{"a":1'],
  ['a list that is cut off', '[1,'],
  ['a string that is cut off', '"abc'],
  ['a string that ends in a backslash', '"abc\\'],
  ['a word that is cut off', 'tru'],
  ['an unknown word', 'nul!'],
  ['NaN', 'NaN'],
  ['Infinity', '-Infinity'],
  ['something after the value', '{} {}'],
  ['a comma too many in an object', '{"a":1,}'],
  ['a comma too many in a list', '[1,]'],
  ['a missing comma', '[1 2]'],
  ['a missing colon', '{"a" 1}'],
  ['a key without quotes', '{a:1}'],
  ['single quotes', "{'a':1}"],
  ['a comment', '{/* */"a":1}'],
  ['brackets that do not match', '[{]}'],
  ['a leading zero', '01'],
  ['a plus sign', '+1'],
  ['a point without digits', '1.'],
  ['a point without a number', '.5'],
  ['an exponent without digits', '1e'],
  ['a hexadecimal number', '0x10'],
  ['a raw line feed in a string', '"a\nb"'],
  ['a NUL in a string', '"a\0b"'],
  ['an unknown escape', '"\\x41"'],
  ['a short unicode escape', '"\\u12"'],
  ['a space of another alphabet', '\u00a0{}'],
  ['a form feed between tokens', '[1,\f2]'],
  ['a byte order mark', '\ufeff{}'],
  ['UTF-16', Buffer.from('{}', 'utf16le')],
  ['Latin-1', Buffer.from('"é"', 'latin1')],
  ['overlong UTF-8', Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
  ['a surrogate as UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
  ['the first half of a surrogate pair', '"\\ud83d"'],
  ['the second half of a surrogate pair', '"\\ude00x"'],
  ['the halves of a surrogate pair in the wrong order', '"\\ude00\\ud83d"'],
  ['half of a surrogate pair in a key', '{"\\ud800":1}'],
  ['a key twice', '{"a":1,"a":1}'],
  ['a key twice, once escaped', '{"a":1,"\\u0061":2}'],
  ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
  ['a number beyond float64', '1e400'],
  ['a negative number beyond float64', '[-1e400]'],
];

for (const [what, text] of malformed) {
  test(`refuses JSON with ${what}`, () => {
    assert.equal(faultOf(text), 'body-form');
  });
}

const tooMuch: readonly (readonly [what: string, within: string, beyond: string])[] = [
  ['levels', nested(64), nested(65)],
  ['keys in one object', objectOf(10_000), objectOf(10_001)],
  ['keys in all', listOf(10, objectOf(5_000)), `[${listOf(10, objectOf(5_000))},{"k":0}]`],
  ['values', listOf(99_999, '0'), listOf(100_000, '0')],
  ['characters in a key', `{"${'k'.repeat(4096)}":0}`, `{"${'k'.repeat(4097)}":0}`],
  ['characters in a string', `"${'s'.repeat(1.5 * MIB)}"`, `"${'s'.repeat(1.5 * MIB + 1)}"`],
  ['digits in a number', '1'.repeat(64), '1'.repeat(65)],
];

for (const [what, within, beyond] of tooMuch) {
  test(`accepts as many ${what} as allowed and refuses one more`, () => {
    assert.equal(faultOf(within), 'accepted');
    assert.equal(faultOf(beyond), 'body-bounds');
  });
}

test('depth counts what is open, not what was', () => {
  assert.equal(faultOf(`[${Array.from({ length: 200 }, () => nested(63)).join(',')}]`), 'accepted');
});

test('keys that differ in case only are two keys', () => {
  assert.deepEqual(plain(parseJson(Buffer.from('{"spec":1,"Spec":2}'))), { spec: 1, Spec: 2 });
});

test('objects have no prototype, so that no key means anything by itself', () => {
  const object = parseJson(Buffer.from('{"__proto__":{"polluted":true},"constructor":1,"toString":2}')) as Record<string, JsonValue>;
  assert.equal(Object.getPrototypeOf(object), null);
  assert.deepEqual(Object.keys(object), ['__proto__', 'constructor', 'toString']);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  assert.equal(object['hasOwnProperty'], undefined);
});

const numbers: readonly (readonly [text: string, value: number | bigint])[] = [
  ['0', 0],
  ['-0', -0],
  ['9007199254740991', 9_007_199_254_740_991],
  ['9007199254740992', 9_007_199_254_740_992n],
  ['9007199254740993', 9_007_199_254_740_993n],
  ['-9007199254740993', -9_007_199_254_740_993n],
  ['9223372036854775807', 9_223_372_036_854_775_807n],
  ['-9223372036854775808', -9_223_372_036_854_775_808n],
  // Beyond int64 Go's reader takes float64 too.
  ['9223372036854775808', 9_223_372_036_854_775_808],
  ['9007199254740993.0', 9_007_199_254_740_992],
  ['1e3', 1000],
  ['1E+3', 1000],
  ['0.1', 0.1],
  ['1e-400', 0],
];

for (const [text, value] of numbers) {
  test(`reads ${text} as the ${typeof value} ${value}`, () => {
    assert.ok(Object.is(parseJson(Buffer.from(text)), value));
  });
}

test('what it accepts it reads as JSON.parse does', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.nat({ max: 3 }), (text, indent) => {
      const spaced = JSON.stringify(JSON.parse(text), null, indent);
      assert.equal(JSON.stringify(parseJson(Buffer.from(spaced)), rounded), JSON.stringify(JSON.parse(spaced)));
    }),
    { numRuns: 500 },
  );
});

test('of changed JSON it accepts nothing that JSON.parse refuses, and reads the rest alike', () => {
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.nat({ max: 3 }),
    put: fc.constantFrom('', '"', '\\', '{', '}', '[', ']', ',', ':', '0', '-', 'e', ' ', 'null', '\\u', '\u00e9', '\0'),
  });
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), fc.array(change, { minLength: 1, maxLength: 4 }), (text, changes) => {
      let changed = text;
      for (const { at, cut, put } of changes) {
        const place = Math.floor(at * changed.length);
        changed = changed.slice(0, place) + put + changed.slice(place + cut);
      }
      let value: JsonValue;
      try {
        value = parseJson(Buffer.from(changed));
      } catch (error) {
        assert.ok(error instanceof BodyFault, String(error));
        return;
      }
      const expected: unknown = JSON.parse(changed);
      assert.equal(JSON.stringify(value, rounded), JSON.stringify(expected));
    }),
    { numRuns: 2_000 },
  );
});

/** A large integer as JSON.parse has it. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

test('random bytes end in a value or a refusal', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void faultOf(bytes)),
    { numRuns: 1_000 },
  );
});

const hostile: readonly (readonly [what: string, text: string | Uint8Array])[] = [
  ['open brackets', '['.repeat(MIB)],
  ['open objects', '{"a":'.repeat(MIB / 5)],
  ['spaces', ' '.repeat(MIB)],
  ['quotes', '"'.repeat(MIB)],
  ['backslashes', `"${'\\\\'.repeat(MIB / 2)}"`],
  ['escapes that end wrongly', `"${'\\n'.repeat(MIB / 2)}\\x"`],
  ['unicode escapes', `"${'\\u00e9'.repeat(MIB / 6)}"`],
  ['digits', '1'.repeat(MIB)],
  ['numbers', listOf(99_999, '-1.5e-300')],
  ['large integers', listOf(50_000, '9007199254740993')],
  ['escaped strings', listOf(99_999, '"\\n"')],
  ['empty objects', listOf(99_999, '{}')],
  ['small objects', listOf(49_999, '{"a":1}')],
  ['empty lists', listOf(99_999, '[]')],
  ['large objects', listOf(5, objectOf(10_000))],
  ['an object that is too large', objectOf(90_000)],
  ['numeric keys', listOf(5, `{${Array.from({ length: 10_000 }, (_, n) => `"${n * 85_899}":0`).join(',')}}`)],
  ['long keys', `{${Array.from({ length: 255 }, (_, n) => `"${n}${'k'.repeat(4_090)}":0`).join(',')}}`],
  ['three-byte characters', `"${'€'.repeat(MIB / 3)}"`],
  ['broken UTF-8 at the end', Buffer.concat([Buffer.alloc(MIB, 0x20), Buffer.from([0xff])])],
  ['zeros', Buffer.alloc(MIB)],
];

for (const [what, text] of hostile) {
  test(`one MiB of ${what} costs less than 50 ms`, () => {
    // The best of several: garbage collection for what ran before is not this body's.
    const runs = Array.from({ length: 5 }, () => cpuMs(() => void faultOf(text)));
    assert.ok(Math.min(...runs) < 50, runs.join(' '));
  });
}

test('an outline is the document with every list empty, and refuses what the document is refused for', () => {
  const resultOf = (parse: (bytes: Buffer) => JsonValue, bytes: Buffer): unknown => {
    try {
      return plain(parse(bytes));
    } catch (error) {
      if (error instanceof BodyFault) return `${error.rule}: ${error.message}`;
      throw error;
    }
  };
  const emptied = (value: unknown): unknown => {
    if (Array.isArray(value)) return [];
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, emptied(inner)]));
  };
  const check = (text: string): void => {
    const bytes = Buffer.from(text);
    assert.deepEqual(resultOf(parseJsonOutline, bytes), emptied(resultOf(parseJson, bytes)), text);
  };
  const document = fc.json({ maxDepth: 6, stringUnit: 'grapheme' });
  const piece = fc.constantFrom(
    '"',
    '\\',
    '\\u00',
    ',',
    ':',
    '[',
    ']',
    '{',
    '}',
    '{"a":1,"a":2}',
    '-',
    '1e999',
    'nul',
    '\n',
    '[{"b":[',
    '"a":',
  );
  fc.assert(fc.property(document, check));
  const cut = fc.tuple(document, fc.nat(), fc.nat(3), piece).map(([text, place, removed, put]) => {
    const at = place % (text.length + 1);
    return text.slice(0, at) + put + text.slice(at + removed);
  });
  fc.assert(fc.property(cut, check), { numRuns: 2_000 });
  // In lists, where nothing is kept: few keys are compared one by one, many are not.
  const members = (count: number): string[] => Array.from({ length: count }, (_, at) => `"k${at}":{"k${at}":[{"k0":1}]}`);
  for (const count of [1, 15, 16, 17, 18, 40]) {
    check(`[{${members(count).join(',')}}]`);
    for (const again of [0, count >> 1, count - 1]) check(`[{${[...members(count), `"k${again}":1`].join(',')}}]`);
  }
  for (const bound of [`{"a":[${'1,'.repeat(100_000)}1]}`, `{"a":[{${members(10_001).join(',')}}]}`, `{"a":${'['.repeat(70)}`])
    check(bound);
});
