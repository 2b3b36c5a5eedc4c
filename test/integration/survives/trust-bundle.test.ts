// What may happen to the ConfigMap with the hub's trust bundle, and that the fleet does not notice: rows of "Survives" in the issue on rotation.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitPemCertificates } from '../../../src/certificate.ts';
import { assertServed, setSurvivalStage, untilAlert, untilGeneration, untilView, writeBundle } from './survival-stage.ts';
import type { Survival } from './survival-stage.ts';

/** The hub itself goes on trusting what it did: it is Countersign's reading that is on trial. */
async function withHeldTrust(survival: Survival, run: (bundle: string) => Promise<void>): Promise<void> {
  const bundle = survival.hub.bundle();
  const release = survival.hub.holdTrust();
  await run(bundle);
  await assertServed(survival);
  release();
}

test('trust bundle emptied: refused, the last good one goes on, and the next good one is taken', async (t) => {
  const survival = await setSurvivalStage(t);
  await untilGeneration(survival, 1);
  await withHeldTrust(survival, async () => {
    await writeBundle(survival, '');
    const { trust } = await untilView(survival, (view) => view.trust.refused !== null);
    assert.ok((trust.current?.authorities.length ?? 0) >= 2);
  });
  await survival.hub.republishBundle();
  await untilView(survival, (view) => view.trust.refused === null);
  await survival.hub.rotate({ order: 'trust-first' });
  await untilGeneration(survival, 2);
  await assertServed(survival);
});

test('trust bundle truncated: refused whole with an alarm, the last good one goes on', async (t) => {
  const survival = await setSurvivalStage(t);
  await untilGeneration(survival, 1);
  await withHeldTrust(survival, async (bundle) => {
    await writeBundle(survival, bundle.slice(0, -200));
    const { trust } = await untilView(survival, (view) => view.trust.refused !== null);
    assert.equal(trust.refused?.code, 'trust-truncated');
    assert.equal(trust.current?.authorities.length, splitPemCertificates(bundle).length);
    await untilAlert(survival, 'CountersignTrustRefused');
  });
});

test('trust bundle with garbage in an entry: that entry is left out with an alarm, the others count', async (t) => {
  const survival = await setSurvivalStage(t);
  await untilGeneration(survival, 1);
  await withHeldTrust(survival, async (bundle) => {
    await writeBundle(survival, `-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n${bundle}`);
    const { trust } = await untilView(survival, (view) => (view.trust.current?.skipped.length ?? 0) > 0);
    assert.equal(trust.current?.authorities.length, splitPemCertificates(bundle).length);
    await untilAlert(survival, 'CountersignTrustEntrySkipped');
  });
});

test('trust bundle doubled: each authority counts once, and nothing is published anew', async (t) => {
  const survival = await setSurvivalStage(t);
  await untilGeneration(survival, 1);
  await withHeldTrust(survival, async (bundle) => {
    const published = (): number => survival.log.names().filter((name) => name === 'trust-published').length;
    const before = published();
    await writeBundle(survival, bundle + bundle);
    await survival.countersign.sync.reread();
    assert.equal(survival.countersign.sync.state.current.trust.current?.authorities.length, splitPemCertificates(bundle).length);
    assert.equal(published(), before);
  });
});
