// Moves the hub sessions that are in use to newer leaves, in the background and at a pace: first the new session, then the swap, then the old one is
// retired. Level-triggered: whoever should move is found at the next look, whatever happened before. Never fails a request, and never takes a
// credential away before there is another, unless the hub does not accept it any more.

import type { Signer } from '../ca-sync/ca-sync.ts';
import type { Cancel, Clock } from '../clock.ts';
import { Fault } from '../errors.ts';
import type { Log } from '../events.ts';
import type { ReadonlyLive } from '../live.ts';
import type { Credential, MoveReason } from './credential.ts';
import type { HubSessions } from './hub-sessions.ts';
import { orderMoves, paceOf, reasonForHolder } from './move-order.ts';
import type { Move, Pace } from './move-order.ts';
import type { Kept, Reissuer } from './reissue.ts';
import { SetBacks } from './set-backs.ts';

/** How often those that should move are looked for, beside each change of signer: leaves fall due, and clients come back with older ones. */
const LOOK_MS = 5_000;
/** Added to the time between two moves, at most this part of it: several instances that saw the same publication do not stay in step. */
const PACE_JITTER = 0.25;
/**
 * At once: as many as begin in a second, but some even where those are few, as a hub endpoint that does not answer must not hold up the rest, and no
 * more than the hub can be asked to shake hands with at a time.
 */
const UNDER_WAY = { least: 8, most: 256 };
/** After a refused leaf nobody moves to that signer for so long, and for so long altogether: by then ca-sync has asked the hub about it. */
const DOUBT_MS = 30_000;
const LONGEST_DOUBT_MS = 120_000;

export interface SessionMoverParts {
  readonly reissuer: Reissuer;
  readonly sessions: Pick<HubSessions, 'prepare' | 'holds' | 'retire' | 'retireAll'>;
  readonly signer: ReadonlyLive<Signer | null>;
  readonly usable: ReadonlyLive<ReadonlySet<number>>;
  /** Whether any client connection with this certificate is open. */
  readonly isConnected: (clientCertificateSHA256: string) => boolean;
  /** The hub wanted no connection with this leaf, which we hold valid. */
  readonly onLeafRefused: (credential: Credential, detail: string) => void;
  readonly movesPerSecond: number;
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
}

type MoveOutcome =
  | { readonly kind: 'moved' }
  /** The client went, or something newer came in between. */
  | { readonly kind: 'needless' }
  | { readonly kind: 'failed'; readonly detail: string; readonly prepared: Credential | null };

export class SessionMover {
  readonly #parts: SessionMoverParts;
  readonly #pace: Pace;
  readonly #mostUnderWay: number;
  readonly #setBacks: SetBacks;
  readonly #underWay = new Set<string>();
  readonly #stops: (() => void)[];
  readonly #awaitingIdle: (() => void)[] = [];
  #queue: Move[] = [];
  #timer: Cancel | null = null;
  #nextAtMs = Number.NEGATIVE_INFINITY;
  #doubt: { readonly generation: number; readonly sinceMs: number; readonly untilMs: number } | null = null;
  /** Of the moves to a newer signer, for the log. */
  #stage: { readonly generation: number; readonly startedMs: number; moved: number } | null = null;
  #failed = { count: 0, detail: '' };
  #closed = false;

  constructor(parts: SessionMoverParts) {
    this.#parts = parts;
    this.#pace = paceOf(parts.movesPerSecond);
    this.#mostUnderWay = Math.min(Math.max(parts.movesPerSecond, UNDER_WAY.least), UNDER_WAY.most);
    this.#setBacks = new SetBacks(parts.clock, parts.random);
    this.#stops = [
      parts.usable.subscribe((usable) => this.#withdraw(usable)),
      parts.signer.subscribe(() => this.#look()),
      parts.clock.every(LOOK_MS, () => this.#look()),
    ];
  }

  /** Moves that have begun and are not over. */
  get underWay(): number {
    return this.#underWay.size;
  }

  /** The hub has refused a leaf: its holder waits, and so does everyone who would get one of the same signer. */
  doubt(refused: Credential): void {
    const now = this.#parts.clock.elapsed();
    const sinceMs = this.#doubt?.generation === refused.generation ? this.#doubt.sinceMs : now;
    this.#doubt = { generation: refused.generation, sinceMs, untilMs: Math.min(now + DOUBT_MS, sinceMs + LONGEST_DOUBT_MS) };
    this.#setBacks.note(refused.holder, null);
  }

  /** No more moves. Resolves when those under way have come to nothing, which they do as soon as the sessions are closed. */
  close(): Promise<void> {
    this.#closed = true;
    for (const stop of this.#stops.splice(0)) stop();
    this.#timer?.();
    this.#queue = [];
    this.#setBacks.clear();
    return this.#underWay.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#awaitingIdle.push(resolve));
  }

  /** What the hub does not accept any more takes no new request from now on, whether or not there is another one. */
  #withdraw(usable: ReadonlySet<number>): void {
    this.#parts.sessions.retireAll(({ tls, generation }) => tls !== null && !usable.has(generation));
    this.#parts.reissuer.goBack();
    this.#look();
  }

  #look(): void {
    if (this.#closed) return;
    const wanted = [...this.#parts.reissuer.kept()].flatMap((kept) => {
      const reason = this.#reasonFor(kept);
      return reason === null ? [] : [{ kept, reason }];
    });
    this.#report(wanted);
    this.#setBacks.keepOnly(new Set(wanted.map(({ kept }) => kept.serving.holder)));
    const ready = wanted.filter(({ kept }) => this.#isReady(kept));
    this.#queue = this.#isDoubted() ? [] : orderMoves(ready, this.#parts.random).toReversed();
    this.#arm();
  }

  #reasonFor(kept: Kept): MoveReason | null {
    const { reissuer, sessions, isConnected } = this.#parts;
    const { holder } = kept.serving;
    return reasonForHolder(kept, { isConnected: isConnected(holder), hasSession: sessions.holds(holder) }, reissuer.times);
  }

  #isReady({ serving: { holder } }: Kept): boolean {
    return !this.#underWay.has(holder) && !this.#setBacks.isWaiting(holder);
  }

