// Who is answered 429 for a while, whatever is asked: identities whose refusals or floods were too many. Owns when that ends, and tells of both ends
// in the audit; never prolongs a lock-out for what happens during it, so that everybody is free again in time.

import type { Audit } from '../audit.ts';
import type { Cancel, Clock } from '../clock.ts';
import type { Refusal } from '../errors.ts';
import type { Log } from '../events.ts';
import type { Identity } from '../identity.ts';

export interface LockOutParts {
  readonly lockoutMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
}

interface LockOut {
  readonly identity: Identity;
  readonly reason: string;
  /** Elapsed milliseconds. */
  readonly untilMs: number;
  /** Answered 429 meanwhile. */
  requests: number;
}

/** How late the end of a lock-out is told of where nobody asks any more. */
const LOOK_MS = 1_000;

export class LockOuts {
  readonly #parts: LockOutParts;
  /** In the order in which they end: each lasts as long as the others. */
  readonly #byKey = new Map<string, LockOut>();
  readonly #stop: Cancel;

  constructor(parts: LockOutParts) {
    this.#parts = parts;
    this.#stop = parts.clock.every(LOOK_MS, () => this.#endDue());
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** For the time of limits.lockout from now; one that has begun goes on as it is. */
  begin(key: string, identity: Identity, reason: string): void {
    this.#endDue();
    if (this.#byKey.has(key)) return;
    const { clock, lockoutMs, log } = this.#parts;
    const lockOut = { identity, reason, untilMs: clock.elapsed() + lockoutMs, requests: 0 };
    this.#byKey.set(key, lockOut);
    this.#audit(lockOut, 'begun');
    log.event('peer-locked-out', { user: identity.user, cluster: identity.cluster, reason, seconds: Math.ceil(lockoutMs / 1_000) });
  }

  /** The answer to a request made now; null for who is not locked out. */
  refusalFor(key: string): Refusal | null {
    const lockOut = this.#byKey.get(key);
    if (lockOut === undefined) return null;
    const leftMs = lockOut.untilMs - this.#parts.clock.elapsed();
    if (leftMs <= 0) {
      this.#endDue();
      return null;
    }
    lockOut.requests += 1;
    return { rule: 'locked-out', detail: lockOut.reason, retryAfterSeconds: Math.ceil(leftMs / 1_000) };
  }

  close(): void {
    this.#stop();
    for (const lockOut of this.#byKey.values()) this.#audit(lockOut, 'ended');
    this.#byKey.clear();
  }

  #endDue(): void {
    const now = this.#parts.clock.elapsed();
    for (const [key, lockOut] of this.#byKey) {
      if (lockOut.untilMs > now) return;
      this.#byKey.delete(key);
      this.#audit(lockOut, 'ended');
    }
  }

  #audit({ identity, reason, requests }: LockOut, change: 'begun' | 'ended'): void {
    const { user, kind, cluster, addon } = identity;
    this.#parts.audit.write({ event: 'lockout', change, user, kind, cluster, addon, reason, requests });
  }
}
