// What ca-sync does while the API server is away, silent, hostile or out of its mind; and that nothing of it is left behind.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { KubeConfig, Watch } from '@kubernetes/client-node';
import { openKubernetesSource } from '../../src/ca-sync/source-kubernetes.ts';
import type { Source } from '../../src/ca-sync/source.ts';
import { follow, putSigner, putTrust, startApi, writeKubeconfig } from '../ca-sync/api-fixture.ts';
import type { HubFixture } from '../ca-sync/api-fixture.ts';
import type { Behaviour } from '../ca-sync/scripted-api.ts';
import { keepLog, testClock, until, untilTrue } from '../ca-sync/waiting.ts';
import type { KeptLog } from '../ca-sync/waiting.ts';
import { makeAuthority } from '../pki.ts';
import { TEST_NOW_MS } from '../pki-certificate.ts';

const HOUR_MS = 3_600_000;
const root = makeAuthority('root');
const first = makeAuthority('first', { issuer: root, notBeforeMs: TEST_NOW_MS - 2 * HOUR_MS });
const second = makeAuthority('second', { issuer: root, notBeforeMs: TEST_NOW_MS - HOUR_MS });

async function startGoodApi(t: TestContext): Promise<HubFixture> {
  const hub = await startApi(t);
  putSigner(hub.api, first);
  putTrust(hub.api, root);
  return hub;
}

test('goes on with the last good ones while the API server is down, and follows again by itself when it is back', async (t) => {
  const hub = await startGoodApi(t);
  const { sync, api, log } = await follow(t, hub);
  await untilTrue(() => api.openWatches === 2);
  await api.stop();
  await sync.reread();
  assert.equal(sync.state.current.lastError?.code, 'unreachable');
  assert.match(sync.state.current.lastError?.detail ?? '', /ECONNREFUSED/);
  assert.equal(sync.state.current.lastError?.sinceMs, TEST_NOW_MS);
  assert.equal(sync.signer.current?.generation, 1);
  assert.equal(sync.trust.current?.authorities.length, 1);
  putSigner(api, second);
  await api.listen(hub.port);
  await until(sync.signer, (signer) => signer?.generation === 2);
  assert.equal(sync.state.current.lastError, null);
  const own = log.names().filter((name) => name.startsWith('sync'));
  assert.deepEqual(own, ['sync-failed', 'sync-recovered']);
  await untilTrue(() => api.openWatches === 2);
});

test('starts while the hub is away, with nothing, and has everything when the hub comes', async (t) => {
  const hub = await startGoodApi(t);
  await hub.api.stop();
  const { sync, api } = await follow(t, hub);
  assert.equal(sync.signer.current, null);
  assert.equal(sync.trust.current, null);
  assert.equal(sync.state.current.lastSuccessMs, null);
  assert.equal(sync.state.current.lastError?.code, 'unreachable');
  await api.listen(hub.port);
  await until(sync.signer, (signer) => signer !== null);
  await until(sync.trust, (trust) => trust !== null);
  assert.equal(sync.state.current.lastError, null);
});

const answers: readonly { readonly behaviour: Behaviour; readonly code: string; readonly detail: RegExp }[] = [
  { behaviour: { status: 401 }, code: 'unauthorized', detail: /401/ },
  { behaviour: { status: 403 }, code: 'forbidden', detail: /Secret hub\/csr-signer; its Role has to allow get and watch/ },
  { behaviour: { status: 500 }, code: 'api-error', detail: /answered 500/ },
  { behaviour: { status: 429 }, code: 'api-error', detail: /answered 429/ },
  { behaviour: 'garbage', code: 'answer-malformed', detail: /no answer that can be read/ },
  { behaviour: 'reset', code: 'unreachable', detail: /cannot be reached/ },
  { behaviour: 'endless', code: 'too-large', detail: /more than 4194304 bytes/ },
];

for (const { behaviour, code, detail } of answers) {
  test(`keeps the last good ones when the API server answers with ${JSON.stringify(behaviour)}, as ${code}`, async (t) => {
    const hub = await startGoodApi(t);
    const { sync, api } = await follow(t, hub);
    api.behaviour.get = behaviour;
    await sync.reread();
    assert.equal(sync.state.current.lastError?.code, code);
    assert.match(sync.state.current.lastError?.detail ?? '', detail);
    assert.equal(sync.signer.current?.generation, 1);
    assert.equal(sync.state.current.signer.refused, null);
    api.behaviour.get = 'answer';
    await until(sync.state, (state) => state.lastError === null);
  });
}

