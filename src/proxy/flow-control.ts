// What one identity may do over all of its connections and requests, and what becomes of who does more: 429 with Retry-After, for a flood or too many
// refusals for everything, but never for longer than limits.lockout. Counts verified identities only; whoever is nobody is refused elsewhere.

import type { Audit } from '../audit.ts';
import type { Clock } from '../clock.ts';
import type { Refusal, RefusalRule } from '../errors.ts';
import type { Log } from '../events.ts';
import type { Identity } from '../identity.ts';
import type { LimitSettings } from '../settings.ts';
import type { ClientConnection } from './client-connection.ts';
import { identityKey } from './identity-key.ts';
import { IdentityUsage } from './identity-usage.ts';
import type { Spending } from './identity-usage.ts';
import { LockOuts } from './lock-outs.ts';
import { RateLimits } from './rate-limits.ts';
import { classify } from './request-class.ts';
import type { ReadRequest } from './request-class.ts';

export interface FlowParts {
  readonly limits: LimitSettings;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
}

/** Whose request it is: taken once a request, for who imports a cluster may say only in the middle of it which one. */
export interface FlowSubject {
  readonly key: string;
  readonly kind: Identity['kind'];
}

/** A request that goes on. */
export interface OpenRequest {
  readonly kind: 'open';
  /** Called once, when it is over. */
  end(): void;
}

/** A connection too many is kept so long for the answer that says so. */
const ANSWER_MS = 5_000;
/** Where there is too much at once nobody can know when there is less. */
const RETRY_SECONDS = 5;

/** These say how somebody fares who was refused before; counting them would keep it so. */
const uncounted: ReadonlySet<RefusalRule> = new Set(['locked-out', 'quarantined']);

export class FlowControl {
  readonly #parts: FlowParts;
  readonly #rates: RateLimits;
  readonly #lockOuts: LockOuts;
  readonly #usage: IdentityUsage;
  /** Under what they were counted. */
  readonly #keys = new WeakMap<ClientConnection, string>();

  constructor(parts: FlowParts) {
    this.#parts = parts;
    const { limits, clock, log, audit } = parts;
    this.#rates = new RateLimits(limits.rates, clock);
    this.#lockOuts = new LockOuts({ lockoutMs: limits.lockoutMs, clock, log, audit });
    this.#usage = new IdentityUsage(limits, clock);
  }

  /** Counts a new connection. Where there is no verdict on its certificate yet, the certificate stands for who it is. */
  opened(connection: ClientConnection): void {
    const { identity, clientCertificateSHA256 } = connection;
    if (clientCertificateSHA256 === null) return;
    const key = identity === null ? clientCertificateSHA256 : identityKey(identity, clientCertificateSHA256);
    this.#keys.set(connection, key);
    const held = this.#usage.connect(key);
    if (held === 'within') return;
    const detail = `more than ${this.#parts.limits.maxConnectionsPerIdentity} connections`;
    connection.refuse({ rule: 'connection-limit', detail, retryAfterSeconds: RETRY_SECONDS });
    if (held === 'far-beyond') return connection.destroy();
    const cancel = this.#parts.clock.after(ANSWER_MS, () => connection.destroy());
    connection.socket.once('close', cancel);
  }

  closed(connection: ClientConnection): void {
    const key = this.#keys.get(connection);
    if (key !== undefined) this.#usage.disconnect(key);
    this.#keys.delete(connection);
  }

  /** Of what is counted by the second. False: over all of its connections, this identity has used it up. */
  spend(connection: ClientConnection, what: Spending, amount: number): boolean {
    const key = this.#keys.get(connection);
    return key === undefined || this.#usage.spend(key, what, amount);
  }

  /** Locks out who is behind the connection. */
  flooded(connection: ClientConnection, reason: string): void {
    const { identity } = connection;
    if (identity !== null) this.#lockOuts.begin(subjectOf(connection, identity).key, identity, reason);
  }

  /** Null where nobody is known to be behind the connection. */
  subjectOf(connection: ClientConnection): FlowSubject | null {
    const { identity } = connection;
    return identity === null ? null : subjectOf(connection, identity);
  }

  /** Asked before anything else is looked at. */
  lockedOut(subject: FlowSubject): Refusal | null {
    return this.#lockOuts.refusalFor(subject.key);
  }

  /** For a request that is allowed otherwise. */
  async begin(subject: FlowSubject, request: ReadRequest): Promise<OpenRequest | (Refusal & { readonly kind?: undefined })> {
    const excess = await this.#rates.take(subject, classify(request));
    if (excess !== null) {
      const { rate, retryAfterSeconds } = excess;
      return { rule: 'rate-limited', detail: `limits.rates.${rate}`, retryAfterSeconds };
    }
    const isWithin = this.#usage.enter(subject.key);
    if (isWithin) return { kind: 'open', end: () => this.#usage.leave(subject.key) };
    this.#usage.leave(subject.key);
    return { rule: 'rate-limited', detail: 'limits.maxRequestsPerIdentity', retryAfterSeconds: RETRY_SECONDS };
  }

  /** Counts a refusal, of whatever rule; too many lock out who gets them. */
  refused(connection: ClientConnection, rule: RefusalRule): void {
    const { identity } = connection;
    if (identity === null || uncounted.has(rule)) return;
    const subject = subjectOf(connection, identity);
    this.#countRefusal(subject, identity, rule).catch((error: unknown) => {
      this.#parts.log.event('internal-error', { error: String(error) });
    });
  }

  close(): void {
    this.#rates.close();
    this.#lockOuts.close();
  }

  async #countRefusal(subject: FlowSubject, identity: Identity, rule: RefusalRule): Promise<void> {
    if (!(await this.#rates.isRefusedTooOften(subject))) return;
    this.#rates.forgiveRefusals(subject.key);
    this.#lockOuts.begin(subject.key, identity, `too many refusals, the last by rule ${rule}`);
  }
}

/** Who shares a bootstrap account and has not named a cluster yet counts by its connection, lest one of them uses up what all have. */
function subjectOf({ clientCertificateSHA256, bootstrap }: ClientConnection, identity: Identity): FlowSubject {
  return { key: identityKey(identity, clientCertificateSHA256 ?? bootstrap?.credential.holder ?? null), kind: identity.kind };
}
