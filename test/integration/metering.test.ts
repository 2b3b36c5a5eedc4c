// What whoever counts is told: each request once, each leaf, each client, and what the hub refused.

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { klusterletSubject, makeAuthority, makeClient } from '../pki.ts';
import { openH1, openH2, readH2, requestH1, requestH2 } from '../proxy/test-client.ts';
import { eventually, startTestHub, startTestProxy } from '../proxy/test-proxy.ts';

const DAY_MS = 86_400_000;

test('each request is counted once, by kind, verb, verdict and code, and its way to the hub is timed if it went there', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const session = openH2(t, proxy.port, proxy.client());
  await requestH2(session, { path: '/api/v1/namespaces/cluster1/secrets' });
  await requestH2(session, { path: '/api/../x' });
  await requestH1(openH1(t, null), proxy.port);
  const { requests, overheads, issued } = proxy.meter;
  assert.deepEqual(requests, [
    { kind: 'klusterlet', verb: 'list', verdict: 'allow', rule: null, code: 200 },
    { kind: 'klusterlet', verb: null, verdict: 'deny', rule: 'path-form', code: 400 },
    { kind: null, verb: null, verdict: 'deny', rule: 'no-client-certificate', code: 401 },
  ]);
  assert.ok(overheads.length === 1 && (overheads[0] ?? 0) > 0);
  assert.deepEqual(
    issued.map(({ kind }) => kind),
    ['klusterlet'],
  );
  assert.ok((issued[0]?.durationMs ?? 0) > 0);
});

test('a verified certificate is seen once a connection, whatever comes over it; one that is refused is not', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const notAfterMs = Math.floor(Date.now() / 1_000) * 1_000 + DAY_MS;
  const client = proxy.client(klusterletSubject('cluster7'), { notAfterMs });
  for (const session of [openH2(t, proxy.port, client), openH2(t, proxy.port, client)]) {
    await requestH2(session);
    await requestH2(session);
  }
  const ends = { notBeforeMs: Date.now() - DAY_MS, notAfterMs };
  const stranger = makeClient(klusterletSubject('cluster8'), makeAuthority('nobody', ends), ends);
  assert.equal((await requestH2(openH2(t, proxy.port, stranger))).status, 401);
  assert.deepEqual(proxy.meter.seen, [
    { cluster: 'cluster7', notAfterMs },
    { cluster: 'cluster7', notAfterMs },
  ]);
});

test('a certificate that came before there was a trust bundle is seen when there is one', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const trust = proxy.trust.current;
  proxy.trust.swap(null);
  const session = openH2(t, proxy.port, proxy.client());
  assert.equal((await requestH2(session)).status, 503);
  assert.equal(proxy.meter.seen.length, 0);
  proxy.trust.swap(trust);
  await requestH2(session);
  await requestH2(session);
  assert.equal(proxy.meter.seen.length, 1);
});

test('each leaf that the hub refuses is counted', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  hub.handler = (request, response) => {
    request.resume();
    (response as ServerResponse).writeHead(401).end();
  };
  assert.equal((await requestH2(openH2(t, proxy.port, proxy.client()))).status, 503);
  assert.equal(proxy.meter.rejections(), 2);
  assert.equal(proxy.meter.overheads.length, 1);
});

test('watches are counted while they are open, and the serving certificate can be told', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  hub.handler = (_request, response) => void (response as ServerResponse).writeHead(200).write('{}\n');
  const session = openH2(t, proxy.port, proxy.client());
  const path = '/api/v1/namespaces/cluster1/configmaps?watch=true';
  const watches = [1, 2].map(() => session.request({ ':path': path }));
  for (const watch of watches) readH2(watch).catch(() => undefined);
  await eventually('both are open', () => proxy.proxy.counts().watches === 2);
  watches[0]?.close();
  await eventually('one is left', () => proxy.proxy.counts().watches === 1 && proxy.proxy.counts().requests === 1);
  session.destroy();
  await eventually('none is left', () => proxy.proxy.counts().watches === 0);
  const { notBeforeMs, notAfterMs } = proxy.proxy.servingCertificate();
  assert.ok(notBeforeMs < Date.now() && notAfterMs > Date.now() && notAfterMs - notBeforeMs <= DAY_MS + 1_000);
});
