// Runs cases: those of equal settings on one stage, one after the other; several stages at once. Each case has its deadline, and one that hangs costs
// the others of its group a new stage and nothing else. Decides no case.

import type { ComplianceCase } from './case.ts';
import type { Fixtures } from './case-files.ts';
import { type Failure } from './mismatch.ts';
import { judgeWithOpenssl } from './openssl-judgement.ts';
import { PlayFailed, Player } from './play.ts';
import { playSteps } from './play-steps.ts';
import type { ProgramCommand } from './program.ts';
import { findSecrets } from './secrets.ts';
import { openStage } from './stage.ts';
import type { Stage } from './stage.ts';

export interface CaseResult {
  readonly of: ComplianceCase;
  readonly verdict: 'passed' | 'failed' | 'not-applicable';
  readonly failure: Failure | null;
  readonly durationMs: number;
  /** How often something was sent and judged. */
  readonly plays: number;
}

export interface RunPlan {
  readonly cases: readonly ComplianceCase[];
  readonly recipes: Fixtures['recipes'];
  readonly program: ProgramCommand;
  /** Stages at once. */
  readonly parallel: number;
  readonly signal: AbortSignal;
  readonly onResult: (result: CaseResult) => void;
}

export interface RunOutcome {
  readonly results: readonly CaseResult[];
  /** What no single case stands for: an unclean end of a proxy, an internal error in its log, a secret in its output. Any of them fails the run. */
  readonly faults: readonly string[];
  /** False: openssl is not there, and issued certificates were judged by Node alone. */
  readonly askedOpenssl: boolean;
}

export async function runCases(plan: RunPlan): Promise<RunOutcome> {
  const results = new Map<string, CaseResult>();
  const report = (result: CaseResult): void => {
    results.set(result.of.id, result);
    plan.onResult(result);
  };
  for (const of of plan.cases) {
    if (of.notApplicable !== null) report({ of, verdict: 'not-applicable', failure: null, durationMs: 0, plays: 0 });
  }
  const groups = groupCases(plan.cases.filter(({ notApplicable }) => notApplicable === null));
  const ends: GroupEnd[] = [];
  const workers = Array.from({ length: Math.min(plan.parallel, groups.length) }, async () => {
    for (let group = groups.shift(); group !== undefined && !plan.signal.aborted; group = groups.shift())
      ends.push(...(await new GroupRun(plan, group, report).run()));
  });
  await Promise.all(workers);
  const inOrder = plan.cases.flatMap(({ id }) => results.get(id) ?? []);
  return { results: inOrder, faults: ends.flatMap(({ faults }) => faults), askedOpenssl: ends.every(({ askedOpenssl }) => askedOpenssl) };
}

/** Of equal settings; a case that changes hub or proxy is alone. The largest first, so that none of them is last. */
function groupCases(cases: readonly ComplianceCase[]): ComplianceCase[][] {
  const keyOf = ({ id, given, when }: ComplianceCase): string => {
    const { packs, settings, files, hub } = given;
    return JSON.stringify([
      packs,
      settings,
      files,
      hub,
      when.kind === 'steps' && !when.steps.every(({ kind }) => QUIET_STEPS.has(kind)) ? id : '',
    ]);
  };
  return [...Map.groupBy(cases, keyOf).values()].toSorted((one, other) => other.length - one.length);
}

/** Steps that leave hub and proxy as they were. */
const QUIET_STEPS: ReadonlySet<string> = new Set(['ask', 'watch', 'event', 'open']);

interface GroupEnd {
  readonly faults: readonly string[];
  readonly askedOpenssl: boolean;
}

class GroupRun {
  readonly #plan: RunPlan;
  readonly #cases: readonly ComplianceCase[];
  readonly #report: (result: CaseResult) => void;
  readonly #ends: GroupEnd[] = [];
  #stage: Stage | null = null;

  constructor(plan: RunPlan, cases: readonly ComplianceCase[], report: (result: CaseResult) => void) {
    this.#plan = plan;
    this.#cases = cases;
    this.#report = report;
  }

  async run(): Promise<readonly GroupEnd[]> {
    for (const one of this.#cases) {
      if (this.#plan.signal.aborted) break;
      this.#report(await this.#runCase(one));
    }
    await this.#closeStage();
    return this.#ends;
  }

  async #runCase(of: ComplianceCase): Promise<CaseResult> {
    const startedMs = performance.now();
    const took = (): number => Math.round(performance.now() - startedMs);
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.#plan.signal]);
    try {
      const plays = await beforeDeadline(this.#play(of, signal), of.deadlineMs, signal);
      return { of, verdict: 'passed', failure: null, durationMs: took(), plays };
    } catch (error) {
      // What is still under way must not be taken for the next case's.
      if (!(error instanceof PlayFailed)) await this.#closeStage();
      const failure =
        error instanceof PlayFailed ? error.failure : { play: 'as a whole', sent: '', expected: 'an outcome', seen: String(error) };
      return { of, verdict: 'failed', failure, durationMs: took(), plays: 0 };
    } finally {
      over.abort();
    }
  }

  async #play(of: ComplianceCase, signal: AbortSignal): Promise<number> {
    const stage = (this.#stage ??= await openStage(of.given, this.#plan.program, signal));
    const player = new Player(stage, this.#plan.recipes, signal);
    const plays =
      of.when.kind === 'steps' ? await playSteps(player, of, of.when.steps) : await player.playRequests({ ...of, when: of.when });
    const stray = stage.takeUnaccounted();
    if (stray.length > 0) throw new PlayFailed('after it', '', new Error(`the hub received more: ${stray.join('; ')}`));
    return plays;
  }

  async #closeStage(): Promise<void> {
    const stage = this.#stage;
    this.#stage = null;
    if (stage === null) return;
    const where = `the proxy of ${this.#cases[0]?.id ?? ''} and others`;
    // One that has ended before was told to by a case, which judged how.
    const code = stage.program.exitCode === null ? await stage.program.stop() : 0;
    const judged = await judgeWithOpenssl(stage.leaves, stage.authorities, stage.folder);
    const secrets = await findSecrets(stage);
    const internal = stage.program.events.filter(({ event }) => event === 'internal-error').map((line) => JSON.stringify(line));
    const stray = stage.takeUnaccounted();
    this.#ends.push({
      faults: [
        ...(code === 0 || this.#plan.signal.aborted ? [] : [`${where} ended with exit code ${code}`]),
        ...internal.map((line) => `${where} has an internal error in its log: ${line}`),
        ...stray.map((what) => `${where}: the hub received what no case had sent: ${what}`),
        ...secrets.map((what) => `${where}: ${what}`),
        ...judged.faults.map((what) => `${where}: ${what}`),
      ],
      askedOpenssl: judged.asked,
    });
    await stage.close();
  }
}

async function beforeDeadline<Value>(work: Promise<Value>, deadlineMs: number, signal: AbortSignal): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`it was not over within ${deadlineMs} ms`)), deadlineMs);
  const abort = (): void => reject(new Error('interrupted'));
  signal.addEventListener('abort', abort, { once: true });
  // When the deadline comes first, what the work says later is nobody's.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}
