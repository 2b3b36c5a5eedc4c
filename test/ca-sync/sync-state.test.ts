// Bundle after bundle, failure after failure: what is kept, what is told, what is shown.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSigner } from '../../src/ca-sync/signer.ts';
import type { Found } from '../../src/ca-sync/source.ts';
import { showSync } from '../../src/ca-sync/sync-showing.ts';
import { startModel, stepSync } from '../../src/ca-sync/sync-state.ts';
import type { SyncEffect, SyncEvent, SyncModel } from '../../src/ca-sync/sync-state.ts';
import { readTrustBundle } from '../../src/ca-sync/trust-bundle.ts';
import type { TrustVerdict } from '../../src/ca-sync/trust-bundle.ts';
import { makeAuthority } from '../pki.ts';
import { TEST_NOW_MS } from '../pki-certificate.ts';
import { keyPem } from './mounted-files.ts';

const one = makeAuthority('one');
const two = makeAuthority('two');
const garbage = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

const bundle = (pem: string): Found<TrustVerdict> => ({ kind: 'found', value: readTrustBundle(Buffer.from(pem)) });
const signer: SyncEvent & { kind: 'read' } = {
  kind: 'read',
  signer: { kind: 'found', value: readSigner({ certificate: Buffer.from(one.pem), key: Buffer.from(keyPem(one)) }) },
  trust: bundle(one.pem),
};
const failed = (code: 'forbidden' | 'timeout', detail: string): Found<never> => ({ kind: 'failed', code, detail });

interface Outcome {
  readonly model: SyncModel;
  readonly effects: readonly SyncEffect[];
}

/** One event a second. */
function run(...events: readonly SyncEvent[]): Outcome {
  let outcome: Outcome = { model: startModel(false), effects: [] };
  for (const [second, event] of events.entries()) outcome = stepSync(outcome.model, event, TEST_NOW_MS + second * 1_000);
  return outcome;
}

const names = ({ effects }: Outcome): string[] => effects.map((effect) => (effect.kind === 'log' ? effect.event : effect.kind));
const withTrust = (trust: Found<TrustVerdict>): SyncEvent => ({ ...signer, trust });

test('publishes trust, then the signer', () => {
  assert.deepEqual(names(run(signer)), ['publish-trust', 'trust-published', 'publish-usable', 'publish-signer', 'signer-published']);
});

test('publishes nothing when nothing has changed', () => {
  assert.deepEqual(names(run(signer, signer)), []);
});

test('publishes a bundle that has gained, lost or reordered authorities', () => {
  assert.deepEqual(names(run(signer, withTrust(bundle(one.pem + two.pem)))), ['publish-trust', 'trust-published']);
  assert.deepEqual(names(run(withTrust(bundle(one.pem + two.pem)), signer)), ['publish-trust', 'trust-published']);
  assert.deepEqual(names(run(withTrust(bundle(one.pem + two.pem)), withTrust(bundle(two.pem + one.pem)))), [
    'publish-trust',
    'trust-published',
  ]);
});

test('tells of a skipped entry once', () => {
  const skipping = withTrust(bundle(one.pem + garbage));
  assert.deepEqual(names(run(signer, skipping)), ['publish-trust', 'trust-published', 'trust-entry-skipped']);
  assert.deepEqual(names(run(signer, skipping, skipping)), []);
  assert.deepEqual(names(run(signer, skipping, withTrust(bundle(one.pem + garbage + two.pem)))), ['publish-trust', 'trust-published']);
});

test('keeps the bundle that was good when the next is bad, empty or missing, and tells each once', () => {
  const bad = withTrust(bundle(garbage));
  const outcome = run(signer, bad, bad);
  assert.deepEqual(names(run(signer, bad)), ['trust-refused']);
  assert.deepEqual(names(outcome), []);
  assert.equal(outcome.model.trust.current?.authorities.length, 1);
  assert.equal(showSync('files', outcome.model).trust.refused?.sinceMs, TEST_NOW_MS + 1_000);
  const missing = withTrust({ kind: 'missing', detail: 'gone' });
  assert.deepEqual(names(run(signer, bad, missing)), ['trust-removed']);
  assert.deepEqual(names(run(missing)), ['trust-missing', 'publish-usable', 'publish-signer', 'signer-published']);
  assert.deepEqual(names(run(signer, bad, missing, signer)), []);
  assert.equal(showSync('files', run(signer, bad, missing, signer).model).trust.missing, null);
});

