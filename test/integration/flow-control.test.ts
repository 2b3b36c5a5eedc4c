// What one identity may do over all of its connections, on real sockets: honest agents never notice, who floods is answered 429 and is free again within a
// minute, and nobody else sees any of it.

import assert from 'node:assert/strict';
import type { ClientHttp2Session } from 'node:http2';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { LimitSettings } from '../../src/settings.ts';
import { addonSubject, klusterletSubject } from '../pki.ts';
import { defaultLimits } from '../proxy/default-limits.ts';
import { FRAME, frame, startRawH2 } from '../proxy/raw-h2.ts';
import { SteppedClock } from '../proxy/stepped-clock.ts';
import { exchangeRaw, openH1, openH2, openRaw, requestH1, requestH2 } from '../proxy/test-client.ts';
import type { Answer, ClientRequestPlan } from '../proxy/test-client.ts';
import { eventually, startTestHub, startTestProxy } from '../proxy/test-proxy.ts';
import type { TestHub, TestProxy } from '../proxy/test-proxy.ts';

const NAMESPACE = '/apis/coordination.k8s.io/v1/namespaces/cluster1';
const LEASE = `${NAMESPACE}/leases/managed-cluster-lease`;
const WORKS = '/apis/work.open-cluster-management.io/v1/namespaces/cluster1/manifestworks';
const CSRS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

const json = { 'content-type': 'application/json' };

interface Scene {
  readonly hub: TestHub;
  readonly proxy: TestProxy;
  /** Moves the hour and every clock with it; answers nothing meanwhile. */
  pass(ms: number): void;
}

async function open(t: TestContext, limits: Partial<LimitSettings> = {}): Promise<Scene> {
  // The library of the rates counts by Date.
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  const hub = await startTestHub(t);
  const clock = new SteppedClock();
  const proxy = await startTestProxy(t, { hubUrl: hub.url, clock, limits: { ...defaultLimits(), ...limits } });
  const pass = (ms: number): void => {
    clock.advance(ms);
    t.mock.timers.tick(ms);
  };
  return { hub, proxy, pass };
}

async function askMany(session: ClientHttp2Session, count: number, plan: ClientRequestPlan): Promise<Answer[]> {
  const answers: Answer[] = [];
  // As many at once as a connection may have.
  for (let asked = 0; asked < count; asked += 100) {
    answers.push(...(await Promise.all(Array.from({ length: Math.min(100, count - asked) }, () => requestH2(session, plan)))));
  }
  return answers;
}

