// What `/status` says, and what the status page and `countersign status` show: made from views that were handed in. Pure; holds no key, no
// token and no request. Its shape is public interface (design.md §4). Times are RFC 3339 in UTC, fingerprints lower-case hex of SHA-256.

import type { RefusalRule } from '../errors.ts';
import type { CertificateSummary, SyncView } from '../sync-view.ts';
import type { Alert, AlertName, Severity } from './alerts.ts';
import { judgeReadiness } from './readiness.ts';
import type { TallyView } from './tally.ts';

export interface Status {
  readonly version: string;
  /** When this was written. */
  readonly at: string;
  /** When the process started. */
  readonly started: string;
  readonly ready: boolean;
  /** Why it is not ready: sentences. Empty where it is. */
  readonly reasons: readonly string[];
  readonly signer: StatusSigner | null;
  /** What the source holds while that is not in use, or that it holds none. */
  readonly candidate: StatusCandidate | null;
  /** Newest first. */
  readonly retiring: readonly StatusRetiring[];
  readonly trust: {
    readonly authorities: readonly StatusCertificate[];
    readonly skipped: readonly string[];
    readonly refused: { readonly code: string; readonly detail: string; readonly since: string } | null;
    readonly missing: { readonly detail: string; readonly since: string } | null;
  };
  readonly sync: {
    readonly source: 'kubernetes' | 'files';
    readonly lastSuccess: string | null;
    readonly lastError: { readonly code: string; readonly detail: string; readonly since: string } | null;
  };
  readonly probe: readonly StatusProbe[];
  readonly servingCertificate: { readonly notBefore: string; readonly notAfter: string } | null;
  /** Those that fire, the gravest first. */
  readonly alerts: readonly StatusAlert[];
  readonly workers: readonly StatusWorker[];
  readonly traffic: StatusTraffic;
}

export interface StatusCertificate {
  readonly subject: string;
  readonly fingerprintSHA256: string;
  readonly notBefore: string;
  readonly notAfter: string;
}

export interface StatusSigner extends StatusCertificate {
  readonly generation: number;
  readonly state: 'current' | 'not-valid-yet' | 'ended';
  /** `accepted`: the hub took a leaf of it; `unproven`: it has not yet; `unasked`: the probe is off. */
  readonly proof: 'accepted' | 'unproven' | 'unasked';
}

export interface StatusCandidate {
  /** null where there is none, or none that reads as a certificate. */
  readonly fingerprintSHA256: string | null;
  readonly subject: string | null;
  readonly notBefore: string | null;
  readonly notAfter: string | null;
  /** `waiting`: not valid yet; `probing`: the hub is being asked; `missing`: the source holds no signer. */
  readonly state: 'waiting' | 'probing' | 'refused' | 'missing';
  readonly since: string;
  /** For a person. */
  readonly reason: string;
}

export interface StatusRetiring extends StatusCertificate {
  readonly generation: number;
  /** The hub does not trust it any more. */
  readonly withdrawn: boolean;
}

export interface StatusProbe {
  readonly endpoint: string;
  readonly ok: boolean;
  readonly at: string;
  readonly outcome: 'accepted' | 'rejected' | 'unreachable';
  readonly detail: string;
  /** Of the signer whose leaf was shown. */
  readonly fingerprintSHA256: string;
}

export interface StatusAlert {
  readonly name: AlertName;
  readonly severity: Severity;
  readonly since: string;
  /** A sentence: what is wrong, why, what to do. */
  readonly message: string;
  /** A URL. */
  readonly runbook: string;
}

export interface StatusWorker extends OpenCounts {
  readonly pid: number;
}

/** What is open at this moment. */
export interface OpenCounts {
  readonly connections: number;
  readonly hubSessions: number;
  readonly requests: number;
  readonly watches: number;
  readonly credentials: number;
}

/** Totals since the start of the process. */
export interface StatusTraffic {
  readonly allowed: number;
  readonly refused: number;
  readonly wouldRefuse: number;
  /** The last 60 minutes, oldest first, the present one last; `at` is when each began. */
  readonly perMinute: readonly { readonly at: string; readonly allowed: number; readonly refused: number }[];
  /** Most frequent first, at most 20. */
  readonly refusalsByRule: readonly { readonly rule: RefusalRule; readonly count: number }[];
  readonly leavesIssued: number;
  readonly hubRejections: number;
  /** The 20 whose client certificate ends next. */
  readonly clusters: readonly { readonly cluster: string; readonly user: string; readonly notAfter: string }[];
}