test('a failed read of one object does not keep the other from being followed', () => {
  const { model } = run({ ...signer, signer: failed('forbidden', 'no right to the Secret') });
  const state = showSync('kubernetes', model);
  assert.equal(state.trust.current?.authorities.length, 1);
  assert.equal(state.signer.current, null);
  assert.deepEqual(state.lastError, { code: 'forbidden', detail: 'no right to the Secret', sinceMs: TEST_NOW_MS });
  assert.equal(state.lastSuccessMs, null);
});

test('keeps what the hub said of the current signer while it is asked about another', () => {
  const pair = (authority: typeof one): SyncEvent => {
    return {
      ...signer,
      signer: { kind: 'found', value: readSigner({ certificate: Buffer.from(authority.pem), key: Buffer.from(keyPem(authority)) }) },
    };
  };
  let model = startModel(true);
  const take = (event: SyncEvent): void => {
    ({ model } = stepSync(model, event, TEST_NOW_MS));
  };
  const answer = (outcome: 'accepted' | 'rejected', purpose: 'candidate' | 'current'): void => {
    const question = model.rotation.questions.find((each) => each.purpose === purpose);
    const { fingerprintSHA256 } = question?.signer.certificate ?? { fingerprintSHA256: '' };
    const answers = [{ endpoint: 'https://hub:6443', outcome, detail: outcome, atMs: TEST_NOW_MS, fingerprintSHA256 }];
    take({ kind: 'hub-answered', question: question?.id ?? 0, answers });
  };
  const said = (): readonly string[] => showSync('files', model).probeOfCurrent.map(({ outcome }) => outcome);
  take(pair(one));
  assert.deepEqual(said(), []);
  answer('accepted', 'candidate');
  assert.deepEqual(said(), ['accepted']);
  take({ kind: 'check-due' });
  answer('rejected', 'current');
  take(pair(two));
  answer('rejected', 'candidate');
  assert.deepEqual(said(), ['rejected']);
  answer('accepted', 'candidate');
  assert.deepEqual(said(), ['accepted']);
});

test('tells of a failure when it begins, when it becomes another and when it ends', () => {
  const forbidden: SyncEvent = { kind: 'read', signer: failed('forbidden', 'a'), trust: failed('forbidden', 'b') };
  const late: SyncEvent = { kind: 'read', signer: failed('timeout', 'c'), trust: failed('timeout', 'c') };
  assert.deepEqual(names(run(signer, forbidden)), ['sync-failed']);
  assert.deepEqual(names(run(signer, forbidden, forbidden)), []);
  assert.deepEqual(names(run(signer, forbidden, late)), ['sync-failed']);
  assert.deepEqual(names(run(signer, forbidden, late, signer)), ['sync-recovered']);
  const { lastError, lastSuccessMs } = showSync('kubernetes', run(signer, forbidden, late).model);
  assert.deepEqual(lastError, { code: 'timeout', detail: 'c', sinceMs: TEST_NOW_MS + 1_000 });
  assert.equal(lastSuccessMs, TEST_NOW_MS);
  assert.equal(showSync('kubernetes', run(signer, forbidden).model).lastError?.detail, 'a; b');
});

test('shows plain data that survives JSON, with the window of the signer', () => {
  const state = showSync('files', run(signer).model);
  assert.deepEqual(JSON.parse(JSON.stringify(state)), state);
  assert.equal(state.signer.current?.window, 'in-window');
  assert.equal(state.signer.current.fingerprintSHA256, one.certificate.fingerprintSHA256);
  assert.deepEqual(Object.keys(state.trust.current?.authorities[0] ?? {}), [
    'subject',
    'serial',
    'fingerprintSHA256',
    'notBeforeMs',
    'notAfterMs',
  ]);
});
