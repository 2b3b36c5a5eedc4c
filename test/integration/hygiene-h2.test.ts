// HTTP/2 requests that can be read in two ways, frame by frame. Ours to refuse: with a Status and a line in the audit. What Node 24 refuses by
// itself is reset, and what it drops is measured here: it must not matter.

import assert from 'node:assert/strict';
import { constants } from 'node:http2';
import { test } from 'node:test';
import type { RefusalRule } from '../../src/errors.ts';
import { klusterletSubject } from '../pki.ts';
import { END_HEADERS, END_STREAM, FRAME, frame, headers, longHeaders, requestPairs, startRawH2, windowUpdate } from '../proxy/raw-h2.ts';
import type { FrameReader } from '../proxy/raw-h2.ts';
import { openH2, openRaw, requestH2 } from '../proxy/test-client.ts';
import { eventually, startTestHub, startTestProxy } from '../proxy/test-proxy.ts';

const { NGHTTP2_PROTOCOL_ERROR: PROTOCOL_ERROR, NGHTTP2_ENHANCE_YOUR_CALM: ENHANCE_YOUR_CALM } = constants;

/** Each case is a request on stream 1. */
type Case = readonly [name: string, bytes: Buffer];

const get = (...more: (string | Buffer)[]): Buffer => headers(1, requestPairs('GET', '/api', more));
const post = (more: (string | Buffer)[], ...frames: Buffer[]): Buffer =>
  Buffer.concat([headers(1, requestPairs('POST', '/api', more), END_HEADERS), ...frames]);
const path = (target: string, method: string = 'GET'): Buffer => headers(1, requestPairs(method, target));
const pseudo = (...pairs: string[]): Buffer => headers(1, pairs);
const data = (text: string, flags: number = END_STREAM): Buffer => frame(FRAME.DATA, flags, 1, Buffer.from(text));
const many = (count: number): string[] => Array.from({ length: count }, (_, n) => [`x-${n}`, 'a']).flat();

const refused: readonly (readonly [...Case, RefusalRule, number])[] = [
  ['a Host that differs from :authority', get('host', 'other'), 'host-mismatch', 400],
  ['an Impersonate-User', get('impersonate-user', 'system:admin'), 'identity-header', 400],
  ['two Impersonate-Groups', get('impersonate-group', 'a', 'impersonate-group', 'b'), 'identity-header', 400],
  ['an impersonate_user', get('impersonate_user', 'a'), 'identity-header', 400],
  ['an X-Remote-User', get('x-remote-user', 'a'), 'identity-header', 400],
  ['two Content-Types', get('content-type', 'a/b', 'content-type', 'c/d'), 'header-ambiguous', 400],
  ['two Authorizations', get('authorization', 'a', 'authorization', 'b'), 'header-ambiguous', 400],
  ['a value in UTF-8', get('user-agent', Buffer.from('é')), 'header-ambiguous', 400],
  ['an HTTP2-Settings', get('http2-settings', 'AAA'), 'upgrade-refused', 403],
  ['an Expect of another kind', get('expect', 'x'), 'framing', 400],
  ['65 headers', get(...many(65)), 'header-limit', 431],
  ['120 headers', get(...many(120)), 'header-limit', 431],
  ['20 KB of headers', longHeaders(1, requestPairs('GET', '/api', ['x', 'a'.repeat(20_000)])), 'header-limit', 431],
  ['a target of 9,000 bytes', path(`/${'a'.repeat(9_000)}`), 'target-length', 400],
  ['a # in the target', path('/api#x'), 'target-form', 400],
  ['a \\ in the target', path('/a\\..\\b'), 'target-form', 400],
  ['UTF-8 in the target', headers(1, [...requestPairs('GET', '/').slice(0, -1), Buffer.from('/é')]), 'target-form', 400],
  ['OPTIONS *', path('*', 'OPTIONS'), 'target-form', 400],
  ['CONNECT', headers(1, [':method', 'CONNECT', ':authority', 'hub:443'], END_HEADERS), 'upgrade-refused', 403],
  ['an unknown method', path('/api', 'BREW'), 'method-not-supported', 400],
  ['a method in lower case', path('/api', 'get'), 'method-not-supported', 400],
  ['PRI', path('/api', 'PRI'), 'method-not-supported', 400],
  ['a GET with DATA', Buffer.concat([headers(1, requestPairs('GET', '/api'), END_HEADERS), data('x')]), 'framing', 400],
  [
    'a GET that ends in a frame of its own',
    Buffer.concat([headers(1, requestPairs('GET', '/api'), END_HEADERS), data('')]),
    'framing',
    400,
  ],
  ['a body that declares too much', post(['content-length', '99999999']), 'body-limit', 413],
];

