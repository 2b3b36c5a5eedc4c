import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicPatch,
  differences,
  isCovered,
  isMap,
  type Json,
  type Operation,
} from './patch-reference.ts';
import {
  accept,
  APPLY_PATCH,
  cpuMs,
  JSON_PATCH,
  JSON_TYPE,
  MERGE_PATCH,
  paths,
  PROTOBUF_TYPE,
  read,
  refusalOf,
  STRATEGIC_PATCH,
} from './reading.ts';

function touchedBy(contentType: string, patch: unknown): readonly string[] {
  return accept({ method: 'PATCH', path: paths.workStatus, contentType, body: JSON.stringify(patch) }).touched;
}

function refusalOfPatch(contentType: string, body: string): string {
  return refusalOf({ method: 'PATCH', path: paths.workStatus, contentType, body });
}

const touched: readonly (readonly [what: string, contentType: string, patch: unknown, pointers: readonly string[]])[] = [
  [
    'a merge patch touches its leaves',
    MERGE_PATCH,
    { status: { a: 1, b: { c: 'x', d: true } } },
    ['/status/a', '/status/b/c', '/status/b/d'],
  ],
  ['a merge patch touches what it deletes', MERGE_PATCH, { spec: null, status: { a: null } }, ['/spec', '/status/a']],
  ['a merge patch touches a list as a whole', MERGE_PATCH, { status: { conditions: [{ type: 'A' }, {}] } }, ['/status/conditions']],
  ['a merge patch touches where it puts an empty object', MERGE_PATCH, { spec: {}, status: { a: {} } }, ['/spec', '/status/a']],
  ['a merge patch without members touches nothing', MERGE_PATCH, {}, []],
  ['slashes and tildes in keys are escaped', MERGE_PATCH, { metadata: { labels: { 'a/b~c': 'x' } } }, ['/metadata/labels/a~1b~0c']],
  ['an empty key is a key', MERGE_PATCH, { '': { '': 1 } }, ['//']],
  ['a key that looks like a pointer is one key', MERGE_PATCH, { 'status/x': 1, 'status~1x': 1 }, ['/status~1x', '/status~01x']],
  ['__proto__ is a key', MERGE_PATCH, JSON.parse('{"__proto__":{"spec":1}}'), ['/__proto__/spec']],
  ['a directive is a plain key to a merge patch', MERGE_PATCH, { spec: { $patch: 'delete' } }, ['/spec/$patch']],
  ['an add touches its path', JSON_PATCH, [{ op: 'add', path: '/status/a', value: 1 }], ['/status/a']],
  ['a remove touches its path', JSON_PATCH, [{ op: 'remove', path: '/spec' }], ['/spec']],
  ['a replace of everything touches everything', JSON_PATCH, [{ op: 'replace', path: '', value: {} }], ['']],
  ['a move touches both ends', JSON_PATCH, [{ op: 'move', from: '/spec/a', path: '/status/a' }], ['/spec/a', '/status/a']],
  ['a copy touches both ends', JSON_PATCH, [{ op: 'copy', from: '/spec/a', path: '/status/a' }], ['/spec/a', '/status/a']],
  ['a test touches nothing', JSON_PATCH, [{ op: 'test', path: '/spec/a', value: null }], []],
  [
    'a pointer is named once',
    JSON_PATCH,
    [
      { op: 'remove', path: '/a' },
      { op: 'add', path: '/a', value: 1 },
    ],
    ['/a'],
  ],
  ['an element of a list touches the list', JSON_PATCH, [{ op: 'remove', path: '/metadata/finalizers/0' }], ['/metadata/finalizers']],
  [
    'what is below an element touches the list',
    JSON_PATCH,
    [{ op: 'replace', path: '/status/conditions/3/reason', value: '' }],
    ['/status/conditions'],
  ],
  ['the end of a list touches the list', JSON_PATCH, [{ op: 'add', path: '/status/conditions/-', value: {} }], ['/status/conditions']],
  [
    'an index that Go reads touches the list',
    JSON_PATCH,
    ['-1', '+1', '007'].map((at) => ({ op: 'remove', path: `/l${at}/${at}` })),
    ['/l-1', '/l+1', '/l007'],
  ],
  ['escapes in a path stay as they are', JSON_PATCH, [{ op: 'remove', path: '/a~1b/~01' }], ['/a~1b/~01']],
  [
    'a strategic patch touches its leaves',
    STRATEGIC_PATCH,
    { series: { count: 2 }, message: null, list: [1] },
    ['/series/count', '/message', '/list'],
  ],
  ['$patch replace touches its object', STRATEGIC_PATCH, { spec: { $patch: 'replace', a: 1 } }, ['/spec', '/spec/a']],
  ['$patch delete touches its object', STRATEGIC_PATCH, { spec: { a: { $patch: 'delete' } } }, ['/spec/a']],
  ['$patch at the top touches everything', STRATEGIC_PATCH, { $patch: 'replace', status: { a: 1 } }, ['', '/status/a']],
  ['$patch merge touches nothing by itself', STRATEGIC_PATCH, { status: { $patch: 'merge', a: 1 } }, ['/status/a']],
  ['$patch merge and nothing else is an empty object', STRATEGIC_PATCH, { status: { $patch: 'merge' } }, ['/status']],
  ['$patch in an element of a list touches the list', STRATEGIC_PATCH, { spec: { l: [{ $patch: 'replace' }] } }, ['/spec/l']],
  ['$retainKeys touches its object', STRATEGIC_PATCH, { spec: { $retainKeys: ['a'], a: 1 } }, ['/spec', '/spec/a']],
  [
    '$deleteFromPrimitiveList touches its list',
    STRATEGIC_PATCH,
    { metadata: { '$deleteFromPrimitiveList/finalizers': ['x'] } },
    ['/metadata/finalizers'],
  ],
  ['$setElementOrder touches its list', STRATEGIC_PATCH, { spec: { '$setElementOrder/a/b': [] } }, ['/spec/a~1b']],
  [
    'apply touches its leaves, and everything that it may take back',
    APPLY_PATCH,
    { apiVersion: 'work.open-cluster-management.io/v1', kind: 'ManifestWork', status: { a: 1 } },
    ['', '/apiVersion', '/kind', '/status/a'],
  ],
];

