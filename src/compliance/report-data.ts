// The report for programs: JSON with everything in it, and JUnit XML as CI systems read it.

import { hasPassed, rerunOf } from './report.ts';
import type { Report } from './report.ts';
import type { CaseResult } from './runner.ts';

export function writeJson(report: Report): string {
  const { results, rerun: _rerun, ...rest } = report;
  const cases = results.map((result) => {
    const { of, verdict, durationMs, plays, failure } = result;
    const { id, promise, threat, shows, source, notApplicable } = of;
    const again = verdict === 'failed' ? { failure, rerun: rerunOf(report, result) } : {};
    return {
      id,
      promise,
      threat,
      shows,
      source,
      verdict,
      durationMs,
      plays,
      ...(notApplicable === null ? {} : { notApplicable }),
      ...again,
    };
  });
  return `${JSON.stringify({ passed: hasPassed(report), ...rest, cases }, null, 2)}\n`;
}

/** A suite a promise; what no single case stands for is a suite of its own. */
export function writeJunit(report: Report): string {
  const suites = report.promises.map(({ id, sentence }) => {
    const own = report.results.filter(({ of }) => of.promise === id);
    return suite(id, own, `<properties><property name="promise" value="${escape(sentence)}"/></properties>\n`);
  });
  const seconds = (report.durationMs / 1_000).toFixed(3);
  const failed = report.results.filter(({ verdict }) => verdict === 'failed').length + report.faults.length;
  const total = report.results.length + report.faults.length;
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="countersign compliance" tests="${total}" failures="${failed}" time="${seconds}" timestamp="${report.startedAt}">
${suites.join('\n')}${report.faults.length === 0 ? '' : `\n${faultSuite(report.faults)}`}
</testsuites>
`;
}

function suite(name: string, results: readonly CaseResult[], before: string): string {
  const count = (verdict: CaseResult['verdict']): number => results.filter((one) => one.verdict === verdict).length;
  const seconds = results.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1_000;
  const counts = `tests="${results.length}" failures="${count('failed')}" skipped="${count('not-applicable')}" time="${seconds.toFixed(3)}"`;
  return `<testsuite name="${escape(name)}" ${counts}>\n${before}${results.map(testCase).join('\n')}\n</testsuite>`;
}

function testCase({ of, verdict, durationMs, failure }: CaseResult): string {
  const head = `<testcase classname="${escape(of.promise)}" name="${escape(of.id)}" file="${escape(of.source)}" time="${(durationMs / 1_000).toFixed(3)}"`;
  if (verdict === 'not-applicable') return `${head}><skipped message="${escape(of.notApplicable ?? '')}"/></testcase>`;
  if (failure === null) return `${head}/>`;
  const { play, sent, expected, seen } = failure;
  const text = `${of.shows}\n\nsent:\n${sent}\n\nexpected:\n${expected}\n\nseen:\n${seen}`;
  return `${head}><failure message="${escape(`${play}: expected ${expected}`)}">${escape(text)}</failure></testcase>`;
}

function faultSuite(faults: readonly string[]): string {
  const cases = faults.map(
    (text, at) => `<testcase classname="run" name="fault-${at + 1}"><failure message="${escape(text)}"/></testcase>`,
  );
  return `<testsuite name="run" tests="${faults.length}" failures="${faults.length}">\n${cases.join('\n')}\n</testsuite>`;
}

/** XML 1.0 has no place for control characters; what is shown was made printable before. */
function escape(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&apos;',
    '\n': '&#10;',
  };
  return text.replaceAll(/[&<>"'\n]/g, (character) => entities[character] ?? '').replaceAll(/[^\x20-\x7e\u00a0-\ufffd]/g, '?');
}
