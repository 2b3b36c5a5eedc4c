// Signer and bundle from an API server, through ca-sync's front door, over real TLS: what it asks for, and that it follows.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeSecret, follow, putSigner, putTrust, startApi } from '../ca-sync/api-fixture.ts';
import { until, untilTrue } from '../ca-sync/waiting.ts';
import { makeAuthority } from '../pki.ts';
import { TEST_NOW_MS } from '../pki-certificate.ts';

const HOUR_MS = 3_600_000;
const root = makeAuthority('root');
const first = makeAuthority('first', { issuer: root, notBeforeMs: TEST_NOW_MS - 3 * HOUR_MS });
const second = makeAuthority('second', { issuer: root, notBeforeMs: TEST_NOW_MS - 2 * HOUR_MS });
const third = makeAuthority('third', { issuer: root, notBeforeMs: TEST_NOW_MS - HOUR_MS });

for (const protocol of ['h2', 'http/1.1'] as const) {
  test(`follows Secret and ConfigMap by watching, where the API server speaks ${protocol}`, async (t) => {
    const hub = await startApi(t, protocol);
    putSigner(hub.api, first);
    putTrust(hub.api, first, root);
    const { sync, api, log } = await follow(t, hub);
    assert.equal(sync.signer.current?.certificate.subject, 'CN=first');
    assert.equal(sync.trust.current?.authorities.length, 2);
    await untilTrue(() => api.openWatches === 2);
    putSigner(api, second);
    assert.equal((await until(sync.signer, (signer) => signer?.generation === 2))?.certificate.subject, 'CN=second');
    putTrust(api, first, second, root);
    assert.equal((await until(sync.trust, (trust) => trust?.authorities.length === 3))?.authorities.length, 3);
    assert.deepEqual(log.names(), ['trust-published', 'signer-published', 'signer-published', 'trust-published']);
    const expected = protocol === 'h2' ? '2.0' : '1.1';
    assert.ok(api.requests.every(({ httpVersion }) => httpVersion === expected));
  });
}

test('asks for nothing but the two objects, by name, with its token', async (t) => {
  const hub = await startApi(t);
  putSigner(hub.api, first);
  putTrust(hub.api, root);
  const { api } = await follow(t, hub);
  await untilTrue(() => api.openWatches === 2);
  assert.ok(api.requests.every(({ authorization }) => authorization === 'Bearer first-token'));
  for (const { verb, path, query } of api.requests) {
    if (verb === 'get') assert.match(path, /^\/api\/v1\/namespaces\/hub\/(secrets\/csr-signer|configmaps\/csr-controller-ca)$/);
    else {
      const name = path.endsWith('/secrets') ? 'csr-signer' : 'csr-controller-ca';
      assert.deepEqual([...query.keys()].toSorted(), ['fieldSelector', 'timeoutSeconds', 'watch']);
      assert.equal(query.get('fieldSelector'), `metadata.name=${name}`);
    }
  }
});

test('keeps the last good ones when both are deleted, and takes what is created in their place', async (t) => {
  const hub = await startApi(t);
  putSigner(hub.api, first);
  putTrust(hub.api, first);
  const { sync, api, log } = await follow(t, hub);
  await untilTrue(() => api.openWatches === 2);
  api.remove('secrets', 'csr-signer');
  api.remove('configmaps', 'csr-controller-ca');
  const gone = await until(sync.state, (state) => state.signer.missing !== null && state.trust.missing !== null);
  assert.match(gone.signer.missing?.detail ?? '', /no Secret hub\/csr-signer/);
  assert.equal(sync.signer.current?.certificate.subject, 'CN=first');
  assert.equal(sync.trust.current?.authorities.length, 1);
  putSigner(api, second);
  putTrust(api, second, root);
  await until(sync.state, (state) => state.signer.current?.generation === 2 && state.trust.current?.authorities.length === 2);
  assert.ok(log.names().includes('signer-removed') && log.names().includes('trust-removed'));
});

