// Whether the condition of an alert holds, and the sentences that tell a person so. Pure. Texts name dates and not what is left: they stay the same
// from look to look, so that what is sent out changes only when something has.

import type { SyncView } from '../sync-view.ts';
import type { AlertName } from './alert-table.ts';
import type { SeenCertificate } from './cluster-certificates.ts';
import { judgeReadiness } from './readiness.ts';

export interface AlertFacts {
  readonly nowMs: number;
  readonly sync: SyncView;
  readonly servingCertificate: Window | null;
  /** Of each cluster the client certificate that ends first. */
  readonly clusters: readonly SeenCertificate[];
  /** Since the last successful read of the source, or the start. */
  readonly unreadForMs: number;
  /** How many more than 5, 5 and 10 minutes ago. */
  readonly recent: { readonly refused: number; readonly hubRejections: number; readonly auditLinesLost: number };
}

interface Window {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A full re-read comes each minute: ten have failed. */
const STALE_MS = 10 * MINUTE_MS;
/** One a second over five minutes. */
const DENIAL_BURST = 300;
/**
 * The first signer of a new hub lives for a day at most and is replaced when 80 % of that are over, in use some minutes later (csr-signer.md §1, §2):
 * a quarter of a day less two hours is past that. Of a month it is still a week.
 */
const FIRST_DAY_MS = 2 * HOUR_MS;
/** Clusters that a message names; the status page has twenty. */
const MOST_NAMED = 5;

const conditions: Readonly<Record<AlertName, (facts: AlertFacts) => string | null>> = {
  CountersignSignerEndsSoon: (facts) => saySignerEnds(facts, { leftMs: 7 * DAY_MS, share: 0.25, lessMs: FIRST_DAY_MS }),
  CountersignSignerEndsVerySoon: (facts) => saySignerEnds(facts, { leftMs: 2 * DAY_MS, share: 0.1, lessMs: 0 }),
  CountersignSyncStale: ({ sync: { lastSuccessMs, lastError }, unreadForMs }) => {
    if (unreadForMs <= STALE_MS) return null;
    const since = lastSuccessMs === null ? 'have not been read since the start' : `were last read on ${say(lastSuccessMs)}`;
    return `Signer and trust bundle ${since}: ${lastError?.detail ?? 'no reason is known'}. The last good ones stay in use; make the source readable before they end.`;
  },
  CountersignCandidateNotTrusted: ({ sync: { signer }, nowMs }) =>
    signer.candidate?.phase === 'probing'
      ? `The hub does not accept the newest signer (${signer.candidate.fingerprintSHA256}) yet: ${signer.candidate.detail}. ${sayStaying(signer.current, nowMs)}; see whether every API server has the new signer in its client CA bundle.`
      : null,
  CountersignCandidateRefused: ({ sync: { signer }, nowMs }) =>
    signer.refused === null
      ? null
      : `The signer that the source holds was refused (${signer.refused.code}): ${signer.refused.detail}. ${sayStaying(signer.current, nowMs)}; see what writes it.`,
  CountersignSignerUnproven: ({ sync: { signer } }) =>
    signer.current?.proof === 'unproven'
      ? `Signer generation ${signer.current.generation} is in use although the hub has not accepted it: the one before had ended or was about to. Agents may be answered 503 until every API server trusts it.`
      : null,
  CountersignHubRejectsLeaves: sayHubRejects,
  CountersignTrustRefused: ({ sync: { trust } }) =>
    trust.refused === null
      ? null
      : `The trust bundle that the source holds was refused (${trust.refused.code}): ${trust.refused.detail}. ${
          trust.current === null
            ? 'There was none before, so that every client is refused until this is mended.'
            : 'The one before stays in use; clients of newer authorities are refused until this is mended.'
        }`,
  CountersignTrustEntrySkipped: ({ sync: { trust } }) => {
    const skipped = trust.current?.skipped ?? [];
    return skipped.length === 0
      ? null
      : `${skipped.length} ${skipped.length === 1 ? 'entry' : 'entries'} of the trust bundle were left out, the first because: ${skipped[0]}. Client certificates of such an authority are refused; mend or remove the entry.`;
  },
  CountersignServingCertificateEndsSoon: ({ servingCertificate, nowMs }) =>
    sayServingEnds(servingCertificate, endsWithin(servingCertificate, nowMs, { leftMs: 14 * DAY_MS, share: 0.25, lessMs: 0 })),
  CountersignServingCertificateEndsVerySoon: ({ servingCertificate, nowMs }) =>
    sayServingEnds(servingCertificate, endsWithin(servingCertificate, nowMs, { leftMs: 3 * DAY_MS, share: 0.1, lessMs: 0 })),
  CountersignAgentCertificateEnds: sayAgentsEnd,
  CountersignDenialBurst: ({ recent }) =>
    recent.refused > DENIAL_BURST
      ? 'More than one request a second was refused over the last five minutes. The status page says by which rules, the audit trail for whom.'
      : null,
  CountersignAuditLost: ({ recent }) =>
    recent.auditLinesLost > 0
      ? 'Lines of the audit trail were lost in the last ten minutes: it cannot be written, or not fast enough, and its queue is full. See the disk or the pipe behind audit.file.'
      : null,
  CountersignNotReady: ({ sync, nowMs }) => {
    const { ready, reasons } = judgeReadiness({ sync, draining: false }, nowMs);
    return ready ? null : `Agents are answered 503: ${reasons.join('; ')}.`;
  },
};

/** A message where it holds; null where it does not. */
export function judgeCondition(name: AlertName, facts: AlertFacts): string | null {
  return conditions[name](facts);
}

/** Less is left than `leftMs`, and less than `share` of the life less `lessMs`: a short life is not an alarm for being short. */
interface Threshold {
  readonly leftMs: number;
  readonly share: number;
  readonly lessMs: number;
}

function endsWithin(window: Window | null, nowMs: number, { leftMs, share, lessMs }: Threshold): boolean {
  if (window === null) return false;
  const left = window.notAfterMs - nowMs;
  return left < leftMs && left < (window.notAfterMs - window.notBeforeMs) * share - lessMs;
}

function saySignerEnds({ sync: { signer, lastError }, nowMs }: AlertFacts, threshold: Threshold): string | null {
  const { current, candidate, refused, missing } = signer;
  if (current === null || !endsWithin(current, nowMs, threshold)) return null;
  const why = candidate?.detail ?? refused?.detail ?? lastError?.detail ?? missing?.detail ?? 'the source holds no newer one';
  const end = nowMs > current.notAfterMs ? 'ended' : 'ends';
  return `The signer in use (generation ${current.generation}) ${end} on ${say(current.notAfterMs)} and no newer one is in use: ${why}. Without one nothing can be issued after that; see why the hub's signer is not rotated.`;
}

/** A leaf that was refused may be of a generation before; the canary is of the current one. */
function sayHubRejects({ sync: { signer, probeOfCurrent }, recent }: AlertFacts): string | null {
  const rejecting = probeOfCurrent.find(({ outcome }) => outcome === 'rejected');
  if (rejecting === undefined && recent.hubRejections === 0) return null;
  const where =
    rejecting === undefined
      ? ''
      : ` ${rejecting.endpoint} rejects the canary of generation ${signer.current?.generation}: ${rejecting.detail}.`;
  return `The hub answers 401 to certificates that are valid by all that is known.${where} See whether every API server trusts the signer, and whether its clock is right.`;
}

function sayServingEnds(certificate: Window | null, doesEnd: boolean): string | null {
  return certificate !== null && doesEnd
    ? `The serving certificate ends on ${say(certificate.notAfterMs)}; after that no agent connects. Put a newer pair into listen.certificateFile and listen.keyFile: it is taken up at once.`
    : null;
}

function sayAgentsEnd({ clusters, nowMs }: AlertFacts): string | null {
  const ending = clusters
    .filter((each) => endsWithin(each, nowMs, { leftMs: 2 * DAY_MS, share: 0.1, lessMs: 0 }))
    .toSorted((one, other) => one.notAfterMs - other.notAfterMs);
  if (ending.length === 0) return null;
  const named = ending.slice(0, MOST_NAMED).map(({ cluster, user, notAfterMs }) => `${cluster} (${user}, ${say(notAfterMs)})`);
  const more = ending.length > MOST_NAMED ? ` and ${ending.length - MOST_NAMED} more` : '';
  return `Client certificates have not been renewed and are about to end: ${named.join(', ')}${more}. See the agent on that cluster, and CertificateSigningRequests that wait on the hub; of a cluster or add-on that was removed this goes by itself.`;
}

function sayStaying(current: Window | null, nowMs: number): string {
  if (current === null) return 'There was none before, so that agents are answered 503';
  if (nowMs > current.notAfterMs) return `The one before ended on ${say(current.notAfterMs)}, so that agents are answered 503`;
  return `The one before stays in use until ${say(current.notAfterMs)}`;
}

function say(ms: number): string {
  return new Date(ms).toISOString();
}
