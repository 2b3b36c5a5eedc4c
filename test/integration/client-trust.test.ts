// What becomes of open connections when their certificate stops holding: the bundle changes, or its time is over. Design.md §5: within 5 seconds.

import assert from 'node:assert/strict';
import type { ClientHttp2Session } from 'node:http2';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { TrustBundle } from '../../src/ca-sync/ca-sync.ts';
import { klusterletSubject, makeClient, makeOpenShiftSigner } from '../pki.ts';
import type { TestClient } from '../pki.ts';
import { SteppedClock } from '../proxy/stepped-clock.ts';
import { exchangeRaw, openH1, openH2, openRaw, requestH1, requestH2 } from '../proxy/test-client.ts';
import { eventually, startTestHub, startTestProxy, toTrust } from '../proxy/test-proxy.ts';
import type { TestHub, TestProxy } from '../proxy/test-proxy.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** The promise of design.md §5. */
const WITHIN_MS = 5_000;

interface Scene {
  readonly hub: TestHub;
  readonly proxy: TestProxy;
  readonly clock: SteppedClock;
}

/** A hub that answers `/api/watch` with one line and keeps it open. */
async function start(t: TestContext): Promise<Scene> {
  const hub = await startTestHub(t);
  hub.handler = (request, response) => {
    request.resume();
    const outgoing = (response as ServerResponse).writeHead(200);
    if (request.url === '/api/watch') outgoing.write('{}\n');
    else outgoing.end('{}');
  };
  const clock = new SteppedClock();
  return { hub, proxy: await startTestProxy(t, { hubUrl: hub.url, clock }), clock };
}

/** Resolves with the first line of a watch; `ended` when the watch is over in whatever way. */
async function openWatch(session: ClientHttp2Session): Promise<{ readonly ended: () => boolean }> {
  const stream = session.request({ ':path': '/api/watch' });
  let over = false;
  stream.on('error', () => undefined);
  stream.once('close', () => {
    over = true;
  });
  await new Promise((resolve) => stream.once('data', resolve));
  return { ended: () => over };
}

/** An HTTP/1.1 connection that has had one answer and is idle. */
async function openIdle(t: TestContext, proxy: TestProxy): Promise<{ readonly ended: () => boolean }> {
  const socket = await openRaw(t, proxy.port, proxy.client());
  socket.write(`GET /api HTTP/1.1\r\nHost: 127.0.0.1:${proxy.port}\r\n\r\n`);
  await new Promise((resolve) => socket.once('data', resolve));
  socket.resume();
  return { ended: () => socket.destroyed };
}

function assertClosedByPolicy(proxy: TestProxy, rule: string, times: number): void {
  const closed = proxy.log
    .filter(({ name }) => name === 'connection-closed-by-policy')
    .map(({ fields }) => [fields['cluster'], fields['rule']]);
  assert.deepEqual(
    closed,
    Array.from({ length: times }, () => ['cluster1', rule]),
  );
}

