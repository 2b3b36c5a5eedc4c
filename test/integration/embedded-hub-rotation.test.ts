// The embedded hub's trust over time: rotation in both orders, a bundle that tests change, connections that outlive it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, beforeEach, test } from 'node:test';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import { type Clock, systemClock } from '../../src/clock.ts';
import { type ClientCertificate, type EmbeddedHub, startEmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';
import { connectAs, get, statusFor, until } from './embedded-hub-client.ts';

const LEASE = '/apis/coordination.k8s.io/v1/namespaces/cluster1/leases/managed-cluster-lease';
const WATCH = '/apis/coordination.k8s.io/v1/namespaces/cluster1/leases?watch=true&timeoutSeconds=600';

/** Nobody waits this long: the clock hands the wait over instead, and the test ends it. */
const TRUST_DELAY_MS = 86_400_000;
let trustNow: () => void = () => undefined;
const clock: Clock = {
  ...systemClock,
  after: (delayMs, run) => {
    if (delayMs !== TRUST_DELAY_MS) return systemClock.after(delayMs, run);
    trustNow = run;
    return () => undefined;
  },
};

let hub: EmbeddedHub;
let klusterlet: ClientCertificate;

before(async () => {
  hub = await startEmbeddedHub({ signerKeyType: 'ec-p256', clock });
  await hub.addCluster('cluster1');
});

beforeEach(async () => {
  hub.behave();
  klusterlet = await hub.issueClientCertificate({ subject: { kind: 'klusterlet', cluster: 'cluster1' } });
});

after(() => hub.close());

test('trusts old and new signer after a rotation that begins with trust, and holds OpenShift’s two Secrets', async () => {
  const rotated = await hub.rotate({ order: 'trust-first' });
  const fresh = await hub.issueClientCertificate({ subject: { kind: 'klusterlet', cluster: 'cluster1' } });
  assert.deepEqual([await statusFor(klusterlet, LEASE, hub), await statusFor(fresh, LEASE, hub)], [200, 200]);
  const certificatesIn = async (namespace: string): Promise<number> => {
    const { object } = await hub.request('GET', `/api/v1/namespaces/${namespace}/secrets/csr-signer`);
    const { data } = object as { data: Record<string, string> };
    const text = Buffer.from(data['tls.crt'] ?? '', 'base64').toString();
    assert.ok(text.startsWith(rotated.signer.certificate.toString()));
    return text.match(/BEGIN CERTIFICATE/g)?.length ?? 0;
  };
  assert.equal(await certificatesIn('openshift-kube-controller-manager-operator'), 2);
  assert.equal(await certificatesIn('openshift-kube-controller-manager'), 1);
});

test('uses a new signer before it trusts it when the Secret changes first, unless the leaf comes with its signer', async () => {
  const earlier = hub.signer().number;
  const rotation = hub.rotate({ order: 'secret-first', trustDelayMs: TRUST_DELAY_MS });
  await until(() => hub.signer().number > earlier, 'the live Secret changes');
  const fresh = await hub.issueClientCertificate({ subject: { kind: 'klusterlet', cluster: 'cluster1' } });
  const withChain = { ...fresh, certificatePem: fresh.certificatePem + hub.signer().signer.certificate.toString() };
  assert.deepEqual([await statusFor(fresh, LEASE, hub), await statusFor(withChain, LEASE, hub)], [401, 200]);
  trustNow();
  await rotation;
  assert.equal(await statusFor(fresh, LEASE, hub), 200);
});

test('judges each request on an open connection anew, while a watch that is open goes on', async () => {
  const client = connectAs(klusterlet, hub);
  assert.equal((await get(client, LEASE)).status, 200);
  const watch = client.session.request({ ':method': 'GET', ':path': WATCH });
  const events: Buffer[] = [];
  watch.on('data', (chunk: Buffer) => events.push(chunk));
  await until(() => events.length === 1, 'the initial event');
  await hub.rotate({ order: 'trust-first', newRoot: true });
  await hub.forgetSignersBefore(hub.signer().number);
  assert.equal((await get(client, LEASE)).status, 401);
  await hub.request('PATCH', LEASE, { spec: { renewTime: '2026-11-23T00:00:00.000000Z' } });
  await until(() => events.length === 2, 'an event after the trust has gone');
  assert.match(Buffer.concat(events).toString(), /MODIFIED/);
});

test('keeps the last good bundle when the ConfigMap holds none, and takes over what a test writes into it', async () => {
  const path = '/api/v1/namespaces/openshift-config-managed/configmaps/csr-controller-ca';
  await hub.request('PATCH', path, { data: { 'ca-bundle.crt': 'garbage' } });
  assert.equal(await statusFor(klusterlet, LEASE, hub), 200);
  await hub.request('DELETE', path);
  assert.equal(await statusFor(klusterlet, LEASE, hub), 200);
  await hub.republishBundle();
  const other = await startEmbeddedHub({ signerKeyType: 'ec-p256' });
  await hub.request('PATCH', path, { data: { 'ca-bundle.crt': other.bundle() } });
  assert.equal(await statusFor(klusterlet, LEASE, hub), 401);
  await other.close();
  await hub.republishBundle();
  assert.equal(await statusFor(klusterlet, LEASE, hub), 200);
  const release = hub.holdTrust();
  await hub.rotate({ order: 'trust-first', newRoot: true });
  const fresh = await hub.issueClientCertificate({ subject: { kind: 'klusterlet', cluster: 'cluster1' } });
  assert.equal(await statusFor(fresh, LEASE, hub), 401, 'published, but this instance lags');
  release();
  assert.equal(await statusFor(fresh, LEASE, hub), 200);
});

test('keeps the chain of a resumed TLS session, and the identity with it', async () => {
  await hub.rotate({ order: 'trust-first' });
  const { certificatePem, keyPem } = await hub.issueClientCertificate({ subject: { kind: 'klusterlet', cluster: 'cluster1' } });
  await hub.request('PATCH', '/api/v1/namespaces/openshift-config-managed/configmaps/csr-controller-ca', {
    data: { 'ca-bundle.crt': hub.signer().root.certificate.toString() },
  });
  const cert = certificatePem + hub.signer().signer.certificate.toString();
  const options = { port: hub.port, host: '127.0.0.1', ca: hub.servingCaPem, cert, key: keyPem, ALPNProtocols: ['http/1.1'] };
  const ask = async (socket: TLSSocket): Promise<string> => {
    socket.write(`GET ${LEASE} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n`);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString().split('\r\n')[0] ?? '';
  };
  let session: Buffer | undefined;
  const first = tlsConnect(options);
  first.on('session', (ticket) => {
    session = ticket;
  });
  assert.equal(await ask(first), 'HTTP/1.1 200 OK');
  assert.ok(session);
  const second = tlsConnect({ ...options, session });
  await once(second, 'secureConnect');
  assert.equal(second.isSessionReused(), true);
  assert.equal(await ask(second), 'HTTP/1.1 200 OK');
  assert.equal(hub.requests.at(-1)?.user, 'system:open-cluster-management:cluster1:abcde');
  await hub.republishBundle();
});

test('breaks off where a Go server cannot parse the certificate', async () => {
  const rdns = [[{ oid: '2.5.4.3', value: 'under_score', tag: 0x13 }]];
  const strange = await hub.issueClientCertificate({ subject: { kind: 'rdns', rdns } });
  await assert.rejects(get(connectAs(strange, hub), LEASE));
});

test('sends GOAWAY with an answer when the dice say so, and on all connections on demand, without cutting what is open', async () => {
  const always = await startEmbeddedHub({ signerKeyType: 'ec-p256', goawayChance: 0.5, random: () => 0.4 });
  const client = connectAs(null, always);
  assert.equal((await client.request({ ':method': 'GET', ':path': LEASE, authorization: `Bearer ${always.bootstrapToken}` })).status, 403);
  await until(() => client.session.destroyed, 'the session ends');
  assert.deepEqual(client.goAways, [0]);
  await always.close();
  const open = connectAs(klusterlet, hub);
  const watch = open.session.request({ ':method': 'GET', ':path': WATCH });
  const events: Buffer[] = [];
  watch.on('data', (chunk: Buffer) => events.push(chunk));
  await until(() => events.length === 1, 'the initial event');
  hub.goAwayAll();
  await until(() => open.goAways.length === 1, 'GOAWAY arrives');
  await hub.request('PATCH', LEASE, { spec: { renewTime: '2026-11-23T00:00:01.000000Z' } });
  await until(() => events.length === 2, 'an event after GOAWAY');
  watch.close();
  await until(() => open.session.destroyed, 'the session ends with its last stream');
});
