// A reissued leaf with its key, and for how long it serves: pure answers about time and signer, never a decision to make another one.

import type { HubCredential } from './hub-credential.ts';

/** A leaf and its key: never written anywhere, never shared between client certificates. */
export interface Credential extends HubCredential {
  readonly clientCertificateSHA256: string;
  readonly leafSHA256: string;
  /** `[leaf, signer certificate]`, and the key of the leaf. */
  readonly tls: { readonly certificateChainPem: string; readonly keyPem: string };
  readonly notAfterMs: number;
  /** When the client's own certificate ends, and with it the last leaf for it. */
  readonly clientNotAfterMs: number;
  /** From then on it is due: another one takes its place, in the background. */
  readonly renewAtMs: number;
  /** From then on new requests wait for another one. */
  readonly lastCallMs: number;
}

/** What decides over credentials at one moment. */
export interface CredentialTimes {
  readonly nowMs: number;
  /** Of the signer that would issue now; null: there is none. */
  readonly signer: { readonly generation: number; readonly certificate: { readonly notAfterMs: number } } | null;
  /** Generations whose leaves the hub is held to accept. */
  readonly usable: ReadonlySet<number>;
}

/** Four fifths of its life (issue 4), give or take a twentieth, so that leaves of one hour do not fall due in one minute. */
const RENEW_AT_LIFE_FRACTION = { from: 0.75, to: 0.85 };
/** Late enough that the background has had its time, early enough for clocks that differ; apart, because a whole fleet's leaves end with one signer. */
const LAST_CALL_LIFE_FRACTION = { from: 0.9, to: 0.96 };

/** @param random in [0, 1), for jitter */
export function chooseRenewal(
  life: { readonly notBeforeMs: number; readonly notAfterMs: number },
  random: () => number,
): Pick<Credential, 'renewAtMs' | 'lastCallMs'> {
  const at = ({ from, to }: { from: number; to: number }): number =>
    life.notBeforeMs + (life.notAfterMs - life.notBeforeMs) * (from + (to - from) * random());
  return { renewAtMs: at(RENEW_AT_LIFE_FRACTION), lastCallMs: at(LAST_CALL_LIFE_FRACTION) };
}

/** Whether a new request may go under it. */
export function mayServe(credential: Credential, times: CredentialTimes): boolean {
  if (!times.usable.has(credential.generation) || times.nowMs >= credential.notAfterMs) return false;
  return times.nowMs < credential.lastCallMs || !canBeOutlived(credential, times);
}

export type MoveReason = 'withdrawn' | 'newer-signer' | 'due';

/** Why another credential should take its place; null: it should stay. */
export function reasonToMove(credential: Credential, times: CredentialTimes): MoveReason | null {
  // Without a signer that the hub takes there is nothing to move to.
  if (times.signer === null || !times.usable.has(times.signer.generation)) return null;
  if (!times.usable.has(credential.generation)) return 'withdrawn';
  if (credential.generation < times.signer.generation) return 'newer-signer';
  return times.nowMs >= credential.renewAtMs && canBeOutlived(credential, times) ? 'due' : null;
}

/** Where its end is that of the client's certificate or of the signer, another one would last no longer. */
function canBeOutlived({ notAfterMs, clientNotAfterMs }: Credential, { signer }: CredentialTimes): boolean {
  return signer !== null && notAfterMs < Math.min(clientNotAfterMs, signer.certificate.notAfterMs);
}
