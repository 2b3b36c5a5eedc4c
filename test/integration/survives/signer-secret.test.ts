// What may happen to the Secret with the hub's signer, and that the fleet does not notice: rows of "Survives" in the issue on rotation.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeAuthority, makeOpenShiftSigner } from '../../pki.ts';
import { testKey } from '../../pki-certificate.ts';
import {
  addToBundle,
  assertServed,
  createSecret,
  DAY_MS,
  deleteSecret,
  generationOf,
  HOUR_MS,
  readSecret,
  setSurvivalStage,
  untilGeneration,
  untilView,
  writeSecret,
} from './survival-stage.ts';
import type { SignerPem, Survival } from './survival-stage.ts';

/** A signer that the hub trusts, valid in the given window around now. */
async function trustedSigner(
  survival: Survival,
  window: { fromMs: number; toMs: number },
  keyType: 'rsa' | 'p384' = 'rsa',
): Promise<SignerPem> {
  const nowMs = survival.clock.now();
  const key = testKey(keyType, `survives-${keyType}`);
  const name = `kube-csr-signer_@${Math.floor(nowMs / 1_000)}-${window.fromMs}`;
  const made = makeAuthority(name, { key, notBeforeMs: nowMs + window.fromMs, notAfterMs: nowMs + window.toMs });
  await addToBundle(survival, made.pem);
  const type = keyType === 'rsa' ? 'pkcs1' : 'sec1';
  return { crt: made.pem, key: key.privateKey.export({ type, format: 'pem' }).toString() };
}

test('Secret deleted and re-created: the last good signer goes on, the same one is no news, the next one is taken', async (t) => {
  const survival = await setSurvivalStage(t);
  await untilGeneration(survival, 1);
  const before = await readSecret(survival);
  await deleteSecret(survival);
  await untilView(survival, ({ signer }) => signer.missing !== null);
  await assertServed(survival);
  await createSecret(survival, before);
  await untilView(survival, ({ signer }) => signer.missing === null);
  assert.equal(generationOf(survival), 1);
  await deleteSecret(survival);
  await untilView(survival, ({ signer }) => signer.missing !== null);
  await survival.hub.rotate({ order: 'trust-first' });
  await untilGeneration(survival, 2);
  await assertServed(survival);
});

test('key and certificate written apart: half a pair is refused with its reason, the whole one is taken', async (t) => {
  const survival = await setSurvivalStage(t, { ageMs: DAY_MS });
  await untilGeneration(survival, 1);
  const next = await trustedSigner(survival, { fromMs: -HOUR_MS / 60, toMs: 30 * DAY_MS });
  await writeSecret(survival, { crt: next.crt });
  const { signer } = await untilView(survival, (view) => view.signer.refused !== null);
  assert.equal(signer.refused?.code, 'key-mismatch');
  assert.equal(generationOf(survival), 1);
  await assertServed(survival);
  await writeSecret(survival, { key: next.key });
  await untilGeneration(survival, 2);
  await assertServed(survival);
});

const garbage: readonly (readonly [string, Partial<SignerPem>, string])[] = [
  ['garbage in tls.crt', { crt: 'garbage' }, 'certificate-unreadable'],
  [
    'a certificate that does not parse',
    { crt: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' },
    'certificate-unreadable',
  ],
  ['garbage in tls.key', { key: 'garbage' }, 'key-unreadable'],
  ['nothing in tls.key', { key: '' }, 'key-missing'],
  ['another key', { key: testKey('rsa', 'another').privateKey.export({ type: 'pkcs1', format: 'pem' }).toString() }, 'key-mismatch'],
];

for (const [name, pem, code] of garbage) {
  test(`${name}: refused as ${code}, the last good signer goes on, and what is mended is no news`, async (t) => {
    const survival = await setSurvivalStage(t);
    await untilGeneration(survival, 1);
    const before = await readSecret(survival);
    await writeSecret(survival, pem);
    const { signer } = await untilView(survival, (view) => view.signer.refused !== null);
    assert.equal(signer.refused?.code, code);
    await assertServed(survival);
    await writeSecret(survival, before);
    await untilView(survival, (view) => view.signer.refused === null);
    assert.equal(generationOf(survival), 1);
  });
}

test('an older certificate than the current: refused, however good it is', async (t) => {
  const survival = await setSurvivalStage(t, { ageMs: DAY_MS });
  await untilGeneration(survival, 1);
  const first = await readSecret(survival);
  await survival.hub.rotate({ order: 'trust-first' });
  await untilGeneration(survival, 2);
  await writeSecret(survival, first);
  const { signer } = await untilView(survival, (view) => view.signer.refused !== null);
  assert.equal(signer.refused?.code, 'older-than-current');
  assert.equal(generationOf(survival), 2);
  await assertServed(survival);
});

test('a certificate not valid yet: waits for its hour and is taken then, with no further word from the hub', async (t) => {
  const survival = await setSurvivalStage(t);
  await untilGeneration(survival, 1);
  await writeSecret(survival, await trustedSigner(survival, { fromMs: HOUR_MS, toMs: 30 * DAY_MS }));
  const { signer } = await untilView(survival, (view) => view.signer.candidate !== null);
  assert.equal(signer.candidate?.phase, 'waiting');
  assert.equal(generationOf(survival), 1);
  await assertServed(survival);
  survival.hubClock.advance(HOUR_MS + 60_000);
  survival.clock.advance(HOUR_MS + 60_000);
  await untilGeneration(survival, 2);
  await assertServed(survival);
});

test('an expired certificate: refused, the last good signer goes on', async (t) => {
  const survival = await setSurvivalStage(t);
  await untilGeneration(survival, 1);
  await writeSecret(survival, await trustedSigner(survival, { fromMs: -30 * DAY_MS, toMs: -HOUR_MS }));
  const { signer } = await untilView(survival, (view) => view.signer.refused !== null);
  assert.equal(signer.refused?.code, 'expired');
  assert.equal(generationOf(survival), 1);
  await assertServed(survival);
});

test('a signer of another key type: taken, and the hub accepts what it signs', async (t) => {
  const survival = await setSurvivalStage(t, { ageMs: DAY_MS });
  await untilGeneration(survival, 1);
  await writeSecret(survival, await trustedSigner(survival, { fromMs: -60_000, toMs: 30 * DAY_MS }, 'p384'));
  await untilGeneration(survival, 2);
  assert.equal(survival.countersign.sync.signer.current?.certificate.publicKey.asymmetricKeyType, 'ec');
  await assertServed(survival);
});

test('a chain in the Secret: its first certificate signs, and its trusted issuer is enough', async (t) => {
  const survival = await setSurvivalStage(t, { ageMs: DAY_MS });
  await untilGeneration(survival, 1);
  const made = makeOpenShiftSigner(survival.clock.now() - 60_000);
  await addToBundle(survival, made.root.pem);
  await writeSecret(survival, { crt: made.tlsCrt + made.root.pem, key: made.tlsKey });
  await untilGeneration(survival, 2);
  assert.equal(survival.countersign.sync.signer.current?.chain.length, 1);
  await assertServed(survival);
});
