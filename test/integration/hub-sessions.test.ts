// Which hub sessions there are: one for each client certificate and leaf of it, shared by its connections and by nobody else, gone with them.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { parseCertificate } from '../../src/certificate.ts';
import { addonSubject, klusterletSubject } from '../pki.ts';
import { startTcpHub } from '../proxy/fault-hub.ts';
import { openH1, openH2, readH2, requestH1, requestH2 } from '../proxy/test-client.ts';
import { SteppedClock } from '../proxy/stepped-clock.ts';
import { eventually, startTestHub, startTestProxy } from '../proxy/test-proxy.ts';
import type { TestHub, TestProxy, TestProxyOptions } from '../proxy/test-proxy.ts';

async function start(
  t: TestContext,
  options: Partial<TestProxyOptions> = {},
  http2: boolean = true,
): Promise<{ hub: TestHub; proxy: TestProxy }> {
  const hub = await startTestHub(t, { http2 });
  return { hub, proxy: await startTestProxy(t, { hubUrl: hub.url, ...options }) };
}

const issued = (proxy: TestProxy): number => proxy.audit.filter(({ event }) => event === 'issue').length;
const sessions = (proxy: TestProxy): number => proxy.proxy.counts().hubSessions;

test('several connections of one certificate, HTTP/2 and HTTP/1.1, share one hub connection and one leaf', async (t) => {
  const { hub, proxy } = await start(t);
  const client = proxy.client();
  await Promise.all([
    requestH2(openH2(t, proxy.port, client)),
    requestH2(openH2(t, proxy.port, client)),
    requestH1(openH1(t, client), proxy.port),
    requestH1(openH1(t, client), proxy.port),
  ]);
  assert.deepEqual([hub.handshakes.length, issued(proxy), sessions(proxy)], [1, 1, 1]);
  assert.equal(hub.seen.length, 4);
});

test('two certificates of one subject and one key do not share anything', async (t) => {
  const { hub, proxy } = await start(t);
  const [one, other] = [proxy.client(), proxy.client()];
  await requestH2(openH2(t, proxy.port, one));
  await requestH2(openH2(t, proxy.port, other));
  assert.deepEqual([hub.handshakes.length, issued(proxy), sessions(proxy)], [2, 2, 2]);
  assert.notEqual(hub.seen[0]?.leafSHA256, hub.seen[1]?.leafSHA256);
});

