// The front door of admin: the meter that the parts count with, and the admin port with metrics, health and status, the alerts behind them and their
// ways out. Reads what it is handed and changes nothing of it.

import { hostname } from 'node:os';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import type { ReadonlyLive } from '../live.ts';
import type { AdminSettings, AlertSettings } from '../settings.ts';
import type { SyncView } from '../sync-view.ts';
import { version } from '../version.ts';
import { AlertRunner } from './alert-runner.ts';
import type { AlertSink } from './alert-runner.ts';
import type { Alert, AlertReading } from './alerts.ts';
import { plain, serveHttp } from './http-server.ts';
import type { Answer, Routes } from './http-server.ts';
import { openEventSink } from './kubernetes-events.ts';
import type { AlertEvents } from './kubernetes-events.ts';
import { Metrics } from './metrics.ts';
import { pageFiles, pageHeaders, renderPage } from './page/page.ts';
import { judgeReadiness } from './readiness.ts';
import { describeStatus } from './status.ts';
import type { CertificateWindow, OpenCounts, Status, StatusViews } from './status.ts';
import { openWebhook } from './webhook.ts';

export type { Alert } from './alerts.ts';
export type { Metrics as AdminMeter } from './metrics.ts';
export type { AlertEvents } from './kubernetes-events.ts';
export { renderTerminal } from './page/terminal.ts';
export type { CertificateWindow, OpenCounts, Status } from './status.ts';

/** Made before everything that counts, and handed to startAdmin, which closes it; where startAdmin is never called, close it yourself. */
export function openMeter(clock: Clock): Metrics {
  return new Metrics(clock);
}

/** What the process is like at this moment. Cheap: asked at each scrape, each request and each five seconds. */
export interface ProcessView {
  readonly sync: SyncView;
  readonly counts: OpenCounts;
  readonly servingCertificate: CertificateWindow | null;
  readonly draining: boolean;
  readonly auditLinesLost: number;
}

export interface AdminParts {
  /** From openMeter. */
  readonly meter: Metrics;
  readonly read: () => ProcessView;
  /** Writes to the hub; null where the settings ask for none. Closed by this. */
  readonly events: AlertEvents | null;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Admin {
  /** Where it really listens: `admin.port` may be 0. */
  readonly address: AddressInfo;
  readonly alerts: ReadonlyLive<readonly Alert[]>;
  status(): Status;
  /** Judges the alerts now, instead of within five seconds. */
  look(): void;
  /** Ends the port, the alerts and their ways out, and the meter; resolves within seconds when nothing of them is left. */
  close(): Promise<void>;
}

/** @throws Error naming the setting, where the address cannot be used; then the meter and the events are still the caller's to close */
export async function startAdmin(
  settings: { readonly admin: AdminSettings; readonly alerts: AlertSettings },
  parts: AdminParts,
): Promise<Admin> {
  const { clock, log, read, meter } = parts;
  const startedMs = clock.now() - process.uptime() * 1_000;
  let listAlerts: () => readonly Alert[] = () => [];
  const views = (): StatusViews => ({
    ...read(),
    version,
    pid: process.pid,
    startedMs,
    tally: meter.tally.read(),
    alerts: listAlerts(),
  });
  const status = (): Status => describeStatus(views(), clock.now());
  const server = await serveHttp(settings.admin, openRoutes({ meter, read, views, status, clock }), log);
  const runner = new AlertRunner({ clock, log, read: () => readAlerting(views()), sinks: openSinks(settings.alerts, parts, meter) });
  listAlerts = () => runner.alerts.current;
  log.event('admin-ready', { address: server.address.address, port: server.address.port });
  return {
    address: server.address,
    alerts: runner.alerts,
    status,
    look: () => runner.look(),
    close: async () => {
      await Promise.all([server.close(), runner.close()]);
      meter.close();
    },
  };
}

interface Served {
  readonly meter: Metrics;
  readonly read: () => ProcessView;
  readonly views: () => StatusViews;
  readonly status: () => Status;
  readonly clock: Clock;
}

function openRoutes({ meter, read, views, status, clock }: Served): Routes {
  return new Map<string, () => Answer | Promise<Answer>>([
    ...[...pageFiles].map(([path, file]): [string, () => Answer] => [path, () => ({ status: 200, ...file, headers: pageHeaders })]),
    ['/livez', () => plain(200, 'ok')],
    [
      '/readyz',
      () => {
        const { ready, reasons } = judgeReadiness(read(), clock.now());
        return ready ? plain(200, 'ok') : plain(503, reasons.join('\n'));
      },
    ],
    ['/metrics', async () => ({ status: 200, contentType: meter.contentType, body: await meter.write(views(), clock.now()) })],
    ['/status', () => ({ status: 200, contentType: 'application/json', body: `${JSON.stringify(status(), null, 2)}\n` })],
    [
      '/',
      () => {
        const body = renderPage(status(), clock.now());
        return { status: 200, contentType: 'text/html; charset=utf-8', body, headers: pageHeaders };
      },
    ],
  ]);
}

function readAlerting({ sync, servingCertificate, tally, auditLinesLost }: StatusViews): AlertReading {
  const { refused, hubRejections, clusters } = tally;
  return { sync, servingCertificate, clusters, counters: { refused, hubRejections, auditLinesLost } };
}

function openSinks({ webhook }: AlertSettings, { events, clock, log }: AdminParts, meter: Metrics): readonly AlertSink[] {
  const around = (sink: string) => ({ clock, log, onResult: (result: 'sent' | 'failed') => meter.alertDelivery(sink, result) });
  return [
    ...(webhook === null ? [] : [openWebhook(webhook, { instance: hostname(), ...around('webhook') })]),
    ...(events === null ? [] : [openEventSink(events, around('events'))]),
  ];
}
