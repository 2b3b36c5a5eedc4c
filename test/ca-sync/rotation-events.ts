// Signers with windows counted in days, and the events that bring them, for the tests of rotation.

import assert from 'node:assert/strict';
import { stepRotation } from '../../src/ca-sync/rotation.ts';
import { startRotation } from '../../src/ca-sync/rotation-state.ts';
import type { Outcome, Question, RotationEffect, RotationEvent, RotationState } from '../../src/ca-sync/rotation-state.ts';
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

/** The hub's answer to a question, an endpoint each. */
export function answer(question: number, ...outcomes: readonly Outcome[]): RotationEvent {
  const answers = outcomes.map((outcome, index) => ({
    endpoint: `https://hub-${index}:6443`,
    outcome,
    detail: `says ${outcome}`,
    atMs: START_MS,
    fingerprintSHA256: '',
  }));
  return { kind: 'hub-answered', question, answers };
}

/** An event, or one that depends on what is being asked by then. */
export type Happening = RotationEvent | ((state: RotationState) => RotationEvent);

/** The hub's answer to the open question of this purpose; to none where there is none. */
export function says(purpose: Question['purpose'], ...outcomes: readonly Outcome[]): Happening {
  return ({ questions }) => answer(questions.find((question) => question.purpose === purpose)?.id ?? 0, ...outcomes);
}

export const refusedLeaf = (generation: number): RotationEvent => ({ kind: 'hub-refused', generation });
export const checkDue: RotationEvent = { kind: 'check-due' };
export function trusts(...signers: readonly CheckedSigner[]): RotationEvent {
  return { kind: 'trust-read', authorities: signers.map(({ certificate }) => certificate) };
}

/** Found, and accepted at the first question. */
export function inUse(day: number, signer: CheckedSigner): readonly (readonly [number, Happening])[] {
  return [
    [day, found(signer)],
    [day, says('candidate', 'accepted')],
  ];
}

export interface Ran {
  readonly state: RotationState;
  /** Of the last step only. */
  readonly effects: readonly RotationEffect[];
}

/** Each event with the day on which it comes. `seen`: each step's state before and after. */
export function runScript(
  isProbed: boolean,
  script: readonly (readonly [number, Happening])[],
  seen: (before: RotationState, after: RotationState) => void = () => undefined,
): Ran {
  let ran: Ran = { state: startRotation(isProbed), effects: [] };
  for (const [day, happening] of script) {
    const before = ran.state;
    ran = stepRotation(before, typeof happening === 'function' ? happening(before) : happening, START_MS + day * DAY_MS);
    seen(before, ran.state);
  }
  return ran;
}