test('a CA that leaves the bundle takes open connections with it, watches included, and comes back for new ones', async (t) => {
  const { hub, proxy } = await start(t);
  const client = proxy.client();
  const session = openH2(t, proxy.port, client);
  const watch = await openWatch(session);
  const idle = await openIdle(t, proxy);
  const before = proxy.trust.current;
  proxy.trust.swap(toTrust(makeOpenShiftSigner(Date.now() - DAY_MS / 2, 'p256').bundle));
  await eventually('all of it has ended', () => watch.ended() && idle.ended() && session.closed, WITHIN_MS);
  await eventually('the hub has seen the watch go', () => hub.sockets.size === 0 && proxy.proxy.counts().requests === 0, WITHIN_MS);
  assertClosedByPolicy(proxy, 'certificate-unknown-authority', 2);
  const refused = await requestH2(openH2(t, proxy.port, client));
  assert.equal(refused.status, 401);
  assert.match(refused.body, /\(rule certificate-unknown-authority, /);
  proxy.trust.swap(before);
  assert.equal((await requestH2(openH2(t, proxy.port, client))).status, 200);
  assert.equal((await requestH1(openH1(t, client), proxy.port)).status, 200);
});

/** Clients of the signer in use and of two that come after it, the bundle with all of them, and what is left of it without the first. */
function overlap(proxy: TestProxy): { clients: TestClient[]; all: TrustBundle; withoutFirst: TrustBundle } {
  const later = [1, 2].map((n) => makeOpenShiftSigner(Date.now() - DAY_MS / 2 + n * MINUTE_MS, 'p256'));
  const clients = [proxy.pki, ...later].map(({ signer }) =>
    makeClient(klusterletSubject('cluster1'), signer, { notBeforeMs: Date.now() - MINUTE_MS, notAfterMs: Date.now() + DAY_MS }),
  );
  const laterBundles = later.map(({ bundle }) => bundle).join('');
  return { clients, all: toTrust(proxy.pki.bundle + laterBundles), withoutFirst: toTrust(laterBundles) };
}

test('certificates of every CA in the bundle are accepted side by side, and one that leaves takes only its own connections', async (t) => {
  const { proxy } = await start(t);
  const { clients, all, withoutFirst } = overlap(proxy);
  proxy.trust.swap(all);
  const sessions = clients.map((client) => openH2(t, proxy.port, client));
  const watches = await Promise.all(sessions.map(openWatch));
  for (const client of clients) assert.equal((await requestH1(openH1(t, client), proxy.port)).status, 200);
  proxy.trust.swap(withoutFirst);
  await eventually('the first has ended', () => watches[0]?.ended() === true && sessions[0]?.closed === true, WITHIN_MS);
  assertClosedByPolicy(proxy, 'certificate-unknown-authority', 2);
  for (const session of sessions.slice(1)) assert.equal((await requestH2(session)).status, 200);
  assert.deepEqual(
    watches.map(({ ended }) => ended()),
    [true, false, false],
  );
});

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${version}: what a client kept of its TLS session under a bundle opens nothing under the next`, async (t) => {
    const { proxy } = await start(t);
    const { clients, all, withoutFirst } = overlap(proxy);
    const [client] = clients;
    assert.ok(client !== undefined);
    proxy.trust.swap(all);
    const versions = { minVersion: version, maxVersion: version };
    const ask = async (session?: Buffer): Promise<{ answer: string; kept: Buffer[]; resumed: boolean }> => {
      const kept: Buffer[] = [];
      const socket = await openRaw(t, proxy.port, client, { ...versions, ...(session === undefined ? {} : { session }) });
      socket.on('session', (one: Buffer) => kept.push(one));
      const resumed = socket.isSessionReused();
      const last = socket.getSession();
      const answer = await exchangeRaw(socket, `GET /api HTTP/1.1\r\nHost: 127.0.0.1:${proxy.port}\r\nConnection: close\r\n\r\n`);
      return { answer, kept: last === undefined ? kept : [...kept, last], resumed };
    };
    const first = await ask();
    assert.match(first.answer, /^HTTP\/1\.1 200 /);
    assert.ok(first.kept.length > 0);
    proxy.trust.swap(withoutFirst);
    for (const session of first.kept) {
      const { answer, resumed } = await ask(session);
      assert.equal(resumed, false);
      assert.match(answer, /^HTTP\/1\.1 401 /);
    }
  });
}

test('a bundle that still holds the CA ends no connection', async (t) => {
  const { proxy } = await start(t);
  const session = openH2(t, proxy.port, proxy.client());
  const watch = await openWatch(session);
  const idle = await openIdle(t, proxy);
  for (let round = 0; round < 3; round += 1) proxy.rotate();
  assert.equal((await requestH2(session)).status, 200);
  assert.deepEqual([watch.ended(), idle.ended()], [false, false]);
  assertClosedByPolicy(proxy, '', 0);
});

test('a trust bundle that goes away altogether ends no connection: requests are told so', async (t) => {
  const { proxy } = await start(t);
  const session = openH2(t, proxy.port, proxy.client());
  const watch = await openWatch(session);
  const before = proxy.trust.current;
  proxy.trust.swap(null);
  const answer = await requestH2(session);
  assert.equal(answer.status, 503);
  assert.match(answer.body, /\(cause no-trust-bundle, /);
  proxy.trust.swap(before);
  assert.equal((await requestH2(session)).status, 200);
  assert.equal(watch.ended(), false);
});

test('a certificate that ends takes its open connections with it, watches included', async (t) => {
  const { proxy, clock, hub } = await start(t);
  const client = proxy.client(undefined, { notAfterMs: Date.now() + 10 * MINUTE_MS });
  const session = openH2(t, proxy.port, client);
  const watch = await openWatch(session);
  clock.advance(9 * MINUTE_MS);
  assert.equal((await requestH2(session)).status, 200);
  clock.advance(2 * MINUTE_MS);
  await eventually('the watch has ended', () => watch.ended() && session.closed, WITHIN_MS);
  await eventually('the hub has seen it go', () => hub.sockets.size === 0, WITHIN_MS);
  assertClosedByPolicy(proxy, 'certificate-expired', 1);
  const line = proxy.audit.findLast((one) => one.event === 'request');
  assert.deepEqual([line?.cluster, line?.path], ['cluster1', '/api/watch']);
});

test('a request that finds its certificate ended is told so, and the watch beside it ends all the same', async (t) => {
  const { proxy, clock } = await start(t);
  const session = openH2(t, proxy.port, proxy.client(undefined, { notAfterMs: Date.now() + 10 * MINUTE_MS }));
  const watch = await openWatch(session);
  clock.advance(11 * MINUTE_MS);
  const late = await requestH2(session);
  assert.equal(late.status, 401);
  assert.match(late.body, /\(rule certificate-expired, /);
  await eventually('the watch has ended', () => watch.ended(), WITHIN_MS);
});

test('an authority that ends takes the connections of its certificates with it', async (t) => {
  const { proxy, clock } = await start(t);
  const session = openH2(t, proxy.port, proxy.client(undefined, { notAfterMs: Date.now() + 90 * DAY_MS }));
  const watch = await openWatch(session);
  // csr-signer lives 30 days, of which one is over.
  clock.advance(30 * DAY_MS);
  await eventually('the watch has ended', () => watch.ended(), WITHIN_MS);
  assertClosedByPolicy(proxy, 'certificate-expired', 1);
});