test('waits for a Secret and a ConfigMap that do not exist yet', async (t) => {
  const hub = await startApi(t);
  const { sync, api, log } = await follow(t, hub);
  assert.equal(sync.signer.current, null);
  assert.deepEqual(log.names(), ['trust-missing', 'signer-missing']);
  await untilTrue(() => api.openWatches === 2);
  putSigner(api, first);
  putTrust(api, root);
  await until(sync.signer, (signer) => signer !== null);
  await until(sync.trust, (trust) => trust !== null);
});

test('says which key the ConfigMap lacks', async (t) => {
  const hub = await startApi(t);
  hub.api.put('configmaps', 'csr-controller-ca', { 'ca.crt': root.pem });
  hub.api.put('secrets', 'csr-signer', {});
  const { sync } = await follow(t, hub);
  assert.match(sync.state.current.trust.missing?.detail ?? '', /no key ca-bundle\.crt/);
  assert.equal(sync.state.current.signer.refused?.code, 'certificate-missing');
});

test('keeps the last good one while key and certificate are written apart', async (t) => {
  const hub = await startApi(t);
  putSigner(hub.api, first);
  putTrust(hub.api, root);
  const { sync, api } = await follow(t, hub);
  await untilTrue(() => api.openWatches === 2);
  api.put('secrets', 'csr-signer', { ...encodeSecret(first), 'tls.crt': encodeSecret(second)['tls.crt'] });
  const torn = await until(sync.state, (state) => state.signer.refused !== null);
  assert.equal(torn.signer.refused?.code, 'key-mismatch');
  assert.equal(sync.signer.current?.generation, 1);
  putSigner(api, second);
  await until(sync.signer, (signer) => signer?.generation === 2);
});

test('finds by its schedule what a silent watch did not tell', async (t) => {
  const hub = await startApi(t);
  putSigner(hub.api, first);
  putTrust(hub.api, root);
  const { sync, api } = await follow(t, hub, { schedule: '* * * * * *' });
  await untilTrue(() => api.openWatches === 2);
  api.putSilently('secrets', 'csr-signer', encodeSecret(second));
  await until(sync.signer, (signer) => signer?.generation === 2);
});

test('a re-read that was asked for sees what was written before, without a watch', async (t) => {
  const hub = await startApi(t);
  hub.api.behaviour.watch = { status: 403 };
  putSigner(hub.api, first);
  putTrust(hub.api, root);
  const { sync, api } = await follow(t, hub);
  putSigner(api, second);
  await sync.reread();
  assert.equal(sync.signer.current?.generation, 2);
});

test('misses no change that comes between two watches', async (t) => {
  const hub = await startApi(t);
  putSigner(hub.api, first);
  putTrust(hub.api, root);
  const { sync, api } = await follow(t, hub);
  await untilTrue(() => api.openWatches === 2);
  api.endWatches('cleanly');
  putSigner(api, second);
  await until(sync.signer, (signer) => signer?.generation === 2);
  await untilTrue(() => api.openWatches === 2);
  api.endWatches('reset');
  putSigner(api, third);
  await until(sync.signer, (signer) => signer?.generation === 3);
});

test('opens a watch again that the API server ends with 410, and takes no bookmark for a change', async (t) => {
  const hub = await startApi(t);
  putSigner(hub.api, first);
  putTrust(hub.api, root);
  const { sync, api } = await follow(t, hub);
  await untilTrue(() => api.openWatches === 2);
  await sync.reread();
  const reads = api.requests.filter(({ verb }) => verb === 'get').length;
  api.sendEvent('secrets', 'BOOKMARK', { kind: 'Secret', metadata: { resourceVersion: '999' } });
  api.sendEvent('secrets', 'ERROR', { kind: 'Status', code: 410, reason: 'Expired' });
  await untilTrue(() => api.requests.filter(({ verb, kind }) => verb === 'watch' && kind === 'secrets').length === 2);
  assert.ok(api.requests.filter(({ verb }) => verb === 'get').length <= reads + 2, 'the bookmark was followed by a read');
  await untilTrue(() => api.openWatches === 2);
  putSigner(api, second);
  await until(sync.signer, (signer) => signer?.generation === 2);
});
