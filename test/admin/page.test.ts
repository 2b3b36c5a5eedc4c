// The status page as markup: what it says in each state, and that nothing that it is given becomes markup.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { alertTable } from '../../src/admin/alert-table.ts';
import { html } from '../../src/admin/page/html.ts';
import { pageFiles, pageHeaders, renderPage } from '../../src/admin/page/page.ts';
import { renderTerminal } from '../../src/admin/page/terminal.ts';
import { judgeFleet } from '../../src/admin/page/verdict.ts';
import type { Status } from '../../src/admin/status.ts';
import { alarm, at, healthy, nothingYet, nowMs, pendingCandidate, refusedCandidate } from './page-status.ts';

const states: Readonly<Record<string, Status>> = { healthy, pendingCandidate, refusedCandidate, alarm, nothingYet };

/** A status whose every string from elsewhere is `text`. */
function saying(text: string): Status {
  const certificate = { subject: text, fingerprintSHA256: text, notBefore: at(-1_000), notAfter: at(1_000) };
  return {
    ...alarm,
    ready: false,
    reasons: [text, text],
    signer: { ...certificate, generation: 2, state: 'current', proof: 'accepted' },
    candidate: { ...certificate, state: 'probing', since: at(-1_000), reason: text },
    retiring: [{ ...certificate, generation: 1, withdrawn: true }],
    trust: {
      authorities: [certificate],
      skipped: [text],
      refused: { code: text, detail: text, since: at(0) },
      missing: { detail: text, since: at(0) },
    },
    sync: { ...alarm.sync, lastError: { code: text, detail: text, since: at(0) } },
    probe: [{ endpoint: text, ok: false, at: at(0), outcome: 'rejected', detail: text, fingerprintSHA256: text }],
    alerts: alarm.alerts.map((alert) => ({ ...alert, message: text })),
    traffic: { ...alarm.traffic, clusters: [{ cluster: text, user: text, notAfter: at(0) }] },
  };
}

/** What is left of a page when its texts and attribute values are taken out: the same for every text. */
function skeleton(page: string): string {
  return page.replaceAll(/"[^"]*"/g, '""').replaceAll(/>[^<]*</g, '><');
}

test('text of any kind stays text: the page has the same elements and attributes whatever a certificate says', () => {
  const wanted = skeleton(renderPage(saying('x'), nowMs));
  const hostile = [
    '<img src=x onerror=alert(1)>',
    '"><script>alert(1)</script>',
    "' onfocus='alert(1)",
    '&lt;',
    '</title>',
    '--><!--',
    '${x}',
    '\u0000',
  ];
  for (const text of hostile) assert.equal(skeleton(renderPage(saying(text), nowMs)), wanted, text);
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
      assert.equal(skeleton(renderPage(saying(text), nowMs)), wanted);
    }),
    { numRuns: 50 },
  );
});

test('what html is given in a value is escaped, and only what html made is markup', () => {
  assert.equal(
    html`<p title="${'"<>\'&'}">${html`<b>${'<b>'}</b>`}${null}${7}</p>`.markup,
    '<p title="&quot;&lt;&gt;&#39;&amp;"><b>&lt;b&gt;</b>7</p>',
  );
});

