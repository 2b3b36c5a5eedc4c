// What one identity holds and does at this moment over all of its connections, so that a flood that is spread over many of them counts as one. Counts
// only; whoever asks decides. Remembers an identity for as long as it holds anything.

import type { Clock } from '../clock.ts';
import type { LimitSettings } from '../settings.ts';
import { Budget } from './budget.ts';

/** What is counted by the second. */
export type Spending = 'pings' | 'settings' | 'resets' | 'headerBytes';

/**
 * What one identity may do within a second, in times of what one connection may: an agent in three processes, some with a connection for each
 * client set (klusterlet-traffic.md §3 "connection sharing"), opens up to 17 at once after an outage, each with a SETTINGS frame.
 */
const CONNECTIONS_WORTH = 4;
/** A connection too many is kept for its answer; beyond this many times the limit it is not. */
const ANSWERED_TIMES = 2;

interface Usage {
  connections: number;
  requests: number;
  readonly budgets: Readonly<Record<Spending, Budget>>;
}

export class IdentityUsage {
  readonly #limits: LimitSettings;
  readonly #clock: Clock;
  readonly #byKey = new Map<string, Usage>();

  constructor(limits: LimitSettings, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Counts a connection, which has to be taken out with `disconnect` in any case. */
  connect(key: string): 'within' | 'beyond' | 'far-beyond' {
    const usage = this.#usageOf(key);
    usage.connections += 1;
    const most = this.#limits.maxConnectionsPerIdentity;
    if (usage.connections <= most) return 'within';
    return usage.connections <= most * ANSWERED_TIMES ? 'beyond' : 'far-beyond';
  }

  disconnect(key: string): void {
    this.#giveBack(key, 'connections');
  }

  /** Counts an open request, which has to be taken out with `leave` in any case. False: one too many. */
  enter(key: string): boolean {
    const usage = this.#usageOf(key);
    usage.requests += 1;
    return usage.requests <= this.#limits.maxRequestsPerIdentity;
  }

  leave(key: string): void {
    this.#giveBack(key, 'requests');
  }

  /** False once this second's budget is used up. Of who has no connection nothing is counted. */
  spend(key: string, what: Spending, amount: number = 1): boolean {
    return this.#byKey.get(key)?.budgets[what].spend(amount) ?? true;
  }

  #usageOf(key: string): Usage {
    const found = this.#byKey.get(key);
    if (found !== undefined) return found;
    const budget = (perConnection: number): Budget => new Budget(perConnection * CONNECTIONS_WORTH, this.#clock);
    const { maxPingsPerSecond, maxSettingsPerSecond, maxResetsPerSecond, maxHeaderBytesPerSecond } = this.#limits;
    const budgets = {
      pings: budget(maxPingsPerSecond),
      settings: budget(maxSettingsPerSecond),
      resets: budget(maxResetsPerSecond),
      headerBytes: budget(maxHeaderBytesPerSecond),
    };
    const usage = { connections: 0, requests: 0, budgets };
    this.#byKey.set(key, usage);
    return usage;
  }

  #giveBack(key: string, what: 'connections' | 'requests'): void {
    const usage = this.#byKey.get(key);
    if (usage === undefined) return;
    usage[what] -= 1;
    if (usage.connections === 0 && usage.requests === 0) this.#byKey.delete(key);
  }
}