for (const [what, contentType, patch, pointers] of touched) {
  test(what, () => {
    assert.deepEqual(touchedBy(contentType, patch), pointers);
  });
}

const refused: readonly (readonly [what: string, contentType: string, body: string, rule: string])[] = [
  ['a merge patch that is no object', MERGE_PATCH, '[]', 'body-form'],
  ['a merge patch that is null', MERGE_PATCH, 'null', 'body-form'],
  ['a strategic patch that is no object', STRATEGIC_PATCH, '"x"', 'body-form'],
  ['a JSON patch that is no list', JSON_PATCH, '{"op":"remove","path":"/a"}', 'body-form'],
  ['an operation that is no object', JSON_PATCH, '[["remove","/a"]]', 'body-form'],
  ['an operation without op', JSON_PATCH, '[{"path":"/a"}]', 'body-form'],
  ['an unknown operation', JSON_PATCH, '[{"op":"merge","path":"/a","value":1}]', 'body-form'],
  ['an operation in capitals', JSON_PATCH, '[{"op":"REMOVE","path":"/a"}]', 'body-form'],
  ['an operation without path', JSON_PATCH, '[{"op":"remove"}]', 'body-form'],
  ['a path that is no string', JSON_PATCH, '[{"op":"remove","path":["a"]}]', 'body-form'],
  ['a path that does not begin with a slash', JSON_PATCH, '[{"op":"remove","path":"x/spec"}]', 'body-form'],
  ['a path with an escape that does not exist', JSON_PATCH, '[{"op":"remove","path":"/a~2"}]', 'body-form'],
  ['a path that ends in a tilde', JSON_PATCH, '[{"op":"remove","path":"/a~"}]', 'body-form'],
  ['an add without value', JSON_PATCH, '[{"op":"add","path":"/a"}]', 'body-form'],
  ['a test without value', JSON_PATCH, '[{"op":"test","path":"/a"}]', 'body-form'],
  ['a move without from', JSON_PATCH, '[{"op":"move","path":"/a"}]', 'body-form'],
  ['a path twice', JSON_PATCH, '[{"op":"remove","path":"/status/a","path":"/spec"}]', 'body-form'],
  [
    'more than 1000 operations',
    JSON_PATCH,
    JSON.stringify(Array.from({ length: 1_001 }, () => ({ op: 'test', path: '/a', value: 1 }))),
    'body-bounds',
  ],
  ['an unknown directive', STRATEGIC_PATCH, '{"spec":{"$delete":["a"]}}', 'body-form'],
  ['an unknown $patch', STRATEGIC_PATCH, '{"spec":{"$patch":"remove"}}', 'body-form'],
  ['a $patch that is null', STRATEGIC_PATCH, '{"spec":{"$patch":null}}', 'body-form'],
  ['a $retainKeys that is no list', STRATEGIC_PATCH, '{"spec":{"$retainKeys":"a"}}', 'body-form'],
  ['a $setElementOrder that is no list', STRATEGIC_PATCH, '{"$setElementOrder/a":{}}', 'body-form'],
  [
    'more than 4096 places',
    MERGE_PATCH,
    JSON.stringify(Object.fromEntries(Array.from({ length: 4_097 }, (_, n) => [`k${n}`, n]))),
    'body-bounds',
  ],
  ['a place that is too deep to name', MERGE_PATCH, `{"${'a'.repeat(600)}":{"${'b'.repeat(600)}":1}}`, 'body-bounds'],
  ['apply with YAML', APPLY_PATCH, 'status:\n  a: 1\n', 'body-form'],
  ['apply with a YAML alias', APPLY_PATCH, '{"a": &x 1, "b": *x}', 'body-form'],
  ['apply with a line break of YAML in a key', APPLY_PATCH, '{"status":{"a\u0085b":1}}', 'body-form'],
  ['apply with a line separator in a value', APPLY_PATCH, '{"status":{"a":"x\u2028y"}}', 'body-form'],
  ['apply with a comment', APPLY_PATCH, '{"status":{}} # {', 'body-form'],
  ['a merge patch of another kind', MERGE_PATCH, '{"kind":"Secret"}', 'body-mismatch'],
  ['a merge patch for another name', MERGE_PATCH, '{"metadata":{"name":"other"}}', 'body-mismatch'],
  ['a strategic patch for another namespace', STRATEGIC_PATCH, '{"metadata":{"namespace":"cluster2"}}', 'body-mismatch'],
  ['apply for another name', APPLY_PATCH, '{"metadata":{"name":"other"}}', 'body-mismatch'],
];