test('characters that hide or turn around the writing are shown as what they are, on the page and in a terminal', () => {
  const status = saying('a\u202Eb\u200Bc\u001B[2Jd\ne');
  for (const text of [renderPage(status, nowMs), renderTerminal(status, nowMs)]) {
    assert.match(text, /a\\u\{202e\}b\\u\{200b\}c\\u\{1b\}\[2Jd e/);
    for (const character of ['\u202E', '\u200B', '\u001B']) assert.ok(!text.includes(character));
  }
});

test('the page has no inline script, style or handler, and asks nothing of anyone else', () => {
  for (const status of Object.values(states)) {
    const page = renderPage(status, nowMs);
    assert.doesNotMatch(page, /<style|\sstyle=|\son[a-z]+=|javascript:|<script(?! src="assets\/page\.js" defer><\/script>)/i);
    const loaded = [...page.matchAll(/<(?:script|img)[^>]* src="([^"]*)"|<link[^>]* href="([^"]*)"/g)].map(
      ([, source, link]) => source ?? link ?? '',
    );
    assert.deepEqual(new Set(loaded), new Set(['assets/icon.svg', 'assets/page.css', 'assets/page.js']));
    for (const path of loaded) assert.ok(pageFiles.has(`/${path}`), path);
  }
  for (const { body } of pageFiles.values())
    assert.doesNotMatch(body.replaceAll('http://www.w3.org/2000/svg', ''), /https?:|\/\/[a-z]+\.|@import|url\(/);
  assert.match(pageHeaders['content-security-policy'] ?? '', /^default-src 'none';/);
  assert.doesNotMatch(pageHeaders['content-security-policy'] ?? '', /unsafe|\*|https?:/);
});

test('the verdict says that the fleet is safe only where it is ready and no alert fires', () => {
  assert.deepEqual(judgeFleet(healthy, nowMs), {
    level: 'safe',
    label: 'Safe',
    sentence: 'The fleet is safe: the hub accepts the signer in use, which has 18 days left.',
    detail: 'The hub is expected to make its next signer in 3 days, on 27 Nov 2026.',
  });
  assert.equal(judgeFleet(pendingCandidate, nowMs).level, 'attention');
  assert.equal(judgeFleet(refusedCandidate, nowMs).level, 'attention');
  assert.equal(judgeFleet(alarm, nowMs).level, 'at-risk');
  assert.equal(judgeFleet(nothingYet, nowMs).level, 'at-risk');
  assert.match(judgeFleet(nothingYet, nowMs).sentence, /^Agents cannot get through: there is no usable signer yet/);
  assert.equal(judgeFleet({ ...healthy, ready: false, reasons: [] }, nowMs).level, 'at-risk');
});

test('each alert alone takes the verdict from safe, with its own words', () => {
  const template = alarm.alerts[0];
  assert.ok(template !== undefined);
  for (const [name, { severity, summary }] of Object.entries(alertTable)) {
    const verdict = judgeFleet({ ...healthy, alerts: [{ ...template, name, severity }] }, nowMs);
    assert.equal(verdict.level, severity === 'critical' ? 'at-risk' : 'attention', name);
    assert.ok(verdict.sentence.includes(summary), name);
  }
  const unknown = judgeFleet(
    { ...healthy, alerts: [{ name: 'CountersignNewer', severity: 'warning', message: 'Something newer is wrong.' }] },
    nowMs,
  );
  assert.equal(unknown.sentence, 'The fleet is served, but needs attention: Something newer is wrong.');
});

test('the gravest alert names the trouble even where a milder one is older', () => {
  const verdict = judgeFleet({ ...alarm, alerts: alarm.alerts.toReversed() }, nowMs);
  assert.equal(verdict.level, 'at-risk');
  assert.ok(verdict.sentence.includes(alertTable.CountersignSignerEndsVerySoon.summary));
});

test('a candidate that is not yet an alarm is told of, and the fleet is safe', () => {
  const candidate = pendingCandidate.candidate;
  assert.ok(candidate !== null);
  const details = (['probing', 'waiting', 'missing', 'refused'] as const).map((state) => {
    const verdict = judgeFleet({ ...healthy, candidate: { ...candidate, state } }, nowMs);
    assert.equal(verdict.level, 'safe');
    return verdict.detail;
  });
  assert.equal(new Set(details).size, 4);
  for (const detail of details) assert.match(detail, /Generation 12 stays in use until then\.$/);
});

/** Where the drawing has it, percent of the width. */
function placeOf(page: string, pattern: RegExp): number {
  return Number(pattern.exec(page)?.[1] ?? Number.NaN);
}

test('on the time line the refresh stands at half of the signer’s life, and now where the clock says', () => {
  for (const [name, status] of Object.entries({ healthy, pendingCandidate, alarm })) {
    const page = renderPage(status, nowMs);
    const from = placeOf(page, /class="bar bar-current" x="([\d.]+)%"/);
    const width = placeOf(page, /class="bar bar-current" x="[\d.]+%" width="([\d.]+)%"/);
    const refresh = placeOf(page, /class="refresh" x="([\d.]+)%"/);
    const now = placeOf(page, /class="now" x1="([\d.]+)%"/);
    const { signer } = status;
    assert.ok(signer !== null);
    const lived = (nowMs - Date.parse(signer.notBefore)) / (Date.parse(signer.notAfter) - Date.parse(signer.notBefore));
    assert.ok(Math.abs(refresh - (from + width / 2)) < 0.05, name);
    assert.ok(Math.abs(now - (from + width * lived)) < 0.05, name);
    for (const place of [from, from + width, now, refresh]) assert.ok(place >= 0 && place <= 100, `${name}: ${place}`);
  }
});

test('certificates of seconds, of decades and long ended ones are drawn within the picture', () => {
  const signer = healthy.signer;
  assert.ok(signer !== null);
  const windows: readonly (readonly [number, number])[] = [
    [-5_000, 5_000],
    [-1, 0],
    [-3_652 * 86_400_000, 3_652 * 86_400_000],
    [-70 * 86_400_000, -40 * 86_400_000],
    [60_000, 120_000],
  ];
  for (const [fromMs, toMs] of windows) {
    const page = renderPage({ ...healthy, signer: { ...signer, notBefore: at(fromMs), notAfter: at(toMs) } }, nowMs);
    assert.doesNotMatch(page, /NaN|Infinity|undefined/);
    for (const [, place] of page.matchAll(/ (?:x|x1|x2|width)="(-?[\d.]+)%"/g))
      assert.ok(Number(place) >= 0 && Number(place) <= 100.01, `${place} %`);
  }
});

test('however long the lists are, the page stays short', () => {
  const many = <T>(one: T | undefined): T[] => Array.from({ length: 500 }, () => one as T);
  const page = renderPage(
    {
      ...healthy,
      retiring: many(healthy.retiring[0]),
      probe: many(healthy.probe[0]),
      trust: { ...healthy.trust, authorities: many(healthy.trust.authorities[0]), skipped: many('skipped') },
    },
    nowMs,
  );
  assert.ok(page.length < 40_000, `${page.length} characters`);
  assert.match(page, /496 older signers/);
  assert.match(page, /492 more endpoints/);
});

test('in a terminal each state has its verdict, its alerts with runbook, its signers and no line with trailing blanks', () => {
  for (const [name, status] of Object.entries(states)) {
    const text = renderTerminal(status, nowMs);
    const { label, sentence } = judgeFleet(status, nowMs);
    assert.ok(text.startsWith(`${label.toUpperCase()}  ${sentence}\n`), name);
    for (const { runbook, message } of status.alerts) assert.ok(text.includes(runbook) && text.includes(message), name);
    if (status.signer !== null) assert.match(text, /^ {2}Generation 12 {2}/m);
    if (status.candidate !== null) assert.ok(text.includes(status.candidate.reason), name);
    assert.doesNotMatch(text, / \n|\n\n\n/);
  }
});
