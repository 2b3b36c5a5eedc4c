// What the hour makes of a signer: whether it is valid, about to end, or long gone. Pure: the hour comes in, and may be wrong.

import type { CheckedSigner } from './signer.ts';

export type Window = 'not-valid-yet' | 'in-window' | 'ended';

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;

/**
 * A signer is about to end in the last thirtieth of its life, and at most the last day of it: of OpenShift's 30 days the last (its successor has then
 * been there for two weeks), of the 2 hours that the gate ShortCertRotation gives (csr-signer.md §1) the last 4 minutes. Long enough to move every
 * hub session without haste, short enough that a hub that is slow to trust has had its time.
 */
const ENDING_FRACTION = 1 / 30;
const LONGEST_ENDING_MS = DAY_MS;

/**
 * While the hub still takes the current signer and rejects the next, every hour of the current one is worth having. What is left then is what the
 * move needs: 7,000 hub sessions at the default of 20 a second are 6 minutes, and clocks may differ by 5 (leaf.ts).
 */
const LAST_STRETCH_FRACTION = 1 / 300;
const LONGEST_LAST_STRETCH_MS = 30 * MINUTE_MS;

/** An ended signer is remembered this long: a clock that jumped a day ahead and back must find it again. */
const MEMORY_MS = 2 * DAY_MS;

export function windowAt({ certificate }: CheckedSigner, nowMs: number): Window {
  if (nowMs < certificate.notBeforeMs) return 'not-valid-yet';
  return nowMs > certificate.notAfterMs ? 'ended' : 'in-window';
}

/** Also once it has ended. */
export function isAboutToEnd(signer: CheckedSigner, nowMs: number): boolean {
  return leftMs(signer, nowMs) <= Math.min(lifeMs(signer) * ENDING_FRACTION, LONGEST_ENDING_MS);
}

/** Also once it has ended. */
export function isInLastStretch(signer: CheckedSigner, nowMs: number): boolean {
  return leftMs(signer, nowMs) <= Math.min(lifeMs(signer) * LAST_STRETCH_FRACTION, LONGEST_LAST_STRETCH_MS);
}

export function isLongGone(signer: CheckedSigner, nowMs: number): boolean {
  return leftMs(signer, nowMs) < -MEMORY_MS;
}

function leftMs({ certificate }: CheckedSigner, nowMs: number): number {
  return certificate.notAfterMs - nowMs;
}

function lifeMs({ certificate }: CheckedSigner): number {
  return certificate.notAfterMs - certificate.notBeforeMs;
}
