// What the admin is handed, as it looks in good health; tests change what they are about.

import type { ProcessView } from '../../src/admin/admin.ts';
import type { SyncView } from '../../src/sync-view.ts';

export const MINUTE_MS = 60_000;
export const HOUR_MS: number = 60 * MINUTE_MS;
export const DAY_MS: number = 24 * HOUR_MS;
export const NOW_MS: number = Date.UTC(2026, 10, 1, 12);

type SignerView = SyncView['signer'];
type Current = NonNullable<SignerView['current']>;
type Candidate = NonNullable<SignerView['candidate']>;

export function certificate(name: string, notBeforeMs: number, notAfterMs: number): Pick<Current, keyof Candidate & keyof Current> {
  return { subject: `CN=${name}`, serial: '01', fingerprintSHA256: name.padEnd(64, '0'), notBeforeMs, notAfterMs };
}

/** Ten days old, twenty to go. */
export const current: Current = {
  ...certificate('current', NOW_MS - 10 * DAY_MS, NOW_MS + 20 * DAY_MS),
  generation: 3,
  window: 'in-window',
  proof: 'accepted',
};

export const candidate: Candidate = {
  ...certificate('candidate', NOW_MS, NOW_MS + 30 * DAY_MS),
  phase: 'probing',
  sinceMs: NOW_MS,
  detail: 'https://hub:6443 answered 401',
};

const accepted: SyncView['probe'][number] = {
  endpoint: 'https://hub:6443',
  outcome: 'accepted',
  detail: 'system:open-cluster-management:countersign-probe:canary',
  atMs: NOW_MS,
  fingerprintSHA256: current.fingerprintSHA256,
};

export function syncWith(signer: Partial<SignerView> = {}, rest: Partial<Omit<SyncView, 'signer'>> = {}): SyncView {
  return {
    source: 'kubernetes',
    signer: { current, candidate: null, refused: null, missing: null, retiring: [], ...signer },
    trust: {
      current: { fingerprint: 'bundle', authorities: [certificate('root', NOW_MS - 20 * DAY_MS, NOW_MS + 40 * DAY_MS)], skipped: [] },
      refused: null,
      missing: null,
    },
    probe: [accepted],
    probeOfCurrent: [accepted],
    rotations: { published: 3, unproven: 0, refused: 0, 'rolled-back': 0 },
    errors: {},
    lastSuccessMs: NOW_MS,
    lastError: null,
    ...rest,
  };
}

export function processWith(changes: Partial<ProcessView> = {}): ProcessView {
  return {
    sync: syncWith(),
    counts: { connections: 4, hubSessions: 3, requests: 2, watches: 5, credentials: 3 },
    servingCertificate: { notBeforeMs: NOW_MS - 30 * DAY_MS, notAfterMs: NOW_MS + 60 * DAY_MS },
    draining: false,
    auditLinesLost: 0,
    ...changes,
  };
}
