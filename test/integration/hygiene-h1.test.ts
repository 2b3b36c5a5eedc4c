// HTTP/1.1 messages that can be read in two ways, byte by byte: each is refused with its rule, in the answer and in the audit, its connection is
// closed, nothing of it reaches the hub, and others are unharmed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { RefusalRule } from '../../src/errors.ts';
import { klusterletSubject } from '../pki.ts';
import { exchangeRaw, openH1, openRaw, requestH1 } from '../proxy/test-client.ts';
import { eventually, startTestHub, startTestProxy } from '../proxy/test-proxy.ts';
import type { TestHub, TestProxy } from '../proxy/test-proxy.ts';

const HEAD = 'GET /api HTTP/1.1\r\nHost: hub\r\n';
const POST = 'POST /api HTTP/1.1\r\nHost: hub\r\n';

interface Case {
  readonly name: string;
  readonly bytes: string;
  readonly rule: RefusalRule;
  readonly code: number;
}

const refused = (name: string, bytes: string, rule: RefusalRule, code: number = 400): Case => ({ name, bytes, rule, code });
const header = (lines: string, rule: RefusalRule, code: number = 400): Case =>
  refused(JSON.stringify(lines), `${HEAD}${lines}\r\n\r\n`, rule, code);
const target = (text: string): Case =>
  refused(`the target ${JSON.stringify(text)}`, `GET ${text} HTTP/1.1\r\nHost: hub\r\n\r\n`, 'target-form');

