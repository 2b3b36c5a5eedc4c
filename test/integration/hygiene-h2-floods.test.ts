// Frames that cost their sender nothing: the connection that sends too many of them ends, and no other one notices.

import assert from 'node:assert/strict';
import { constants } from 'node:http2';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { klusterletSubject } from '../pki.ts';
import {
  ACK,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  FrameReader,
  headerBlock,
  headers,
  PREFACE,
  requestPairs,
  rstStream,
  startRawH2,
} from '../proxy/raw-h2.ts';
import { openH2, openRaw, requestH2 } from '../proxy/test-client.ts';
import { eventually, startTestHub, startTestProxy } from '../proxy/test-proxy.ts';
import type { TestHub, TestProxy, TestProxyOptions } from '../proxy/test-proxy.ts';

interface Scene {
  readonly hub: TestHub;
  readonly proxy: TestProxy;
  readonly socket: TLSSocket;
  readonly reader: FrameReader;
  /** The offender is gone, a connection that was there before is not, and nothing is left open. */
  onlyOffenderEnds(): Promise<void>;
}

async function open(t: TestContext, limits: TestProxyOptions['limits'] = {}): Promise<Scene> {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url, limits });
  const bystander = openH2(t, proxy.port, proxy.client());
  assert.equal((await requestH2(bystander)).status, 200);
  const socket = await openRaw(t, proxy.port, proxy.client(klusterletSubject('offender')), { alpn: ['h2'] });
  const reader = startRawH2(socket);
  await eventually('settings', () => reader.of(FRAME.SETTINGS).length > 0);
  return {
    ...{ hub, proxy, socket, reader },
    onlyOffenderEnds: async () => {
      await eventually('the connection ends', () => reader.closed);
      assert.equal((await requestH2(bystander)).status, 200);
      await eventually('nothing left of it', () => proxy.proxy.counts().connections === 1 && proxy.proxy.counts().requests === 0);
    },
  };
}

/** Writes until the other side has had enough; each part is a write of its own. */
async function flood(socket: TLSSocket, part: (n: number) => Buffer, most: number): Promise<void> {
  for (let n = 0; n < most && socket.writable; n += 1) {
    if (!socket.write(part(n)))
      await Promise.race([
        new Promise((resolve) => socket.once('drain', resolve)),
        new Promise((resolve) => socket.once('close', resolve)),
      ]);
  }
}

const floodOf = (proxy: TestProxy): string => {
  const reason = proxy.log.find(({ name }) => name === 'connection-refused')?.fields['reason'];
  return typeof reason === 'string' ? reason : 'none';
};

test('a PING flood ends its connection', async (t) => {
  const { proxy, socket, reader, onlyOffenderEnds } = await open(t);
  await flood(socket, () => frame(FRAME.PING, 0, 0, Buffer.alloc(8)), 5_000);
  await onlyOffenderEnds();
  assert.equal(floodOf(proxy), 'ping flood');
  assert.ok(reader.of(FRAME.PING).length <= 101);
});

test('a SETTINGS flood ends its connection', async (t) => {
  const { proxy, socket, onlyOffenderEnds } = await open(t);
  await flood(socket, () => frame(FRAME.SETTINGS, 0, 0), 5_000);
  await onlyOffenderEnds();
  assert.equal(floodOf(proxy), 'settings flood');
});

for (const method of ['GET', 'HEAD', 'POST']) {
  for (const together of [true, false]) {
    test(`rapid reset of ${method} requests, ${together ? 'each with its request' : 'each after its request'}, ends its connection`, async (t) => {
      const { hub, proxy, socket, onlyOffenderEnds } = await open(t);
      const answer = hub.handler;
      hub.handler = (request, response) => (request.url === '/flood' ? request.resume() : answer(request, response));
      const flags = method === 'POST' ? END_HEADERS : END_HEADERS | END_STREAM;
      const part = (n: number): Buffer => {
        const request = headers(2 * n + 1, requestPairs(method, '/flood'), flags);
        const reset = rstStream(2 * n + 1, constants.NGHTTP2_CANCEL);
        return together
          ? Buffer.concat([request, reset])
          : n % 2 === 0
            ? request
            : Buffer.concat([request, reset, rstStream(2 * n - 1, 8)]);
      };
      await flood(socket, part, 3_000);
      await onlyOffenderEnds();
      assert.ok(hub.seen.length <= 202, `${hub.seen.length} requests reached the hub`);
      assert.match(floodOf(proxy), /^(?:reset|frame) flood$/);
    });
  }
}

test('answers that the hub breaks off by the hundred are not held against the client', async (t) => {
  const { hub, proxy, socket, reader } = await open(t, { maxResetsPerSecond: 20 });
  hub.handler = (request, response) => {
    const outgoing = response as ServerResponse;
    outgoing.writeHead(200);
    outgoing.write('half', () => request.socket.destroy());
  };
  for (let n = 0; n < 60; n += 1) {
    socket.write(headers(2 * n + 1, requestPairs('GET', '/api')));
    await eventually('the break', () => reader.reset(2 * n + 1) !== null || reader.ended(2 * n + 1));
  }
  assert.deepEqual([reader.closed, floodOf(proxy)], [false, 'none']);
});

