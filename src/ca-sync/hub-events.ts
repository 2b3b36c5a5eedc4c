// Writes Events to the hub with the account of ca-sync, which needs create on events.k8s.io events in their namespace and nothing more. Knows nothing
// of what they are about.

import { ApiException, EventsV1Api, V1MicroTime } from '@kubernetes/client-node';
import type { EventsV1Event } from '@kubernetes/client-node';
import type { Clock } from '../clock.ts';
import { HubCalls, hubBounds } from './hub-calls.ts';
import type { SourceFailure } from './source.ts';

export interface HubEvent {
  readonly type: 'Warning' | 'Normal';
  readonly reason: string;
  /** Cut to what an Event holds. */
  readonly message: string;
}

export interface HubEvents {
  /** null once it is written; otherwise why it is not, safe for logs. Always ends, within seconds, and never rejects. */
  post(event: HubEvent): Promise<string | null>;
  /** Ends what is under way. */
  close(): Promise<void>;
}

interface HubEventPlan {
  readonly kubeconfigFile: string | null;
  /** Where the Events are. */
  readonly namespace: string;
  /** The Secret that they are about. */
  readonly signer: { readonly namespace: string; readonly secret: string };
  /** Who writes them: the name of a pod, or of a host. */
  readonly instance: string;
  readonly clock: Clock;
}

/** Bytes: pkg/apis/core/validation/events.go NoteLengthLimit. */
const MAX_NOTE_BYTES = 1024;
/** ibid. ReportingInstanceLengthLimit. */
const MAX_INSTANCE_CHARACTERS = 128;
const ELLIPSIS = '…';

export function openHubEvents(plan: HubEventPlan): HubEvents {
  const { namespace, clock } = plan;
  const calls = new HubCalls(plan.kubeconfigFile, clock, hubBounds);
  return {
    post: async (event) => {
      const what = `an Event in namespace ${namespace}`;
      const failure = await calls.read<null | SourceFailure>(what, async (configuration) => {
        try {
          await new EventsV1Api(configuration).createNamespacedEvent({ namespace, body: toObject(event, plan) });
          return null;
        } catch (error) {
          return explain(error, namespace);
        }
      });
      return failure?.detail ?? null;
    },
    close: () => calls.close(),
  };
}

/**
 * events.k8s.io/v1, which lets an Event stand in another namespace than what it is about (ibid. legacyValidateEvent: with eventTime set, it asks only
 * that the namespace is not left empty); core/v1 in its old form does not.
 */
function toObject({ type, reason, message }: HubEvent, { namespace, signer, instance, clock }: HubEventPlan): EventsV1Event {
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { generateName: 'countersign-', namespace },
    eventTime: new V1MicroTime(clock.now()),
    type,
    reason,
    action: 'Alert',
    note: cut(message),
    regarding: { apiVersion: 'v1', kind: 'Secret', namespace: signer.namespace, name: signer.secret },
    reportingController: 'countersign',
    reportingInstance: instance.slice(0, MAX_INSTANCE_CHARACTERS),
  };
}

/** Between two characters. */
function cut(message: string): string {
  const bytes = Buffer.from(message);
  if (bytes.length <= MAX_NOTE_BYTES) return message;
  const decoder = new TextDecoder();
  return decoder.decode(bytes.subarray(0, MAX_NOTE_BYTES - Buffer.byteLength(ELLIPSIS)), { stream: true }) + ELLIPSIS;
}

/** What a read's failures say of rights does not fit here. Anything else is said as for every call. */
function explain(error: unknown, namespace: string): SourceFailure {
  if (error instanceof ApiException && error.code === 403) {
    const detail = `the API server refuses (403) an Event in namespace ${namespace}; a Role there has to allow create on events of events.k8s.io`;
    return { kind: 'failed', code: 'forbidden', detail };
  }
  if (error instanceof ApiException && error.code === 404)
    return { kind: 'failed', code: 'api-error', detail: `the API server has no namespace ${namespace} to write an Event in` };
  throw error;
}
