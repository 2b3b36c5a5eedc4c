// One order of rotations, again and again under agents at work: rotates, waits until the new signer is in use and serves every agent, drops the old
// ones where the order says so. Counts; judges only that everything happened in time.

import type { Clock } from '../../src/clock.ts';
import type { KlusterletCounts } from '../../src/demo/demo.ts';
import type { Rotated } from './hub-calls.ts';
import { orders } from './orders.ts';
import type { Order, Source } from './orders.ts';
import { hireAgents, openSite, renewAgents } from './site.ts';
import type { Agent, Site } from './site.ts';

export interface SoakPlan {
  readonly order: string;
  readonly source: Source;
  readonly rotations: number;
  readonly agents: number;
  readonly trustLagMs: number;
}

export interface SoakCounts extends KlusterletCounts {
  readonly rotations: number;
  /** Signers that Countersign has published, the one that it started with among them. */
  readonly generations: number;
  readonly leaves: number;
  /** From the live Secret's change until the signer in it was in use. */
  readonly longestPendingMs: number;
  /** What did not happen as it should, besides failed requests and cut watches. */
  readonly wrong: readonly string[];
}

/** A real agent beats once a minute. */
const BEAT_MS = 1_000;
/** So that watches end by themselves and are opened anew all the while, in every phase of a rotation. */
const WATCH_SECONDS = 20;
/** Between bundle and Secret where trust comes first; five minutes on OpenShift (facts/csr-signer.md §2 "The only gate is a clock"). */
const GATE_MS = 500;
/** For a signer that the hub trusts to be in use: the probe's back-off is at most 30 s, and the machine may be busy. */
const FOLLOW_MS = 90_000;
/** For all agents to be served under the new signer. */
const MOVE_MS = 90_000;
/** Of each agent, between one rotation and the next. */
const ANSWERS_BETWEEN = 3;
const LOOK_MS = 50;
/** The signer that the hub started with: has issued the certificates of agents that never renew, and stays trusted for their sake. */
const FIRST_GENERATION = 1;

export class Soak {
  readonly plan: SoakPlan;
  readonly #clock: Clock;
  readonly #order: Order;
  readonly #wrong: string[] = [];
  #opening: Promise<Site> | null = null;
  #site: Site | null = null;
  #agents: readonly Agent[] = [];
  #isAtWork = false;
  #rotations = 0;
  #longestPendingMs = 0;

  constructor(plan: SoakPlan, clock: Clock) {
    const order = orders[plan.order];
    if (order === undefined) throw new Error(`no such order: ${plan.order}`);
    this.plan = plan;
    this.#order = order;
    this.#clock = clock;
  }

  get name(): string {
    return `${this.plan.order}/${this.plan.source}`;
  }

  get counts(): SoakCounts {
    const sum = (pick: (counts: KlusterletCounts) => number): number =>
      this.#agents.reduce((total, { klusterlet }) => total + pick(klusterlet.counts), 0);
    return {
      sent: sum(({ sent }) => sent),
      failed: sum(({ failed }) => failed),
      watchesCut: sum(({ watchesCut }) => watchesCut),
      watchEvents: sum(({ watchEvents }) => watchEvents),
      failures: this.#agents.flatMap(({ klusterlet }) => klusterlet.counts.failures),
      rotations: this.#rotations,
      generations: this.#site?.audit.generation ?? 0,
      leaves: this.#site?.audit.leaves ?? 0,
      longestPendingMs: this.#longestPendingMs,
      wrong: this.#wrong,
    };
  }

  /** Hub, proxy and agents are there and the first requests were answered. */
  get isAtWork(): boolean {
    return this.#isAtWork;
  }

  /** The first warnings and errors in the proxy's log. */
  get warnings(): readonly string[] {
    return this.#site?.proxy.warnings ?? [];
  }

