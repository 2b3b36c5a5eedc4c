// Statuses as an administrator meets them, made from one healthy one: a candidate that waits, a candidate that is refused, an alarm, nothing yet.

import type { Status, StatusCandidate, StatusSigner } from '../../src/admin/status.ts';

export const nowMs: number = Date.parse('2026-11-23T14:03:22Z');
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export function at(offsetMs: number): string {
  return new Date(nowMs + offsetMs).toISOString();
}

const fingerprint = (letter: string): string => letter.repeat(64);

function signerCertificate(generation: number, beginMs: number): Status['retiring'][number] {
  return {
    generation,
    subject: `CN=kube-csr-signer_@${Math.floor((nowMs + beginMs) / 1_000)}`,
    fingerprintSHA256: fingerprint(String(generation % 10)),
    notBefore: at(beginMs),
    notAfter: at(beginMs + 30 * DAY_MS),
    withdrawn: false,
  };
}

/** A working day's curve with a little of everything, the same on each run. */
function minutes(refusedIn: (index: number) => number): Status['traffic']['perMinute'] {
  return Array.from({ length: 60 }, (_, index) => ({
    at: at((index - 59) * MINUTE_MS - 22 * SECOND_MS),
    allowed: Math.round((index === 59 ? 0.37 : 1) * (1_180 + 90 * Math.sin(index / 7) + 60 * Math.sin(index * 2.3))),
    refused: refusedIn(index),
  }));
}

const endpoints = ['https://10.0.128.11:6443', 'https://10.0.128.12:6443', 'https://10.0.128.13:6443'] as const;

function probe(ofFingerprint: string, rejecting: readonly string[] = []): Status['probe'] {
  return endpoints.map((endpoint, index) => {
    const isRejected = rejecting.includes(endpoint);
    return {
      endpoint,
      ok: !isRejected,
      at: at(-(14 + 3 * index) * SECOND_MS),
      outcome: isRejected ? 'rejected' : 'accepted',
      detail: isRejected
        ? 'the hub answered 401 to the canary: x509: certificate signed by unknown authority'
        : 'the hub named the canary user',
      fingerprintSHA256: ofFingerprint,
    };
  });
}

const clusters: Status['traffic']['clusters'] = [
  ['paris-edge-07', 4.2],
  ['oslo-store-112', 6.9],
  ['lisbon-plant-2', 9.4],
  ['turin-line-4', 11.8],
  ['gdansk-harbour-1', 12.1],
  ['bergen-rig-3', 13.3],
  ['malmo-store-018', 17.5],
  ['nantes-depot-5', 19.8],
].map(([cluster, days]) => ({
  cluster: String(cluster),
  user: `system:open-cluster-management:${cluster}:${cluster === 'turin-line-4' ? 'agent-x7k2p' : `agent-${String(cluster).slice(1, 3)}4d${String(cluster).slice(-1)}`}`,
  notAfter: at(Number(days) * DAY_MS),
}));

const { withdrawn: _, ...inUse } = signerCertificate(12, -11 * DAY_MS - 3 * HOUR_MS);
const current: StatusSigner = { ...inUse, state: 'current', proof: 'accepted' };

export const healthy: Status = {
  version: '0.1.0',
  at: at(0),
  started: at(-16 * DAY_MS - 5 * HOUR_MS),
  ready: true,
  reasons: [],
  signer: current,
  candidate: null,
  retiring: [signerCertificate(11, -26 * DAY_MS - 3 * HOUR_MS)],
  trust: {
    authorities: [
      {
        subject: 'CN=kube-csr-signer_@1762941802',
        fingerprintSHA256: fingerprint('2'),
        notBefore: at(-11 * DAY_MS),
        notAfter: at(19 * DAY_MS),
      },
      {
        subject: 'CN=openshift-kube-controller-manager-operator_csr-signer-signer@1760349802',
        fingerprintSHA256: fingerprint('a'),
        notBefore: at(-41 * DAY_MS),
        notAfter: at(19 * DAY_MS),
      },
      {
        subject: 'CN=kube-csr-signer_@1761645802',
        fingerprintSHA256: fingerprint('1'),
        notBefore: at(-26 * DAY_MS),
        notAfter: at(4 * DAY_MS),
      },
    ],
    skipped: [],
    refused: null,
    missing: null,
  },
  sync: { source: 'kubernetes', lastSuccess: at(-12 * SECOND_MS), lastError: null },
  probe: probe(current.fingerprintSHA256),
  servingCertificate: { notBefore: at(-28 * DAY_MS), notAfter: at(62 * DAY_MS + 5 * HOUR_MS) },
  alerts: [],
  workers: [{ pid: 4117, connections: 2_004, hubSessions: 1_998, requests: 37, watches: 5_912, credentials: 2_004 }],
  traffic: {
    allowed: 27_648_112,
    refused: 418,
    wouldRefuse: 0,
    perMinute: minutes((index) => (index === 18 ? 3 : index === 41 ? 1 : 0)),
    refusalsByRule: [
      { rule: 'policy-denied', count: 236 },
      { rule: 'certificate-expired', count: 121 },
      { rule: 'body-mismatch', count: 38 },
      { rule: 'header-ambiguous', count: 23 },
    ],
    leavesIssued: 61_204,
    hubRejections: 0,
    clusters,
  },
};

