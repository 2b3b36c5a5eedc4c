// Which headers and trailers go on, for any that may come: only those on the list, as they came, and none where one claims an identity.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { HeadLimits, RequestHead } from '../../src/inspect/head.ts';
import { selectHeaders, selectResponseHeaders, selectTrailers } from '../../src/inspect/headers.ts';

const limits: HeadLimits = {
  maxHeaderBytes: 16_384,
  maxHeaders: 64,
  maxQueryParameters: 32,
  maxTargetBytes: 8_192,
  maxRequestBodyBytes: 1_000,
};

const head = (headers: readonly string[], more: Partial<RequestHead> = {}): RequestHead => ({
  ...{ httpVersion: '2.0', method: 'POST', target: '/api', authority: 'hub', hasBody: true },
  headers,
  ...more,
});

/** Every name that may go to the hub; written down a second time on purpose. */
const allowed: ReadonlySet<string> = new Set([
  ...['accept', 'accept-encoding', 'accept-language', 'cache-control', 'content-encoding', 'content-length', 'content-type'],
  ...['if-match', 'if-modified-since', 'if-none-match', 'kubectl-command', 'kubectl-session', 'user-agent', 'x-overwrite-state'],
]);

const identities = [
  'impersonate-user',
  'impersonate-group',
  'impersonate-uid',
  'impersonate-extra-a',
  'x-remote-user',
  'x-remote-extra-b',
  'forwarded',
  'x-forwarded-for',
  'x-real-ip',
];
const others = [
  'host',
  'te',
  'trailer',
  'connection',
  'cookie',
  'authorization',
  'x-a',
  'expect',
  'upgrade',
  'transfer-encoding',
  'audit-id',
  '__proto__',
  'constructor',
];

/** The same name in another spelling that some reader takes for it. */
const spelled = (names: readonly string[]): fc.Arbitrary<string> =>
  fc.tuple(fc.constantFrom(...names), fc.infiniteStream(fc.integer({ min: 0, max: 2 }))).map(([name, choices]) =>
    name
      .split('')
      .map((character) => {
        const choice = choices.next().value;
        if (character === '-') return choice === 0 ? '_' : '-';
        return choice === 1 ? character.toUpperCase() : character;
      })
      .join(''),
  );
const plainValue = fc.string({ unit: fc.constantFrom(...'abcXYZ019 ;,=/"*\t'.split('')), maxLength: 20 });
const anyName = fc.oneof(
  fc.constantFrom(...allowed, ...others),
  spelled([...allowed, ...others, ...identities]),
  fc.string({ unit: 'binary', maxLength: 10 }),
);
const anyValue = fc.oneof(
  plainValue,
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('chunked', '100-continue', 'close', '4', 'hub'),
);
const anyHeaders = fc.array(fc.tuple(anyName, anyValue), { maxLength: 12 }).map((pairs) => pairs.flat());

const toPairs = (flat: readonly string[]): [string, string][] =>
  flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? '']] : []));

test('whatever comes, only names on the list go on, each value as it came and in the order it came', () => {
  fc.assert(
    fc.property(anyHeaders, (headers) => {
      const selected = selectHeaders(head(headers), limits);
      if (!selected.ok) return;
      const expected = toPairs(headers).flatMap(([name, value]) => (allowed.has(name.toLowerCase()) ? [[name.toLowerCase(), value]] : []));
      assert.deepEqual(toPairs(selected.headers), expected);
      for (const part of selected.headers) assert.match(part, /^[\t -~]*$/);
    }),
  );
});

test('a header that claims an identity refuses the request, in every spelling and among all others', () => {
  fc.assert(
    fc.property(anyHeaders, spelled(identities), anyValue, fc.nat(), (headers, name, value, place) => {
      const at = 2 * (place % (headers.length / 2 + 1));
      const verdict = selectHeaders(head([...headers.slice(0, at), name, value, ...headers.slice(at)]), limits);
      assert.equal(verdict.ok, false);
    }),
  );
  for (const name of identities) {
    const verdict = selectHeaders(head([name, 'a']), limits);
    assert.ok(!verdict.ok && verdict.refusal.rule === 'identity-header', name);
    const trailed = selectTrailers([name.toUpperCase().replaceAll('-', '_'), 'a'], limits);
    assert.ok(!trailed.ok && trailed.refusal.rule === 'identity-header', name);
  }
});

test('the case of a name changes nothing', () => {
  fc.assert(
    fc.property(anyHeaders, (headers) => {
      const upper = headers.map((part, at) => (at % 2 === 0 ? part.replaceAll(/[a-z]/g, (letter) => letter.toUpperCase()) : part));
      assert.deepEqual(selectHeaders(head(upper), limits), selectHeaders(head(headers), limits));
      assert.deepEqual(selectTrailers(upper, limits), selectTrailers(headers, limits));
    }),
  );
});

