// Whether agents should be sent here (`/readyz`): design.md §4. Pure. A hub that is away is no reason: every other instance has the same hub.

import type { SyncView } from '../sync-view.ts';

export interface Readiness {
  readonly ready: boolean;
  /** Sentences; empty where it is ready. */
  readonly reasons: readonly string[];
}

export function judgeReadiness({ sync, draining }: { readonly sync: SyncView; readonly draining: boolean }, nowMs: number): Readiness {
  const reasons = [draining ? 'this instance is shutting down' : null, judgeSigner(sync, nowMs), judgeTrust(sync)].filter(
    (reason) => reason !== null,
  );
  return { ready: reasons.length === 0, reasons };
}

function judgeSigner(
  { signer: { current, candidate, refused, missing }, probeOfCurrent, lastError }: SyncView,
  nowMs: number,
): string | null {
  if (current === null) {
    const why = candidate?.detail ?? refused?.detail ?? lastError?.detail ?? missing?.detail ?? 'the source has not been read yet';
    return `there is no usable signer yet: ${why}`;
  }
  if (nowMs > current.notAfterMs)
    return `the signer in use ended on ${new Date(current.notAfterMs).toISOString()} and there is no newer one`;
  // One endpoint that is down would otherwise take every instance out of service although the others accept its leaves
  const isAcceptedSomewhere = probeOfCurrent.some(({ outcome }) => outcome === 'accepted');
  if (current.proof === 'unproven' && !isAcceptedSomewhere) return 'no endpoint of the hub has accepted a leaf of the signer in use yet';
  return null;
}

function judgeTrust({ trust: { current, refused, missing } }: SyncView): string | null {
  if (current !== null) return null;
  return `there is no usable trust bundle yet: ${refused?.detail ?? missing?.detail ?? 'the source has not been read yet'}`;
}