/** The source alone, with bounds that a test can wait for. */
function openSource(t: TestContext, hub: HubFixture): { source: Source; log: KeptLog } {
  const log = keepLog();
  const bounds = { readMs: 300, watchSeconds: 1, watchMs: 400 };
  const source = openKubernetesSource(hub.settings, { clock: testClock, log, random: () => 0, bounds });
  t.after(() => source.close());
  return { source, log };
}

for (const behaviour of ['hang', 'hang-up-in-body'] as const) {
  test(`gives up a read of an API server that goes silent (${behaviour})`, async (t) => {
    const hub = await startGoodApi(t);
    hub.api.behaviour.get = behaviour;
    const { source } = openSource(t, hub);
    const { signer, trust } = await source.read();
    assert.ok(signer.kind === 'failed' && trust.kind === 'failed');
    assert.equal(signer.code, 'timeout');
    await untilTrue(() => hub.api.openSockets === 0);
  });
}

test('gives up a watch that nobody ends, after the time that was set and not after 30 s, and opens another', async (t) => {
  const hub = await startGoodApi(t);
  const { source, log } = openSource(t, hub);
  source.follow(() => undefined);
  await untilTrue(() => hub.api.requests.filter(({ kind }) => kind === 'secrets').length >= 2);
  await untilTrue(() => log.events.some(({ fields }) => fields['code'] === 'timeout'));
  await untilTrue(() => hub.api.openWatches <= 2 && hub.api.openSockets <= 2);
});

test('client-node still has the limit on silence that ca-sync raises', () => {
  assert.equal(Reflect.get(new Watch(new KubeConfig()), 'requestTimeoutMs'), 30_000);
});

test('waits before it opens a watch again that is refused, and warns once', async (t) => {
  const hub = await startGoodApi(t);
  hub.api.behaviour.watch = { status: 403 };
  const { source, log } = openSource(t, hub);
  const delays: number[] = [];
  let lastMs = performance.now();
  source.follow(() => undefined);
  for (let count = 1; count <= 3; count += 1) {
    await untilTrue(() => hub.api.requests.filter(({ kind }) => kind === 'secrets').length >= count);
    delays.push(performance.now() - lastMs);
    lastMs = performance.now();
  }
  // 1 s and 2 s, each halved at most
  assert.ok((delays[1] ?? 0) > 400 && (delays[2] ?? 0) > 900, delays.join());
  const warnings = log.events.filter(({ name, fields }) => name === 'watch-failed' && fields['resource'] === 'secrets');
  assert.deepEqual(
    warnings.map(({ fields }) => fields['code']),
    ['forbidden'],
  );
});

test('does not hang on a server that takes the connection and says nothing, and closes while it waits', async (t) => {
  const hub = await startGoodApi(t);
  const sockets = new Set<Socket>();
  const mute = createServer((socket) => {
    sockets.add(socket);
    socket
      .once('close', () => sockets.delete(socket))
      .on('error', () => undefined)
      .resume();
  }).listen(0, '127.0.0.1');
  t.after(() => mute.close());
  await untilTrue(() => mute.listening);
  writeKubeconfig(hub.settings.kubeconfigFile ?? '', (mute.address() as AddressInfo).port, root);
  const { source } = openSource(t, hub);
  source.follow(() => undefined);
  const { signer } = await source.read();
  assert.ok(signer.kind === 'failed');
  assert.equal(signer.code, 'timeout');
  await untilTrue(() => sockets.size > 0);
  await source.close();
  await untilTrue(() => sockets.size === 0);
});

test('leaves no connection and no watch behind when it is closed', async (t) => {
  const hub = await startGoodApi(t);
  const { sync, api } = await follow(t, hub);
  await untilTrue(() => api.openWatches === 2);
  const reading = sync.reread();
  await sync.close();
  await reading;
  await untilTrue(() => api.openSockets === 0 && api.openWatches === 0);
  const asked = api.requests.length;
  putSigner(api, second);
  await sync.reread();
  assert.equal(api.requests.length, asked);
  assert.equal(sync.signer.current?.generation, 1);
});

