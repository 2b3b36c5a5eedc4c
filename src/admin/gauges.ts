// What is read at each scrape rather than counted: generations, sync, probe, alerts, certificates, what is open. Set whole each time, so that a
// series whose subject is gone goes too.

import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { alertNames, alertTable } from './alert-table.ts';
import { judgeReadiness } from './readiness.ts';
import type { CertificateWindow, StatusViews } from './status.ts';

interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

interface GaugeRow {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Only ever grows; Prometheus wants to know. */
  readonly isCounter?: boolean;
  readonly read: (views: StatusViews, nowMs: number) => readonly Sample[];
}

const gaugeTable: readonly GaugeRow[] = [
  {
    name: 'signer_not_after_timestamp_seconds',
    help: 'When a signer ends; of the candidate the generation is "next".',
    labels: ['generation', 'state'],
    read: (views) => readSigners(views, ({ notAfterMs }) => notAfterMs),
  },
  {
    name: 'signer_not_before_timestamp_seconds',
    help: 'When a signer begins; of the candidate the generation is "next".',
    labels: ['generation', 'state'],
    read: (views) => readSigners(views, ({ notBeforeMs }) => notBeforeMs),
  },
  {
    name: 'signer_generation',
    help: 'Of the signer in use; 0 before the first.',
    labels: [],
    read: ({ sync }) => one(sync.signer.current?.generation ?? 0),
  },
  {
    name: 'signer_unproven',
    help: '1: the signer in use was not accepted by the hub.',
    labels: [],
    read: ({ sync }) => one(sync.signer.current?.proof === 'unproven'),
  },
  { name: 'ready', help: '1: /readyz answers 200.', labels: [], read: (views, nowMs) => one(judgeReadiness(views, nowMs).ready) },
  {
    name: 'ca_rotations_total',
    help: 'Signers that came into use, or were refused or taken out of use again.',
    labels: ['result'],
    isCounter: true,
    read: ({ sync }) => Object.entries(sync.rotations).map(([result, value]) => ({ labels: { result }, value })),
  },
  {
    name: 'ca_sync_last_success_timestamp_seconds',
    help: 'When signer and trust bundle were last read; 0 before that.',
    labels: [],
    read: ({ sync }) => one((sync.lastSuccessMs ?? 0) / 1_000),
  },
  {
    name: 'ca_sync_errors_total',
    help: 'Failed reads of the source.',
    labels: ['reason'],
    isCounter: true,
    read: ({ sync }) => Object.entries(sync.errors).map(([reason, value]) => ({ labels: { reason }, value })),
  },
  { name: 'ca_pending_seconds', help: 'How long a valid signer has been waiting for the hub to accept it.', labels: [], read: readPending },
  {
    name: 'ca_candidate_refused',
    help: '1: the signer that the source holds cannot be used.',
    labels: [],
    read: ({ sync }) => one(sync.signer.refused !== null),
  },
  {
    name: 'trust_refused',
    help: '1: the trust bundle that the source holds cannot be used.',
    labels: [],
    read: ({ sync }) => one(sync.trust.refused !== null),
  },
  {
    name: 'trust_entries_skipped',
    help: 'Entries of the trust bundle in use that do not parse.',
    labels: [],
    read: ({ sync }) => one(sync.trust.current?.skipped.length ?? 0),
  },
  { name: 'probe_endpoints', help: 'Endpoints of the hub by their newest answer to a canary.', labels: ['outcome'], read: readProbe },
  {
    name: 'connections',
    help: 'Open connections.',
    labels: ['side'],
    read: ({ counts }) => [
      { labels: { side: 'client' }, value: counts.connections },
      { labels: { side: 'hub' }, value: counts.hubSessions },
    ],
  },
  { name: 'watches', help: 'Open watches.', labels: [], read: ({ counts }) => one(counts.watches) },
  {
    name: 'client_certificate_not_after_timestamp_seconds',
    help: 'When the first client certificate of a cluster ends, of the newest of each agent.',
    labels: ['cluster'],
    read: ({ tally }) => tally.clusters.map(({ cluster, notAfterMs }) => ({ labels: { cluster }, value: notAfterMs / 1_000 })),
  },
  {
    name: 'client_certificate_lifetime_seconds',
    help: 'How long that certificate lives in all.',
    labels: ['cluster'],
    read: ({ tally }) =>
      tally.clusters.map(({ cluster, notBeforeMs, notAfterMs }) => ({ labels: { cluster }, value: (notAfterMs - notBeforeMs) / 1_000 })),
  },
  {
    name: 'serving_certificate_not_after_timestamp_seconds',
    help: 'When the certificate that agents see ends.',
    labels: [],
    read: ({ servingCertificate: serving }) => (serving === null ? [] : one(serving.notAfterMs / 1_000)),
  },
  {
    name: 'serving_certificate_not_before_timestamp_seconds',
    help: 'When the certificate that agents see began.',
    labels: [],
    read: ({ servingCertificate: serving }) => (serving === null ? [] : one(serving.notBeforeMs / 1_000)),
  },
  { name: 'alerts', help: '1: the alert fires.', labels: ['name', 'severity'], read: readAlerts },
  {
    name: 'audit_lines_lost_total',
    help: 'Audit lines that could not be written.',
    labels: [],
    isCounter: true,
    read: ({ auditLinesLost }) => one(auditLinesLost),
  },
];

