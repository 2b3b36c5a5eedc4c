// What one connection may send within a second that costs us work and its sender nothing. Ends a connection that sends more, by itself or together with
// the others of its identity, and has that identity locked out.

import type { Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import type { LimitSettings } from '../settings.ts';
import { Budget } from './budget.ts';
import type { ClientConnection } from './client-connection.ts';
import type { FlowControl } from './flow-control.ts';
import type { Spending } from './identity-usage.ts';

export interface FloodGuardParts {
  readonly limits: LimitSettings;
  readonly clock: Clock;
  readonly log: Log;
  readonly flow: FlowControl;
}

const reasons: Readonly<Record<Spending, string>> = {
  pings: 'ping flood',
  settings: 'settings flood',
  resets: 'reset flood',
  headerBytes: 'header flood',
};

export class FloodGuard {
  readonly #connection: ClientConnection;
  readonly #parts: FloodGuardParts;
  readonly #end: () => void;
  readonly #budgets: Readonly<Record<Spending, Budget>>;
  #hasEnded = false;

  /** @param end ends the connection */
  constructor(connection: ClientConnection, parts: FloodGuardParts, end: () => void) {
    this.#connection = connection;
    this.#parts = parts;
    this.#end = end;
    const { limits, clock } = parts;
    this.#budgets = {
      pings: new Budget(limits.maxPingsPerSecond, clock),
      settings: new Budget(limits.maxSettingsPerSecond, clock),
      resets: new Budget(limits.maxResetsPerSecond, clock),
      headerBytes: new Budget(limits.maxHeaderBytesPerSecond, clock),
    };
  }

  /** From the first flood on. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  spend(what: Spending, amount: number = 1): void {
    const isWithin = this.#budgets[what].spend(amount) && this.#parts.flow.spend(this.#connection, what, amount);
    if (!isWithin) this.stop(reasons[what]);
  }

  /** Names and values as sent; flat pairs. */
  spendHeaders(headers: readonly string[]): void {
    let bytes = 0;
    for (const part of headers) bytes += part.length;
    this.spend('headerBytes', bytes);
  }

  stop(reason: string): void {
    // What was read together with it still comes.
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const { identity, socket } = this.#connection;
    this.#parts.log.event('connection-refused', {
      reason,
      cluster: identity?.cluster ?? null,
      address: socket.remoteAddress ?? null,
    });
    this.#parts.flow.flooded(this.#connection, reason);
    this.#end();
  }
}