function alert(
  name: Status['alerts'][number]['name'],
  severity: 'warning' | 'critical',
  sinceMs: number,
  message: string,
): Status['alerts'][number] {
  const runbook = `https://github.com/countersign/countersign/blob/main/docs/runbook.md#${name.toLowerCase()}`;
  return { name, severity, since: at(sinceMs), message, runbook };
}

const { generation: __, withdrawn: ___, ...next } = signerCertificate(13, -14 * MINUTE_MS);
const due = signerCertificate(12, -15 * DAY_MS - 14 * MINUTE_MS);

const pending: StatusCandidate = {
  ...next,
  state: 'probing',
  since: at(-13 * MINUTE_MS),
  reason: '2 of 3 endpoints of the hub reject its leaves: x509: certificate signed by unknown authority',
};

/** Day 15: the hub has made its next signer, and two of its API servers have not loaded it. */
export const pendingCandidate: Status = {
  ...healthy,
  signer: { ...current, notBefore: due.notBefore, notAfter: due.notAfter },
  candidate: pending,
  retiring: [],
  probe: probe(next.fingerprintSHA256, endpoints.slice(1)),
  alerts: [
    alert(
      'CountersignCandidateNotTrusted',
      'warning',
      -3 * MINUTE_MS,
      'The hub does not accept the newest signer yet: 2 of 3 endpoints reject its leaves. The one before stays in use until 8 Dec 2026; see whether every API server has the new signer in its client CA bundle.',
    ),
  ],
};

export const refusedCandidate: Status = {
  ...healthy,
  candidate: {
    fingerprintSHA256: fingerprint('e'),
    subject: null,
    notBefore: null,
    notAfter: null,
    state: 'refused',
    since: at(-26 * MINUTE_MS),
    reason: 'tls.key does not belong to tls.crt: the public keys differ',
  },
  alerts: [
    alert(
      'CountersignCandidateRefused',
      'warning',
      -21 * MINUTE_MS,
      'The signer that the source holds was refused (key-mismatch): tls.key does not belong to tls.crt: the public keys differ. The one before stays in use until 12 Dec 2026; see what writes it.',
    ),
  ],
};

const old = signerCertificate(12, -28 * DAY_MS - 17 * HOUR_MS);

/** The hub's API has been away for days, and the signer in use is about to end. */
export const alarm: Status = {
  ...healthy,
  signer: { ...current, notBefore: old.notBefore, notAfter: old.notAfter },
  retiring: [],
  probe: probe(current.fingerprintSHA256, endpoints).map((answer) => ({
    ...answer,
    outcome: 'unreachable',
    detail: 'connect ETIMEDOUT: no connection within 5 s',
    at: at(-4 * MINUTE_MS),
  })),
  sync: {
    source: 'kubernetes',
    lastSuccess: at(-2 * DAY_MS - 7 * HOUR_MS),
    lastError: { code: 'unreachable', detail: 'connect ETIMEDOUT 10.0.128.10:6443', since: at(-2 * DAY_MS - 7 * HOUR_MS) },
  },
  alerts: [
    alert(
      'CountersignSignerEndsVerySoon',
      'critical',
      -17 * HOUR_MS,
      'The signer in use (generation 12) ends on 24 Nov 2026 and no newer one is in use: the source cannot be read. Without one nothing can be issued after that; see why the hub’s signer is not rotated.',
    ),
    alert(
      'CountersignSyncStale',
      'warning',
      -2 * DAY_MS - 6 * HOUR_MS,
      'Signer and trust bundle were last read on 21 Nov 2026: connect ETIMEDOUT 10.0.128.10:6443. The last good ones stay in use; make the source readable before they end.',
    ),
  ],
  traffic: {
    ...healthy.traffic,
    refused: 976,
    refusalsByRule: [
      { rule: 'certificate-expired', count: 679 },
      ...healthy.traffic.refusalsByRule.filter(({ rule }) => rule !== 'certificate-expired'),
    ],
    perMinute: minutes((index) => (index > 38 ? 14 + (index % 5) * 6 : 0)),
  },
};

/** Just started, with the hub away. */
export const nothingYet: Status = {
  ...healthy,
  ready: false,
  reasons: [
    'there is no usable signer yet: connect ECONNREFUSED 10.0.128.10:6443',
    'there is no usable trust bundle yet: the source has not been read yet',
  ],
  signer: null,
  retiring: [],
  trust: { authorities: [], skipped: [], refused: null, missing: null },
  sync: {
    source: 'kubernetes',
    lastSuccess: null,
    lastError: { code: 'unreachable', detail: 'connect ECONNREFUSED', since: at(-40 * SECOND_MS) },
  },
  probe: [],
  servingCertificate: null,
  alerts: [],
  traffic: { ...healthy.traffic, allowed: 0, refused: 0, perMinute: [], refusalsByRule: [], leavesIssued: 0, clusters: [] },
};
