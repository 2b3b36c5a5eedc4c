// Alerts as Kubernetes Events: a Warning when one is raised, a Normal when it is over. Who writes them to the hub is handed in; this knows only what
// they say.

import type { Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import type { AlertSink } from './alert-runner.ts';
import { Delivery } from './delivery.ts';
import type { Notice } from './delivery.ts';

/** One Event: `reason` is the alert's name. */
export interface AlertEvent {
  readonly type: 'Warning' | 'Normal';
  readonly reason: string;
  /** May be longer than an Event's note. */
  readonly message: string;
}

export interface AlertEvents {
  /** null once it is written; otherwise why it is not, safe for logs. Always ends, within seconds, and never rejects. */
  post(event: AlertEvent): Promise<string | null>;
  /** Ends what is under way. */
  close(): Promise<void>;
}

interface EventParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly onResult: (result: 'sent' | 'failed') => void;
}

/** An API server forgets an Event after an hour (kube-apiserver --event-ttl); on OpenShift after three. */
const REPEAT_MS = 30 * 60_000;

export function openEventSink(events: AlertEvents, around: EventParts): AlertSink {
  const delivery = new Delivery({
    ...around,
    sink: 'events',
    repeatMs: REPEAT_MS,
    isTogether: false,
    send: async ([notice]) => (notice === undefined ? null : events.post(toEvent(notice))),
  });
  return {
    take: (change) => delivery.take(change),
    close: async () => {
      await Promise.all([delivery.close(), events.close()]);
    },
  };
}

function toEvent({ alert: { name, message, runbook }, endedMs }: Notice): AlertEvent {
  if (endedMs !== null) return { type: 'Normal', reason: name, message: `This alert is over since ${new Date(endedMs).toISOString()}.` };
  return { type: 'Warning', reason: name, message: `${message} ${runbook}` };
}
