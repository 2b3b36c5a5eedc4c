// The grammar of selectors, with the facts of apimachinery's own tests (pkg/labels/selector_test.go, pkg/fields/selector_test.go).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { demands, exactFieldValue, parseFieldSelector, parseLabelSelector } from '../../src/inspect/selectors.ts';

/** One requirement a line: key, operator, values. */
function say(requirements: ReturnType<typeof parseLabelSelector>): string | null {
  return requirements?.map(({ key, operator, values }) => `${key} ${operator} ${values.join('|')}`.trim()).join('; ') ?? null;
}

test('label selectors are read in the grammar of Kubernetes', () => {
  const rows = [
    ['', ''],
    ['   ', ''],
    ['a=b', 'a = b'],
    ['a==b', 'a = b'],
    [' a = b ', 'a = b'],
    ['a!=b', 'a != b'],
    ['a', 'a exists'],
    ['!a', 'a !'],
    ['a=,b', 'a =; b exists'],
    ['a in (b)', 'a in b'],
    ['a in (c,b, d )', 'a in b|c|d'],
    ['a in ()', 'a in'],
    ['a in (b,)', 'a in |b'],
    ['a notin (b)', 'a notin b'],
    ['in in (in)', 'in in in'],
    ['notin', 'notin exists'],
    ['a>1,b<22', 'a > 1; b < 22'],
    ['example.com/a=b', 'example.com/a = b'],
    ['open-cluster-management.io/cluster-name in (cluster1),x', 'open-cluster-management.io/cluster-name in cluster1; x exists'],
  ] as const;
  for (const [text, expected] of rows) assert.equal(say(parseLabelSelector(text)), expected, JSON.stringify(text));
});

test('what is no label selector is not read', () => {
  const texts = [
    'a,',
    ',a',
    'a,,b',
    'a b',
    '!a=b',
    'a!',
    '!!a',
    'a in b',
    'a in (b',
    'a in b)',
    'a in (b c)',
    'a>b',
    'a>-1',
    'a=b=c',
    'a=b)',
    '=b',
    '()',
  ];
  const keys = ['-a=b', 'a-=b', 'A.b/c/d=e', '/a=b', 'a/=b', 'Ex.com/a=b', `${'a'.repeat(64)}=b`, `${'a'.repeat(254)}/a=b`];
  const values = ['a=-b', 'a=b-', 'a=b/c', `a=${'b'.repeat(64)}`, 'a=é', 'a=b\0', 'a in (b,-c)', 'a=b\u00a0'];
  for (const text of [...texts, ...keys, ...values]) assert.equal(parseLabelSelector(text), null, JSON.stringify(text));
});

test('field selectors are read in the grammar of Kubernetes', () => {
  const rows = [
    ['', ''],
    ['a=b', 'a = b'],
    ['a==b', 'a = b'],
    ['a!=b', 'a != b'],
    ['a=b,', 'a = b'],
    ['b=1,a=2', 'a = 2; b = 1'],
    ['a=', 'a ='],
    ['a=b\\,c', 'a = b,c'],
    ['a=b\\=c', 'a = b=c'],
    ['a=b\\\\', 'a = b\\'],
    ['a!b=c', 'a!b = c'],
  ] as const;
  for (const [text, expected] of rows) assert.equal(say(parseFieldSelector(text)), expected, text);
  for (const text of ['a', 'a,b=c', 'a=b=c', 'a==b==c', 'a=b\\', 'a=b\\x']) assert.equal(parseFieldSelector(text), null, text);
});

test('a demand is one value and nothing less', () => {
  const labels = (text: string): boolean => demands(parseLabelSelector(text) ?? [], 'k', 'v');
  for (const text of ['k=v', 'k==v', 'k in (v)', 'a=b,k=v', 'k=v,k', 'k=v,k!=w']) assert.equal(labels(text), true, text);
  for (const text of ['', 'k', 'k=w', 'k in (v,w)', 'k notin (v)', 'k!=w', '!k', 'kk=v', 'k=', 'k in ()'])
    assert.equal(labels(text), false, text);
});

test('the name in a field selector is the one that every selected object has', () => {
  const name = (text: string): string | null => exactFieldValue(parseFieldSelector(text) ?? [], 'metadata.name');
  assert.equal(name('metadata.name=a'), 'a');
  assert.equal(name('spec.x=y,metadata.name=a'), 'a');
  assert.equal(name('metadata.name!=a'), null);
  assert.equal(name(''), null);
});

test('no text is read for long, or with an error', () => {
  const worst = [
    'a'.repeat(100_000),
    ' '.repeat(100_000),
    'a,'.repeat(50_000),
    '\\,'.repeat(50_000),
    '!'.repeat(100_000),
    `a in (${'b,'.repeat(50_000)})`,
  ];
  for (const text of worst) {
    const before = performance.now();
    parseLabelSelector(text);
    parseFieldSelector(text);
    assert.ok(performance.now() - before < 10_000, `${text.slice(0, 10)}… took ${performance.now() - before} ms`);
  }
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', 'k', '=', '!', ',', '(', ')', ' ', '\\', 'in', 'notin', '>', '.', '/', '\0') }),
      (text) => {
        parseLabelSelector(text);
        parseFieldSelector(text);
      },
    ),
  );
});
