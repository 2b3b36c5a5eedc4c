// What a run of the compliance test has to say, before anybody decides in which form.

import type { CaseResult, RunOutcome } from './runner.ts';
import { promiseIds, promises } from './promises.ts';
import type { PromiseId } from './promises.ts';

export interface Report {
  readonly version: string;
  readonly node: string;
  /** `Linux 6.8 x64`. */
  readonly system: string;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly durationMs: number;
  /** What stood behind the proxy. */
  readonly hub: string;
  /** SHA-256 over what was run: the cases' settings and the cases themselves, in order. */
  readonly settingsDigest: string;
  readonly promises: readonly PromiseSummary[];
  readonly results: readonly CaseResult[];
  readonly faults: readonly string[];
  readonly askedOpenssl: boolean;
  /** The command that runs one case again, without its id. */
  readonly rerun: string;
}

export interface PromiseSummary {
  readonly id: PromiseId;
  readonly sentence: string;
  readonly source: string;
  readonly passed: number;
  readonly failed: number;
  readonly notApplicable: number;
}

export function hasPassed({ results, faults }: Pick<RunOutcome, 'results' | 'faults'>): boolean {
  return faults.length === 0 && results.length > 0 && results.every(({ verdict }) => verdict !== 'failed');
}

/** Of promises that any of the results belongs to. */
export function summarize(results: readonly CaseResult[]): readonly PromiseSummary[] {
  return promiseIds
    .map((id) => {
      const own = results.filter(({ of }) => of.promise === id);
      const count = (verdict: CaseResult['verdict']): number => own.filter((one) => one.verdict === verdict).length;
      return { id, ...promises[id], passed: count('passed'), failed: count('failed'), notApplicable: count('not-applicable') };
    })
    .filter(({ passed, failed, notApplicable }) => passed + failed + notApplicable > 0);
}

export function rerunOf({ rerun }: Report, { of }: CaseResult): string {
  return `${rerun} --id ${of.id}`;
}