for (const [name, isBroken, part] of [
  [
    'CONTINUATIONs',
    false,
    (n: number) =>
      n === 0
        ? frame(FRAME.HEADERS, 0, 1, headerBlock(requestPairs('GET', '/api')))
        : frame(FRAME.CONTINUATION, 0, 1, headerBlock(['x', 'a'])),
  ],
  ['empty CONTINUATIONs', false, (n: number) => (n === 0 ? frame(FRAME.HEADERS, 0, 1) : frame(FRAME.CONTINUATION, 0, 1))],
  ['empty DATA frames', false, (n: number) => (n === 0 ? headers(1, requestPairs('POST', '/api'), END_HEADERS) : frame(FRAME.DATA, 0, 1))],
  ['acknowledgements of nothing', true, () => frame(FRAME.SETTINGS, ACK, 0)],
] as const) {
  test(`a flood of ${name} ends its connection`, async (t) => {
    const { proxy, socket, onlyOffenderEnds } = await open(t);
    await flood(socket, part, 20_000);
    await onlyOffenderEnds();
    assert.equal(floodOf(proxy), isBroken ? 'none' : 'frame flood');
  });
}

test('more streams at once than are allowed are refused one by one while the client cannot know better', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const held: (() => void)[] = [];
  hub.handler = (request, response) => {
    request.resume();
    held.push(() => response.end('ok'));
  };
  const socket = await openRaw(t, proxy.port, proxy.client(), { alpn: ['h2'] });
  const requests = Array.from({ length: 130 }, (_, n) => headers(2 * n + 1, requestPairs('GET', '/api')));
  const reader = new FrameReader(socket, 'client');
  socket.write(Buffer.concat([PREFACE, frame(FRAME.SETTINGS, 0, 0), ...requests]));
  const refused = (): number => requests.filter((_, n) => reader.reset(2 * n + 1) !== null).length;
  await eventually('all are decided', () => held.length + refused() === 130);
  assert.deepEqual([held.length, refused(), proxy.proxy.counts().requests], [100, 30, 100]);
  for (const answer of held) answer();
  await eventually('all are answered', () => requests.filter((_, n) => reader.ended(2 * n + 1)).length === 100);
  assert.equal(reader.closed, false);
});

test('more streams at once than were announced end the connection', async (t) => {
  const { hub, socket, onlyOffenderEnds } = await open(t);
  const answer = hub.handler;
  hub.handler = (request, response) => (request.url === '/held' ? request.resume() : answer(request, response));
  await flood(socket, (n) => headers(2 * n + 1, requestPairs('GET', '/held')), 130);
  await onlyOffenderEnds();
  assert.ok(hub.seen.length <= 101);
});

test('a client that sends no preface, or only a part of it, is cut off in time', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url, limits: { headersTimeoutMs: 200 } });
  const sent = [Buffer.alloc(0), PREFACE.subarray(0, 10), PREFACE];
  const sockets = await Promise.all(sent.map(() => openRaw(t, proxy.port, proxy.client(), { alpn: ['h2'] })));
  const readers = sockets.map((socket) => new FrameReader(socket, 'client'));
  for (const [n, bytes] of sent.entries()) sockets[n]?.write(bytes);
  await eventually('all are cut off', () => readers.every(({ closed }) => closed));
  await eventually('nothing left', () => proxy.proxy.counts().connections === 0);
});

test('garbage in place of a preface ends its connection only', async (t) => {
  const { proxy, onlyOffenderEnds, socket } = await open(t);
  const garbage = ['GET /api HTTP/1.1\r\nhost: hub\r\n\r\n', '\0'.repeat(1_000), 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage garbage garbage'];
  const sockets = await Promise.all(garbage.map(() => openRaw(t, proxy.port, proxy.client(), { alpn: ['h2'] })));
  const readers = sockets.map((one) => new FrameReader(one, 'client'));
  for (const [n, bytes] of garbage.entries()) sockets[n]?.write(bytes);
  await eventually('they are cut off', () => readers.every(({ closed }) => closed));
  socket.destroy();
  await onlyOffenderEnds();
});

test('an idle connection ends, also where the last request outlived the idle time', async (t) => {
  const { hub, proxy, socket, reader } = await open(t, { connectionIdleTimeoutMs: 200 });
  let answer = (): unknown => assert.fail('not asked yet');
  hub.handler = (request, response) => {
    const outgoing = response as ServerResponse;
    request.resume();
    outgoing.writeHead(200);
    outgoing.flushHeaders();
    answer = () => outgoing.end();
  };
  socket.write(headers(1, requestPairs('GET', '/watch')));
  await eventually('the watch', () => reader.of(FRAME.HEADERS, 1).length === 1);
  const startedMs = performance.now();
  await eventually('longer than the idle time', () => performance.now() - startedMs > 600);
  assert.equal(reader.closed, false);
  if (hub.seen.length > 0) socket.write(rstStream(1, constants.NGHTTP2_CANCEL));
  await eventually('the end', () => reader.closed);
  await eventually('nothing left', () => proxy.proxy.counts().connections === 0);
  answer();
});
