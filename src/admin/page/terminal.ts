// The status page as plain text, for `countersign status`: the same verdict, the same words, in columns. Pure. Nothing that comes from elsewhere
// can steer the terminal or fake a line.

import type { Status } from '../status.ts';
import { listRows } from './generations.ts';
import { nameSigner, outcomes, sayNoProbe, saySync } from './hub.ts';
import { judgeFleet } from './verdict.ts';
import { count, plainText, plural, sayAgo, sayDuration, sayLeft, sayMoment } from './wording.ts';

/** The same bounds as the page has, and a page of a terminal. */
const MOST_LISTED = 8;

/** Ends with a line feed. */
export function renderTerminal(status: Status, nowMs: number): string {
  const { label, sentence, detail } = judgeFleet(status, nowMs);
  const parts = [
    [`${label.toUpperCase()}  ${sentence}`, ...(detail === '' ? [] : [detail])],
    ...listAlerts(status, nowMs),
    listSigners(status, nowMs),
    listHub(status, nowMs),
    listRequests(status),
    listRefusals(status),
    listClusters(status, nowMs),
    [`Countersign ${status.version}, ${sayMoment(nowMs)} UTC`],
  ];
  return parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map((line) => `${plainText(line)}\n`).join(''))
    .join('\n');
}

function listAlerts({ alerts }: Status, nowMs: number): readonly (readonly string[])[] {
  return alerts.map(({ name, severity, since, message, runbook }) => [
    `${severity}  ${name}, for ${sayDuration(nowMs - Date.parse(since))}`,
    `  ${message}`,
    `  ${runbook}`,
  ]);
}

function listSigners(status: Status, nowMs: number): readonly string[] {
  const rows = listRows(status, nowMs);
  const cells = rows.map(({ name, note, span }) => [
    name,
    note,
    span === null ? 'not in use' : `${sayLeft(span.toMs, nowMs)}, until ${sayMoment(span.toMs)}`,
  ]);
  const lines = alignColumns(cells);
  return titled(
    'Signers',
    rows.length === 0
      ? ['none has been read yet']
      : rows.flatMap(({ reason }, index) => [lines[index] ?? '', ...(reason === null ? [] : [`  ${reason}`])]),
  );
}

function listHub(status: Status, nowMs: number): readonly string[] {
  const { probe, sync, trust } = status;
  const answers = probe.slice(0, MOST_LISTED);
  const lines = alignColumns(
    answers.map(({ endpoint, outcome, fingerprintSHA256, at }) => [
      endpoint,
      `${outcomes[outcome].text} ${nameSigner(fingerprintSHA256, status)}`,
      sayAgo(nowMs - Date.parse(at)),
    ]),
  );
  const troubles = [
    sync.lastError === null
      ? null
      : `${sync.lastError.detail} (${sync.lastError.code}, since ${sayMoment(Date.parse(sync.lastError.since))})`,
    ...trust.skipped.slice(0, MOST_LISTED).map((why) => `skipped: ${why}`),
    trust.refused === null ? null : `a newer bundle is refused: ${trust.refused.detail}`,
    trust.missing === null ? null : `the bundle is missing: ${trust.missing.detail}`,
  ];
  return titled('Hub', [
    ...(probe.length === 0
      ? [sayNoProbe(status)]
      : answers.flatMap(({ ok, detail }, index) => [lines[index] ?? '', ...(ok ? [] : [`  ${detail}`])])),
    ...more(probe.length),
    `${saySync(status, nowMs)}; clients of ${plural(trust.authorities.length, 'CA')} are trusted`,
    ...troubles.filter((trouble) => trouble !== null).map((trouble) => `  ${trouble}`),
    status.servingCertificate === null
      ? 'Serving certificate not read yet'
      : `Serving certificate: ${sayLeft(Date.parse(status.servingCertificate.notAfter), nowMs)}, until ${sayMoment(Date.parse(status.servingCertificate.notAfter))}`,
  ]);
}

function listRequests({ traffic, started }: Status): readonly string[] {
  const hour = traffic.perMinute.reduce(
    (sum, { allowed, refused }) => ({ allowed: sum.allowed + allowed, refused: sum.refused + refused }),
    {
      allowed: 0,
      refused: 0,
    },
  );
  const total = `since ${sayMoment(Date.parse(started))}`;
  return titled('Requests', [
    ...alignColumns([
      ['last hour', `${count(hour.allowed)} allowed`, `${count(hour.refused)} refused`],
      [total, `${count(traffic.allowed)} allowed`, `${count(traffic.refused)} refused`],
    ]),
    ...(traffic.wouldRefuse === 0 ? [] : [`${count(traffic.wouldRefuse)} would be refused (report mode)`]),
    `${plural(traffic.leavesIssued, 'certificate')} reissued, ${plural(traffic.hubRejections, 'rejection')} by the hub`,
  ]);
}

function listRefusals({ traffic: { refusalsByRule: rules } }: Status): readonly string[] {
  if (rules.length === 0) return [];
  const shown = rules.slice(0, MOST_LISTED);
  const width = Math.max(...shown.map((rule) => count(rule.count).length));
  return titled('Refusals by rule', [...shown.map((rule) => `${count(rule.count).padStart(width)}  ${rule.rule}`), ...more(rules.length)]);
}

function listClusters({ traffic: { clusters } }: Status, nowMs: number): readonly string[] {
  if (clusters.length === 0) return [];
  const cells = clusters.slice(0, MOST_LISTED).map(({ cluster, user, notAfter }) => [cluster, sayLeft(Date.parse(notAfter), nowMs), user]);
  return titled('Clusters whose certificate ends next', [...alignColumns(cells), ...more(clusters.length)]);
}

function titled(title: string, lines: readonly string[]): readonly string[] {
  return [title, ...lines.map((line) => `  ${line}`)];
}

function more(length: number): readonly string[] {
  return length > MOST_LISTED ? [`and ${length - MOST_LISTED} more (--json has them)`] : [];
}

/** A name longer than this breaks its own line's columns only. */
const WIDEST_COLUMN = 48;

function alignColumns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.min(WIDEST_COLUMN, Math.max(...rows.map((row) => plainText(row[column] ?? '').length))),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => plainText(cell).padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
