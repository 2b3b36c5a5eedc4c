// The front door of the compliance test: which promises Countersign makes, the cases that prove them, the run, and its report. Everything is handed
// in: where the fixtures lie, how the program is started, when it is to stop.

import { createHash } from 'node:crypto';
import { availableParallelism, release, type } from 'node:os';
import { version } from '../version.ts';
import type { ComplianceCase } from './case.ts';
import { BUILT_IN_FIXTURES, readFixtures } from './case-files.ts';
import type { Fixtures } from './case-files.ts';
import { readPackCases } from './pack-cases.ts';
import type { ProgramCommand } from './program.ts';
import { summarize } from './report.ts';
import type { Report } from './report.ts';
import { runCases } from './runner.ts';
import type { CaseResult } from './runner.ts';
import { selectCases } from './selection.ts';
import type { Selection } from './selection.ts';

export { caseJsonSchema } from './case-schema.ts';
export { promises } from './promises.ts';
export { hasPassed } from './report.ts';
export type { Report } from './report.ts';
export { reportForms, writeReport } from './report-forms.ts';
export type { ReportForm } from './report-forms.ts';
export { tagsOf } from './selection.ts';

export interface LoadedCases {
  readonly cases: readonly ComplianceCase[];
  readonly fixtures: Fixtures;
}

export type LoadVerdict =
  | { readonly ok: true; readonly loaded: LoadedCases }
  /** Each a line for a person. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** The built-in cases, those of the packs, and those of one's own folders; then those that were asked for. */
export async function loadCases(ownFolders: readonly string[], selection: Selection): Promise<LoadVerdict> {
  const read = await readFixtures([BUILT_IN_FIXTURES, ...ownFolders]);
  if (!read.ok) return read;
  const all = [...read.fixtures.cases, ...(await readPackCases())];
  const selected = selectCases(all, selection);
  if (!selected.ok) return { ok: false, problems: [selected.problem] };
  return { ok: true, loaded: { cases: selected.cases, fixtures: read.fixtures } };
}

export interface ComplianceRun {
  readonly loaded: LoadedCases;
  readonly program: ProgramCommand;
  /** How a person starts this command. */
  readonly rerun: string;
  readonly signal: AbortSignal;
  readonly onResult: (result: CaseResult) => void;
}

/** On embedded hubs. Rejects only for what is wrong with this machine. */
export async function runCompliance({ loaded, program, rerun, signal, onResult }: ComplianceRun): Promise<Report> {
  const started = new Date();
  const { cases, fixtures } = loaded;
  const outcome = await runCases({ cases, recipes: fixtures.recipes, program, parallel: availableParallelism(), signal, onResult });
  return {
    ...outcome,
    ...{ version, node: process.versions.node, system: `${type()} ${release()} ${process.arch}`, rerun },
    startedAt: started.toISOString(),
    durationMs: Date.now() - started.getTime(),
    hub: 'the embedded hub',
    settingsDigest: digestOf(cases),
    promises: summarize(outcome.results),
  };
}

function digestOf(cases: readonly ComplianceCase[]): string {
  return createHash('sha256')
    .update(JSON.stringify(cases.map(({ source: _source, ...rest }) => rest)))
    .digest('hex');
}
