import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonPatch, mergePatch, PatchError, strategicMergePatch } from '../../../../src/demo/hub/api/patch.ts';

/** RFC 7386, appendix A. */
const mergeCases: readonly (readonly [string, string, string])[] = [
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', '{}'],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['["a","b"]', '["c","d"]', '["c","d"]'],
  ['{"a":"b"}', '["c"]', '["c"]'],
  ['{"a":"foo"}', 'null', 'null'],
  ['{"a":"foo"}', '"bar"', '"bar"'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
  ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
];

for (const [target, patch, result] of mergeCases) {
  test(`merges ${patch} into ${target}`, () => {
    assert.deepEqual(mergePatch(JSON.parse(target), JSON.parse(patch)), JSON.parse(result));
  });
}

test('does not let a merge patch reach the prototype', () => {
  const merged = mergePatch({}, JSON.parse('{"__proto__":{"polluted":true}}'));
  assert.equal(JSON.stringify(merged), '{"__proto__":{"polluted":true}}');
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
});

test("takes the strategic patch of an event's series", () => {
  const event = { reason: 'Available', series: null, metadata: { name: 'a' } };
  const patched = strategicMergePatch(event, { series: { count: 2, lastObservedTime: '2026-11-23T19:10:07.000000Z' } });
  assert.deepEqual(patched, { ...event, series: { count: 2, lastObservedTime: '2026-11-23T19:10:07.000000Z' } });
});

test('merges lists by key or value, and obeys the directives of a strategic patch', () => {
  const before = {
    metadata: {
      finalizers: ['a', 'b'],
      ownerReferences: [
        { uid: '1', name: 'x' },
        { uid: '2', name: 'y' },
      ],
      labels: { l: '1', m: '2' },
    },
    spec: { list: [1, 2] },
  };
  const patched = strategicMergePatch(before, {
    metadata: {
      finalizers: ['c'],
      '$deleteFromPrimitiveList/finalizers': ['a'],
      '$setElementOrder/finalizers': ['b', 'c'],
      ownerReferences: [{ uid: '2', name: 'z' }, { uid: '1', $patch: 'delete' }, { uid: '3' }],
      labels: { $patch: 'replace', n: '3' },
    },
    spec: { list: [3] },
  });
  assert.deepEqual(patched, {
    metadata: { finalizers: ['b', 'c'], ownerReferences: [{ uid: '2', name: 'z' }, { uid: '3' }], labels: { n: '3' } },
    spec: { list: [3] },
  });
  assert.deepEqual(strategicMergePatch({ a: { b: 1 }, c: 1 }, { a: { $patch: 'delete' }, c: null }), {});
  assert.deepEqual(strategicMergePatch({ a: 1, b: 2 }, { $retainKeys: ['b', 'c'], c: 3 }), { b: 2, c: 3 });
  assert.throws(() => strategicMergePatch({}, { $patch: 'nonsense' }), PatchError);
});

/** RFC 6902, appendix A. */
const jsonCases: readonly (readonly [string, string, string])[] = [
  ['{"foo":"bar"}', '[{"op":"add","path":"/baz","value":"qux"}]', '{"foo":"bar","baz":"qux"}'],
  ['{"foo":["bar","baz"]}', '[{"op":"add","path":"/foo/1","value":"qux"}]', '{"foo":["bar","qux","baz"]}'],
  ['{"foo":["bar"]}', '[{"op":"add","path":"/foo/-","value":["abc"]}]', '{"foo":["bar",["abc"]]}'],
  ['{"baz":"qux","foo":"bar"}', '[{"op":"remove","path":"/baz"}]', '{"foo":"bar"}'],
  ['{"foo":["bar","qux","baz"]}', '[{"op":"remove","path":"/foo/1"}]', '{"foo":["bar","baz"]}'],
  ['{"foo":["a","b","c"]}', '[{"op":"replace","path":"/foo/1","value":"x"}]', '{"foo":["a","x","c"]}'],
  [
    '{"foo":{"bar":"baz","waldo":"fred"},"qux":{}}',
    '[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]',
    '{"foo":{"bar":"baz"},"qux":{"thud":"fred"}}',
  ],
  ['{"foo":[1,2,3]}', '[{"op":"move","from":"/foo/0","path":"/foo/2"}]', '{"foo":[2,3,1]}'],
  ['{"a":{"b":1}}', '[{"op":"copy","from":"/a","path":"/c"}]', '{"a":{"b":1},"c":{"b":1}}'],
  ['{"a":1}', '[{"op":"test","path":"/a","value":1},{"op":"replace","path":"","value":{"b":2}}]', '{"b":2}'],
  ['{"~/":1}', '[{"op":"replace","path":"/~0~1","value":2}]', '{"~/":2}'],
];

for (const [target, operations, result] of jsonCases) {
  test(`applies ${operations}`, () => {
    assert.deepEqual(jsonPatch(JSON.parse(target), JSON.parse(operations)), JSON.parse(result));
  });
}

const refused = [
  '[{"op":"remove","path":"/nope"}]',
  '[{"op":"replace","path":"/nope","value":1}]',
  '[{"op":"add","path":"/list/5","value":1}]',
  '[{"op":"add","path":"/list/01","value":1}]',
  '[{"op":"add","path":"/a/b","value":1}]',
  '[{"op":"add","path":"nope","value":1}]',
  '[{"op":"test","path":"/a","value":2}]',
  '[{"op":"merge","path":"/a","value":2}]',
  '[1]',
];

for (const operations of refused) {
  test(`refuses ${operations}`, () => {
    assert.throws(() => jsonPatch({ a: 1, list: [] }, JSON.parse(operations)), PatchError);
  });
}