const statusesOf = (answers: readonly Answer[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

const rulesOf = (answers: readonly Answer[]): string[] =>
  [...new Set(answers.map(({ body }) => /\(rule ([-a-z]+)/.exec(body)?.[1] ?? 'none'))].toSorted();

test('an honest klusterlet at ten times its cadence is never refused, its start and a restart of the hub included', async (t) => {
  const { proxy, pass } = await open(t);
  const session = openH2(t, proxy.port, proxy.client());
  const answers: Answer[] = [];
  const send = async (count: number, plan: ClientRequestPlan): Promise<void> => void answers.push(...(await askMany(session, count, plan)));
  // klusterlet-traffic.md §3: at a start each client set has its burst, each of five informers lists and watches, each add-on needs a certificate.
  const start = async (): Promise<void> => {
    await send(100, {
      method: 'PATCH',
      path: `${WORKS}/work-1`,
      headers: { 'content-type': 'application/merge-patch+json' },
      body: '{"metadata":{}}',
    });
    await send(5, { path: WORKS });
    await send(5, { path: `${WORKS}?watch=true` });
    await send(18, { method: 'POST', path: CSRS, headers: json, body: '{}' });
    await send(10, { method: 'POST', path: REVIEWS, headers: json, body: '{}' });
  };
  await start();
  for (let minute = 0; minute < 10; minute += 1) {
    for (let part = 0; part < 4; part += 1) {
      pass(15_000);
      await send(24, { method: 'POST', path: REVIEWS, headers: json, body: '{}' });
      await send(3, { path: LEASE });
      await send(3, { method: 'PUT', path: LEASE, headers: json, body: '{}' });
      await send(3, { path: `${WORKS}?watch=true` });
    }
    if (minute === 5) await send(10, { path: `${WORKS}?watch=true` });
  }
  assert.deepEqual(statusesOf(answers), { 200: 138 + 10 * 4 * 33 + 10 });
  assert.equal(
    proxy.log.some(({ name }) => name === 'peer-locked-out'),
    false,
  );
});

test('an honest add-on may use up what its client is allowed at once, and goes on at its rate', async (t) => {
  const { proxy, pass } = await open(t);
  const session = openH2(t, proxy.port, proxy.client(addonSubject('cluster1', 'work-manager')));
  const answers = await askMany(session, 40, { path: LEASE });
  for (let second = 0; second < 60; second += 1) {
    pass(1_000);
    answers.push(...(await askMany(session, 20, { path: LEASE })));
  }
  assert.deepEqual(statusesOf(answers), { 200: 40 + 60 * 20 });
});

test('a flood of requests is answered 429, then its identity is locked out, and is free again within a minute', async (t) => {
  const { hub, proxy, pass } = await open(t);
  const session = openH2(t, proxy.port, proxy.client());
  const flood = await askMany(session, 700, { path: LEASE });
  assert.deepEqual(statusesOf(flood), { 200: 300, 429: 400 });
  assert.deepEqual(rulesOf(flood), ['locked-out', 'none', 'rate-limited']);
  const limited = flood.find(({ body }) => body.includes('rate-limited'));
  assert.equal(limited?.headers['retry-after'], '3');
  const status = JSON.parse(limited?.body ?? '{}') as Record<string, unknown>;
  assert.deepEqual([status['kind'], status['reason'], status['code']], ['Status', 'TooManyRequests', 429]);
  const locked = flood.find(({ body }) => body.includes('locked-out'));
  assert.equal(locked?.headers['retry-after'], '30');

  const seen = hub.seen.length;
  pass(29_000);
  // On another connection too, and with another certificate of the same agent.
  const again = openH2(t, proxy.port, proxy.client(klusterletSubject('cluster1', 'other')));
  const early = await requestH2(again, { path: LEASE });
  assert.deepEqual([early.status, early.headers['retry-after'], hub.seen.length], [429, '1', seen]);
  for (const subject of [klusterletSubject('cluster2'), addonSubject('cluster1', 'work-manager')]) {
    assert.equal((await requestH2(openH2(t, proxy.port, proxy.client(subject)), { path: LEASE })).status, 200);
  }
  pass(1_000);
  assert.equal((await requestH2(session, { path: LEASE })).status, 200);
  const lockouts = proxy.audit.filter((line) => line.event === 'lockout');
  assert.deepEqual(
    lockouts.map(({ change, cluster, addon, requests }) => ({ change, cluster, addon, requests })),
    [
      { change: 'begun', cluster: 'cluster1', addon: null, requests: 0 },
      { change: 'ended', cluster: 'cluster1', addon: null, requests: 400 - 201 + 1 },
    ],
  );
});

test('HTTP/1.1 meets the same limits', async (t) => {
  const { proxy } = await open(t, { rates: { ...defaultLimits().rates, list: { sustainedPerSecond: 1, burst: 1 } } });
  const agent = openH1(t, proxy.client());
  const answers: Answer[] = [];
  for (let asked = 0; asked < 3; asked += 1) answers.push(await requestH1(agent, proxy.port, { path: WORKS }));
  assert.deepEqual(statusesOf(answers), { 200: 2, 429: 1 });
  assert.match(answers.at(-1)?.headers['retry-after'] as string, /^\d+$/);
  assert.equal((await requestH1(agent, proxy.port, { path: LEASE })).status, 200, 'only lists are limited');
});

test('CSRs are limited by themselves, and stay so when the other limits are free again', async (t) => {
  const { proxy, pass } = await open(t);
  const session = openH2(t, proxy.port, proxy.client());
  const create = { method: 'POST', path: CSRS, headers: json, body: '{}' };
  assert.deepEqual(statusesOf(await askMany(session, 60, create)), { 200: 40, 429: 20 });
  pass(60_000);
  const [later] = await askMany(session, 1, create);
  assert.deepEqual([later?.status, later?.headers['retry-after']], [429, '60']);
  assert.deepEqual(statusesOf(await askMany(session, 10, { path: LEASE })), { 200: 10 });
});

test('who tries doors is locked out, for what was refused and for what is allowed', async (t) => {
  const { hub, proxy, pass } = await open(t);
  const session = openH2(t, proxy.port, proxy.client());
  const doors = await askMany(session, 250, { path: '/api', headers: { 'impersonate-user': 'system:admin' } });
  assert.deepEqual(rulesOf(doors), ['identity-header', 'locked-out']);
  assert.equal((await requestH2(session, { path: LEASE })).status, 429);
  assert.equal(hub.seen.length, 0);
  const reason = proxy.log.find(({ name }) => name === 'peer-locked-out')?.fields['reason'];
  assert.equal(reason, 'too many refusals, the last by rule identity-header');
  pass(30_000);
  assert.equal((await requestH2(session, { path: LEASE })).status, 200);
  // Not locked out anew for what was before.
  assert.equal((await requestH2(session, { path: '/api', headers: { 'impersonate-user': 'system:admin' } })).status, 400);
  assert.equal((await requestH2(session, { path: LEASE })).status, 200);
});

test('an open connection too many is answered 429 and closed, and there is room again when another one goes', async (t) => {
  const { proxy } = await open(t, { maxConnectionsPerIdentity: 16 });
  const sessions = Array.from({ length: 16 }, () => openH2(t, proxy.port, proxy.client()));
  const answers = await Promise.all(sessions.map((session) => requestH2(session, { path: LEASE })));
  assert.deepEqual(statusesOf(answers), { 200: 16 });
  const beyond = openH2(t, proxy.port, proxy.client(klusterletSubject('cluster1', 'other')));
  const closed = new Promise<void>((resolve) => beyond.once('close', resolve));
  const refused = await requestH2(beyond, { path: LEASE });
  assert.deepEqual([refused.status, rulesOf([refused]), refused.headers['retry-after']], [429, ['connection-limit'], '5']);
  await closed;
  const raw = await openRaw(t, proxy.port, proxy.client());
  const text = await exchangeRaw(raw, `GET ${LEASE} HTTP/1.1\r\nHost: 127.0.0.1:${proxy.port}\r\n\r\n`);
  assert.match(text, /^HTTP\/1\.1 429 [^]*retry-after: 5[^]*rule connection-limit/);
  const other = openH2(t, proxy.port, proxy.client(klusterletSubject('cluster2')));
  assert.equal((await requestH2(other, { path: LEASE })).status, 200);
  sessions[0]?.close();
  await eventually('it is gone', () => proxy.proxy.counts().connections === 16);
  assert.equal((await requestH2(openH2(t, proxy.port, proxy.client()), { path: LEASE })).status, 200);
});

test('far too many connections are not even answered', async (t) => {
  const { proxy } = await open(t, { maxConnectionsPerIdentity: 16 });
  const client = proxy.client();
  const sockets = await Promise.all(Array.from({ length: 33 }, () => openRaw(t, proxy.port, client)));
  await eventually('one of them is cut off', () => sockets.filter((socket) => socket.destroyed || socket.readableEnded).length === 1);
});

test('watches and other open requests are counted over all connections of an identity', async (t) => {
  const { hub, proxy } = await open(t, { maxRequestsPerIdentity: 16 });
  const held: (() => void)[] = [];
  hub.handler = (request, response) => {
    if (request.url?.includes('watch=true') === true) held.push(() => response.end('{}'));
    else response.end('{}');
  };
  const sessions = Array.from({ length: 4 }, () => openH2(t, proxy.port, proxy.client()));
  const watches = sessions.flatMap((session) => Array.from({ length: 4 }, () => requestH2(session, { path: `${WORKS}?watch=true` })));
  await eventually('all are open', () => held.length === 16);
  const beyond = await requestH2(sessions[0] as ClientHttp2Session, { path: LEASE });
  assert.deepEqual([beyond.status, rulesOf([beyond])], [429, ['rate-limited']]);
  held.pop()?.();
  await eventually('one is over', () => proxy.proxy.counts().requests === 15);
  assert.equal((await requestH2(sessions[1] as ClientHttp2Session, { path: LEASE })).status, 200);
  for (const answer of held) answer();
  await Promise.all(watches);
});

test('a flood of frames that is spread over many connections counts as one, ends those it comes by and locks its identity out', async (t) => {
  const { proxy, pass } = await open(t);
  const client = proxy.client();
  const bystander = openH2(t, proxy.port, proxy.client(klusterletSubject('cluster2')));
  assert.equal((await requestH2(bystander, { path: LEASE })).status, 200);
  const sockets = await Promise.all(Array.from({ length: 8 }, () => openRaw(t, proxy.port, client, { alpn: ['h2'] })));
  const readers = sockets.map((socket) => startRawH2(socket));
  await eventually('all have begun', () => readers.every((reader) => reader.of(FRAME.SETTINGS).length > 0));
  // Each stays within what one connection may.
  const pings = Buffer.concat(Array.from({ length: 90 }, () => frame(FRAME.PING, 0, 0, Buffer.alloc(8))));
  for (const socket of sockets) socket.write(pings);
  await eventually('some are ended', () => readers.some(({ closed }) => closed));
  assert.equal(proxy.log.find(({ name }) => name === 'peer-locked-out')?.fields['reason'], 'ping flood');
  const session = openH2(t, proxy.port, client);
  assert.equal((await requestH2(session, { path: LEASE })).status, 429);
  assert.equal((await requestH2(bystander, { path: LEASE })).status, 200);
  pass(30_000);
  assert.equal((await requestH2(session, { path: LEASE })).status, 200);
});

for (const alpn of ['h2', 'http/1.1'] as const) {
  test(`more header bytes within a second than allowed end their connection (${alpn})`, async (t) => {
    const { proxy } = await open(t, { maxHeaderBytesPerSecond: 16 * 1024 });
    const headers = { 'user-agent': 'a'.repeat(4_000) };
    const client = proxy.client();
    const agent = openH1(t, client);
    const session = alpn === 'h2' ? openH2(t, proxy.port, client) : null;
    const askOnce = (): Promise<Answer> =>
      session === null ? requestH1(agent, proxy.port, { path: LEASE, headers }) : requestH2(session, { path: LEASE, headers });
    for (let asked = 0; asked < 3; asked += 1) assert.equal((await askOnce()).status, 200);
    await assert.rejects(async () => {
      await askOnce();
      await askOnce();
    });
    assert.equal(proxy.log.find(({ name }) => name === 'peer-locked-out')?.fields['reason'], 'header flood');
  });
}

test('whose certificate is refused is not counted, however often it comes', async (t) => {
  const { proxy } = await open(t, { maxConnectionsPerIdentity: 16 });
  for (let tries = 0; tries < 40; tries += 1) {
    assert.equal((await requestH2(openH2(t, proxy.port, null))).status, 401);
  }
  assert.deepEqual(
    proxy.audit.filter((line) => line.event === 'lockout'),
    [],
  );
});