test('every HTTP/2 request that could be read in two ways is refused by its rule, recorded, and kept from the hub', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  for (const [n, [name, bytes, rule, code]] of refused.entries()) {
    // Each is another's: who is refused too often is locked out.
    const client = proxy.client(klusterletSubject(`refused${n}`));
    await t.test(name, async (inner) => {
      const before = proxy.audit.length;
      const socket = await openRaw(inner, proxy.port, client, { alpn: ['h2'] });
      const reader = startRawH2(socket);
      socket.write(bytes);
      await eventually('an answer', () => reader.ended(1));
      const status = JSON.parse(reader.text(1)) as { kind: string; code: number; message: string };
      const auditId = /\(rule ([a-z-]+), audit-id ([0-9a-f-]+)\)$/.exec(status.message);
      assert.deepEqual([status.kind, status.code, auditId?.[1]], ['Status', code, rule]);
      const lines = proxy.audit.slice(before).filter((line) => line.event === 'request');
      assert.deepEqual(
        lines.map((line) => [line.auditID, line.verdict, line.rule, line.code]),
        [[auditId?.[2], 'deny', rule, code]],
      );
      assert.deepEqual(hub.seen, []);
      socket.write(headers(3, requestPairs('GET', '/next')));
      await eventually('the next request on the same connection', () => reader.ended(3));
      assert.equal(reader.text(3), '{}');
      hub.seen.length = 0;
    });
  }
  assert.equal(proxy.proxy.counts().requests, 0);
});

/** Reset by nghttp2 before it is a request: no answer, no line, nothing at the hub; the connection goes on. */
const reset: readonly (readonly [...Case, number])[] = [
  ['no :authority and no Host', pseudo(':method', 'GET', ':scheme', 'https', ':path', '/api'), PROTOCOL_ERROR],
  ['an empty :authority', pseudo(':method', 'GET', ':scheme', 'https', ':authority', '', ':path', '/api'), PROTOCOL_ERROR],
  [
    'user information in :authority',
    pseudo(':method', 'GET', ':scheme', 'https', ':authority', 'u:p@hub', ':path', '/api'),
    PROTOCOL_ERROR,
  ],
  ['two Hosts', get('host', 'hub.example', 'host', 'b'), PROTOCOL_ERROR],
  ['a name in upper case', get('X-Up', 'a'), PROTOCOL_ERROR],
  ['Connection', get('connection', 'close'), PROTOCOL_ERROR],
  ['TE: gzip', get('te', 'gzip'), PROTOCOL_ERROR],
  ['Transfer-Encoding', post(['transfer-encoding', 'chunked']), PROTOCOL_ERROR],
  ['Upgrade', get('upgrade', 'h2c'), PROTOCOL_ERROR],
  [
    'extended CONNECT',
    headers(1, [':method', 'CONNECT', ':protocol', 'websocket', ':scheme', 'https', ':authority', 'hub', ':path', '/x'], END_HEADERS),
    PROTOCOL_ERROR,
  ],
  [
    'a pseudo-header behind a header',
    pseudo(':method', 'GET', ':scheme', 'https', 'x', 'y', ':authority', 'a', ':path', '/x'),
    PROTOCOL_ERROR,
  ],
  ['two :methods', pseudo(':method', 'GET', ':method', 'POST', ':scheme', 'https', ':authority', 'a', ':path', '/x'), PROTOCOL_ERROR],
  ['two :paths', pseudo(':method', 'GET', ':scheme', 'https', ':authority', 'a', ':path', '/x', ':path', '/y'), PROTOCOL_ERROR],
  ['no :path', pseudo(':method', 'GET', ':scheme', 'https', ':authority', 'a'), PROTOCOL_ERROR],
  ['an unknown pseudo-header', pseudo(':method', 'GET', ':scheme', 'https', ':authority', 'a', ':path', '/x', ':x', 'y'), PROTOCOL_ERROR],
  ['an empty :path', path(''), PROTOCOL_ERROR],
  ['GET *', path('*'), PROTOCOL_ERROR],
  ['an absolute :path', path('https://hub/api'), PROTOCOL_ERROR],
  ['a space in :path', path('/a b'), PROTOCOL_ERROR],
  ['CRLF in :path', path('/a HTTP/1.1\r\nimpersonate-user: b'), PROTOCOL_ERROR],
  ['two Content-Lengths', post(['content-length', '4', 'content-length', '4']), PROTOCOL_ERROR],
  ['Content-Length: +4', post(['content-length', '+4']), PROTOCOL_ERROR],
  ['Content-Length: 4 and no body', headers(1, requestPairs('POST', '/api', ['content-length', '4'])), PROTOCOL_ERROR],
  ['pseudo-headers as trailers', post([], data('x', 0), headers(1, [':path', '/y'])), PROTOCOL_ERROR],
  ['trailers that are not the end', post([], data('x', 0), headers(1, ['x-a', 'b'], END_HEADERS)), PROTOCOL_ERROR],
  ['130 headers', get(...many(130)), ENHANCE_YOUR_CALM],
];

