// Several requests on one HTTP/1.1 connection: answered in their order, one at a time, and nothing behind one that was refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { nextRequest, receive } from '../proxy/four-pairs.ts';
import { openRaw } from '../proxy/test-client.ts';
import { eventually, startTestHub, startTestProxy } from '../proxy/test-proxy.ts';
import type { TestHub, TestProxy, TestProxyOptions } from '../proxy/test-proxy.ts';

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: hub\r\n\r\n`;
const post = (path: string, rest: string): string => `POST ${path} HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n${rest}`;
const BAD = 'GET /bad HTTP/1.1\r\nHost: hub\r\nImpersonate-User: a\r\n\r\n';

interface Connection {
  readonly hub: TestHub;
  readonly proxy: TestProxy;
  readonly socket: TLSSocket;
  readonly received: { text: string };
  /** The rules of the refusals in the audit. */
  rules(): (string | null)[];
}

async function connect(t: TestContext, limits: TestProxyOptions['limits'] = {}): Promise<Connection> {
  const hub = await startTestHub(t);
  hub.handler = (request, response) => {
    const body = receive(request);
    void body.ending.then((ending) => response.end(`[${request.method} ${request.url} ${ending} ${body.text}]`));
  };
  const proxy = await startTestProxy(t, { hubUrl: hub.url, limits });
  const socket = await openRaw(t, proxy.port, proxy.client());
  const received = { text: '' };
  socket.on('data', (chunk: Buffer) => {
    received.text += chunk.toString('latin1');
  });
  const rules = (): (string | null)[] =>
    proxy.audit.flatMap((line) => (line.event === 'request' && line.verdict === 'deny' ? [line.rule] : []));
  return { hub, proxy, socket, received, rules };
}

const targets = (hub: TestHub): string[] => hub.seen.map(({ target }) => target);
const statuses = (text: string): string[] => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status ?? '');

test('requests that are sent ahead are answered in order, each after the one before', async (t) => {
  const { hub, socket, received } = await connect(t);
  const handler = hub.handler;
  const first = nextRequest(hub);
  socket.write(get('/1') + post('/2', '4\r\nbody\r\n0\r\n\r\n') + get('/3'));
  const { response } = await first;
  hub.handler = handler;
  await eventually('only the first', () => hub.seen.length === 1);
  response.end('[late]');
  await eventually('three answers', () => received.text.includes('[GET /3 complete ]'));
  assert.deepEqual(targets(hub), ['/1', '/2', '/3']);
  assert.match(received.text, /\[late\][^]*\[POST \/2 complete body\][^]*\[GET \/3 complete \]/);
});

test('more than a few requests ahead are a flood: the connection ends, and nothing of them is processed', async (t) => {
  const { hub, proxy, socket } = await connect(t);
  const first = nextRequest(hub);
  socket.write(get('/1'));
  await first;
  socket.write(get('/more').repeat(40));
  await eventually('the connection ends', () => socket.destroyed);
  await eventually('no open request', () => proxy.proxy.counts().requests === 0);
  assert.deepEqual(targets(hub), ['/1']);
  assert.ok(proxy.log.some(({ name, fields }) => name === 'connection-refused' && fields['reason'] === 'pipelining flood'));
});

for (const [name, bytes, rule] of [
  ['its head', BAD, 'identity-header'],
  ['its body', post('/bad', `3000\r\n${'x'.repeat(0x3000)}\r\n0\r\n\r\n`), 'body-limit'],
  ['its trailers', post('/bad', '4\r\nbody\r\n0\r\nImpersonate-User: system:admin\r\n\r\n'), 'identity-header'],
  ['a trailer that is not plain', post('/bad', '4\r\nbody\r\n0\r\nX-A: \xc3\xa9\r\n\r\n'), 'header-ambiguous'],
  ['its last chunk', post('/bad', '4\r\nbody\r\nxyz\r\n'), 'framing'],
  ['a chunk size with a space', post('/bad', '4\r\nbody\r\n4 \r\nbody\r\n0\r\n\r\n'), 'framing'],
  ['a chunk that is longer than its size', post('/bad', '4\r\nbodybody\r\n0\r\n\r\n'), 'framing'],
  ['a chunk size beyond 2^64', post('/bad', '4\r\nbody\r\n10000000000000001\r\nx'), 'framing'],
  ['a bare LF behind a chunk', post('/bad', '4\nbody\n0\n\n'), 'framing'],
  ['the extensions of its chunks', post('/bad', `4;${'x'.repeat(20_000)}\r\nbody\r\n0\r\n\r\n`), 'framing'],
  ['trailers that are too large', post('/bad', `4\r\nbody\r\n0\r\nX-A: ${'x'.repeat(30_000)}\r\n\r\n`), 'header-limit'],
  ['seventeen trailers', post('/bad', `4\r\nbody\r\n0\r\n${'X-A: b\r\n'.repeat(17)}\r\n`), 'header-limit'],
] as const) {
  test(`behind a request that is refused by ${name}, nothing is processed`, async (t) => {
    const { hub, proxy, socket, received, rules } = await connect(t, { maxRequestBodyBytes: 0x2000 });
    socket.write(Buffer.from(get('/good') + bytes + get('/smuggled'), 'latin1'));
    socket.write(get('/smuggled'));
    await eventually('the connection ends', () => socket.destroyed);
    await eventually('no open request', () => proxy.proxy.counts().requests === 0);
    assert.deepEqual(rules(), [rule]);
    assert.deepEqual(statuses(received.text), ['200', rule === 'body-limit' ? '413' : rule === 'header-limit' ? '431' : '400']);
    assert.match(received.text, new RegExp(`rule ${rule}, audit-id`));
    assert.ok(!targets(hub).includes('/smuggled'), targets(hub).join(' '));
  });
}

test('what follows a refused request in later segments neither is processed nor takes the answer with it', async (t) => {
  const { hub, socket, received } = await connect(t);
  socket.write(BAD);
  await eventually('the refusal', () => received.text.includes('identity-header'));
  for (let n = 0; n < 20; n += 1) socket.write(get('/smuggled'));
  await eventually('the connection ends', () => socket.destroyed);
  assert.deepEqual(targets(hub), []);
});

test('a request behind a slow one is refused in its turn, and what follows it is not processed', async (t) => {
  const { hub, socket, received, rules } = await connect(t);
  const first = nextRequest(hub);
  socket.write(get('/slow') + BAD + get('/smuggled'));
  const { response } = await first;
  response.write('half');
  await eventually('the half', () => received.text.includes('half'));
  assert.deepEqual(rules(), []);
  response.end('!');
  await eventually('the connection ends', () => socket.destroyed);
  assert.match(received.text, /half[^]*!\r\n0\r\n\r\nHTTP\/1\.1 400 /);
  assert.deepEqual(targets(hub), ['/slow']);
});

for (const [name, bytes, rule] of [
  ['garbage', 'garbage\r\n\r\n', 'framing'],
  ['CONNECT', 'CONNECT hub:443 HTTP/1.1\r\nHost: hub:443\r\n\r\n', 'upgrade-refused'],
  ['a message with two lengths', 'POST /x HTTP/1.1\r\nHost: hub\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 'framing'],
] as const) {
  test(`${name} behind a request that is still being answered ends the connection without a word between`, async (t) => {
    const { hub, proxy, socket, received, rules } = await connect(t);
    const first = nextRequest(hub);
    socket.write(get('/slow'));
    const { response } = await first;
    response.write('half');
    await eventually('the half', () => received.text.includes('half'));
    const closed = new Promise((resolve) => response.once('close', resolve));
    socket.write(bytes);
    await closed;
    await eventually('the connection ends', () => socket.destroyed);
    await eventually('no open request', () => proxy.proxy.counts().requests === 0);
    assert.deepEqual(rules(), [rule]);
    assert.deepEqual(statuses(received.text), ['200']);
    assert.match(received.text, /half\r\n$/, 'the answer is visibly cut off');
  });
}

test('what follows a request that was announced as the last one is dropped, and that one answered', async (t) => {
  const { hub, socket, received, rules } = await connect(t);
  const first = nextRequest(hub);
  const last = 'GET /last HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n\r\n';
  socket.write(get('/first') + last + get('/smuggled'));
  const opening = await first;
  const second = nextRequest(hub);
  opening.response.end();
  const { response } = await second;
  socket.write(get('/smuggled'));
  socket.write('garbage');
  response.write('half');
  await eventually('the half', () => received.text.includes('half'));
  response.end('whole');
  await eventually('the connection ends', () => socket.destroyed);
  assert.match(received.text, /whole\r\n0\r\n\r\n$/);
  assert.deepEqual([targets(hub), rules()], [['/first', '/last'], []]);
});

test('a client that closes its side in the middle of a message is forgotten, and the hub gets no whole one', async (t) => {
  const { hub, proxy, socket } = await connect(t);
  const arrived = nextRequest(hub);
  socket.write(post('/half', '4\r\nbody\r\n'));
  const { received } = await arrived;
  socket.end();
  assert.equal(await received.ending, 'broken');
  await eventually('nothing left', () => proxy.proxy.counts().connections + proxy.proxy.counts().requests === 0);
});
