// How many leaves are issued: one for a hundred requests at once, a new one when it is due, no more kept than the bound.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { klusterletSubject } from '../pki.ts';
import { openH1, openH2, requestH1, requestH2 } from '../proxy/test-client.ts';
import { SteppedClock } from '../proxy/stepped-clock.ts';
import { eventually, startTestHub, startTestProxy } from '../proxy/test-proxy.ts';
import type { TestProxy } from '../proxy/test-proxy.ts';

const MINUTE_MS = 60_000;

const issued = (proxy: TestProxy): number => proxy.audit.filter(({ event }) => event === 'issue').length;

test('a hundred first requests at once, on ten connections, make one leaf and one hub session', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const client = proxy.client();
  const onH2 = Array.from({ length: 5 }, () => openH2(t, proxy.port, client)).flatMap((session) =>
    Array.from({ length: 19 }, () => requestH2(session)),
  );
  const onH1 = Array.from({ length: 5 }, () => requestH1(openH1(t, client), proxy.port));
  const answers = await Promise.all([...onH2, ...onH1]);
  assert.equal(answers.length, 100);
  assert.ok(answers.every(({ status }) => status === 200));
  assert.deepEqual([issued(proxy), hub.handshakes.length, proxy.proxy.counts().credentials], [1, 1, 1]);
});

test('no more leaves are kept than limits.leafCacheEntries, and the one longest unused goes first', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url, limits: { leafCacheEntries: 3 } });
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((cluster) => openH2(t, proxy.port, proxy.client(klusterletSubject(cluster))));
  assert.ok(a !== undefined && b !== undefined && c !== undefined && d !== undefined);
  for (const session of [a, b, c, a, d]) assert.equal((await requestH2(session)).status, 200);
  assert.deepEqual([issued(proxy), proxy.proxy.counts().credentials], [4, 3]);
  // b went for d; a and c are still there.
  for (const session of [a, c, d]) assert.equal((await requestH2(session)).status, 200);
  assert.equal(issued(proxy), 4);
  assert.equal((await requestH2(b)).status, 200);
  assert.deepEqual([issued(proxy), proxy.proxy.counts().credentials], [5, 3]);
});

/** In the middle of every jitter. */
const random = (): number => 0.5;

test('a leaf with a lifetime of its own is renewed when four fifths of it are over, before any request waits for it', async (t) => {
  const clock = new SteppedClock(50);
  const hub = await startTestHub(t);
  const reissue = { lifetimeMs: 95 * MINUTE_MS, movesPerSecond: 1_000 };
  // Longer than any leaf here: only what is in use is renewed ahead of its next request.
  const limits = { hubSessionIdleTimeoutMs: 200 * MINUTE_MS };
  const proxy = await startTestProxy(t, { hubUrl: hub.url, clock, random, reissue, limits });
  const session = openH2(t, proxy.port, proxy.client());
  await requestH2(session);
  // Backdated by 5 minutes it lives 100: 80 of them end 75 minutes after now.
  clock.advance(74 * MINUTE_MS);
  const lookedOver = Promise.withResolvers<void>();
  clock.every(20_000, () => lookedOver.resolve());
  await lookedOver.promise;
  await requestH2(session);
  assert.equal(issued(proxy), 1);
  clock.advance(2 * MINUTE_MS);
  await eventually('it is renewed', () => issued(proxy) === 2 && hub.handshakes.length === 2 && proxy.proxy.counts().moves === 0);
  await requestH2(session);
  assert.deepEqual([issued(proxy), hub.handshakes.length], [2, 2]);
  assert.equal(hub.seen[0]?.leafSHA256, hub.seen[1]?.leafSHA256);
  assert.notEqual(hub.seen[1]?.leafSHA256, hub.seen[2]?.leafSHA256);
});

test('a leaf that is due serves the next request of a client without a hub session, and is renewed behind it', async (t) => {
  const clock = new SteppedClock(50);
  const hub = await startTestHub(t);
  const reissue = { lifetimeMs: 95 * MINUTE_MS, movesPerSecond: 1_000 };
  const proxy = await startTestProxy(t, { hubUrl: hub.url, clock, random, reissue });
  const session = openH2(t, proxy.port, proxy.client());
  await requestH2(session);
  clock.advance(80 * MINUTE_MS);
  await eventually('the session was idle for too long', () => proxy.proxy.counts().hubSessions === 0);
  assert.equal(issued(proxy), 1);
  await requestH2(session);
  assert.equal(hub.seen[0]?.leafSHA256, hub.seen[1]?.leafSHA256);
  await eventually('it is renewed', () => issued(proxy) === 2 && proxy.proxy.counts().moves === 0);
  await requestH2(session);
  assert.notEqual(hub.seen[1]?.leafSHA256, hub.seen[2]?.leafSHA256);
});

test('a leaf that is nearly over when it is asked for is renewed first', async (t) => {
  const clock = new SteppedClock();
  const hub = await startTestHub(t);
  const reissue = { lifetimeMs: 95 * MINUTE_MS, movesPerSecond: 1 };
  const proxy = await startTestProxy(t, { hubUrl: hub.url, clock, random, reissue });
  const session = openH2(t, proxy.port, proxy.client());
  await requestH2(session);
  // Between 80 and 93 hundredths it would serve on; the next look at what is due is seconds away.
  clock.advance(89 * MINUTE_MS);
  await requestH2(session);
  assert.deepEqual([issued(proxy), hub.seen.length], [2, 2]);
  assert.notEqual(hub.seen[0]?.leafSHA256, hub.seen[1]?.leafSHA256);
});

test('a leaf that ends with its client certificate is not renewed before', async (t) => {
  const clock = new SteppedClock();
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url, clock });
  const session = openH2(t, proxy.port, proxy.client(undefined, { notAfterMs: Date.now() + 100 * MINUTE_MS }));
  await requestH2(session);
  clock.advance(99 * MINUTE_MS);
  assert.equal((await requestH2(session)).status, 200);
  assert.equal(issued(proxy), 1);
});
