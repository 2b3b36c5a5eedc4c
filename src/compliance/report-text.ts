// The report for a terminal: a table by promise, what failed with everything that is needed to look into it, and a last line that says how it went.

import { hasPassed, rerunOf } from './report.ts';
import type { PromiseSummary, Report } from './report.ts';
import type { CaseResult } from './runner.ts';

export function writeText(report: Report): string {
  const parts = [
    table(report.promises),
    ...report.results.filter(({ verdict }) => verdict === 'failed').map((one) => failure(report, one)),
  ];
  const skipped = report.results.filter(({ verdict }) => verdict === 'not-applicable');
  if (skipped.length > 0) parts.push(`Not applicable:\n${skipped.map(({ of }) => `  ${of.id}: ${of.notApplicable}`).join('\n')}\n`);
  if (report.faults.length > 0) parts.push(`Besides:\n${report.faults.map((line) => `  ${line}`).join('\n')}\n`);
  if (!report.askedOpenssl) parts.push('openssl was not found: issued certificates were judged by Node alone.\n');
  return `${parts.join('\n')}\n${lastLine(report)}\n`;
}

function table(promises: readonly PromiseSummary[]): string {
  const width = Math.max(...promises.map(({ id }) => id.length));
  const number = (value: number): string => String(value).padStart(6);
  const head = `${'promise'.padEnd(width)}  passed failed    n/a`;
  const rows = promises.map(
    ({ id, passed, failed, notApplicable }) => `${id.padEnd(width)}  ${number(passed)} ${number(failed)} ${number(notApplicable)}`,
  );
  return `${[head, ...rows].join('\n')}\n`;
}

function failure(report: Report, result: CaseResult): string {
  const { of, failure: found } = result;
  const indent = (text: string): string => text.replaceAll('\n', '\n              ');
  return `FAILED ${of.id} (${of.promise}${of.threat === null ? '' : `, ${of.threat}`})
    shows     ${of.shows}
    where     ${of.source}
    play      ${found?.play ?? ''}
    sent      ${indent(found?.sent ?? '')}
    expected  ${indent(found?.expected ?? '')}
    seen      ${indent(found?.seen ?? '')}
    again     ${rerunOf(report, result)}
`;
}

function lastLine({ results, faults, durationMs, hub }: Report): string {
  const count = (verdict: CaseResult['verdict']): number => results.filter((one) => one.verdict === verdict).length;
  const plays = results.reduce((sum, one) => sum + one.plays, 0);
  const verdict = hasPassed({ results, faults }) ? 'PASSED' : 'FAILED';
  const besides = count('not-applicable') === 0 ? '' : `, ${count('not-applicable')} not applicable`;
  return `${verdict}: ${count('passed')} of ${results.length} cases (${plays} plays)${besides}, ${count('failed')} failed, in ${(durationMs / 1_000).toFixed(1)} s, on ${hub}`;
}
