// What the parts tell whoever counts: a closed list of observations, each with bounded words only. Owns no number; src/admin makes metrics of them.

import type { RefusalRule } from './errors.ts';
import type { Identity } from './identity.ts';

export interface MeteredRequest {
  /** null: nobody was known to be behind it. */
  readonly kind: Identity['kind'] | null;
  /** One of Kubernetes' verbs; null where the request was not read as one. */
  readonly verb: string | null;
  readonly verdict: 'allow' | 'deny' | 'would-deny';
  /** HTTP status that the client got; null where it got none. */
  readonly code: number | null;
  /** What refused it, or would have. */
  readonly rule: RefusalRule | null;
}

export interface Meter {
  /** Once a request, when it is over. */
  request(of: MeteredRequest): void;
  /** Once a request that goes to the hub: from its head to its first octet there, milliseconds; judgement, reissue and dialling are in it. */
  overhead(ms: number): void;
  leafIssued(kind: Identity['kind'], durationMs: number): void;
  issueRefused(rule: RefusalRule): void;
  /** The hub answered 401 to a leaf that we hold valid. */
  hubRejected(): void;
  /** A verified client certificate was seen on a new connection. */
  clientSeen(identity: Identity, certificate: { readonly notBeforeMs: number; readonly notAfterMs: number }): void;
}

/** For tests and tools that count nothing. */
export const silentMeter: Meter = {
  request: () => undefined,
  overhead: () => undefined,
  leafIssued: () => undefined,
  issueRefused: () => undefined,
  hubRejected: () => undefined,
  clientSeen: () => undefined,
};