  /** Resolves when all rotations are over, or one was not followed. */
  async run(): Promise<void> {
    const { source, agents, rotations } = this.plan;
    this.#opening = openSite(source);
    this.#site = await this.#opening;
    const names = Array.from({ length: agents }, (_, n) => `edge-${n + 1}`);
    this.#agents = await hireAgents(this.#site, names, this.#clock);
    for (const { klusterlet } of this.#agents) klusterlet.start(BEAT_MS, { watchSeconds: WATCH_SECONDS, doesMore: true });
    await this.#work(this.#site);
    this.#isAtWork = true;
    while (this.#rotations < rotations && this.#wrong.length === 0) await this.#rotate(this.#site);
    // One publication for each signer: more means that one was taken back or published twice.
    const { generation } = this.#site.audit;
    if (this.#wrong.length === 0 && generation !== rotations + 1)
      this.#wrong.push(`${generation} generations after ${rotations} rotations`);
  }

  async stop(): Promise<void> {
    for (const { klusterlet } of this.#agents) klusterlet.stop();
    // It may be asked to stop before all is there; what failed to open has taken itself away.
    const site = await this.#opening?.catch(() => null);
    this.#wrong.push(...((await site?.close()) ?? []));
  }

  async #rotate(site: Site): Promise<void> {
    const { plan, lags, drops } = this.#order;
    const rotated = await site.hub.call('rotate', { ...plan, trustDelayMs: lags ? this.plan.trustLagMs : GATE_MS });
    if (!(await this.#until(() => site.audit.published(rotated.signerSHA256) !== undefined, FOLLOW_MS)))
      return this.#give(`signer ${rotated.number} of the hub was not in use within ${FOLLOW_MS} ms`);
    this.#note(site, rotated);
    if (drops === 'at-once') await site.hub.call('dropOthers', [FIRST_GENERATION]);
    if (!(await this.#moved(site, rotated)))
      return this.#give(`not all agents were served by signer ${rotated.number} within ${MOVE_MS} ms`);
    if (drops === 'after-move' && !(await this.#renewAndDrop(site, rotated)))
      return this.#give(`not all agents were served under new certificates of signer ${rotated.number} within ${MOVE_MS} ms`);
    await this.#work(site);
    this.#rotations += 1;
  }

  #give(what: string): void {
    this.#wrong.push(what);
  }

  #note(site: Site, { signerSHA256, liveAtMs }: Rotated): void {
    const atMs = site.audit.published(signerSHA256)?.atMs ?? liveAtMs;
    this.#longestPendingMs = Math.max(this.#longestPendingMs, atMs - liveAtMs);
  }

  /** Half of the agents get certificates of the new signer first: those of the old one would end with it. The others' signer stays. */
  async #renewAndDrop(site: Site, rotated: Rotated): Promise<boolean> {
    await renewAgents(
      site,
      this.#agents.filter((_, n) => n % 2 === 0),
    );
    if (!(await this.#moved(site, rotated))) return false;
    // A leaf is issued a little before its session takes over.
    await this.#work(site);
    await site.hub.call('dropOthers', [FIRST_GENERATION]);
    return true;
  }

  #moved(site: Site, { signerSHA256 }: Rotated): Promise<boolean> {
    return this.#until(() => {
      const generation = site.audit.published(signerSHA256)?.generation ?? 0;
      return this.#agents.every(({ certificateSHA256 }) => site.audit.servedGeneration(certificateSHA256) >= generation);
    }, MOVE_MS);
  }

  /** Every agent goes on for a while; one whose requests all fail is no reason to wait for ever. */
  async #work(site: Site): Promise<void> {
    const before = this.#agents.map(({ klusterlet }) => klusterlet.answered);
    const isDone = (): boolean => this.#agents.every(({ klusterlet }, n) => klusterlet.answered >= (before[n] ?? 0) + ANSWERS_BETWEEN);
    if (!(await this.#until(isDone, MOVE_MS))) this.#give(`an agent had no ${ANSWERS_BETWEEN} requests answered within ${MOVE_MS} ms`);
    site.audit.read();
  }

  async #until(holds: () => boolean, deadlineMs: number): Promise<boolean> {
    const startedMs = this.#clock.elapsed();
    for (;;) {
      this.#site?.audit.read();
      if (holds()) return true;
      if (this.#clock.elapsed() - startedMs > deadlineMs) return false;
      await new Promise<void>((resolve) => void this.#clock.after(LOOK_MS, resolve));
    }
  }
}
