// Looks at the facts every few seconds, publishes which alerts fire, says each change in the log and hands it on. Owns that timer. What comes of an
// alert elsewhere never holds it up.

import type { Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import { Live } from '../live.ts';
import type { ReadonlyLive } from '../live.ts';
import { initialAlerts, judgeAlerts } from './alerts.ts';
import type { Alert, AlertReading, AlertState, Moment } from './alerts.ts';

export interface AlertChange {
  readonly raised: readonly Alert[];
  readonly cleared: readonly Alert[];
  readonly nowMs: number;
}

/** A way out for alerts. `take` returns at once and never throws. */
export interface AlertSink {
  take(change: AlertChange): void;
  /** Resolves when nothing of it is left, within seconds. */
  close(): Promise<void>;
}

interface RunnerParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly read: () => AlertReading;
  readonly sinks: readonly AlertSink[];
}

/** An alarm is for people: five seconds are soon. */
const LOOK_PERIOD_MS = 5_000;

export class AlertRunner {
  readonly #parts: RunnerParts;
  readonly #live: Live<readonly Alert[]> = new Live<readonly Alert[]>([]);
  readonly #stop: () => void;
  #state: AlertState;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
    this.#state = initialAlerts(this.#moment());
    this.#stop = parts.clock.every(LOOK_PERIOD_MS, () => this.look());
    this.look();
  }

  get alerts(): ReadonlyLive<readonly Alert[]> {
    return this.#live;
  }

  look(): void {
    const before = this.#state.alerts;
    const now = this.#moment();
    try {
      this.#state = judgeAlerts(this.#state, this.#parts.read(), now);
    } catch (error) {
      this.#parts.log.event('internal-error', { where: 'alerts', error: error instanceof Error ? error.message : String(error) });
      return;
    }
    const { alerts } = this.#state;
    if (!isSame(before, alerts)) this.#live.swap(alerts);
    const raised = alerts.filter((alert) => !isAmong(before, alert));
    const cleared = before.filter((alert) => !isAmong(alerts, alert));
    if (raised.length + cleared.length > 0) this.#announce({ raised, cleared, nowMs: now.nowMs });
  }

  /** The sinks are closed by it too. */
  async close(): Promise<void> {
    this.#stop();
    await Promise.all(this.#parts.sinks.map((sink) => sink.close()));
  }

  #announce(change: AlertChange): void {
    const { log, sinks } = this.#parts;
    for (const { name, severity, message, runbook } of change.raised) log.event('alert-raised', { name, severity, message, runbook });
    for (const { name, severity } of change.cleared) log.event('alert-cleared', { name, severity });
    for (const sink of sinks) sink.take(change);
  }

  #moment(): Moment {
    return { nowMs: this.#parts.clock.now(), elapsedMs: this.#parts.clock.elapsed() };
  }
}

function isSame(one: readonly Alert[], other: readonly Alert[]): boolean {
  return one.length === other.length && one.every((alert, index) => isAlike(alert, other[index]));
}

function isAlike(one: Alert, other: Alert | undefined): boolean {
  return one.name === other?.name && one.sinceMs === other.sinceMs && one.message === other.message;
}

/** Cleared and raised again between two looks is another alert. */
function isAmong(alerts: readonly Alert[], { name, sinceMs }: Alert): boolean {
  return alerts.some((each) => each.name === name && each.sinceMs === sinceMs);
}
