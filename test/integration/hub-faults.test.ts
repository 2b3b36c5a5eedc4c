// A hub that takes a request and lets it down, and ourselves without what a request needs: the cause by name, and nothing left behind.

import assert from 'node:assert/strict';
import { constants } from 'node:http2';
import type { Http2ServerResponse } from 'node:http2';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { faults } from '../../src/errors.ts';
import type { FaultCause } from '../../src/errors.ts';
import { makeOpenShiftSigner } from '../pki.ts';
import { openH1, openH2, requestH1, requestH2 } from '../proxy/test-client.ts';
import type { Answer } from '../proxy/test-client.ts';
import { eventually, startTestHub, startTestProxy, toSigner } from '../proxy/test-proxy.ts';

const DAY_MS = 86_400_000;

function assertFault(answer: Answer, cause: FaultCause): void {
  assert.equal(answer.status, faults[cause].status, answer.body);
  assert.match(answer.body, new RegExp(`\\(cause ${cause}, audit-id [-0-9a-f]{36}\\)`));
  assert.equal(answer.headers['retry-after'], String(faults[cause].retryAfterSeconds));
}

for (const http2 of [true, false]) {
  const protocol = http2 ? 'HTTP/2' : 'HTTP/1.1';

  test(`${protocol}: a hub that does not answer in time sees the request reset, and the client gets 504`, async (t) => {
    const hub = await startTestHub(t, { http2 });
    const aborted = Promise.withResolvers<void>();
    hub.handler = (request, response) => {
      request.resume();
      response.once('close', () => aborted.resolve());
    };
    const proxy = await startTestProxy(t, { hubUrl: hub.url, hub: { responseTimeoutMs: 300 } });
    const session = openH2(t, proxy.port, proxy.client());
    assertFault(await requestH2(session, { method: 'POST', body: '{}' }), 'hub-response-timeout');
    await aborted.promise;
    assert.equal(hub.seen.length, 1);
    hub.handler = (_request, response) => void (response as ServerResponse).writeHead(200).end('back');
    assert.equal((await requestH2(session)).body, 'back');
  });

  test(`${protocol}: a hub that resets before it answers: 502, once`, async (t) => {
    const hub = await startTestHub(t, { http2 });
    hub.handler = (request, response) => {
      if (http2) (response as Http2ServerResponse).stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      else request.socket.destroy();
    };
    const proxy = await startTestProxy(t, { hubUrl: hub.url });
    assertFault(await requestH1(openH1(t, proxy.client()), proxy.port, { method: 'POST', body: '{}' }), 'hub-reset');
    assert.equal(hub.seen.length, 1);
  });
}

test('an HTTP/1.1 hub that answers nonsense: 502, cause hub-protocol', async (t) => {
  const hub = await startTestHub(t, { http2: false });
  hub.handler = (request) => void request.socket.end('HTTP/1.1 nonsense\r\n\r\n');
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  assertFault(await requestH2(openH2(t, proxy.port, proxy.client()), { method: 'POST', body: '{}' }), 'hub-protocol');
  assert.equal(hub.seen.length, 1);
});

test('an HTTP/1.1 hub that closes each connection behind its answer costs no request', async (t) => {
  const hub = await startTestHub(t, { http2: false });
  hub.handler = (request, response) => {
    request.resume();
    (response as ServerResponse).writeHead(200, { connection: 'close' }).end('{}');
  };
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const session = openH2(t, proxy.port, proxy.client());
  for (let round = 0; round < 5; round += 1) assert.equal((await requestH2(session, { method: 'POST', body: '{}' })).status, 200);
  assert.equal(hub.handshakes.length, 5);
});

test('an HTTP/1.1 hub that closes an idle connection costs no request', async (t) => {
  const hub = await startTestHub(t, { http2: false });
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const session = openH2(t, proxy.port, proxy.client());
  for (let round = 1; round <= 3; round += 1) {
    assert.equal((await requestH2(session, { method: 'POST', body: '{}' })).status, 200);
    assert.equal(hub.handshakes.length, round);
    for (const socket of hub.sockets) socket.end();
    await eventually('the proxy has let go of it', () => proxy.proxy.counts().hubSessions === 0);
  }
});

test('a hub that offers HTTP/2 first and only HTTP/1.1 later is followed', async (t) => {
  let offers = 'h2';
  const hub = await startTestHub(t, { tls: { ALPNCallback: () => offers } });
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const session = openH2(t, proxy.port, proxy.client());
  assert.equal((await requestH2(session)).status, 200);
  offers = 'http/1.1';
  for (const h2 of hub.sessions) h2.close();
  await eventually('the proxy has let go of it', () => proxy.proxy.counts().hubSessions === 0);
  assert.equal((await requestH2(session)).status, 200);
  assert.deepEqual(
    hub.handshakes.map(({ alpn }) => alpn),
    ['h2', 'http/1.1'],
  );
});

test('a hub that allows one stream a connection gets four connections, then 503 overloaded, and nothing hangs', async (t) => {
  const hub = await startTestHub(t, { tls: { settings: { maxConcurrentStreams: 1 } } });
  const waiting: ServerResponse[] = [];
  hub.handler = (request, response) => {
    request.resume();
    waiting.push(response as ServerResponse);
  };
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const session = openH2(t, proxy.port, proxy.client());
  const requests = Array.from({ length: 10 }, () => requestH2(session, { method: 'POST', body: '{}' }));
  const answered: Answer[] = [];
  for (const request of requests) void request.then((answer) => answered.push(answer));
  await eventually('six are turned away and four wait', () => answered.length === 6 && waiting.length === 4);
  for (const answer of answered) assertFault(answer, 'overloaded');
  for (const response of waiting) response.writeHead(200).end();
  const all = await Promise.all(requests);
  assert.equal(all.filter(({ status }) => status === 200).length, 4);
  assert.equal(hub.handshakes.length, 4);
});

test('without a signer: 503, cause no-signer, and the hub hears nothing', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const { current } = proxy.signer;
  const session = openH2(t, proxy.port, proxy.client());
  proxy.signer.swap(null);
  assertFault(await requestH2(session), 'no-signer');
  proxy.signer.swap(toSigner(makeOpenShiftSigner(Date.now() - 40 * DAY_MS, 'p256'), 2));
  assertFault(await requestH2(session), 'no-signer');
  assert.equal(hub.handshakes.length, 0);
  proxy.signer.swap(current);
  assert.equal((await requestH2(session)).status, 200);
});

test('without a trust bundle: 503, cause no-trust-bundle, until there is one, on the same connection', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const { current } = proxy.trust;
  proxy.trust.swap(null);
  const session = openH2(t, proxy.port, proxy.client());
  const agent = openH1(t, proxy.client());
  assertFault(await requestH2(session), 'no-trust-bundle');
  assert.equal(hub.handshakes.length, 0);
  proxy.trust.swap(current);
  assert.equal((await requestH2(session)).status, 200);
  assert.equal((await requestH1(agent, proxy.port)).status, 200);
  session.close();
  agent.destroy();
  await eventually('its hub session went with it', () => proxy.proxy.counts().hubSessions === 0);
});
