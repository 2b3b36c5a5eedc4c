// ca-sync against the embedded hub, with the account and the rights that a hub gives it, over rotations as OpenShift makes them.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { startCaSync } from '../../src/ca-sync/ca-sync.ts';
import type { CaSync } from '../../src/ca-sync/ca-sync.ts';
import { readCertificates } from '../../src/certificate.ts';
import { systemClock } from '../../src/clock.ts';
import { startEmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';
import type { EmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';
import { keepLog, NEVER, until, untilTrue } from '../ca-sync/waiting.ts';
import type { KeptLog } from '../ca-sync/waiting.ts';
import { noProbe } from '../no-probe.ts';

const SECRET = '/api/v1/namespaces/openshift-kube-controller-manager/secrets/csr-signer';

interface Following {
  readonly hub: EmbeddedHub;
  readonly sync: CaSync;
  readonly log: KeptLog;
}

async function followHub(t: TestContext): Promise<Following> {
  const hub = await startEmbeddedHub();
  t.after(() => hub.close());
  const folder = mkdtempSync(join(tmpdir(), 'countersign-ca-sync-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const kubeconfigFile = join(folder, 'kubeconfig');
  writeFileSync(kubeconfigFile, hub.syncKubeconfig());
  const log = keepLog();
  const signer = { namespace: 'openshift-kube-controller-manager', secret: 'csr-signer' };
  const trust = { namespace: 'openshift-config-managed', configMap: 'csr-controller-ca', key: 'ca-bundle.crt' };
  const sync = await startCaSync(
    { source: 'kubernetes', kubeconfigFile, signer, trust, schedule: NEVER, probe: noProbe },
    { clock: systemClock, log },
  );
  t.after(() => sync.close());
  await untilTrue(() => hub.openStreams() === 2);
  return { hub, sync, log };
}

const fingerprints = (pem: string): string[] => readCertificates(pem).map(({ fingerprintSHA256 }) => fingerprintSHA256);
const liveSigner = (hub: EmbeddedHub): string | undefined => fingerprints(hub.signer().signer.certificate.toString())[0];

test('publishes the signer and the bundle that the embedded hub works with', async (t) => {
  const { hub, sync, log } = await followHub(t);
  assert.equal(sync.signer.current?.certificate.fingerprintSHA256, liveSigner(hub));
  assert.deepEqual(
    sync.trust.current?.authorities.map(({ fingerprintSHA256 }) => fingerprintSHA256),
    fingerprints(hub.bundle()),
  );
  assert.deepEqual(log.names(), ['trust-published', 'signer-published']);
});

for (const order of ['trust-first', 'secret-first'] as const) {
  test(`follows five rotations of the embedded hub, ${order}, each one generation`, async (t) => {
    const { hub, sync } = await followHub(t);
    for (let generation = 2; generation <= 6; generation += 1) {
      await hub.rotate({ order, newRoot: generation % 2 === 0 });
      const signer = await until(sync.signer, (value) => value?.generation === generation);
      assert.equal(signer?.certificate.fingerprintSHA256, liveSigner(hub));
      const bundle = fingerprints(hub.bundle());
      await until(sync.trust, (trust) => trust?.authorities.length === bundle.length);
    }
    await hub.forgetSignersBefore(hub.signer().number);
    await until(sync.trust, (trust) => trust?.authorities.length === fingerprints(hub.bundle()).length);
  });
}

test('keeps the last good signer while the Secret is deleted, and takes the next one', async (t) => {
  const { hub, sync } = await followHub(t);
  await hub.request('DELETE', SECRET);
  await until(sync.state, (state) => state.signer.missing !== null);
  assert.equal(sync.signer.current?.generation, 1);
  await hub.rotate({ order: 'trust-first' });
  const signer = await until(sync.signer, (value) => value?.generation === 2);
  assert.equal(signer?.certificate.fingerprintSHA256, liveSigner(hub));
});

test('needs no right on the embedded hub beyond get and watch on its two objects', async (t) => {
  const { hub, sync } = await followHub(t);
  await sync.reread();
  const own = hub.auditEvents().filter(({ user }) => user.username?.startsWith('system:serviceaccount:'));
  assert.ok(own.length >= 6);
  assert.deepEqual([...new Set(own.map(({ verb }) => verb))].toSorted(), ['get', 'watch']);
  assert.ok(own.every(({ responseStatus }) => responseStatus === undefined || responseStatus.code === 200));
});