  #isDoubted(): boolean {
    const doubt = this.#doubt;
    return doubt !== null && doubt.generation === this.#parts.signer.current?.generation && this.#parts.clock.elapsed() < doubt.untilMs;
  }

  #arm(): void {
    if (this.#timer !== null || this.#queue.length === 0) return;
    const { clock, random } = this.#parts;
    const now = clock.elapsed();
    // After a pause not at once either, for the sake of the other instances.
    const atMs = Math.max(this.#nextAtMs, now + this.#pace.everyMs * random());
    this.#timer = clock.after(Math.ceil(atMs - now), () => {
      this.#timer = null;
      this.#nextAtMs = clock.elapsed() + this.#pace.everyMs * (1 + PACE_JITTER * random());
      this.#begin();
      this.#arm();
    });
  }

  #begin(): void {
    if (this.#isDoubted()) this.#queue = [];
    for (let begun = 0; begun < this.#pace.atOnce && this.#underWay.size < this.#mostUnderWay; ) {
      const next = this.#queue.pop();
      if (next === undefined) return;
      const kept = this.#parts.reissuer.keptFor(next.kept.serving.holder);
      // Moved by itself meanwhile, or gone.
      if (kept === null || !this.#isReady(kept) || this.#reasonFor(kept) === null) continue;
      begun += 1;
      void this.#move(kept);
    }
  }

  async #move(kept: Kept): Promise<void> {
    const { holder } = kept.serving;
    this.#underWay.add(holder);
    const outcome = await this.#tryToMove(kept).catch((error: unknown) => this.#broken(error));
    this.#underWay.delete(holder);
    if (this.#underWay.size === 0) for (const resolve of this.#awaitingIdle.splice(0)) resolve();
    if (this.#closed) return;
    if (outcome.kind !== 'failed') {
      this.#setBacks.forget(holder);
      if (outcome.kind === 'moved' && this.#stage !== null) this.#stage.moved += 1;
      return;
    }
    this.#setBacks.note(holder, outcome.prepared);
    this.#failed = { count: this.#failed.count + 1, detail: outcome.detail };
  }

  async #tryToMove({ peer, serving: from }: Kept): Promise<MoveOutcome> {
    const { reissuer, sessions, isConnected } = this.#parts;
    const prepared = await this.#prepare(peer, from);
    if (prepared.kind !== 'ready') {
      const why = prepared.kind === 'fault' ? prepared.cause : `${prepared.refusal.rule}: ${prepared.refusal.detail}`;
      return { kind: 'failed', detail: why, prepared: null };
    }
    const to = prepared.credential;
    // From here to the opening nothing else runs: a client that leaves later takes the opening with it.
    if (this.#closed || !isConnected(from.holder) || !reissuer.serves(from)) return { kind: 'needless' };
    try {
      await sessions.prepare(to);
    } catch (error) {
      return this.#notOpened(error, to);
    }
    if (this.#closed || !reissuer.replace(from, to)) {
      sessions.retire(to);
      return { kind: 'needless' };
    }
    sessions.retire(from);
    return { kind: 'moved' };
  }

  async #prepare(peer: Kept['peer'], from: Credential): ReturnType<Reissuer['prepare']> {
    const { reissuer, signer } = this.#parts;
    const made = this.#setBacks.preparedFor(from.holder);
    if (made !== null && made.generation === signer.current?.generation && reissuer.mayServe(made))
      return { kind: 'ready', credential: made };
    return reissuer.prepare(peer);
  }

  #notOpened(error: unknown, to: Credential): MoveOutcome {
    if (!(error instanceof Fault)) throw error;
    if (error.faultCause === 'draining') return { kind: 'needless' };
    if (error.faultCause !== 'hub-refused-leaf') return { kind: 'failed', detail: `${error.faultCause}: ${error.message}`, prepared: to };
    this.#parts.onLeafRefused(to, error.message);
    return { kind: 'failed', detail: error.message, prepared: null };
  }

  #broken(error: unknown): MoveOutcome {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#parts.log.event('internal-error', { error: detail });
    return { kind: 'failed', detail: 'see internal-error', prepared: null };
  }

  /** One line when many begin to move and one when they have, and at most one a look about what failed. */
  #report(wanted: readonly Move[]): void {
    const { log, clock, signer } = this.#parts;
    const generation = signer.current?.generation ?? 0;
    const older = wanted.filter(({ reason }) => reason !== 'due').length;
    if (this.#failed.count > 0) log.event('session-moves-failed', { generation, failed: this.#failed.count, detail: this.#failed.detail });
    this.#failed = { count: 0, detail: '' };
    if (this.#stage?.generation !== generation && older > 0) {
      this.#stage = { generation, startedMs: clock.elapsed(), moved: 0 };
      log.event('sessions-moving', { generation, clients: older });
    }
    if (this.#stage === null || older > 0 || this.#underWay.size > 0) return;
    const { startedMs, moved } = this.#stage;
    log.event('sessions-moved', { generation: this.#stage.generation, moved, durationMs: Math.round(clock.elapsed() - startedMs) });
    this.#stage = null;
  }
}
