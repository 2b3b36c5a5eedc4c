// Alerts keep silent while nothing is wrong: an hour of it, forty days with a rotation each fifteen, and the first day of a new hub, as OpenShift
// lives them (facts/csr-signer.md §1 to §3, §5).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AlertRunner } from '../../src/admin/alert-runner.ts';
import type { AlertReading } from '../../src/admin/alerts.ts';
import { keepLog } from '../ca-sync/waiting.ts';
import { SimulatedClock } from './simulated-clock.ts';
import { certificate, DAY_MS, HOUR_MS, MINUTE_MS, NOW_MS, syncWith } from './views.ts';

interface Hub {
  /** Of a signer made at this time. */
  readonly lifeMs: (madeMs: number) => number;
  /** After which share of its life, or how long, the next one comes. */
  readonly replacedAfterMs: (lifeMs: number) => number;
}

/** In use five minutes after it was made; the hub's API servers trust it within these. */
const GATE_MS = 5 * MINUTE_MS;
/** An agent renews when 20 to 25 % of its certificate are left (csr-signer.md §5). */
const RENEWED_AT = 0.8;

class NormalLife {
  readonly #hub: Hub;
  #madeMs: number;
  #generation = 1;
  #agent: { notBeforeMs: number; notAfterMs: number };
  #refused = 0;

  constructor(hub: Hub, nowMs: number) {
    this.#hub = hub;
    this.#madeMs = nowMs;
    this.#agent = { notBeforeMs: nowMs, notAfterMs: this.#endMs(nowMs) };
  }

  get generation(): number {
    return this.#generation;
  }

  read(nowMs: number): AlertReading {
    // One refusal each three seconds: somebody always asks for what is not theirs
    this.#refused += 5 / 3;
    const nextMs = this.#madeMs + this.#hub.replacedAfterMs(this.#hub.lifeMs(this.#madeMs));
    if (nowMs >= nextMs + GATE_MS) {
      this.#madeMs = nextMs;
      this.#generation += 1;
    }
    if (nowMs > this.#agent.notBeforeMs + (this.#agent.notAfterMs - this.#agent.notBeforeMs) * RENEWED_AT) {
      this.#agent = { notBeforeMs: nowMs, notAfterMs: this.#endMs(this.#madeMs) };
    }
    const isWaiting = nowMs >= nextMs && nowMs < nextMs + GATE_MS;
    const waiting = { ...certificate('next', nextMs, this.#endMs(nextMs)), phase: 'probing' as const, sinceMs: nextMs, detail: '401' };
    const proven = { generation: this.#generation, window: 'in-window' as const, proof: 'accepted' as const };
    const signer = {
      current: { ...certificate(`g${this.#generation}`, this.#madeMs, this.#endMs(this.#madeMs)), ...proven },
      candidate: isWaiting ? waiting : null,
    };
    const servedMs = Math.floor(nowMs / (60 * DAY_MS)) * 60 * DAY_MS;
    return {
      sync: syncWith(signer, { lastSuccessMs: Math.floor(nowMs / MINUTE_MS) * MINUTE_MS, probe: [] }),
      servingCertificate: { notBeforeMs: servedMs, notAfterMs: servedMs + 90 * DAY_MS },
      clusters: [{ cluster: 'c', user: 'u', ...this.#agent }],
      counters: { refused: Math.floor(this.#refused), hubRejections: 0, auditLinesLost: 0 },
    };
  }

  #endMs(madeMs: number): number {
    return madeMs + this.#hub.lifeMs(madeMs);
  }
}

const monthly: Hub = { lifeMs: () => 30 * DAY_MS, replacedAfterMs: () => 15 * DAY_MS };

/** What the log says after so long a life. */
function live(hub: Hub, forMs: number): { readonly events: ReturnType<typeof keepLog>['events']; readonly generation: number } {
  const clock = new SimulatedClock(NOW_MS);
  const life = new NormalLife(hub, NOW_MS);
  const log = keepLog();
  const runner = new AlertRunner({ clock, log, read: () => life.read(clock.now()), sinks: [] });
  clock.advance(forMs);
  assert.equal(runner.alerts.current.length === 0, log.events.length === 0);
  return { events: log.events, generation: life.generation };
}

test('an hour of normal life raises no alert', () => {
  assert.deepEqual(live(monthly, HOUR_MS), { events: [], generation: 1 });
});

test('forty days with a rotation each fifteen raise no alert', () => {
  assert.deepEqual(live(monthly, 40 * DAY_MS), { events: [], generation: 3 });
});

test('the first days of a new hub, whose first signer lives for a day at most, raise no alert', () => {
  const born: Hub = {
    // The installer's signer lives for a day, and some minutes less by the time that the first csr-signer is made of it
    lifeMs: (madeMs) => (madeMs === NOW_MS ? DAY_MS - 20 * MINUTE_MS : 30 * DAY_MS),
    replacedAfterMs: (lifeMs) => (lifeMs < 2 * DAY_MS ? 0.8 * lifeMs : 15 * DAY_MS),
  };
  assert.deepEqual(live(born, 3 * DAY_MS), { events: [], generation: 2 });
});

test('signers of two hours, renewed each hour, raise no alert', () => {
  const short: Hub = { lifeMs: () => 2 * HOUR_MS, replacedAfterMs: () => HOUR_MS };
  assert.deepEqual(live(short, DAY_MS), { events: [], generation: 24 });
});

test('the same hub whose signer is no longer replaced is an alarm a week before the end, and again two days before', () => {
  const stuck: Hub = { ...monthly, replacedAfterMs: () => 100 * DAY_MS };
  const { events } = live(stuck, 29 * DAY_MS);
  const raised = events.flatMap(({ name, fields }) => (name === 'alert-raised' ? [fields['name']] : []));
  // The agents' certificates end with the signer, and are renewed ever more often until then
  assert.deepEqual(raised, ['CountersignSignerEndsSoon', 'CountersignSignerEndsVerySoon']);
});