for (const [what, contentType, body, rule] of refused) {
  test(`refuses ${what}`, () => {
    assert.equal(refusalOfPatch(contentType, body), rule);
  });
}

test('patches come with PATCH, objects with everything else', () => {
  for (const contentType of [MERGE_PATCH, JSON_PATCH, STRATEGIC_PATCH, APPLY_PATCH]) {
    assert.equal(refusalOf({ method: 'PUT', path: paths.work, contentType, body: '{}' }), 'body-media-type');
  }
  for (const contentType of [JSON_TYPE, PROTOBUF_TYPE, null, '']) {
    assert.equal(refusalOf({ method: 'PATCH', path: paths.work, contentType, body: '{}' }), 'body-media-type');
  }
});

test('a patch shows its document beside its pointers, and is no object', () => {
  const body = accept({ method: 'PATCH', path: paths.workStatus, contentType: MERGE_PATCH, body: '{"status":{"a":1}}' });
  assert.equal(body.kind, 'patch');
  assert.equal(body.object, null);
  assert.equal(JSON.stringify(body.patch), '{"status":{"a":1}}');
});

const key = fc.constantFrom('a', 'b', 'c', 'd/e', '~', '', '0', '1');
const scalar = fc.constantFrom<Json>(null, true, 0, 'x', '');
const { document } = fc.letrec<{ document: Json; value: Json }>((tie) => ({
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, fc.array(tie('value'), { maxLength: 3 }), tie('document')),
  document: fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
}));

function requireCovered(before: Json, after: Json, pointers: readonly string[]): void {
  for (const changed of differences(before, after)) {
    assert.ok(isCovered(changed, pointers, after), `${changed || 'the whole'} changed, and ${JSON.stringify(pointers)} is touched`);
  }
}

test('a merge patch changes nothing but what it touches', () => {
  fc.assert(
    fc.property(document, document, (before, patch) =>
      requireCovered(before, applyMergePatch(before, patch), touchedBy(MERGE_PATCH, patch)),
    ),
    { numRuns: 1_000 },
  );
});

