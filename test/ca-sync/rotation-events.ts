// Signers with windows counted in days, and the events that bring them, for the tests of rotation.

import assert from 'node:assert/strict';
import type { RotationEvent } from '../../src/ca-sync/rotation.ts';
import { readSigner } from '../../src/ca-sync/signer.ts';
import type { CheckedSigner } from '../../src/ca-sync/signer.ts';
import { makeAuthority } from '../pki.ts';
import { TEST_NOW_MS } from '../pki-certificate.ts';

export const DAY_MS: number = 86_400_000;
export const START_MS: number = TEST_NOW_MS;

/** Days are counted from START_MS. */
export function makeSigner(name: string, fromDay: number, toDay: number): CheckedSigner {
  const authority = makeAuthority(name, { notBeforeMs: START_MS + fromDay * DAY_MS, notAfterMs: START_MS + toDay * DAY_MS });
  const key = Buffer.from(authority.key.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const verdict = readSigner({ certificate: Buffer.from(authority.pem), key });
  assert.ok(verdict.ok);
  return verdict.signer;
}

/** As on OpenShift: 30 days, one each 15. */
export const first: CheckedSigner = makeSigner('first', -10, 20);
export const second: CheckedSigner = makeSigner('second', 5, 35);
export const third: CheckedSigner = makeSigner('third', 20, 50);
export const older: CheckedSigner = makeSigner('older', -20, 10);

export const found = (signer: CheckedSigner): RotationEvent => ({ kind: 'signer-found', verdict: { ok: true, signer } });
export const refusedAs = (code: 'key-mismatch' | 'certificate-unreadable', materialSHA256 = 'aa'): RotationEvent => {
  return { kind: 'signer-found', verdict: { ok: false, code, detail: 'as the test says', materialSHA256 } };
};
export const missing: RotationEvent = { kind: 'signer-missing', detail: 'no Secret' };
export const tick: RotationEvent = { kind: 'tick' };
