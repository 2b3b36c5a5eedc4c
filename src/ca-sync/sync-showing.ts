// What ca-sync shows of itself (sync-view.ts): plain data that survives JSON. Never a key, and of a certificate never more than a summary.

import type { Certificate } from '../certificate.ts';
import type { CandidateSigner, CertificateSummary, Missing, Refused, SyncView } from '../sync-view.ts';
import { rfc3339 } from './rotation-log.ts';
import type { Incoming, RotationState } from './rotation-state.ts';
import type { SyncModel } from './sync-state.ts';
import type { IncomingTrust, TrustState } from './trust-following.ts';

export function showSync(source: SyncView['source'], model: SyncModel): SyncView {
  const { rotation, trust, probe, probeOfCurrent, rotations, errors, lastSuccessMs, lastError } = model;
  const { incoming, retiring } = rotation;
  return {
    source,
    signer: {
      current: showCurrent(rotation),
      candidate: showCandidate(incoming),
      refused: showRefused(incoming),
      missing: showMissing(incoming),
      retiring: retiring
        .filter(({ window }) => window !== 'ended')
        .map(({ signer, isWithdrawn }) => ({
          generation: signer.generation,
          ...summarise(signer.certificate),
          withdrawn: isWithdrawn,
        })),
    },
    trust: { current: showBundle(trust), refused: showRefused(trust.incoming), missing: showMissing(trust.incoming) },
    probe,
    probeOfCurrent,
    rotations,
    errors,
    lastSuccessMs,
    lastError,
  };
}

function showCurrent({ current, currentWindow, proof }: RotationState): SyncView['signer']['current'] {
  if (current === null) return null;
  return { generation: current.generation, ...summarise(current.certificate), window: currentWindow, proof };
}

function showCandidate(incoming: Incoming | null): CandidateSigner | null {
  if (incoming?.phase !== 'candidate' && incoming?.phase !== 'probing') return null;
  const { phase, signer, sinceMs } = incoming;
  const summary = summarise(signer.certificate);
  return phase === 'candidate'
    ? { ...summary, phase: 'waiting', sinceMs, detail: `not valid before ${rfc3339(signer.certificate.notBeforeMs)}` }
    : { ...summary, phase, sinceMs, detail: incoming.detail };
}

function summarise(certificate: Certificate): CertificateSummary {
  const { subject, serial, fingerprintSHA256, notBeforeMs, notAfterMs } = certificate;
  return { subject, serial, fingerprintSHA256, notBeforeMs, notAfterMs };
}

function showBundle(trust: TrustState): SyncView['trust']['current'] {
  if (trust.current === null) return null;
  const { fingerprint, skipped, authorities } = trust.current;
  return { fingerprint, skipped, authorities: authorities.map(summarise) };
}

function showRefused(incoming: Incoming | IncomingTrust | null): Refused | null {
  if (incoming?.phase !== 'refused') return null;
  const { code, detail, fingerprintSHA256, sinceMs } = incoming;
  return { code, detail, fingerprintSHA256, sinceMs };
}

function showMissing(incoming: Incoming | IncomingTrust | null): Missing | null {
  return incoming?.phase === 'missing' ? { detail: incoming.detail, sinceMs: incoming.sinceMs } : null;
}