test('what may be read differently when it stands twice is refused when it does', () => {
  for (const name of [
    'content-type',
    'content-length',
    'content-encoding',
    'user-agent',
    'host',
    'authorization',
    'expect',
    'transfer-encoding',
    'if-modified-since',
  ]) {
    const value = { 'content-length': '4', expect: '100-continue', 'transfer-encoding': 'chunked', host: 'hub' }[name] ?? 'a';
    const verdict = selectHeaders(head([name, value, name.toUpperCase(), value], { authority: null }), limits);
    assert.ok(!verdict.ok, name);
    assert.equal(verdict.refusal.rule, name === 'host' ? 'host-mismatch' : 'header-ambiguous', name);
  }
  const lists = selectHeaders(head(['accept', 'a/b', 'accept', 'c/d', 'if-match', '"1"', 'if-match', '"2"']), limits);
  assert.ok(lists.ok);
  assert.deepEqual(lists.headers, ['accept', 'a/b', 'accept', 'c/d', 'if-match', '"1"', 'if-match', '"2"']);
});

test('bounds hold to the byte and to the line', () => {
  const lines = (count: number): string[] => Array.from({ length: count }, () => ['a', '']).flat();
  assert.equal(selectHeaders(head(lines(64)), limits).ok, true);
  const many = selectHeaders(head(lines(65)), limits);
  assert.ok(!many.ok && many.refusal.rule === 'header-limit');
  assert.equal(selectHeaders(head(['a', 'x'.repeat(16_383)]), limits).ok, true);
  const large = selectHeaders(head(['a', 'x'.repeat(16_384)]), limits);
  assert.ok(!large.ok && large.refusal.rule === 'header-limit');
  assert.equal(selectTrailers(lines(16), limits).ok, true);
  assert.equal(selectTrailers(lines(17), limits).ok, false);
  assert.equal(selectHeaders(head(['content-length', '1000']), limits).ok, true);
  const declared = selectHeaders(head(['content-length', '1001']), limits);
  assert.ok(!declared.ok && declared.refusal.rule === 'body-limit');
});

test('a length is told only where there is a body to have it', () => {
  const framing = (headers: string[], more: Partial<RequestHead> = {}): string => {
    const verdict = selectHeaders(head(headers, more), limits);
    return verdict.ok ? `length ${verdict.contentLength}` : verdict.refusal.rule;
  };
  assert.equal(framing(['content-length', '4']), 'length 4');
  assert.equal(framing(['content-length', '0'], { hasBody: false }), 'length 0');
  assert.equal(framing(['content-length', '4'], { hasBody: false }), 'framing');
  assert.equal(framing(['content-length', '4', 'transfer-encoding', 'chunked']), 'framing');
  assert.equal(framing(['transfer-encoding', 'chunked']), 'length null');
  for (const value of ['', ' 4', '+4', '-4', '4,4', '0x4', '4.0', '1e3', '٤', '9'.repeat(16)])
    assert.notEqual(framing(['content-length', value]), 'length 4', value);
  for (const value of ['gzip, chunked', 'identity', 'chunked ', '']) assert.equal(framing(['transfer-encoding', value]), 'framing', value);
});

test('a trailer goes on only where it is nothing but data', () => {
  fc.assert(
    fc.property(anyHeaders, (trailers) => {
      const selected = selectTrailers(trailers, limits);
      if (!selected.ok) return;
      for (const [name, value] of toPairs(selected.trailers)) {
        assert.ok(
          !allowed.has(name) &&
            !/^(?:content-|host$|te$|trailer$|connection$|transfer-encoding$|upgrade$|expect$|authorization$)/.test(name),
          name,
        );
        assert.ok(toPairs(trailers).some(([one, text]) => one.toLowerCase() === name && text === value));
      }
    }),
  );
});

test('of an answer everything goes on but what is about its connection', () => {
  fc.assert(
    fc.property(anyHeaders, fc.array(fc.constantFrom('x-a', 'cookie', 'te', 'ETag'), { maxLength: 3 }), (headers, nominated) => {
      const all = [...headers, 'Connection', nominated.join(' , ')];
      const names = new Set(toPairs(selectResponseHeaders(all)).map(([name]) => name));
      for (const name of [
        'connection',
        'keep-alive',
        'transfer-encoding',
        'upgrade',
        'te',
        'proxy-connection',
        'http2-settings',
        ...nominated,
      ])
        assert.ok(!names.has(name.toLowerCase()), name);
    }),
  );
  const passed = ['content-type', 'a/b', 'warning', '299 - "é"', 'warning', '299 - "b"', 'audit-id', 'x', 'retry-after', '1'];
  assert.deepEqual(selectResponseHeaders(passed), passed);
  assert.deepEqual(selectResponseHeaders([':status', '200', 'ETag', '"1"']), ['etag', '"1"']);
});
