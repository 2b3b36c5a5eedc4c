// What was counted since the start, for the status page and the alerts: totals, the last hour minute by minute, certificates seen. Bounded by its
// words: rules come from a closed table. Metrics have counters of their own.

import type { Clock } from '../clock.ts';
import type { RefusalRule } from '../errors.ts';
import type { Identity } from '../identity.ts';
import type { MeteredRequest } from '../meter.ts';
import { ClusterCertificates } from './cluster-certificates.ts';
import type { SeenCertificate } from './cluster-certificates.ts';

export interface TallyView {
  readonly allowed: number;
  readonly refused: number;
  readonly wouldRefuse: number;
  /** 60 of them, oldest first, the present one last. */
  readonly perMinute: readonly Minute[];
  readonly refusalsByRule: ReadonlyMap<RefusalRule, number>;
  readonly leavesIssued: number;
  readonly hubRejections: number;
  /** Of each cluster the certificate that ends first. */
  readonly clusters: readonly SeenCertificate[];
}

export interface Minute {
  readonly atMs: number;
  readonly allowed: number;
  readonly refused: number;
}

const MINUTE_MS = 60_000;
const MINUTES_KEPT = 60;

export class Tally {
  readonly #clock: Clock;
  readonly #certificates = new ClusterCertificates();
  readonly #refusalsByRule = new Map<RefusalRule, number>();
  /** By the number of the minute on the clock that never goes back: a wall clock that jumps moves the labels, not the counts. */
  readonly #minutes = new Map<number, { allowed: number; refused: number }>();
  #allowed = 0;
  #refused = 0;
  #wouldRefuse = 0;
  #leavesIssued = 0;
  #hubRejections = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  countRequest({ verdict, rule }: MeteredRequest): void {
    const minute = this.#minute();
    if (verdict === 'deny') {
      this.#refused += 1;
      minute.refused += 1;
    } else {
      this.#allowed += 1;
      minute.allowed += 1;
    }
    if (verdict === 'would-deny') this.#wouldRefuse += 1;
    if (rule !== null) this.#refusalsByRule.set(rule, (this.#refusalsByRule.get(rule) ?? 0) + 1);
  }

  countLeaf(): void {
    this.#leavesIssued += 1;
  }

  countHubRejection(): void {
    this.#hubRejections += 1;
  }

  see(identity: Identity, window: { readonly notBeforeMs: number; readonly notAfterMs: number }): void {
    this.#certificates.see(identity, window);
  }

  /** Cheap enough for each scrape and each look of the alerts: walks the clusters once. */
  read(): TallyView {
    return {
      allowed: this.#allowed,
      refused: this.#refused,
      wouldRefuse: this.#wouldRefuse,
      perMinute: this.#lastHour(),
      refusalsByRule: new Map(this.#refusalsByRule),
      leavesIssued: this.#leavesIssued,
      hubRejections: this.#hubRejections,
      clusters: this.#certificates.earliest(this.#clock.now()),
    };
  }

  #minute(): { allowed: number; refused: number } {
    const number = this.#present();
    const known = this.#minutes.get(number);
    if (known !== undefined) return known;
    for (const old of this.#minutes.keys()) {
      if (old <= number - MINUTES_KEPT) this.#minutes.delete(old);
    }
    const fresh = { allowed: 0, refused: 0 };
    this.#minutes.set(number, fresh);
    return fresh;
  }

  #present(): number {
    return Math.floor(this.#clock.elapsed() / MINUTE_MS);
  }

  #lastHour(): readonly Minute[] {
    const present = this.#present();
    const presentBeganMs = this.#clock.now() - (this.#clock.elapsed() - present * MINUTE_MS);
    return Array.from({ length: MINUTES_KEPT }, (_, index) => {
      const back = MINUTES_KEPT - 1 - index;
      const { allowed, refused } = this.#minutes.get(present - back) ?? { allowed: 0, refused: 0 };
      return { atMs: Math.round(presentBeganMs - back * MINUTE_MS), allowed, refused };
    });
  }
}
