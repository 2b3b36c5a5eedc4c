// A hub that cannot be connected to, in every way in which that can be: 502, 503 or 504 of our own with Retry-After and the cause, never a 401, 403
// or 404, and no request is sent anywhere.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { faults } from '../../src/errors.ts';
import type { FaultCause } from '../../src/errors.ts';
import { makeAuthority } from '../pki.ts';
import { makeServingFor, startAlertingHub, startTcpHub, startTlsHub } from '../proxy/fault-hub.ts';
import type { FaultHub } from '../proxy/fault-hub.ts';
import { openH1, openH2, requestH1, requestH2 } from '../proxy/test-client.ts';
import type { Answer } from '../proxy/test-client.ts';
import { startTestProxy } from '../proxy/test-proxy.ts';
import type { TestProxy } from '../proxy/test-proxy.ts';

const HOUR_MS = 3_600_000;
const window = { notBeforeMs: Date.now() - HOUR_MS, notAfterMs: Date.now() + HOUR_MS };

interface Case {
  readonly name: string;
  readonly cause: FaultCause;
  /** TCP connections that one request makes; a leaf that is refused is made anew once. */
  readonly connections: number;
  readonly connectTimeoutMs?: number;
  start(t: TestContext): Promise<FaultHub>;
}

const strangers = makeAuthority('an authority that nobody has', window);

const cases: readonly Case[] = [
  {
    name: 'a port that nobody listens on',
    cause: 'hub-unreachable',
    connections: 0,
    start: async (t) => {
      const hub = await startTcpHub(t, () => undefined);
      await hub.close();
      return hub;
    },
  },
  {
    name: 'a connection that never gets an answer',
    cause: 'hub-connect-timeout',
    connections: 1,
    connectTimeoutMs: 300,
    start: (t) => startTcpHub(t, (socket) => socket.resume()),
  },
  {
    name: 'TLS and HTTP/2 agreed upon, and then silence',
    cause: 'hub-connect-timeout',
    connections: 1,
    connectTimeoutMs: 500,
    start: (t) => startTlsHub(t, {}, (socket) => socket.resume()),
  },
  {
    name: 'a reset as soon as it is open',
    cause: 'hub-unreachable',
    connections: 1,
    start: (t) => startTcpHub(t, (socket) => socket.resetAndDestroy()),
  },
  {
    name: 'a reset in the middle of the handshake',
    cause: 'hub-unreachable',
    connections: 1,
    start: (t) => startTcpHub(t, (socket) => socket.once('data', () => socket.resetAndDestroy())),
  },
  {
    name: 'an end in the middle of the handshake',
    cause: 'hub-unreachable',
    connections: 1,
    start: (t) => startTcpHub(t, (socket) => socket.once('data', () => socket.end())),
  },
  {
    name: 'plain HTTP',
    cause: 'hub-unreachable',
    connections: 1,
    start: (t) =>
      startTcpHub(t, (socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n'))),
  },
  {
    name: 'TLS 1.1 at most',
    cause: 'hub-unreachable',
    connections: 1,
    start: (t) => startTlsHub(t, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
  },
  {
    name: 'a certificate of another authority',
    cause: 'hub-certificate',
    connections: 1,
    start: (t) => startTlsHub(t, makeServingFor('localhost', {}, strangers)),
  },
  {
    name: 'a certificate for another name',
    cause: 'hub-certificate',
    connections: 1,
    start: (t) => startTlsHub(t, makeServingFor('other.example.com')),
  },
  {
    name: 'an expired certificate',
    cause: 'hub-certificate',
    connections: 1,
    start: (t) => startTlsHub(t, makeServingFor('127.0.0.1', { notAfterMs: Date.now() - 60_000 })),
  },
  ...(['tls1_2', 'tls1_3'] as const).flatMap((version) =>
    ['h2', 'http/1.1'].map(
      (alpn): Case => ({
        name: `an alert about our certificate in ${version} with ${alpn}`,
        cause: 'hub-refused-leaf',
        connections: 2,
        start: (t) => startAlertingHub(t, { version, alpn, clientCaPem: strangers.pem }),
      }),
    ),
  ),
  {
    name: 'the end of the connection where HTTP/2 settings belong',
    cause: 'hub-reset',
    connections: 1,
    start: (t) => startTlsHub(t, {}, (socket) => socket.end()),
  },
  {
    name: 'something else where HTTP/2 settings belong',
    cause: 'hub-protocol',
    connections: 1,
    start: (t) => startTlsHub(t, {}, (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')),
  },
];

function assertFault(answer: Answer, cause: FaultCause): void {
  const { status, retryAfterSeconds } = faults[cause];
  assert.equal(answer.status, status, answer.body);
  assert.equal(answer.headers['retry-after'], String(retryAfterSeconds));
  const body = JSON.parse(answer.body) as Record<string, unknown>;
  assert.deepEqual([body['kind'], body['code'], body['status']], ['Status', status, 'Failure']);
  assert.match(String(body['message']), new RegExp(`^countersign: .*\\(cause ${cause}, audit-id [-0-9a-f]{36}\\)$`));
}

function assertLogged(proxy: TestProxy, cause: FaultCause): void {
  const logged = proxy.log.filter(({ name }) => name === 'hub-fault').map(({ fields }) => fields);
  assert.equal(logged.length, 1);
  assert.deepEqual([logged[0]?.['cause'], logged[0]?.['side'], logged[0]?.['cluster']], [cause, 'hub', 'cluster1']);
  assert.equal(proxy.log.filter((event) => event.name === 'internal-error').length, 0);
}

for (const { name, cause, connections, connectTimeoutMs = 20_000, start } of cases) {
  test(`the hub offers ${name}: ${faults[cause].status}, cause ${cause}`, async (t) => {
    const hub = await start(t);
    const proxy = await startTestProxy(t, { hubUrl: hub.url, hub: { connectTimeoutMs } });
    const answer = await requestH2(openH2(t, proxy.port, proxy.client()), { method: 'POST', path: '/api/v1/x', body: '{}' });
    assertFault(answer, cause);
    assertLogged(proxy, cause);
    assert.equal(hub.connections, connections);
    assert.equal(proxy.log.filter((event) => event.name === 'hub-refused-leaf').length, cause === 'hub-refused-leaf' ? 2 : 0);
    assert.equal(proxy.hubRefused.length, cause === 'hub-refused-leaf' ? 1 : 0);
    assert.equal(proxy.proxy.counts().hubSessions, 0);
  });
}

test('over HTTP/1.1 the client gets the same, and its connection stays usable until the hub is back', async (t) => {
  let isDown = true;
  const hub = await startTlsHub(t, { ALPNProtocols: ['http/1.1'] }, (socket) => {
    if (isDown) socket.destroy();
    else socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'));
  });
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const agent = openH1(t, proxy.client());
  const down = await requestH1(agent, proxy.port);
  assertFault(down, 'hub-reset');
  isDown = false;
  assert.equal((await requestH1(agent, proxy.port)).status, 200);
});
