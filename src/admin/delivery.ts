// How alerts get out over a network that may be down: what is to be sent is the present state, not a queue of what happened, so that there is never
// more of it than there are alerts. One attempt at a time; a failure is said once and tried again.

import type { Cancel, Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import type { AlertName } from './alert-table.ts';
import type { AlertChange, AlertSink } from './alert-runner.ts';
import type { Alert } from './alerts.ts';

export interface Notice {
  readonly alert: Alert;
  /** null: it fires. */
  readonly endedMs: number | null;
}

export interface DeliveryPlan {
  /** For log and metric. */
  readonly sink: 'webhook' | 'events';
  /** What fires is said again after so long. */
  readonly repeatMs: number;
  /** Whether one message carries all that there is to say, or one notice each. */
  readonly isTogether: boolean;
  /** null once all is delivered; otherwise why it was not, safe for logs. Always ends, soon after `signal`. Never rejects. */
  readonly send: (notices: readonly Notice[], signal: AbortSignal) => Promise<string | null>;
  readonly onResult: (result: 'sent' | 'failed') => void;
  readonly clock: Clock;
  readonly log: Log;
}

const FIRST_RETRY_MS = 1_000;
/** A receiver that is down is asked no more often than Alertmanager is told anyway. */
const LONGEST_RETRY_MS = 60_000;

interface Due extends Notice {
  /** On the clock that never goes back. */
  readonly dueMs: number;
}

export class Delivery implements AlertSink {
  readonly #plan: DeliveryPlan;
  readonly #notices = new Map<AlertName, Due>();
  readonly #end = new AbortController();
  #cancelTimer: Cancel | null = null;
  #sending: Promise<void> | null = null;
  #failures = 0;

  constructor(plan: DeliveryPlan) {
    this.#plan = plan;
  }

  take({ raised, cleared, nowMs }: AlertChange): void {
    const dueMs = this.#plan.clock.elapsed();
    for (const alert of cleared) this.#notices.set(alert.name, { alert, endedMs: nowMs, dueMs });
    for (const alert of raised) this.#notices.set(alert.name, { alert, endedMs: null, dueMs });
    // A receiver that does not answer is not asked sooner for having more to hear
    if (this.#failures === 0 && this.#sending === null) this.#schedule(0);
  }

  async close(): Promise<void> {
    this.#end.abort();
    this.#cancelTimer?.();
    await this.#sending;
  }

  #schedule(delayMs: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#plan.clock.after(delayMs, () => {
      this.#sending = this.#sendDue().finally(() => {
        this.#sending = null;
        this.#scheduleNext();
      });
    });
  }

  #scheduleNext(): void {
    if (this.#notices.size === 0 || this.#end.signal.aborted) return;
    const retryMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.#failures - 1, 10));
    const nextMs = Math.min(...[...this.#notices.values()].map(({ dueMs }) => dueMs));
    this.#schedule(this.#failures > 0 ? retryMs : Math.max(0, nextMs - this.#plan.clock.elapsed()));
  }

  async #sendDue(): Promise<void> {
    const all = [...this.#notices.values()];
    const due = all.filter(({ dueMs }) => dueMs <= this.#plan.clock.elapsed());
    for (const batch of this.#plan.isTogether ? [all] : due.map((notice) => [notice])) {
      // oxlint-disable-next-line no-await-in-loop -- a receiver that is away is asked once, not once for each alert
      const reason = await this.#plan.send(batch, this.#end.signal);
      if (this.#end.signal.aborted) return;
      this.#report(reason);
      if (reason !== null) return;
      for (const notice of batch) this.#settle(notice);
    }
  }

  #settle(notice: Due): void {
    const { name } = notice.alert;
    // Something newer is to be said of it by now
    if (this.#notices.get(name) !== notice) return;
    if (notice.endedMs === null) this.#notices.set(name, { ...notice, dueMs: this.#plan.clock.elapsed() + this.#plan.repeatMs });
    else this.#notices.delete(name);
  }

  #report(reason: string | null): void {
    const { sink, log, onResult } = this.#plan;
    onResult(reason === null ? 'sent' : 'failed');
    if (reason === null && this.#failures > 0) log.event('alert-delivery-recovered', { sink });
    if (reason !== null && this.#failures === 0) log.event('alert-delivery-failed', { sink, reason });
    this.#failures = reason === null ? 0 : this.#failures + 1;
  }
}