/** Torn down by nghttp2: the connection, and all that is on it. */
const fatal: readonly Case[] = [
  ['200 KB of headers', longHeaders(1, requestPairs('GET', '/api', ['x', 'a'.repeat(200_000)]))],
  ['a stream of the server', headers(2, requestPairs('GET', '/api'))],
  ['a WINDOW_UPDATE of nothing', post([], windowUpdate(1, 0))],
  ['a window that overflows', post([], windowUpdate(1, 0x7fffffff))],
  ['DATA behind the end', Buffer.concat([get(), data('x')])],
  ['DATA of no request', frame(FRAME.DATA, END_STREAM, 5, Buffer.from('x'))],
  ['a PUSH_PROMISE', frame(5, END_HEADERS, 1, Buffer.from([0, 0, 0, 2]))],
  ['a frame that is too large', frame(FRAME.DATA, 0, 1, Buffer.alloc(20_000))],
  ['a header block that does not decode', frame(FRAME.HEADERS, END_HEADERS | END_STREAM, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]))],
  ['another frame within a header block', Buffer.concat([frame(FRAME.HEADERS, 0, 1, Buffer.from([0x82])), frame(FRAME.DATA, 0, 1)])],
];

test('what Node refuses by itself does not reach the hub and harms nobody else', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const bystander = openH2(t, proxy.port, proxy.client());
  const offender = proxy.client(klusterletSubject('offender'));
  const seen = (): string[] => hub.seen.filter(({ target }) => target !== '/next').map(({ target }) => target);
  const offer = async (bytes: Buffer, name: string): Promise<FrameReader> => {
    const socket = await openRaw(t, proxy.port, offender, { alpn: ['h2'] });
    const reader = startRawH2(socket);
    socket.write(Buffer.concat([bytes, headers(3, requestPairs('GET', '/next'))]));
    await eventually(`an ending of ${name}`, () => reader.closed || (reader.reset(1) !== null && reader.ended(3)));
    return reader;
  };
  for (const [name, bytes, code] of reset) {
    const reader = await offer(bytes, name);
    assert.deepEqual([reader.reset(1), reader.closed, reader.text(3)], [code, false, '{}'], name);
    const late = name.includes('trailers');
    await eventually('nothing but its beginning', () => seen().length === 0 || late);
    hub.seen.length = 0;
  }
  for (const [name, bytes] of fatal) {
    const reader = await offer(bytes, name);
    assert.equal(reader.closed, true, name);
    assert.notEqual(reader.goaway, constants.NGHTTP2_NO_ERROR, name);
  }
  assert.equal((await requestH2(bystander)).status, 200);
  await eventually('no open request', () => proxy.proxy.counts().requests === 0);
});

test('header fields that nghttp2 drops without a word do not reach the hub, nor does anything hidden in them', async (t) => {
  const hub = await startTestHub(t);
  const seen: string[] = [];
  hub.handler = (request, response) => {
    request.resume();
    seen.push(request.rawHeaders.filter((name, at) => at % 2 === 0 && !name.startsWith(':')).join(' '));
    response.end();
  };
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const socket = await openRaw(t, proxy.port, proxy.client(), { alpn: ['h2'] });
  const reader = startRawH2(socket);
  const dropped = [
    ['user-agent', 'a\r\nimpersonate-user: system:admin'],
    ['user-agent', 'a\nb'],
    ['user-agent', 'a\0b'],
    ['content-type', ' application/json'],
    ['impersonate-user', ' system:admin'],
    ['impersonate-user', 'system:admin\r\n'],
    ['impersonate user', 'system:admin'],
    ['impersonate-user\r\n', 'system:admin'],
    ['', 'system:admin'],
  ] as const;
  for (const [n, [name, value]] of dropped.entries()) {
    socket.write(headers(2 * n + 1, requestPairs('GET', '/api', [name, value])));
    await eventually('an answer', () => reader.ended(2 * n + 1));
  }
  assert.deepEqual(new Set(seen), new Set(['audit-id']));
  assert.equal(seen.length, dropped.length);
});

test('HTTP/2 requests that are sound arrive, however unusual', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const sound: readonly Case[] = [
    ['a Host that says the same', get('host', 'hub.example')],
    ['a Host in place of :authority', pseudo(':method', 'GET', ':scheme', 'https', ':path', '/api', 'host', 'hub')],
    ['TE: trailers', get('te', 'trailers')],
    ['two Cookies', get('cookie', 'a=b', 'cookie', 'c=d')],
    ['two Accepts', get('accept', 'a/b', 'accept', 'c/d')],
    ['two If-Matches', get('if-match', '"1"', 'if-match', '"2"')],
    ['16,000 bytes of headers', get('x', 'a'.repeat(16_000))],
    ['an empty body', post(['content-length', '0'], data(''))],
    [
      'padding',
      Buffer.concat([
        headers(1, requestPairs('POST', '/api'), END_HEADERS),
        frame(FRAME.DATA, END_STREAM | 0x8, 1, Buffer.from([3, 0x7b, 0x7d, 0, 0, 0])),
      ]),
    ],
    ['frames of an unknown kind', Buffer.concat([frame(0xfa, 0xff, 0, Buffer.from('grease')), get()])],
  ];
  for (const [n, [name, bytes]] of sound.entries()) {
    const socket = await openRaw(t, proxy.port, proxy.client(), { alpn: ['h2'] });
    const reader = startRawH2(socket);
    socket.write(bytes);
    await eventually(`an answer to ${name}`, () => reader.ended(1));
    assert.deepEqual([reader.text(1), hub.seen.length], ['{}', n + 1], name);
  }
});