for (const http2 of [true, false]) {
  const protocol = http2 ? 'HTTP/2' : 'HTTP/1.1';

  test(`${protocol}: the leaf is presented with its signer behind it, to a full handshake every time`, async (t) => {
    const { hub, proxy } = await start(t, {}, http2);
    for (const subject of [klusterletSubject('cluster1'), addonSubject('cluster1', 'work-manager')]) {
      const session = openH2(t, proxy.port, proxy.client(subject));
      await Promise.all([requestH2(session), requestH2(session)]);
      for (const { chain, resumed } of hub.handshakes) {
        const [leaf, signer, ...more] = chain.map((der) => new X509Certificate(der));
        assert.deepEqual([more.length, resumed], [0, false]);
        assert.deepEqual(signer?.raw, proxy.pki.signer.certificate.der);
        assert.equal(leaf?.verify(signer.publicKey), true);
      }
      assert.deepEqual(parseCertificate(hub.handshakes.at(-1)?.chain[0] ?? Buffer.alloc(0)).subjectDer, subject);
    }
  });

  test(`${protocol}: a hub session ends with the last client connection of its certificate, not with the first`, async (t) => {
    const { hub, proxy } = await start(t, {}, http2);
    const client = proxy.client();
    const [first, second] = [openH2(t, proxy.port, client), openH2(t, proxy.port, client)];
    await requestH2(first);
    await requestH2(second);
    first.close();
    await eventually('the first connection is gone', () => proxy.proxy.counts().connections === 1);
    assert.equal((await requestH2(second)).status, 200);
    assert.deepEqual([hub.handshakes.length, sessions(proxy)], [1, 1]);
    second.destroy();
    await eventually('the hub session is gone', () => sessions(proxy) === 0 && hub.sockets.size === 0);
    assert.equal((await requestH2(openH2(t, proxy.port, client))).status, 200);
    assert.deepEqual([hub.handshakes.length, issued(proxy)], [2, 1]);
  });

  test(`${protocol}: an idle hub session is closed while its client stays, and opened again for the next request`, async (t) => {
    const clock = new SteppedClock(50);
    const { hub, proxy } = await start(t, { clock, limits: { hubSessionIdleTimeoutMs: 80_000 } }, http2);
    const session = openH2(t, proxy.port, proxy.client());
    await requestH2(session);
    clock.advance(79_000);
    await requestH2(session);
    clock.advance(79_000);
    await requestH2(session);
    assert.equal(hub.handshakes.length, 1);
    clock.advance(81_000);
    await eventually('the hub session is gone', () => sessions(proxy) === 0 && hub.sockets.size === 0);
    assert.equal(proxy.proxy.counts().connections, 1);
    assert.equal((await requestH2(session)).status, 200);
    assert.deepEqual([hub.handshakes.length, issued(proxy)], [2, 1]);
  });

  test(`${protocol}: a watch keeps its hub session however long it is silent`, async (t) => {
    const clock = new SteppedClock(50);
    const { hub, proxy } = await start(t, { clock, limits: { hubSessionIdleTimeoutMs: 80_000 } }, http2);
    const opened = Promise.withResolvers<ServerResponse>();
    hub.handler = (_request, response) => {
      const outgoing = response as ServerResponse;
      outgoing.writeHead(200).write('first\n');
      opened.resolve(outgoing);
    };
    const watch = readH2(openH2(t, proxy.port, proxy.client()).request({ ':path': '/api?watch=1' }));
    const response = await opened.promise;
    clock.advance(10 * 80_000);
    const swept = Promise.withResolvers<void>();
    clock.every(20_000, () => swept.resolve());
    await swept.promise;
    response.end('last\n');
    assert.equal((await watch).body, 'first\nlast\n');
  });

  test(`${protocol}: after a rotation a session in use moves to a new leaf unasked, while an open watch goes on to its end`, async (t) => {
    const { hub, proxy } = await start(t, {}, http2);
    const watched = Promise.withResolvers<ServerResponse>();
    hub.handler = (request, response) => {
      const outgoing = (response as ServerResponse).writeHead(200);
      if (request.url !== '/api/watch') return void outgoing.end('{}');
      outgoing.write('before\n');
      watched.resolve(outgoing);
    };
    const session = openH2(t, proxy.port, proxy.client());
    const watch = readH2(session.request({ ':path': '/api/watch' }));
    const response = await watched.promise;
    const next = proxy.rotate();
    const isOpen = (): boolean => hub.handshakes.length === 2 && sessions(proxy) === 2;
    await eventually('the session has moved', () => issued(proxy) === 2 && isOpen() && proxy.proxy.counts().moves === 0);
    const [, signer] = hub.handshakes.at(-1)?.chain ?? [];
    assert.deepEqual(signer, next.signer.certificate.der);
    assert.equal((await requestH2(session)).status, 200);
    assert.notEqual(hub.seen[1]?.leafSHA256, hub.seen[0]?.leafSHA256);
    assert.deepEqual([hub.handshakes.length, sessions(proxy)], [2, 2]);
    response.end('after\n');
    assert.equal((await watch).body, 'before\nafter\n');
    await eventually('the old session has ended with its watch', () => sessions(proxy) === 1);
    assert.deepEqual(
      proxy.audit.flatMap((line) => (line.event === 'issue' ? [line.generation] : [])),
      [1, 2],
    );
  });

  test(`${protocol}: a client that leaves at whatever moment leaves nothing behind`, async (t) => {
    const { hub, proxy } = await start(t, {}, http2);
    hub.handler = (request) => void request.resume();
    for (let round = 0; round < 20; round += 1) {
      const session = openH2(t, proxy.port, proxy.client());
      session.request({ ':path': '/api' }).on('error', () => undefined);
      await eventually('the request has begun', () => proxy.proxy.counts().requests === 1);
      session.destroy();
      await eventually('all of it is gone', () => {
        const { connections, requests, hubSessions } = proxy.proxy.counts();
        return connections + requests + hubSessions + hub.sockets.size === 0;
      });
    }
  });
}

test('a client that leaves while its hub session is being opened takes the attempt with it', async (t) => {
  const ended: boolean[] = [];
  const hub = await startTcpHub(t, (socket) => {
    socket.resume();
    socket.once('close', () => ended.push(true));
  });
  const proxy = await startTestProxy(t, { hubUrl: hub.url, hub: { connectTimeoutMs: 60_000 } });
  const session = openH2(t, proxy.port, proxy.client());
  session.request({ ':path': '/api' }).on('error', () => undefined);
  await eventually('the hub is being called', () => hub.connections === 1);
  session.destroy();
  await eventually('the attempt has ended', () => ended.length === 1 && proxy.proxy.counts().requests === 0);
  assert.deepEqual([hub.connections, sessions(proxy)], [1, 0]);
  const [line] = proxy.audit.filter(({ event }) => event === 'request');
  assert.ok(line?.event === 'request' && line.code === null && line.verdict === 'allow');
  assert.equal(proxy.log.filter(({ name }) => name === 'hub-fault').length, 0);
});
