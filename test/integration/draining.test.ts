// The end of a proxy: nothing new comes in, what is under way gets its time, and nothing is left. A watch that outlives its time is cut off so that
// its client notices: for a list a clean end would be a lie, and client-go begins a watch again after either.

import assert from 'node:assert/strict';
import type { ClientHttp2Session } from 'node:http2';
import type { ServerResponse } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { startTcpHub } from '../proxy/fault-hub.ts';
import { openPair, pairs } from '../proxy/four-pairs.ts';
import { FRAME, headers, requestPairs, startRawH2 } from '../proxy/raw-h2.ts';
import { openH1, openH2, openRaw, requestH1, requestH2 } from '../proxy/test-client.ts';
import { eventually, startTestHub, startTestProxy } from '../proxy/test-proxy.ts';
import type { TestHub, TestProxy } from '../proxy/test-proxy.ts';

/** Longer than any test takes. */
const LONG_MS = 60_000;
/** What a watch is given here. */
const DRAIN_MS = 400;
const NOTHING = { connections: 0, requests: 0, watches: 0, hubSessions: 0, moves: 0, credentials: 0 };

interface Scene {
  readonly hub: TestHub;
  readonly proxy: TestProxy;
  /** What the hub has not answered yet, or has begun to. */
  readonly held: ServerResponse[];
}

/** A hub that begins `/api/watch`, and answers nothing else until it is told to. */
async function start(t: TestContext, http2: boolean = true): Promise<Scene> {
  const hub = await startTestHub(t, { http2 });
  const held: ServerResponse[] = [];
  hub.handler = (request, response) => {
    request.resume();
    const outgoing = response as ServerResponse;
    if (request.url === '/api/watch') outgoing.writeHead(200).write('{}\n');
    held.push(outgoing);
  };
  return { hub, proxy: await startTestProxy(t, { hubUrl: hub.url }), held };
}

function isRefused(port: number): Promise<boolean> {
  const socket = connectTcp(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(false)).once('error', () => resolve(true));
    socket.once('connect', () => socket.destroy());
  });
}

async function goingAway(session: ClientHttp2Session): Promise<number> {
  return new Promise((resolve) => session.once('goaway', (code) => resolve(code)));
}

test('a proxy with nothing but idle connections is gone at once', async (t) => {
  const { proxy, held } = await start(t);
  const session = openH2(t, proxy.port, proxy.client());
  const raw = await openRaw(t, proxy.port, proxy.client());
  const answered = requestH2(session);
  await eventually('the hub has it', () => held.length === 1);
  held[0]?.writeHead(200).end();
  await answered;
  raw.resume();
  const [goaway, closed] = [goingAway(session), new Promise((resolve) => raw.once('close', resolve))];
  await proxy.proxy.drain(LONG_MS);
  assert.equal(await goaway, 0);
  await closed;
  assert.deepEqual(proxy.proxy.counts(), NOTHING);
  assert.equal(await isRefused(proxy.port), true);
});

