// Puts the reducer's questions to the hub: each after the pause that its failed rounds have earned, and none that nobody needs answered any more. Knows
// nothing of signers but whom it asks about.

import type { Cancel, Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import type { ProbeAnswer } from '../sync-view.ts';
import { backOffMs } from './back-off.ts';
import type { Question } from './rotation-state.ts';
import type { TrustProbe } from './trust-probe.ts';

export interface AskingParts {
  readonly probe: TrustProbe;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  readonly answered: (question: number, answers: readonly ProbeAnswer[]) => void;
}

interface Job {
  readonly aborter: AbortController;
  readonly cancelPause: Cancel;
}

export class Asking {
  readonly #parts: AskingParts;
  readonly #jobs = new Map<number, Job>();
  /** Those that are being asked at this moment. */
  readonly #rounds = new Set<Promise<void>>();

  constructor(parts: AskingParts) {
    this.#parts = parts;
  }

  ask(question: Question, tries: number): void {
    const aborter = new AbortController();
    const begin = (): void => {
      const round = this.#ask(question, aborter.signal);
      this.#rounds.add(round);
      void round.finally(() => this.#rounds.delete(round));
    };
    const { clock, random } = this.#parts;
    if (tries > 0) this.#jobs.set(question.id, { aborter, cancelPause: clock.after(backOffMs(tries, random), begin) });
    else {
      this.#jobs.set(question.id, { aborter, cancelPause: () => undefined });
      begin();
    }
  }

  /** Drops every other question. */
  keepOnly(open: readonly Question[]): void {
    const ids = new Set(open.map(({ id }) => id));
    for (const [id, job] of this.#jobs) {
      if (!ids.has(id)) this.#drop(id, job);
    }
  }

  /** Resolves when the questions that are being asked now have their answers: within seconds, for a probe ends by itself. */
  async settled(): Promise<void> {
    await Promise.all(this.#rounds);
  }

  async close(): Promise<void> {
    for (const [id, job] of this.#jobs) this.#drop(id, job);
    await Promise.all([this.#parts.probe.close(), this.settled()]);
  }

  #drop(id: number, { aborter, cancelPause }: Job): void {
    this.#jobs.delete(id);
    cancelPause();
    aborter.abort();
  }

  async #ask({ id, signer }: Question, signal: AbortSignal): Promise<void> {
    let answers: readonly ProbeAnswer[] = [];
    try {
      answers = await this.#parts.probe.ask(signer, signal);
    } catch (error) {
      this.#parts.log.event('internal-error', { detail: String(error) });
    }
    if (this.#jobs.delete(id)) this.#parts.answered(id, answers);
  }
}