export interface CertificateWindow {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Everything that is read, at one moment. */
export interface StatusViews {
  readonly version: string;
  readonly pid: number;
  readonly startedMs: number;
  readonly draining: boolean;
  readonly sync: SyncView;
  readonly counts: OpenCounts;
  readonly servingCertificate: CertificateWindow | null;
  readonly tally: TallyView;
  readonly auditLinesLost: number;
  readonly alerts: readonly Alert[];
}

const MOST_LISTED = 20;

export function describeStatus(views: StatusViews, nowMs: number): Status {
  const { sync, servingCertificate: serving } = views;
  return {
    version: views.version,
    at: rfc3339(nowMs),
    started: rfc3339(views.startedMs),
    ...judgeReadiness(views, nowMs),
    signer: describeSigner(sync, nowMs),
    candidate: describeCandidate(sync),
    retiring: sync.signer.retiring.map((signer) => ({
      generation: signer.generation,
      ...describeCertificate(signer),
      withdrawn: signer.withdrawn,
    })),
    trust: describeTrust(sync),
    sync: {
      source: sync.source,
      lastSuccess: sync.lastSuccessMs === null ? null : rfc3339(sync.lastSuccessMs),
      lastError: dated(sync.lastError),
    },
    probe: sync.probe.map(({ endpoint, outcome, atMs, detail, fingerprintSHA256 }) => ({
      endpoint,
      ok: outcome === 'accepted',
      at: rfc3339(atMs),
      outcome,
      detail,
      fingerprintSHA256,
    })),
    servingCertificate: serving === null ? null : { notBefore: rfc3339(serving.notBeforeMs), notAfter: rfc3339(serving.notAfterMs) },
    alerts: views.alerts.map(({ name, severity, sinceMs, message, runbook }) => ({
      name,
      severity,
      since: rfc3339(sinceMs),
      message,
      runbook,
    })),
    workers: [{ pid: views.pid, ...views.counts }],
    traffic: describeTraffic(views.tally),
  };
}

function describeSigner({ signer: { current } }: SyncView, nowMs: number): StatusSigner | null {
  if (current === null) return null;
  const { generation, proof } = current;
  return { generation, ...describeCertificate(current), state: stateOf(current, nowMs), proof };
}

function stateOf({ notBeforeMs, notAfterMs }: CertificateWindow, nowMs: number): StatusSigner['state'] {
  if (nowMs < notBeforeMs) return 'not-valid-yet';
  return nowMs > notAfterMs ? 'ended' : 'current';
}

function describeCandidate({ signer: { candidate, refused, missing } }: SyncView): StatusCandidate | null {
  if (candidate !== null) {
    const { phase: state, sinceMs, detail: reason } = candidate;
    return { ...describeCertificate(candidate), state, since: rfc3339(sinceMs), reason };
  }
  const none = { fingerprintSHA256: null, subject: null, notBefore: null, notAfter: null };
  if (refused !== null) {
    const { fingerprintSHA256, sinceMs, detail: reason } = refused;
    return { ...none, fingerprintSHA256, state: 'refused', since: rfc3339(sinceMs), reason };
  }
  return missing === null ? null : { ...none, state: 'missing', since: rfc3339(missing.sinceMs), reason: missing.detail };
}

function describeTrust({ trust: { current, refused, missing } }: SyncView): Status['trust'] {
  return {
    authorities: current?.authorities.map(describeCertificate) ?? [],
    skipped: current?.skipped ?? [],
    refused: dated(refused),
    missing: missing === null ? null : { detail: missing.detail, since: rfc3339(missing.sinceMs) },
  };
}

function describeTraffic(tally: TallyView): StatusTraffic {
  return {
    allowed: tally.allowed,
    refused: tally.refused,
    wouldRefuse: tally.wouldRefuse,
    perMinute: tally.perMinute.map(({ atMs, allowed, refused }) => ({ at: rfc3339(atMs), allowed, refused })),
    refusalsByRule: [...tally.refusalsByRule]
      .map(([rule, count]) => ({ rule, count }))
      .toSorted((one, other) => other.count - one.count)
      .slice(0, MOST_LISTED),
    leavesIssued: tally.leavesIssued,
    hubRejections: tally.hubRejections,
    clusters: [...tally.clusters]
      .toSorted((one, other) => one.notAfterMs - other.notAfterMs)
      .slice(0, MOST_LISTED)
      .map(({ cluster, user, notAfterMs }) => ({ cluster, user, notAfter: rfc3339(notAfterMs) })),
  };
}

function describeCertificate({ subject, fingerprintSHA256, notBeforeMs, notAfterMs }: CertificateSummary): StatusCertificate {
  return { subject, fingerprintSHA256, notBefore: rfc3339(notBeforeMs), notAfter: rfc3339(notAfterMs) };
}

function dated(trouble: { readonly code: string; readonly detail: string; readonly sinceMs: number } | null): Status['sync']['lastError'] {
  return trouble === null ? null : { code: trouble.code, detail: trouble.detail, since: rfc3339(trouble.sinceMs) };
}

function rfc3339(ms: number): string {
  return new Date(ms).toISOString();
}