export class Gauges {
  readonly #setters: readonly ((views: StatusViews, nowMs: number) => void)[];

  constructor(registry: Registry) {
    this.#setters = gaugeTable.map((row) => openSetter(row, registry));
  }

  take(views: StatusViews, nowMs: number): void {
    for (const set of this.#setters) set(views, nowMs);
  }
}

function openSetter({ name, help, labels, isCounter, read }: GaugeRow, registry: Registry): (views: StatusViews, nowMs: number) => void {
  const options = { name: `countersign_${name}`, help, labelNames: [...labels], registers: [registry] };
  const metric = isCounter === true ? new Counter(options) : new Gauge(options);
  return (views, nowMs) => {
    metric.reset();
    // Without samples a metric without labels stands at 0 after a reset, which would be a date
    if (labels.length === 0) metric.remove();
    for (const { labels: words = {}, value } of read(views, nowMs)) metric.inc(words, value);
  };
}

function one(value: number | boolean): readonly Sample[] {
  return [{ value: Number(value) }];
}

function readSigners({ sync: { signer } }: StatusViews, pick: (window: CertificateWindow) => number): readonly Sample[] {
  const rows = [
    ...(signer.current === null ? [] : [{ generation: String(signer.current.generation), state: 'current', window: signer.current }]),
    ...(signer.candidate === null ? [] : [{ generation: 'next', state: 'candidate', window: signer.candidate }]),
    ...signer.retiring.map((window) => ({ generation: String(window.generation), state: 'retiring', window })),
  ];
  return rows.map(({ generation, state, window }) => ({ labels: { generation, state }, value: pick(window) / 1_000 }));
}

function readPending({ sync: { signer } }: StatusViews, nowMs: number): readonly Sample[] {
  return one(signer.candidate?.phase === 'probing' ? Math.max(0, nowMs - signer.candidate.sinceMs) / 1_000 : 0);
}

function readProbe({ sync }: StatusViews): readonly Sample[] {
  return ['accepted', 'rejected', 'unreachable'].map((outcome) => ({
    labels: { outcome },
    value: sync.probe.filter((answer) => answer.outcome === outcome).length,
  }));
}

function readAlerts({ alerts }: StatusViews): readonly Sample[] {
  const firing = new Set(alerts.map(({ name }) => name));
  return alertNames.map((name) => ({ labels: { name, severity: alertTable[name].severity }, value: Number(firing.has(name)) }));
}
