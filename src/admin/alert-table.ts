// Every alert: its name, how grave it is, how long its condition has to hold, and what that condition is. The same names stand in the Prometheus
// rules and as sections of docs/runbook.md; a name that has been released does not change.

export type Severity = 'warning' | 'critical';

export type AlertName =
  | 'CountersignSignerEndsSoon'
  | 'CountersignSignerEndsVerySoon'
  | 'CountersignSyncStale'
  | 'CountersignCandidateNotTrusted'
  | 'CountersignCandidateRefused'
  | 'CountersignSignerUnproven'
  | 'CountersignHubRejectsLeaves'
  | 'CountersignTrustRefused'
  | 'CountersignTrustEntrySkipped'
  | 'CountersignServingCertificateEndsSoon'
  | 'CountersignServingCertificateEndsVerySoon'
  | 'CountersignAgentCertificateEnds'
  | 'CountersignDenialBurst'
  | 'CountersignAuditLost'
  | 'CountersignNotReady';

export interface AlertRow {
  readonly severity: Severity;
  /** The condition has held for so long without a break before the alert is raised. */
  readonly forMs: number;
  /** It goes on for so long after its condition has ceased; left out: it is over at once. */
  readonly keepMs?: number;
  readonly summary: string;
  /** In words; alert-conditions.ts has it as code. */
  readonly condition: string;
}

const MINUTE_MS = 60_000;

export const alertTable: Readonly<Record<AlertName, AlertRow>> = {
  CountersignSignerEndsSoon: {
    severity: 'warning',
    forMs: 0,
    summary: 'the signer in use ends within a week and no newer one is in use',
    condition: 'less than 7 days are left of the current signer, and less than a quarter of its life less 2 hours',
  },
  CountersignSignerEndsVerySoon: {
    severity: 'critical',
    forMs: 0,
    summary: 'the signer in use ends within two days and no newer one is in use',
    condition: 'less than 2 days are left of the current signer, and less than a tenth of its life',
  },
  CountersignSyncStale: {
    severity: 'warning',
    forMs: 0,
    summary: 'signer and trust bundle have not been read for 10 minutes',
    condition: 'no read of the source has succeeded for 10 minutes',
  },
  CountersignCandidateNotTrusted: {
    severity: 'warning',
    forMs: 10 * MINUTE_MS,
    summary: 'the hub does not accept the newest signer yet',
    condition: 'a signer that is valid waits for the hub to accept it',
  },
  CountersignCandidateRefused: {
    severity: 'warning',
    forMs: 5 * MINUTE_MS,
    summary: 'what the source holds as signer cannot be used',
    condition: 'the signer that the source holds was refused',
  },
  CountersignSignerUnproven: {
    severity: 'critical',
    forMs: 0,
    summary: 'a signer is in use that the hub has not accepted',
    condition: 'the current signer was published without proof, and the hub has not accepted it since',
  },
  CountersignHubRejectsLeaves: {
    severity: 'critical',
    forMs: 0,
    summary: 'the hub rejects certificates of the signer in use',
    condition: 'the hub answered 401 to a leaf in the last 5 minutes, or an endpoint rejects the canary of the current signer',
  },
  CountersignTrustRefused: {
    severity: 'warning',
    forMs: 5 * MINUTE_MS,
    summary: 'the trust bundle that the source holds cannot be used',
    condition: 'the trust bundle that the source holds was refused',
  },
  CountersignTrustEntrySkipped: {
    severity: 'warning',
    forMs: 0,
    summary: 'an entry of the trust bundle does not parse and is left out',
    condition: 'the trust bundle in use has entries that were skipped',
  },
  CountersignServingCertificateEndsSoon: {
    severity: 'warning',
    forMs: 0,
    summary: 'the certificate that agents see ends within two weeks',
    condition: 'less than 14 days are left of the serving certificate, and less than a quarter of its life',
  },
  CountersignServingCertificateEndsVerySoon: {
    severity: 'critical',
    forMs: 0,
    summary: 'the certificate that agents see ends within three days',
    condition: 'less than 3 days are left of the serving certificate, and less than a tenth of its life',
  },
  CountersignAgentCertificateEnds: {
    severity: 'warning',
    forMs: 0,
    summary: 'agents of a cluster have not renewed a client certificate that is about to end',
    condition: 'less than 2 days are left of the newest client certificate of an agent, and less than a tenth of its life',
  },
  CountersignDenialBurst: {
    severity: 'warning',
    forMs: 0,
    // How many are refused is for those at the edge to choose: about the threshold they would raise and end it with each look
    keepMs: 5 * MINUTE_MS,
    summary: 'many requests are refused',
    condition: 'more than one request a second was refused over the last 5 minutes',
  },
  CountersignAuditLost: {
    severity: 'critical',
    forMs: 0,
    summary: 'lines of the audit trail were lost',
    condition: 'audit lines were lost in the last 10 minutes',
  },
  CountersignNotReady: {
    severity: 'critical',
    forMs: 2 * MINUTE_MS,
    summary: 'this instance is not ready',
    condition: '/readyz has answered 503 for another reason than shutting down',
  },
};

export const alertNames: readonly AlertName[] = Object.keys(alertTable) as AlertName[];

const RUNBOOK = 'https://github.com/countersign/countersign/blob/main/docs/runbook.md';

/** GitHub makes the anchor of a heading by writing it in lower case. */
export function runbookOf(name: AlertName): string {
  return `${RUNBOOK}#${name.toLowerCase()}`;
}