const cases: readonly Case[] = [
  // RFC 9112 section 3.2: one Host, and a target in origin-form.
  header('Host: hub', 'host-mismatch'),
  header('hOST: other', 'host-mismatch'),
  refused('no Host', 'GET /api HTTP/1.1\r\n\r\n', 'host-mismatch'),
  refused('an empty Host', 'GET /api HTTP/1.1\r\nHost:\r\n\r\n', 'host-mismatch'),
  target('https://hub/api'),
  target('http://169.254.169.254/latest'),
  target('*'),
  refused('a target in authority-form', 'GET hub:443 HTTP/1.1\r\nHost: hub\r\n\r\n', 'framing'),
  target('/api#x'),
  target('/api\\..\\x'),
  refused('a target in UTF-8', 'GET /api/\xc3\xa9 HTTP/1.1\r\nHost: hub\r\n\r\n', 'framing'),
  refused('a NUL in the target', 'GET /api/\0 HTTP/1.1\r\nHost: hub\r\n\r\n', 'framing'),
  refused('a target of 9,000 bytes', `GET /${'a'.repeat(9_000)} HTTP/1.1\r\nHost: hub\r\n\r\n`, 'target-length'),
  // RFC 9112 section 6: how long the message is.
  refused('Content-Length beside Transfer-Encoding', `${POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 'framing'),
  refused('two Content-Lengths', `${POST}Content-Length: 4\r\nContent-Length: 5\r\n\r\nbody`, 'framing'),
  refused('Content-Length: 4, 4', `${POST}Content-Length: 4, 4\r\n\r\nbody`, 'framing'),
  refused('Content-Length: +4', `${POST}Content-Length: +4\r\n\r\nbody`, 'framing'),
  refused('Content-Length: -1', `${POST}Content-Length: -1\r\n\r\nbody`, 'framing'),
  refused('Content-Length: 0x4', `${POST}Content-Length: 0x4\r\n\r\nbody`, 'framing'),
  refused('a Content-Length beyond 2^64', `${POST}Content-Length: 18446744073709551617\r\n\r\nbody`, 'framing'),
  refused('a Content-Length of zeros', `${POST}Content-Length: 0000000000000000000000000000004\r\n\r\nbody`, 'framing'),
  refused('Transfer-Encoding: gzip, chunked', `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 'framing'),
  refused('Transfer-Encoding: chunked, chunked', `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`, 'framing'),
  refused('two Transfer-Encodings', `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 'framing'),
  refused('Transfer-Encoding: identity', `${POST}Transfer-Encoding: identity\r\n\r\n`, 'framing'),
  refused('Transfer-Encoding: xchunked', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 'framing'),
  refused('Transfer-Encoding with a vertical tab', `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`, 'framing'),
  refused('Transfer-Encoding on HTTP/1.0', 'POST /api HTTP/1.0\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 'framing'),
  refused('HTTP/1.0', 'GET /api HTTP/1.0\r\nHost: hub\r\n\r\n', 'framing'),
  refused('HTTP/2.0 in the request line', 'GET /api HTTP/2.0\r\nHost: hub\r\n\r\n', 'framing'),
  refused('HTTP/1.2', 'GET /api HTTP/1.2\r\nHost: hub\r\n\r\n', 'framing'),
  refused('HTTP/0.9', 'GET /api\r\n\r\n', 'framing'),
  refused('a GET with a body', `${HEAD}Content-Length: 4\r\n\r\nbody`, 'framing'),
  refused('a GET with chunks', `${HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 'framing'),
  refused('an OPTIONS with a body', 'OPTIONS /api HTTP/1.1\r\nHost: hub\r\nContent-Length: 4\r\n\r\nbody', 'framing'),
  // RFC 9112 section 5: lines.
  refused('obs-fold', `${HEAD}X-A: b\r\n c\r\n\r\n`, 'framing'),
  refused('a space before the colon', `${HEAD}X-A : b\r\n\r\n`, 'framing'),
  refused('bare LF', 'GET /api HTTP/1.1\nHost: hub\n\n', 'framing'),
  refused('bare CR in a value', `${HEAD}X-A: b\rc\r\n\r\n`, 'framing'),
  refused('NUL in a value', `${HEAD}X-A: b\0c\r\n\r\n`, 'framing'),
  refused('a header name with a space', `${HEAD}X A: b\r\n\r\n`, 'framing'),
  refused('a header name in UTF-8', `${HEAD}X-\xc3\xa9: b\r\n\r\n`, 'framing'),
  refused('a header without a name', `${HEAD}: b\r\n\r\n`, 'framing'),
  refused('a value in UTF-8', `${HEAD}X-A: \xc3\xa9\r\n\r\n`, 'header-ambiguous'),
  // Identities.
  header('Impersonate-User: system:admin', 'identity-header'),
  header('impersonate_user: system:admin', 'identity-header'),
  header('Impersonate-Group: system:masters', 'identity-header'),
  header('Impersonate-Uid: 1', 'identity-header'),
  header('Impersonate-Extra-scopes: x', 'identity-header'),
  header('X-Remote-User: admin', 'identity-header'),
  header('X_Remote_Group: system:masters', 'identity-header'),
  header('X-Forwarded-For: 127.0.0.1', 'identity-header'),
  header('Forwarded: for=127.0.0.1', 'identity-header'),
  // RFC 9110 section 7.6.1.
  header('Connection: authorization', 'header-ambiguous'),
  header('Connection: close, content-type', 'header-ambiguous'),
  header('Connection: impersonate-user', 'header-ambiguous'),
  header('Connection: transfer-encoding', 'header-ambiguous'),
  header('Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x', 'upgrade-refused', 403),
  header('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk', 'upgrade-refused', 403),
  header('Upgrade: SPDY/3.1', 'upgrade-refused', 403),
  refused('CONNECT', 'CONNECT hub:443 HTTP/1.1\r\nHost: hub:443\r\n\r\n', 'upgrade-refused', 403),
  refused('TRACE', 'TRACE /api HTTP/1.1\r\nHost: hub\r\n\r\n', 'method-not-supported'),
  refused('PROPFIND', 'PROPFIND /api HTTP/1.1\r\nHost: hub\r\n\r\n', 'method-not-supported'),
  refused('an unknown method', 'BREW /api HTTP/1.1\r\nHost: hub\r\n\r\n', 'framing'),
  refused('a method in lower case', 'get /api HTTP/1.1\r\nHost: hub\r\n\r\n', 'framing'),
  refused('an Expect of another kind', `${POST}Expect: 200-ok\r\nContent-Length: 4\r\n\r\nbody`, 'framing'),
  refused('two Expects', `${POST}Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody`, 'header-ambiguous'),
  // Twins of which kube-apiserver would take the first.
  header('Content-Type: a/b\r\nContent-Type: c/d', 'header-ambiguous'),
  header('Authorization: Bearer a\r\nAuthorization: Bearer b', 'header-ambiguous'),
  header('User-Agent: a\r\nUser-Agent: b', 'header-ambiguous'),
  // Size.
  refused('65 headers', `${HEAD}${Array.from({ length: 64 }, (_, n) => `X-${n}: a\r\n`).join('')}\r\n`, 'header-limit', 431),
  refused('2,500 headers', `${HEAD}${Array.from({ length: 2_500 }, (_, n) => `x${n}:\r\n`).join('')}\r\n`, 'header-limit', 431),
  refused('17 KiB of headers', `${HEAD}X-A: ${'a'.repeat(17 * 1024)}\r\n\r\n`, 'header-limit', 431),
  refused('1 MiB of headers', `${HEAD}X-A: ${'a'.repeat(1024 * 1024)}\r\n\r\n`, 'header-limit', 431),
  refused('garbage', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03', 'framing'),
  refused('an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'framing'),
];

async function open(t: TestContext): Promise<{ hub: TestHub; proxy: TestProxy }> {
  const hub = await startTestHub(t);
  return { hub, proxy: await startTestProxy(t, { hubUrl: hub.url }) };
}

interface Refused {
  readonly status: number;
  readonly rule: string;
  readonly auditId: string;
  readonly rest: string;
}

/** Reads one refusal, strictly as the protocol frames it. */
function readRefusal(received: string): Refused {
  const end = received.indexOf('\r\n\r\n');
  const head = received.slice(0, end);
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1]);
  assert.match(head, /\r\ncontent-type: application\/json/i, received);
  assert.match(head, /\r\nconnection: close/i);
  const body = JSON.parse(received.slice(end + 4, end + 4 + length)) as { kind: string; apiVersion: string; code: number; message: string };
  assert.deepEqual([body.kind, body.apiVersion, body.code], ['Status', 'v1', status]);
  const [, rule = '', auditId = ''] = /^countersign: .+ \(rule ([a-z-]+), audit-id ([0-9a-f-]+)\)$/.exec(body.message) ?? [];
  return { status, rule, auditId, rest: received.slice(end + 4 + length) };
}

test('every HTTP/1.1 message that could be read in two ways is refused by its rule, recorded, and kept from the hub', async (t) => {
  const { hub, proxy } = await open(t);
  const bystander = openH1(t, proxy.client());
  for (const [n, { name, bytes, rule, code }] of cases.entries()) {
    // Each is another's: who is refused too often is locked out.
    const client = proxy.client(klusterletSubject(`refused${n}`));
    await t.test(name, async (inner) => {
      const before = proxy.audit.length;
      const socket = await openRaw(inner, proxy.port, client);
      const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: hub\r\n\r\n';
      const refusal = readRefusal(await exchangeRaw(socket, Buffer.from(bytes + smuggled, 'latin1')));
      assert.deepEqual([refusal.rule, refusal.status, refusal.rest], [rule, code, '']);
      const lines = proxy.audit.slice(before).filter((line) => line.event === 'request');
      assert.deepEqual(
        lines.map((line) => [line.auditID, line.verdict, line.rule, line.code, line.cluster]),
        [[refusal.auditId, 'deny', rule, code, `refused${n}`]],
      );
      assert.deepEqual(hub.seen, []);
    });
  }
  assert.equal((await requestH1(bystander, proxy.port)).status, 200);
  await eventually('their connections are gone', () => proxy.proxy.counts().connections === 1);
  assert.equal(proxy.proxy.counts().requests, 0);
});

test('every message that is sound arrives, however unusual', async (t) => {
  const { hub, proxy } = await open(t);
  const sound = [
    `\r\n${HEAD}\r\n`,
    `${HEAD}connection: keep-alive, TE\r\nTE: trailers\r\n\r\n`,
    `${HEAD}X-A:\t b \t\r\nX-A: c\r\n\r\n`,
    `${HEAD}Cookie: a=b\r\nProxy-Authorization: Basic x\r\nAudit-ID: mine\r\nAuthorization: Bearer mine\r\n\r\n`,
    `${HEAD}Content-Length: 0\r\n\r\n`,
    `${POST}\r\n`,
    `${POST}Content-Length: 00004\r\n\r\nbody`,
    `${POST}Transfer-Encoding: Chunked\r\n\r\n4;ext="a"\r\nbody\r\n0\r\nX-Sum: 1\r\n\r\n`,
  ];
  for (const [n, bytes] of sound.entries()) {
    const socket = await openRaw(t, proxy.port, proxy.client());
    socket.once('data', () => socket.end());
    const answered = exchangeRaw(socket, bytes);
    await eventually(`request ${n} at the hub: ${JSON.stringify(bytes)}`, () => hub.seen.length === n + 1);
    assert.match(await answered, /^HTTP\/1\.1 200 OK\r\n/);
  }
});

test('what belongs to the connection, to another identity or to us does not go on', async (t) => {
  const { hub, proxy } = await open(t);
  const seen: string[][] = [];
  hub.handler = (request, response) => {
    seen.push(request.rawHeaders.filter((name, at) => at % 2 === 0 && !name.startsWith(':')).map((name) => name.toLowerCase()));
    response.end();
  };
  const agent = openH1(t, proxy.client());
  await requestH1(agent, proxy.port, {
    headers: {
      ...{ authorization: 'Bearer mine', cookie: 'a=b', 'audit-id': 'mine', te: 'trailers', 'x-unknown': '1' },
      ...{ 'proxy-authorization': 'Basic x', accept: 'application/json', 'user-agent': 'test', 'keep-alive': 'timeout=5' },
    },
  });
  assert.deepEqual(seen[0]?.toSorted(), ['accept', 'audit-id', 'user-agent']);
  assert.deepEqual(hub.seen.length, 1);
});

test('header bytes that never come to an end are cut off in time, and an idle connection with them', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url, limits: { headersTimeoutMs: 300, connectionIdleTimeoutMs: 300 } });
  const client = proxy.client();
  const silent = await openRaw(t, proxy.port, client);
  const slow = await openRaw(t, proxy.port, client);
  const drip = setInterval(() => slow.write('a'), 50);
  t.after(() => clearInterval(drip));
  slow.write('GET /api HTTP/1.1\r\nx-slow: ');
  const idle = await openRaw(t, proxy.port, client);
  idle.write(`${HEAD}\r\n`);
  for (const socket of [silent, slow, idle]) socket.resume();
  await eventually('all three are cut off', () => [silent, slow, idle].every((socket) => socket.destroyed));
  assert.equal(hub.seen.length, 1);
  await eventually('nothing left', () => proxy.proxy.counts().connections === 0);
});

test('a client that keeps its side open after a refusal, or after its last answer, does not keep the connection', async (t) => {
  const { proxy } = await open(t);
  const last = `${HEAD}Connection: close\r\n\r\n`;
  for (const bytes of [`${HEAD}Impersonate-User: a\r\n\r\n`, 'garbage\r\n\r\n', last]) {
    const socket = await openRaw(t, proxy.port, proxy.client(), { allowHalfOpen: true });
    let received = '';
    let ended = false;
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
    });
    socket.once('end', () => {
      ended = true;
    });
    const drip = setInterval(() => socket.write('more of it'), 20);
    t.after(() => clearInterval(drip));
    socket.write(bytes);
    await eventually('the whole answer', () => ended);
    assert.match(received, /^HTTP\/1\.1 (?:200|400) [^]*\}(?:\n|\r\n0\r\n\r\n)$/);
    await eventually('the connection is gone', () => proxy.proxy.counts().connections === 0);
    clearInterval(drip);
    socket.destroy();
  }
});
