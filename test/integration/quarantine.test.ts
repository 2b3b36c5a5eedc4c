// Cutting a captured cluster off, on real sockets: what is open ends at once, what is new gets a sentence, and nobody else notices.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { addonSubject, klusterletSubject, subjectOf } from '../pki.ts';
import { openH1, openH2, openRaw, requestH1, requestH2 } from '../proxy/test-client.ts';
import { eventually, startTestHub, startTestProxy } from '../proxy/test-proxy.ts';
import type { TestHub, TestProxy } from '../proxy/test-proxy.ts';

const WATCH = '/apis/work.open-cluster-management.io/v1/namespaces/cluster1/manifestworks?watch=true';

interface Scene {
  readonly hub: TestHub;
  readonly proxy: TestProxy;
  cutOff(...clusters: readonly string[]): void;
}

async function open(t: TestContext): Promise<Scene> {
  const hub = await startTestHub(t);
  const answer = hub.handler;
  hub.handler = (request, response) => {
    if (request.url?.includes('watch=true') !== true) return answer(request, response);
    const outgoing = response as ServerResponse;
    outgoing.writeHead(200, { 'content-type': 'application/json' });
    outgoing.write('{"type":"BOOKMARK"}\n');
  };
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const cutOff = (...clusters: readonly string[]): void =>
    proxy.quarantine.swap({ clusters: new Map(clusters.map((name) => [name, ['settings']])) });
  return { hub, proxy, cutOff };
}

test('an open watch of a quarantined cluster ends within a second, on both sides, and other clusters go on', async (t) => {
  const { hub, proxy, cutOff } = await open(t);
  const session = openH2(t, proxy.port, proxy.client());
  const watch = session.request({ ':path': WATCH });
  watch.on('error', () => undefined);
  await once(watch, 'data');
  const h1 = await openRaw(t, proxy.port, proxy.client(addonSubject('cluster1', 'work-manager')));
  h1.write(`GET ${WATCH} HTTP/1.1\r\nHost: 127.0.0.1:${proxy.port}\r\n\r\n`);
  await once(h1, 'data');
  const other = openH2(t, proxy.port, proxy.client(klusterletSubject('cluster2')));
  assert.equal((await requestH2(other)).status, 200);
  await eventually('three hub sessions', () => proxy.proxy.counts().hubSessions === 3);

  const startedMs = performance.now();
  cutOff('cluster1');
  await Promise.all([once(session, 'close'), once(h1, 'close')]);
  assert.ok(performance.now() - startedMs < 1_000, `after ${performance.now() - startedMs} ms`);
  await eventually('the hub has nothing of it any more', () => hub.sessions.size === 1 && proxy.proxy.counts().hubSessions === 1);
  assert.deepEqual(proxy.proxy.counts(), { connections: 1, requests: 0, watches: 0, hubSessions: 1, moves: 0, credentials: 3 });
  assert.equal((await requestH2(other)).status, 200);
  const closed = proxy.log
    .filter(({ name }) => name === 'connection-closed-by-policy')
    .map(({ fields }) => [fields['cluster'], fields['rule']]);
  assert.deepEqual(closed, [
    ['cluster1', 'quarantined'],
    ['cluster1', 'quarantined'],
  ]);
});

test('a quarantined cluster that comes anew is told so, it and its add-ons, and nothing of it reaches the hub', async (t) => {
  const { hub, proxy, cutOff } = await open(t);
  cutOff('cluster1', 'cluster3');
  for (const subject of [klusterletSubject('cluster1'), addonSubject('cluster1', 'search-collector')]) {
    const session = openH2(t, proxy.port, proxy.client(subject));
    const closed = once(session, 'close');
    const answer = await requestH2(session);
    const status = JSON.parse(answer.body) as { reason: string; message: string };
    assert.deepEqual([answer.status, status.reason], [403, 'Forbidden']);
    assert.match(status.message, /^countersign: this cluster is quarantined: .*\(rule quarantined, audit-id [-0-9a-f]{36}\)$/);
    await closed;
    const h1 = await requestH1(openH1(t, proxy.client(subject)), proxy.port);
    assert.deepEqual([h1.status, h1.headers['connection']], [403, 'close']);
  }
  const lines = proxy.audit.map((line) => (line.event === 'request' ? [line.cluster, line.rule, line.code, line.detail] : [line.event]));
  assert.deepEqual(new Set(lines.map((line) => line.join())), new Set(['cluster1,quarantined,403,cluster cluster1, by settings']));
  assert.equal(hub.seen.length, 0);
  assert.equal(hub.handshakes.length, 0);
});

test('a cluster that leaves quarantine is served again', async (t) => {
  const { proxy, cutOff } = await open(t);
  cutOff('cluster1');
  assert.equal((await requestH2(openH2(t, proxy.port, proxy.client()))).status, 403);
  cutOff();
  assert.equal((await requestH2(openH2(t, proxy.port, proxy.client()))).status, 200);
  cutOff('cluster1');
  assert.equal((await requestH2(openH2(t, proxy.port, proxy.client()))).status, 403);
});

test('the cluster-proxy add-on names no cluster and is not meant by any', async (t) => {
  const { proxy, cutOff } = await open(t);
  cutOff('cluster1', 'cluster-proxy');
  const subject = subjectOf('open-cluster-management:cluster-proxy:addon-agent', ['open-cluster-management:cluster-proxy']);
  assert.equal((await requestH2(openH2(t, proxy.port, proxy.client(subject)))).status, 200);
});

test('an upload of a quarantined cluster reaches the hub as a break, never as a complete body', async (t) => {
  const { hub, proxy, cutOff } = await open(t);
  const { promise: broken, resolve } = Promise.withResolvers<string>();
  hub.handler = (request) => {
    request.once('end', () => resolve('complete'));
    request.once('aborted', () => resolve('broken'));
    request.once('close', () => resolve('broken'));
    request.once('data', () => cutOff('cluster1'));
  };
  const session = openH2(t, proxy.port, proxy.client());
  const upload = session.request({ ':method': 'POST', ':path': '/api/v1/namespaces/cluster1/events', 'content-type': 'application/json' });
  upload.on('error', () => undefined);
  upload.write('{"kind":');
  assert.equal(await broken, 'broken');
});
