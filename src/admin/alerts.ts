// Which alerts fire: a pure reducer over what is known at each look. Durations are counted on the clock that never goes back, so that a wall clock
// which jumps raises none of them; only the ends of certificates are judged by the wall clock, as the hub judges them.

import { judgeCondition } from './alert-conditions.ts';
import type { AlertFacts } from './alert-conditions.ts';
import { alertNames, alertTable, runbookOf } from './alert-table.ts';
import type { AlertName, Severity } from './alert-table.ts';

export type { AlertName, Severity } from './alert-table.ts';
export type { AlertFacts } from './alert-conditions.ts';

export interface Alert {
  readonly name: AlertName;
  readonly severity: Severity;
  /** When its condition came to hold. */
  readonly sinceMs: number;
  /** A sentence or two: what is wrong, why, what to do. */
  readonly message: string;
  /** A URL. */
  readonly runbook: string;
}

/** What is read at each look; the counters only ever grow. */
export type AlertReading = Omit<AlertFacts, 'recent' | 'unreadForMs' | 'nowMs'> & {
  readonly counters: Counters;
};

interface Counters {
  readonly refused: number;
  readonly hubRejections: number;
  readonly auditLinesLost: number;
}

export interface Moment {
  readonly nowMs: number;
  readonly elapsedMs: number;
}

interface Held {
  readonly since: Moment;
  /** When the condition was last seen to hold. */
  readonly until: Moment;
  readonly message: string;
}

export interface AlertState {
  /** Those that fire, the gravest first, then by age. */
  readonly alerts: readonly Alert[];
  readonly held: ReadonlyMap<AlertName, Held>;
  readonly samples: readonly { readonly elapsedMs: number; readonly counters: Counters }[];
  readonly lastRead: { readonly atMs: number | null; readonly elapsedMs: number };
}

const MINUTE_MS = 60_000;
const RECENT_MS = { refused: 5 * MINUTE_MS, hubRejections: 5 * MINUTE_MS, auditLinesLost: 10 * MINUTE_MS };
const LONGEST_RECENT_MS = 10 * MINUTE_MS;
/** So that the samples of the longest window are at most 600, however often somebody looks. */
const SAMPLE_PERIOD_MS = 1_000;

const none: Counters = { refused: 0, hubRejections: 0, auditLinesLost: 0 };

/** At the start of the process nothing has happened yet. */
export function initialAlerts({ elapsedMs }: Moment): AlertState {
  return { alerts: [], held: new Map(), samples: [{ elapsedMs, counters: none }], lastRead: { atMs: null, elapsedMs } };
}

export function judgeAlerts(previous: AlertState, reading: AlertReading, now: Moment): AlertState {
  const lastRead =
    reading.sync.lastSuccessMs === previous.lastRead.atMs
      ? previous.lastRead
      : { atMs: reading.sync.lastSuccessMs, elapsedMs: now.elapsedMs };
  const facts: AlertFacts = {
    ...reading,
    nowMs: now.nowMs,
    unreadForMs: now.elapsedMs - lastRead.elapsedMs,
    recent: {
      refused: reading.counters.refused - counterBefore(previous, 'refused', now),
      hubRejections: reading.counters.hubRejections - counterBefore(previous, 'hubRejections', now),
      auditLinesLost: reading.counters.auditLinesLost - counterBefore(previous, 'auditLinesLost', now),
    },
  };
  const held = new Map(
    alertNames.flatMap((name) => {
      const one = hold(name, { message: judgeCondition(name, facts), before: previous.held.get(name) }, now);
      return one === undefined ? [] : [[name, one]];
    }),
  );
  return { alerts: listFiring(held, now), held, samples: takeSample(previous, reading.counters, now), lastRead };
}

/** Only what fires is kept: a condition that is interrupted before that begins anew. */
function hold(
  name: AlertName,
  { message, before }: { readonly message: string | null; readonly before: Held | undefined },
  now: Moment,
): Held | undefined {
  if (message !== null) return { since: before?.since ?? now, until: now, message };
  const { forMs, keepMs = 0 } = alertTable[name];
  const isKept = before !== undefined && before.until.elapsedMs - before.since.elapsedMs >= forMs;
  return isKept && now.elapsedMs - before.until.elapsedMs < keepMs ? before : undefined;
}

/** The newest sample that is as old as the window; the oldest of all where none is. */
function counterBefore({ samples }: AlertState, counter: keyof Counters, { elapsedMs }: Moment): number {
  const sample = samples.findLast((each) => each.elapsedMs <= elapsedMs - RECENT_MS[counter]) ?? samples[0];
  return sample?.counters[counter] ?? 0;
}

function takeSample({ samples }: AlertState, counters: Counters, { elapsedMs }: Moment): AlertState['samples'] {
  const last = samples.at(-1);
  if (last !== undefined && elapsedMs - last.elapsedMs < SAMPLE_PERIOD_MS) return samples;
  const oldest = samples.findLastIndex((each) => each.elapsedMs <= elapsedMs - LONGEST_RECENT_MS);
  return [...samples.slice(Math.max(oldest, 0)), { elapsedMs, counters }];
}

function listFiring(held: AlertState['held'], now: Moment): readonly Alert[] {
  return [...held]
    .filter(([name, { since }]) => now.elapsedMs - since.elapsedMs >= alertTable[name].forMs)
    .map(([name, { since, message }]) => ({
      name,
      severity: alertTable[name].severity,
      sinceMs: since.nowMs,
      message,
      runbook: runbookOf(name),
    }))
    .toSorted((one, other) => gravity(one) - gravity(other) || one.sinceMs - other.sinceMs);
}

function gravity({ severity }: Alert): number {
  return severity === 'critical' ? 0 : 1;
}
