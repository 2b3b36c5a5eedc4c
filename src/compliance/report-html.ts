// The report as one page that can be printed and filed: no script, nothing from elsewhere. First how it went, then by promise, then what failed, then
// every case.

import { hasPassed, rerunOf } from './report.ts';
import type { PromiseSummary, Report } from './report.ts';
import { STYLE } from './report-html-style.ts';
import type { CaseResult } from './runner.ts';

export function writeHtml(report: Report): string {
  const passed = hasPassed(report);
  const title = `Countersign compliance report, ${report.startedAt.slice(0, 10)}`;
  const body = [
    header(report, passed),
    provenance(report),
    promiseTable(report.promises),
    failures(report),
    besides(report),
    cases(report),
    footer(report),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${body.filter((part) => part !== '').join('\n')}
</main>
</body>
</html>
`;
}

function count(results: readonly CaseResult[], verdict: CaseResult['verdict']): number {
  return results.filter((one) => one.verdict === verdict).length;
}

function header({ results, promises, durationMs }: Report, passed: boolean): string {
  const [good, bad, none] = [count(results, 'passed'), count(results, 'failed'), count(results, 'not-applicable')];
  const plays = results.reduce((sum, one) => sum + one.plays, 0);
  const figures: readonly (readonly [string, string])[] = [
    [String(good), 'cases passed'],
    [String(bad), 'failed'],
    [String(none), 'not applicable'],
    [String(promises.length), 'promises'],
    [String(plays), 'exchanges judged'],
    [`${(durationMs / 1_000).toFixed(0)} s`, 'in all'],
  ];
  const tiles = figures.map(([value, label]) => `<div class="figure"><b>${value}</b><span>${label}</span></div>`).join('');
  return `<header>
<p class="eyebrow">Countersign</p>
<h1>Compliance report</h1>
<p class="verdict ${passed ? 'good' : 'bad'}">${passed ? 'Passed' : 'Failed'}</p>
<p class="lead">${passed ? 'Every promise held in every case that was played.' : 'At least one promise did not hold; what failed is below.'}</p>
<div class="figures">${tiles}</div>
</header>`;
}

function provenance(report: Report): string {
  const { version, node, system, hub, startedAt, settingsDigest, askedOpenssl } = report;
  const rows: readonly (readonly [string, string])[] = [
    ['Countersign', version],
    ['Hub', hub],
    ['Started', startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')],
    ['Run on', `${system}, Node ${node}`],
    [
      'Certificates judged by',
      askedOpenssl ? "openssl verify and Node's X509Certificate" : "Node's X509Certificate (openssl was not found)",
    ],
    ['Digest of cases and settings', settingsDigest],
  ];
  return `<section><h2>What was run</h2><dl>${rows.map(([name, value]) => `<div><dt>${name}</dt><dd>${escape(value)}</dd></div>`).join('')}</dl></section>`;
}

function promiseTable(promises: readonly PromiseSummary[]): string {
  const rows = promises.map(({ id, sentence, source, passed, failed, notApplicable }) => {
    const all = passed + failed + notApplicable;
    const state = failed > 0 ? `<span class="tag bad">${failed} failed</span>` : '<span class="tag good">held</span>';
    return `<tr><td><a href="#${id}"><code>${id}</code></a></td><td>${escape(sentence)}<br><small>${escape(source)}</small></td><td class="number">${passed} of ${all}</td><td>${state}</td></tr>`;
  });
  return `<section><h2>Promises</h2><table class="promises">
<thead><tr><th>Promise</th><th>In words, and where it was given</th><th class="number">Passed</th><th>Verdict</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></section>`;
}

function failures(report: Report): string {
  const failed = report.results.filter(({ verdict }) => verdict === 'failed');
  if (failed.length === 0) return '';
  return `<section><h2>What failed</h2>${failed.map((one) => failureOf(report, one)).join('\n')}</section>`;
}

function failureOf(report: Report, result: CaseResult): string {
  const { of, failure } = result;
  const rows: readonly (readonly [string, string])[] = [
    ['Play', failure?.play ?? ''],
    ['Sent', failure?.sent ?? ''],
    ['Expected', failure?.expected ?? ''],
    ['Seen', failure?.seen ?? ''],
    ['Run again', rerunOf(report, result)],
  ];
  const list = rows.map(([name, value]) => `<div><dt>${name}</dt><dd><pre>${escape(value)}</pre></dd></div>`).join('');
  return `<article class="failure"><h3>${escape(of.id)}</h3><p>${escape(of.shows)}</p><dl>${list}</dl></article>`;
}

function besides({ faults }: Report): string {
  if (faults.length === 0) return '';
  return `<section><h2>Besides</h2><ul>${faults.map((text) => `<li><pre>${escape(text)}</pre></li>`).join('')}</ul></section>`;
}

function cases({ promises, results }: Report): string {
  const tables = promises.map(({ id, sentence }) => {
    const own = results.filter(({ of }) => of.promise === id);
    return `<h3 id="${id}"><code>${id}</code></h3><p>${escape(sentence)}</p>
<table class="cases"><thead><tr><th>Case</th><th>What it shows</th><th>Threat</th><th class="number">Time</th><th>Verdict</th></tr></thead>
<tbody>${own.map(caseRow).join('\n')}</tbody></table>`;
  });
  return `<section class="all"><h2>Every case</h2>${tables.join('\n')}</section>`;
}

function caseRow({ of, verdict, durationMs }: CaseResult): string {
  const tags = { passed: 'good', failed: 'bad', 'not-applicable': 'none' } as const;
  const words = { passed: 'passed', failed: 'failed', 'not-applicable': 'not applicable' } as const;
  const why = of.notApplicable === null ? '' : `<br><small>${escape(of.notApplicable)}</small>`;
  return `<tr><td><code>${escape(of.id).replaceAll(/([/-])/g, '$1<wbr>')}</code></td><td>${escape(of.shows)}${why}</td><td>${of.threat ?? ''}</td><td class="number">${durationMs} ms</td><td><span class="tag ${tags[verdict]}">${words[verdict]}</span></td></tr>`;
}

function footer({ version, settingsDigest }: Report): string {
  return `<footer>Countersign ${escape(version)} · digest ${settingsDigest.slice(0, 16)} · threats as in the threat model of agents (T1 to T23)</footer>`;
}

function escape(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replaceAll(/[&<>"]/g, (character) => entities[character] ?? '');
}
