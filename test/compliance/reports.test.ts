// The four forms of a report: each says the same, names how to run a failed case again, and survives what a case may hold.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasPassed, loadCases, reportForms, writeReport } from '../../src/compliance/compliance.ts';
import type { Report } from '../../src/compliance/compliance.ts';
import { summarize } from '../../src/compliance/report.ts';

const loaded = await loadCases([], { ids: ['seed-scenario', 'two-lengths', 'let-back-in'], tags: [], promises: [] });
assert.ok(loaded.ok);
const [first, second, third] = loaded.loaded.cases;
assert.ok(first !== undefined && second !== undefined && third !== undefined);

function reportWith(seen: string | null, faults: readonly string[] = []): Report {
  const failure = seen === null ? null : { play: 'over h2', sent: 'GET /a?b=<c>&d="e"', expected: 'status 403', seen };
  const results: Report['results'] = [
    { of: first ?? assert.fail(), verdict: 'passed', failure: null, durationMs: 12, plays: 5 },
    { of: second ?? assert.fail(), verdict: failure === null ? 'passed' : 'failed', failure, durationMs: 7, plays: 2 },
    { of: { ...(third ?? assert.fail()), notApplicable: 'not <here>' }, verdict: 'not-applicable', failure: null, durationMs: 0, plays: 0 },
  ];
  return {
    ...{
      version: '1.2.3',
      node: '24.0.0',
      system: 'Linux',
      startedAt: '2026-11-24T00:00:00.000Z',
      durationMs: 1500,
      hub: 'the embedded hub',
    },
    ...{
      settingsDigest: 'a'.repeat(64),
      results,
      faults,
      askedOpenssl: true,
      rerun: 'countersign compliance',
      promises: summarize(results),
    },
  };
}

test('a run has passed when no case failed and nothing else went wrong', () => {
  assert.equal(hasPassed(reportWith(null)), true);
  assert.equal(hasPassed(reportWith('200')), false);
  assert.equal(hasPassed(reportWith(null, ['a key in the log'])), false);
  assert.equal(hasPassed({ results: [], faults: [] }), false);
});

test('every form names what failed and what was seen, and every form of a good run says so', () => {
  for (const form of reportForms) {
    const failed = writeReport(reportWith('status 200 </pre><script>', ['the proxy ended with 1']), form);
    for (const part of [second.id, 'over h2', 'status 403', 'status 200', 'the proxy ended with 1'])
      assert.ok(failed.includes(part), `${form}: ${part}`);
    assert.notEqual(writeReport(reportWith(null), form), failed);
  }
});

test('the text names the command that runs a failed case again, and ends with the verdict', () => {
  const text = writeReport(reportWith('200'), 'text');
  assert.match(text, new RegExp(`again {5}countersign compliance --id ${second.id}\n`));
  assert.match(text, /\nFAILED: 1 of 3 cases \(7 plays\), 1 not applicable, 1 failed, in 1\.5 s, on the embedded hub\n$/);
  assert.match(writeReport(reportWith(null), 'text'), /\nPASSED: 2 of 3 cases/);
});

test('JSON holds every case with its verdict, and whether all passed', () => {
  const read = JSON.parse(writeReport(reportWith('200'), 'json')) as {
    passed: boolean;
    cases: Record<string, unknown>[];
    settingsDigest: string;
  };
  assert.equal(read.passed, false);
  assert.deepEqual(
    read.cases.map(({ id, verdict }) => [id, verdict]),
    [
      [first.id, 'passed'],
      [second.id, 'failed'],
      [third.id, 'not-applicable'],
    ],
  );
  assert.equal(read.cases[1]?.['rerun'], `countersign compliance --id ${second.id}`);
});

test('JUnit counts as its readers do, and nothing in it breaks the XML', () => {
  const xml = writeReport(reportWith('a\nb & <c> "d"', ['f & g']), 'junit');
  assert.match(xml, /<testsuites name="countersign compliance" tests="4" failures="2"/);
  assert.match(xml, /<skipped message="not &lt;here&gt;"\/>/);
  assert.equal(xml.replaceAll(/<[^<>]*>/g, '').includes('<'), false);
  assert.doesNotMatch(xml, /&(?!(?:amp|lt|gt|quot|apos|#10);)/);
});

test('the page is one file without script, and shows text as text', () => {
  const page = writeReport(reportWith('</pre><script>alert(1)</script>'), 'html');
  assert.doesNotMatch(page, /<script|<link|<img|@import|url\(|https?:\/\//);
  assert.ok(page.includes('&lt;/pre&gt;&lt;script&gt;'));
  assert.match(page, /@media print/);
  assert.ok(page.includes('GET /a?b=&lt;c&gt;&amp;d=&quot;e&quot;'));
});
