// The one sentence on top: whether the fleet is safe, and if not, what is wrong. The page and `countersign status` say the same. Pure.

import { alertTable } from '../alert-table.ts';
import { sayDay, sayLongDuration } from './wording.ts';

export interface Verdict {
  /** `attention`: served, and a person is needed; `at-risk`: agents are cut off, or soon will be. */
  readonly level: 'safe' | 'attention' | 'at-risk';
  /** One or two words. */
  readonly label: string;
  readonly sentence: string;
  /** What else is worth knowing at a glance; sentences. */
  readonly detail: string;
}

/** What of a `Status` the verdict rests on. */
export interface Judged {
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly signer: {
    readonly generation: number;
    readonly proof: string;
    readonly notBefore: string;
    readonly notAfter: string;
  } | null;
  readonly candidate: { readonly state: string; readonly since: string; readonly notBefore: string | null } | null;
  readonly alerts: readonly { readonly name: string; readonly severity: string; readonly message: string }[];
}

export function judgeFleet(status: Judged, nowMs: number): Verdict {
  const { ready, reasons, alerts } = status;
  const gravest = alerts.find(({ severity }) => severity === 'critical') ?? alerts.find(({ severity }) => severity === 'warning');
  if (!ready) {
    const sentence = `Agents cannot get through: ${reasons[0] ?? 'this instance is not ready'}.`;
    return { level: 'at-risk', label: 'At risk', sentence, detail: sayOthers(reasons.slice(1), alerts.length) };
  }
  if (gravest === undefined) {
    return { level: 'safe', label: 'Safe', sentence: saySafe(status, nowMs), detail: sayNext(status, nowMs) };
  }
  const clause = sayAlert(gravest);
  const detail = [alerts.length > 1 ? `${alerts.length} alerts fire.` : 'One alert fires.', saySigner(status, nowMs)].join(' ');
  return gravest.severity === 'critical'
    ? { level: 'at-risk', label: 'At risk', sentence: `The fleet is at risk: ${clause}.`, detail }
    : { level: 'attention', label: 'Needs attention', sentence: `The fleet is served, but needs attention: ${clause}.`, detail };
}

/** Another version of the program may have other alerts: `countersign status` asks any. */
function sayAlert({ name, message }: Judged['alerts'][number]): string {
  const row = Object.entries(alertTable).find(([known]) => known === name);
  return row === undefined ? message.replace(/\.$/, '') : row[1].summary;
}

function sayOthers(reasons: readonly string[], alerts: number): string {
  const said = reasons.map((reason) => `Also: ${reason}.`);
  return [...said, alerts === 0 ? '' : alerts === 1 ? 'One alert fires.' : `${alerts} alerts fire.`].join(' ').trim();
}

function saySafe({ signer }: Judged, nowMs: number): string {
  if (signer === null) return 'The fleet is safe.';
  const left = `${sayLongDuration(Date.parse(signer.notAfter) - nowMs)} left`;
  return signer.proof === 'accepted'
    ? `The fleet is safe: the hub accepts the signer in use, which has ${left}.`
    : `The fleet is safe: the signer in use has ${left}.`;
}

function saySigner({ signer }: Judged, nowMs: number): string {
  if (signer === null) return 'There is no signer in use.';
  const left = Date.parse(signer.notAfter) - nowMs;
  return `Generation ${signer.generation} is in use and ${left > 0 ? `has ${sayLongDuration(left)} left` : 'has ended'}.`;
}

/** What will happen next, where nothing is wrong. */
function sayNext({ signer, candidate }: Judged, nowMs: number): string {
  if (candidate === null) return signer === null ? '' : sayRefresh(expectedRefreshMs(signer), nowMs);
  const kept = signer === null ? '' : ` Generation ${signer.generation} stays in use until then.`;
  const waited = sayLongDuration(nowMs - Date.parse(candidate.since));
  switch (candidate.state) {
    case 'probing':
      return `The hub has a new signer; it is being asked whether it trusts that one already, for ${waited} now.${kept}`;
    case 'waiting':
      return `The hub has a new signer, which is not valid yet.${kept}`;
    case 'missing':
      return `The hub’s signer is missing from its place, for ${waited} now.${kept}`;
    default:
      return `What the hub published as its signer is refused, for ${waited} now.${kept}`;
  }
}

function sayRefresh(refreshMs: number, nowMs: number): string {
  return refreshMs > nowMs
    ? `The hub is expected to make its next signer in ${sayLongDuration(refreshMs - nowMs)}, on ${sayDay(refreshMs)}.`
    : `The hub was expected to make its next signer on ${sayDay(refreshMs)}; none has come yet.`;
}

/** OpenShift replaces csr-signer at half of its life (15 of 30 days). Epoch milliseconds. */
export function expectedRefreshMs({ notBefore, notAfter }: { readonly notBefore: string; readonly notAfter: string }): number {
  return (Date.parse(notBefore) + Date.parse(notAfter)) / 2;
}
