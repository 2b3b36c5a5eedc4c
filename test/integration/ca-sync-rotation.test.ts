// Rotation with the hub asked: ca-sync, its trust probe and the embedded hub, in the orders in which operators change things.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { CaSync } from '../../src/ca-sync/ca-sync.ts';
import { parseCertificate, readCertificates } from '../../src/certificate.ts';
import { startEmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';
import type { EmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';
import { CANARY, canaries, openProbedHub, publishBundle, Relay, startTerminator } from '../ca-sync/probed-hub.ts';
import { until, untilTrue } from '../ca-sync/waiting.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const liveSigner = (hub: EmbeddedHub): string | undefined =>
  readCertificates(hub.signer().signer.certificate.toString())[0]?.fingerprintSHA256;
const current = (sync: CaSync): string | undefined => sync.signer.current?.certificate.fingerprintSHA256;
const usable = (sync: CaSync): number[] => [...sync.usable.current];

test('shows the hub a leaf for a user that nothing is bound to, with the signer behind it, and publishes what the hub accepts', async (t) => {
  const { hub, log, start } = await openProbedHub(t);
  const sync = await start();
  assert.equal(current(sync), liveSigner(hub));
  assert.deepEqual(usable(sync), [1]);
  const [canary, ...more] = canaries(hub);
  assert.deepEqual(more, []);
  assert.equal(canary?.user, CANARY);
  assert.deepEqual(canary.groups, ['system:open-cluster-management:countersign-probe', 'system:authenticated']);
  const [leaf, signer] = canary.certificates.map((der) => parseCertificate(der));
  assert.equal(signer?.fingerprintSHA256, liveSigner(hub));
  assert.ok(leaf !== undefined && leaf.notAfterMs - leaf.notBeforeMs <= 15 * 60_000);
  const view = sync.state.current;
  assert.equal(view.signer.current?.proof, 'accepted');
  assert.deepEqual(
    view.probe.map(({ endpoint, outcome, fingerprintSHA256 }) => [endpoint, outcome, fingerprintSHA256]),
    [[hub.url, 'accepted', liveSigner(hub)]],
  );
  assert.deepEqual(view.rotations, { published: 1, unproven: 0, refused: 0, 'rolled-back': 0 });
  assert.deepEqual(log.names(), ['trust-published', 'signer-probing', 'signer-published']);
});

test('trust first: the next signer is in use as soon as it is there', async (t) => {
  const { hub, log, start } = await openProbedHub(t);
  const sync = await start();
  await hub.rotate({ order: 'trust-first', newRoot: true });
  await until(sync.signer, (signer) => signer?.generation === 2);
  assert.equal(current(sync), liveSigner(hub));
  assert.deepEqual(usable(sync), [2, 1]);
  assert.equal(log.names().includes('signer-not-accepted'), false);
});

test('Secret first: nothing is issued from the new signer until the hub trusts it', async (t) => {
  const { hub, log, start } = await openProbedHub(t);
  const sync = await start();
  const before = current(sync);
  const published: unknown[] = [];
  sync.signer.subscribe((signer) => published.push(signer?.certificate.fingerprintSHA256));
  const release = hub.holdTrust();
  await hub.rotate({ order: 'secret-first', newRoot: true });
  const waiting = await until(sync.state, ({ probe }) => probe.some(({ outcome }) => outcome === 'rejected'));
  assert.equal(waiting.signer.candidate?.phase, 'probing');
  assert.match(waiting.signer.candidate.detail, /^https:\/\/127\.0\.0\.1:\d+: the hub answers 401 to a leaf of this signer$/);
  await untilTrue(() => canaries(hub).filter(({ status }) => status === 401).length >= 2);
  assert.equal(current(sync), before);
  assert.deepEqual(published, []);
  release();
  await until(sync.signer, (signer) => signer?.generation === 2);
  assert.equal(current(sync), liveSigner(hub));
  assert.equal(log.names().filter((name) => name === 'signer-not-accepted').length, 1);
});

test('a new signer under a csr-signer-signer that the hub trusts is accepted at once, before it is in the bundle itself', async (t) => {
  const { hub, log, start } = await openProbedHub(t);
  const sync = await start();
  const release = hub.holdTrust();
  await hub.rotate({ order: 'secret-first' });
  await until(sync.signer, (signer) => signer?.generation === 2);
  assert.ok(!readCertificates(hub.bundle()).some(({ fingerprintSHA256 }) => fingerprintSHA256 === current(sync)));
  assert.equal(log.names().includes('signer-not-accepted'), false);
  release();
});

test('hub away: starts without a signer, waits, and has one when the hub is back', async (t) => {
  let relay: Relay | null = null;
  const { hub, start } = await openProbedHub(t, {
    url: async (served) => {
      relay = new Relay(served.port);
      await relay.open();
      await relay.cut();
      return relay.url;
    },
  });
  const sync = await start();
  assert.equal(sync.signer.current, null);
  assert.deepEqual(usable(sync), []);
  const { signer, probe } = sync.state.current;
  assert.equal(signer.candidate?.phase, 'probing');
  assert.match(probe[0]?.detail ?? '', /^the hub gives no answer to a leaf of this signer \(.*ECONNREFUSED/);
  assert.equal(probe[0]?.outcome, 'unreachable');
  const way = relay as Relay | null;
  assert.ok(way !== null);
  await way.open();
  t.after(() => way.cut());
  await until(sync.signer, (value) => value?.generation === 1);
  assert.equal(current(sync), liveSigner(hub));
});

test('something that ends TLS on the way is not taken for the hub', async (t) => {
  const { hub, start } = await openProbedHub(t, { url: (served) => startTerminator(t, served) });
  const sync = await start();
  assert.equal(sync.signer.current, null);
  const [answer] = sync.state.current.probe;
  assert.equal(answer?.outcome, 'unreachable');
  assert.match(answer.detail, /answers 403 .* something between here and it ends TLS/);
  assert.equal(canaries(hub)[0]?.user, 'system:anonymous');
});

test('a server that hub.caFile does not vouch for is shown nothing, and the file is read anew for each question', async (t) => {
  const { hub, hubSettings, start } = await openProbedHub(t);
  const good = readFileSync(hubSettings.caFile, 'utf8');
  const other = await startEmbeddedHub();
  t.after(() => other.close());
  writeFileSync(hubSettings.caFile, other.servingCaPem);
  const sync = await start();
  assert.equal(sync.state.current.probe[0]?.outcome, 'unreachable');
  assert.deepEqual(canaries(hub), []);
  writeFileSync(hubSettings.caFile, good);
  await until(sync.signer, (signer) => signer?.generation === 1);
});

test('endpoints all: a new signer waits for the API server that does not trust it yet', async (t) => {
  const { hub, hubSettings, start } = await openProbedHub(t, { endpoints: 'all' });
  const lagging = await startEmbeddedHub();
  t.after(() => lagging.close());
  await publishBundle(lagging, hub.bundle());
  const second = new Relay(lagging.port, '127.0.0.2', hub.port);
  await second.open();
  t.after(() => second.cut());
  writeFileSync(hubSettings.caFile, hub.servingCaPem + lagging.servingCaPem);
  announceEndpoints(hub, ['127.0.0.1', '127.0.0.2']);
  const sync = await start();
  assert.deepEqual(
    sync.state.current.probe.map(({ endpoint, outcome }) => [endpoint, outcome]),
    [hub.url, second.url].map((endpoint) => [endpoint, 'accepted']),
  );
  await hub.rotate({ order: 'trust-first', newRoot: true });
  const waiting = await until(sync.state, ({ probe }) => probe.some(({ outcome }) => outcome === 'rejected'));
  assert.deepEqual(
    waiting.probe.map(({ outcome }) => outcome),
    ['accepted', 'rejected'],
  );
  assert.match(waiting.signer.candidate?.detail ?? '', /^https:\/\/127\.0\.0\.2:/);
  assert.equal(sync.signer.current?.generation, 1);
  await publishBundle(lagging, hub.bundle());
  await until(sync.signer, (signer) => signer?.generation === 2);
});

test('endpoints all: where the addresses cannot be learned, a new signer waits, and says why', async (t) => {
  const { hub, start } = await openProbedHub(t, { endpoints: 'all' });
  const sync = await start();
  // Nothing is in use yet, so one API server that accepts is enough
  assert.equal(sync.signer.current?.generation, 1);
  await hub.rotate({ order: 'trust-first' });
  const waiting = await until(sync.state, ({ signer, probe }) => signer.candidate !== null && probe.length === 2);
  assert.deepEqual(
    waiting.probe.map(({ endpoint, outcome }) => [endpoint, outcome]),
    [
      [hub.url, 'accepted'],
      ['EndpointSlice default/kubernetes', 'unreachable'],
    ],
  );
  announceEndpoints(hub, ['127.0.0.1']);
  await until(sync.signer, (signer) => signer?.generation === 2);
});

test('when the current signer is about to end, one that the hub does not accept is used all the same, loudly, and proven later', async (t) => {
  const { hub, clock, log, start } = await openProbedHub(t);
  const sync = await start();
  const release = hub.holdTrust();
  clock.advance(15 * DAY_MS);
  await hub.rotate({ order: 'secret-first', newRoot: true });
  await until(sync.state, ({ probe }) => probe.some(({ outcome }) => outcome === 'rejected'));
  clock.advance(15 * DAY_MS - 25 * 60_000);
  await until(sync.signer, (signer) => signer?.generation === 2);
  assert.equal(sync.state.current.signer.current?.proof, 'unproven');
  assert.deepEqual(sync.state.current.rotations, { published: 1, unproven: 1, refused: 0, 'rolled-back': 0 });
  release();
  await until(sync.state, ({ signer }) => signer.current?.proof === 'accepted');
  assert.deepEqual(
    log.names().filter((name) => ['signer-unproven', 'signer-proven'].includes(name)),
    ['signer-unproven', 'signer-proven'],
  );
});

test('rolls back when the hub refuses a generation that it had accepted, and tries again when the hub trusts it', async (t) => {
  const { hub, log, start } = await openProbedHub(t);
  const sync = await start();
  const before = current(sync);
  const oldBundle = hub.bundle();
  await hub.rotate({ order: 'trust-first', newRoot: true });
  await until(sync.signer, (signer) => signer?.generation === 2);
  const newBundle = hub.bundle();
  await publishBundle(hub, oldBundle);
  await untilTrue(() => hub.bundle() === oldBundle);
  const order: string[] = [];
  sync.usable.subscribe((generations) => order.push(`usable ${[...generations].join()}`));
  sync.signer.subscribe((signer) => order.push(`signer ${signer?.generation}`));
  sync.hubRefused(2);
  await until(sync.signer, (signer) => signer?.generation === 3);
  assert.equal(current(sync), before);
  assert.deepEqual(order, ['usable 3,1,2', 'signer 3', 'usable 3,1']);
  assert.deepEqual(
    sync.state.current.signer.retiring.map(({ generation, withdrawn }) => [generation, withdrawn]),
    [
      [2, true],
      [1, false],
    ],
  );
  assert.equal(sync.state.current.signer.candidate?.phase, 'probing');
  await publishBundle(hub, newBundle);
  await until(sync.signer, (signer) => signer?.generation === 4);
  assert.equal(current(sync), liveSigner(hub));
  assert.deepEqual(sync.state.current.rotations, { published: 3, unproven: 0, refused: 0, 'rolled-back': 1 });
  assert.equal(log.names().filter((name) => name === 'signer-rolled-back').length, 1);
});

test('withdraws an old generation when its signer and the issuer of that leave the bundle', async (t) => {
  const { hub, log, start } = await openProbedHub(t);
  const sync = await start();
  await hub.rotate({ order: 'trust-first', newRoot: true });
  await until(sync.signer, (signer) => signer?.generation === 2);
  await sync.reread();
  assert.deepEqual(usable(sync), [2, 1]);
  await hub.forgetSignersBefore(hub.signer().number);
  await until(sync.usable, (generations) => generations.size === 1);
  assert.deepEqual(usable(sync), [2]);
  assert.ok(log.names().includes('signer-withdrawn'));
});

test('a day forward and back in the middle of a rotation does no harm', async (t) => {
  const { hub, clock, start } = await openProbedHub(t);
  const sync = await start();
  const release = hub.holdTrust();
  await hub.rotate({ order: 'secret-first', newRoot: true });
  await until(sync.state, ({ probe }) => probe.some(({ outcome }) => outcome === 'rejected'));
  for (const jump of [DAY_MS, -2 * DAY_MS, DAY_MS]) {
    clock.advance(jump);
    await sync.reread();
    assert.equal(sync.signer.current?.generation, 1);
  }
  release();
  await until(sync.signer, (signer) => signer?.generation === 2);
});

/** As kube-apiserver enters itself; the embedded hub keeps no EndpointSlices. */
function announceEndpoints(hub: EmbeddedHub, addresses: readonly string[]): void {
  hub.applyRbac(`
kind: Role
metadata: { name: countersign-endpoints, namespace: default }
rules:
- { apiGroups: [discovery.k8s.io], resources: [endpointslices], resourceNames: [kubernetes], verbs: [get] }
---
kind: RoleBinding
metadata: { name: countersign-endpoints, namespace: default }
roleRef: { kind: Role, name: countersign-endpoints }
subjects: [{ kind: ServiceAccount, namespace: countersign, name: ca-sync }]
`);
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'kubernetes', namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: 'IPv4',
    endpoints: [{ addresses, conditions: { ready: true } }],
    ports: [{ name: 'https', port: hub.port, protocol: 'TCP' }],
  };
  hub.misbehave(({ target }) =>
    target === '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes'
      ? { kind: 'answer', status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(slice) }
      : null,
  );
}
