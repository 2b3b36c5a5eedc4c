import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeJson, indentJson, isSameJson, JsonSyntaxError, parseJson, sortKeys } from '../../../../src/demo/hub/api/json.ts';

test('escapes in strings what Go escapes', () => {
  assert.equal(encodeJson({ a: '<b> & \u2028\u2029 "é"' }), String.raw`{"a":"\u003cb\u003e \u0026 \u2028\u2029 \"é\""}`);
});

test('indents as Go does', () => {
  assert.equal(indentJson('{"a":["<"]}'), '{\n  "a": [\n    "\\u003c"\n  ]\n}');
});

const broken: readonly (readonly [string, string])[] = [
  ['{', 'unexpected end of JSON input'],
  ['', 'unexpected end of JSON input'],
  ['{"a":', 'unexpected end of JSON input'],
  ['{"a', 'unexpected end of JSON input'],
  ['x', "invalid character 'x' looking for beginning of value"],
  ['{"a":}', "invalid character '}' looking for beginning of value"],
  ['{} x', "invalid character 'x' after top-level value"],
  ['['.repeat(1_001), 'exceeded max depth'],
];

for (const [text, message] of broken) {
  test(`says ${JSON.stringify(message)} of ${text.slice(0, 10)}`, () => {
    assert.throws(() => parseJson(text), new JsonSyntaxError(message));
  });
}

test('does not count brackets in strings as depth', () => {
  assert.equal(parseJson(`"${'['.repeat(2_000)}\\""`), `${'['.repeat(2_000)}"`);
});

test('sorts keys at every level and keeps a key named __proto__', () => {
  const sorted = sortKeys(parseJson('{"b":[{"d":1,"c":2}],"__proto__":{"x":1},"a":null}'));
  assert.equal(JSON.stringify(sorted), '{"__proto__":{"x":1},"a":null,"b":[{"c":2,"d":1}]}');
});

test('compares by value, whatever the order of keys', () => {
  assert.ok(isSameJson({ a: 1, b: [{ c: null }] }, { b: [{ c: null }], a: 1 }));
  assert.ok(!isSameJson({ a: 1 }, { a: 1, b: null }));
  assert.ok(!isSameJson([1, 2], [2, 1]));
  assert.ok(isSameJson({ a: 1, b: undefined }, { a: 1 }));
});