test('a strategic patch changes nothing but what it touches', () => {
  const directive = fc.record(
    {
      $patch: fc.constantFrom('replace', 'delete', 'merge'),
      $retainKeys: fc.array(key, { maxLength: 2 }),
      '$deleteFromPrimitiveList/a': fc.array(scalar, { maxLength: 2 }),
      '$setElementOrder/b': fc.array(scalar, { maxLength: 2 }),
    },
    { requiredKeys: [] },
  );
  const withDirectives = fc.tuple(document, directive, fc.constantFrom('', 'a', 'b', 'c')).map(([patch, directives, at]): Json => {
    if (!isMap(patch)) return patch;
    const inner = patch[at];
    return at !== '' && isMap(inner) ? { ...patch, [at]: { ...inner, ...directives } } : { ...patch, ...directives };
  });
  fc.assert(
    fc.property(document, withDirectives, (before, patch) => {
      if (isMap(patch)) requireCovered(before, applyStrategicPatch(before, patch), touchedBy(STRATEGIC_PATCH, patch));
    }),
    { numRuns: 1_000 },
  );
});

test('a JSON patch changes nothing but what it touches', () => {
  const token = fc.constantFrom('a', 'b', 'c', 'd~1e', '~0', '', '0', '1', '2', '-');
  const pointer = fc.array(token, { maxLength: 3 }).map((tokens) => tokens.map((part) => `/${part}`).join(''));
  const operation: fc.Arbitrary<Operation> = fc.record({
    op: fc.constantFrom('add', 'add', 'replace', 'remove', 'move', 'copy'),
    path: pointer,
    from: pointer,
    value: fc.oneof(scalar, document),
  });
  let applied = 0;
  fc.assert(
    fc.property(document, fc.array(operation, { minLength: 1, maxLength: 3 }), (before, operations) => {
      const after = applyJsonPatch(before, operations);
      if (after === null) return;
      applied += 1;
      requireCovered(before, after, touchedBy(JSON_PATCH, operations));
    }),
    { numRuns: 4_000 },
  );
  assert.ok(applied > 200, `${applied} applied`);
});

test('random patches end in pointers or a refusal', () => {
  const contentType = fc.constantFrom(MERGE_PATCH, JSON_PATCH, STRATEGIC_PATCH, APPLY_PATCH);
  fc.assert(
    fc.property(contentType, fc.oneof(fc.json(), fc.string()), (type, body) => {
      read({ method: 'PATCH', path: paths.workStatus, contentType: type, body });
    }),
    { numRuns: 1_000 },
  );
});

const MIB = 1024 * 1024;
const deep = (leaf: string, levels: number = 60): string => `${'{"aaaaaaaaaaaaaaa":'.repeat(levels)}${leaf}${'}'.repeat(levels)}`;

const hostile: readonly (readonly [what: string, contentType: string, body: string])[] = [
  ['shallow places', MERGE_PATCH, `{${Array.from({ length: 9_000 }, (_, n) => `"k${n}":"${'v'.repeat(100)}"`).join(',')}}`],
  ['deep places', MERGE_PATCH, deep(`{${Array.from({ length: 9_999 }, (_, n) => `"${n}":"${'v'.repeat(90)}"`).join(',')}}`)],
  [
    'as many deep places as pass',
    MERGE_PATCH,
    deep(`{${Array.from({ length: 4_096 }, (_, n) => `"${n}":"${'v'.repeat(230)}"`).join(',')}}`),
  ],
  ['tildes', MERGE_PATCH, `{${Array.from({ length: 260 }, (_, n) => `"${n}${'~'.repeat(4_000)}":1`).join(',')}}`],
  ['operations', JSON_PATCH, `[${Array.from({ length: 1_000 }, () => `{"op":"add","path":"/${'a/'.repeat(500)}","value":1}`).join(',')}]`],
  ['directives', STRATEGIC_PATCH, `{${Array.from({ length: 9_000 }, (_, n) => `"$setElementOrder/${n}":[${'0,'.repeat(9)}0]`).join(',')}}`],
];

for (const [what, contentType, body] of hostile) {
  test(`one MiB of ${what} costs less than 50 ms`, () => {
    assert.ok(body.length < 1.2 * MIB);
    const runs = Array.from({ length: 5 }, () => cpuMs(() => void refusalOfPatch(contentType, body)));
    assert.ok(Math.min(...runs) < 50, runs.join(' '));
    if (what.includes('as pass')) assert.equal(refusalOfPatch(contentType, body), 'accepted');
  });
}