test('holds two connections while it waits for changes, however often it has read', async (t) => {
  const hub = await startGoodApi(t);
  const { sync, api } = await follow(t, hub);
  await untilTrue(() => api.openWatches === 2);
  for (let count = 0; count < 10; count += 1) await sync.reread();
  await untilTrue(() => api.openSockets === 2);
});

test('uses a token as soon as it is in the kubeconfig or in the file that this names', async (t) => {
  const hub = await startGoodApi(t);
  const { sync, api, settings } = await follow(t, hub);
  const lastToken = (): string | undefined => api.requests.findLast(({ verb }) => verb === 'get')?.authorization;
  const kubeconfig = settings.kubeconfigFile ?? '';
  const write = (user: object): void => writeKubeconfig(kubeconfig, hub.port, hub.authority, { user });
  write({ token: 'second-token' });
  await sync.reread();
  assert.equal(lastToken(), 'Bearer second-token');
  write({ tokenFile: 'token' });
  writeFileSync(join(hub.folder, 'token'), 'third-token\n');
  await sync.reread();
  assert.equal(lastToken(), 'Bearer third-token');
  writeFileSync(join(hub.folder, 'token'), 'fourth-token\n');
  await sync.reread();
  assert.equal(lastToken(), 'Bearer fourth-token');
  assert.equal(sync.state.current.lastError, null);
});

const unsafe: readonly { readonly name: string; readonly parts: Parameters<typeof writeKubeconfig>[3]; readonly detail: RegExp }[] = [
  { name: 'names a credential plugin', parts: { user: { exec: { command: 'true', apiVersion: 'v1' } } }, detail: /credential plugin/ },
  { name: 'names an auth provider', parts: { user: { 'auth-provider': { name: 'oidc' } } }, detail: /credential plugin/ },
  { name: 'turns verification off', parts: { cluster: { 'insecure-skip-tls-verify': true } }, detail: /insecure-skip-tls-verify/ },
  { name: 'names a plain HTTP server', parts: { cluster: { server: 'http://127.0.0.1:8001' } }, detail: /https/ },
];

for (const { name, parts, detail } of unsafe) {
  test(`does not follow a kubeconfig that ${name}`, async (t) => {
    const hub = await startGoodApi(t);
    writeKubeconfig(hub.settings.kubeconfigFile ?? '', hub.port, hub.authority, parts);
    const { sync, api } = await follow(t, hub);
    assert.equal(sync.state.current.lastError?.code, 'kubeconfig');
    assert.match(sync.state.current.lastError?.detail ?? '', detail);
    assert.equal(api.requests.length, 0);
  });
}

test('does not quote a kubeconfig that it cannot read', async (t) => {
  const hub = await startGoodApi(t);
  writeFileSync(hub.settings.kubeconfigFile ?? '', 'users: [{name: me, user: {token: very-secret');
  const { sync, log } = await follow(t, hub);
  assert.equal(sync.state.current.lastError?.code, 'kubeconfig');
  assert.equal(JSON.stringify([sync.state.current, log.events]).includes('very-secret'), false);
});

test('says how to go on where there is neither kubeconfig nor service account', async (t) => {
  const hub = await startGoodApi(t);
  const { sync } = await follow(t, hub, { kubeconfigFile: null });
  assert.match(sync.state.current.lastError?.detail ?? '', /set caSync\.kubeconfigFile/);
});

test('does not believe an API server whose certificate does not verify', async (t) => {
  const hub = await startGoodApi(t);
  writeKubeconfig(hub.settings.kubeconfigFile ?? '', hub.port, root);
  const { sync, api } = await follow(t, hub);
  assert.equal(sync.state.current.lastError?.code, 'unreachable');
  assert.equal(api.requests.length, 0);
  writeKubeconfig(hub.settings.kubeconfigFile ?? '', hub.port, root, { cluster: { 'certificate-authority-data': undefined } });
  await sync.reread();
  assert.equal(sync.state.current.lastError?.code, 'unreachable');
  assert.equal(api.requests.length, 0);
});