for (const pair of pairs) {
  test(`${pair.name}: a request under way is answered, nothing new is taken, and then all is gone`, async (t) => {
    const { proxy, hub, held } = await start(t, pair.hub === 'h2');
    const session = openH2(t, proxy.port, proxy.client());
    const agent = openH1(t, proxy.client());
    const plan = { method: 'POST', body: 'x'.repeat(10_000) };
    const answer = pair.client === 'h2' ? requestH2(session, plan) : requestH1(agent, proxy.port, plan);
    await eventually('the hub has it', () => held.length === 1);
    const drained = proxy.proxy.drain(LONG_MS);
    await eventually('no new connections', () => proxy.proxy.counts().connections === 1);
    assert.equal(await isRefused(proxy.port), true);
    assert.equal(proxy.proxy.counts().requests, 1);
    held[0]?.writeHead(200, { 'content-type': 'text/plain' }).end('done');
    const { status, body, headers: fields } = await answer;
    assert.deepEqual([status, body], [200, 'done']);
    if (pair.client === 'h1') assert.equal(fields['connection'], 'close');
    await drained;
    assert.deepEqual(proxy.proxy.counts(), NOTHING);
    assert.equal(hub.seen.length, 1);
  });

  test(`${pair.name}: a watch has its time, gets what comes in it, and is then cut off so that its client notices`, async (t) => {
    const { hub, proxy, open } = await openPair(t, pair);
    const opened = Promise.withResolvers<ServerResponse>();
    hub.handler = (_request, response) => opened.resolve((response as ServerResponse).writeHead(200));
    const watch = open({ method: 'GET', path: '/api/watch', bodiless: true });
    const outgoing = await opened.promise;
    outgoing.write('1');
    assert.equal((await watch.head).status, 200);
    const startedMs = performance.now();
    const drained = proxy.proxy.drain(DRAIN_MS);
    outgoing.write('2');
    assert.equal(await watch.ending, 'broken');
    assert.ok(performance.now() - startedMs >= DRAIN_MS - 1);
    assert.equal(watch.received.text, '12');
    await drained;
    assert.deepEqual(proxy.proxy.counts(), NOTHING);
    await eventually('the hub has seen it go', () => hub.sockets.size === 0);
  });
}

test('a stream that was sent before the GOAWAY arrived is left unprocessed, and its number says so', async (t) => {
  const { proxy, hub, held } = await start(t);
  const socket = await openRaw(t, proxy.port, proxy.client(), { alpn: ['h2'] });
  const reader = startRawH2(socket);
  socket.write(headers(1, requestPairs('GET', '/api/first')));
  await eventually('the hub has the first', () => held.length === 1);
  const drained = proxy.proxy.drain(LONG_MS);
  await eventually('GOAWAY', () => reader.goaway !== null);
  assert.equal(reader.of(FRAME.GOAWAY).at(-1)?.payload.readUInt32BE(), 1);
  socket.write(headers(3, requestPairs('POST', '/api/second')));
  held[0]?.writeHead(200).end();
  await eventually('the first is answered', () => reader.ended(1));
  await drained;
  assert.deepEqual(
    hub.seen.map(({ target }) => target),
    ['/api/first'],
  );
  assert.equal(reader.of(FRAME.HEADERS, 3).length, 0);
});

test('a request that waits for a hub that does not answer does not hold up the end', async (t) => {
  const hub = await startTcpHub(t, (socket) => socket.resume());
  const proxy = await startTestProxy(t, { hubUrl: hub.url, hub: { connectTimeoutMs: LONG_MS } });
  const waiting = assert.rejects(requestH2(openH2(t, proxy.port, proxy.client())));
  await eventually('the hub is being called', () => hub.connections === 1);
  await proxy.proxy.drain(100);
  await waiting;
  assert.deepEqual(proxy.proxy.counts(), NOTHING);
});

test('a client that has not finished its handshake does not hold up the end', async (t) => {
  const { proxy } = await start(t);
  const silent = connectTcp(proxy.port, '127.0.0.1');
  silent.on('error', () => undefined);
  await new Promise((resolve) => silent.once('connect', resolve));
  const closed = new Promise((resolve) => silent.once('close', resolve));
  silent.resume();
  await proxy.proxy.drain(100);
  await closed;
});

test('to drain twice at once is to drain once', async (t) => {
  const { proxy, held } = await start(t);
  const answer = requestH2(openH2(t, proxy.port, proxy.client()));
  await eventually('the hub has it', () => held.length === 1);
  const both = Promise.all([proxy.proxy.drain(LONG_MS), proxy.proxy.drain(LONG_MS)]);
  held[0]?.writeHead(200).end();
  assert.equal((await answer).status, 200);
  await both;
  assert.deepEqual(proxy.proxy.counts(), NOTHING);
});
