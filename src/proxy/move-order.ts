// Which credentials are to be replaced ahead of their next request, in which order, and how fast. Pure: no timer, no clock, no session.

import { reasonToMove } from './credential.ts';
import type { CredentialTimes, MoveReason } from './credential.ts';
import type { Kept } from './reissue.ts';

export interface Move {
  readonly kept: Kept;
  readonly reason: MoveReason;
}

/** What is known of a holder beside its credential. */
export interface HolderState {
  /** There is a client connection with this certificate. */
  readonly isConnected: boolean;
  /** There is a hub session that takes requests. */
  readonly hasSession: boolean;
}

/**
 * Who is in use moves. Who has no hub session goes on with what it has when it asks again, and moves then: nobody waits for it meanwhile. But what
 * was withdrawn has lost its session to that.
 */
export function reasonForHolder(kept: Kept, holder: HolderState, times: CredentialTimes): MoveReason | null {
  const reason = reasonToMove(kept.serving, times);
  if (reason === null || !holder.isConnected) return null;
  return reason === 'withdrawn' || holder.hasSession ? reason : null;
}

/** First whom the next request would make wait, then by how soon the leaf ends; `random` in [0, 1) decides between equals. */
export function orderMoves(moves: Iterable<Move>, random: () => number): readonly Move[] {
  const drawn = [...moves].map((move) => ({ move, tie: random() }));
  const rank = ({ reason }: Move): number => (reason === 'withdrawn' ? 0 : 1);
  drawn.sort(
    (one, other) =>
      rank(one.move) - rank(other.move) || one.move.kept.serving.notAfterMs - other.move.kept.serving.notAfterMs || one.tie - other.tie,
  );
  return drawn.map(({ move }) => move);
}

export interface Pace {
  /** Moves that begin at once. */
  readonly atOnce: number;
  /** The least time between two beginnings. */
  readonly everyMs: number;
}

/** Timers are good for some hundred a second, not for more. */
const MOST_BEGINNINGS_PER_SECOND = 100;

/** One at a time, evenly, for as long as timers can follow. In no second begin more than `movesPerSecond`. */
export function paceOf(movesPerSecond: number): Pace {
  const atOnce = Math.ceil(movesPerSecond / MOST_BEGINNINGS_PER_SECOND);
  return { atOnce, everyMs: 1_000 / Math.floor(movesPerSecond / atOnce) };
}
