// The alerts of deploy/prometheus: that they fire and stay silent when they should (promtool), that both forms hold the same rules, and that names
// agree with the program, its metrics and the runbook.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { alertNames, alertTable, runbookOf } from '../../src/admin/alert-table.ts';
import { findLabelNames, findMetricNames, readDocumentedMetrics, readProjectFile, seriesNamesOf } from './documented-metrics.ts';
import { findPromtool, NO_PROMTOOL } from './promtool.ts';

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Groups {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

interface RulesTest {
  readonly tests: readonly {
    readonly alert_rule_test?: readonly { readonly alertname: string; readonly exp_alerts?: readonly unknown[] }[];
  }[];
}

const FOLDER = fileURLToPath(new URL('../../deploy/prometheus', import.meta.url));
const MINUTE_MS = 60_000;

const plain = parse(readProjectFile('deploy/prometheus/rules.yaml')) as Groups;
const operated = parse(readProjectFile('deploy/prometheus/prometheus-rule.yaml')) as { apiVersion: string; kind: string; spec: Groups };
const rules = plain.groups.flatMap((group) => group.rules);
const alerts = rules.filter(({ alert }) => alert !== undefined);
const documented = readDocumentedMetrics();
const promtool = await findPromtool();

test('the rules for the Prometheus operator are those for Prometheus alone', () => {
  assert.equal(`${operated.apiVersion} ${operated.kind}`, 'monitoring.coreos.com/v1 PrometheusRule');
  assert.deepEqual(operated.spec, plain);
});

test('the alerts of the rules are those of the program, with the same severity', () => {
  const inRules = Object.fromEntries(alerts.map(({ alert = '', labels }) => [alert, labels?.['severity']]));
  assert.equal(alerts.length, Object.keys(inRules).length);
  assert.deepEqual(inRules, Object.fromEntries(alertNames.map((name) => [name, alertTable[name].severity])));
});

test('an alert waits as long in the rules as in the program, except where the metric itself is a time', () => {
  const inRules = new Map(alerts.map(({ alert = '', for: wait = '0m' }) => [alert, Number(wait.replace('m', '')) * MINUTE_MS]));
  const differing = alertNames.filter((name) => inRules.get(name) !== alertTable[name].forMs);
  assert.deepEqual(differing, ['CountersignCandidateNotTrusted']);
  assert.match(alerts.find(({ alert }) => alert === differing[0])?.expr ?? '', /countersign_ca_pending_seconds\) > 600$/);
  assert.equal(alertTable.CountersignCandidateNotTrusted.forMs, 600_000);
});

test('every alert says in short and at length what is wrong, and where to read on', () => {
  const runbook = readProjectFile('docs/runbook.md');
  for (const name of alertNames) {
    const { annotations } = alerts.find(({ alert }) => alert === name) ?? {};
    assert.deepEqual(Object.keys(annotations ?? {}).toSorted(), ['description', 'runbook_url', 'summary'], name);
    assert.equal(annotations?.['runbook_url'], runbookOf(name));
    assert.ok(runbook.includes(`\n## ${name}\n`), `docs/runbook.md has no section ${name}`);
  }
});

test('every metric and label in the rules is in docs/metrics.md', () => {
  const recorded = new Set(rules.flatMap(({ record }) => (record === undefined ? [] : [record])));
  const labelsOf = new Map(documented.flatMap((metric) => seriesNamesOf(metric).map((name) => [name, new Set(metric.labels)])));
  for (const { expr } of rules) {
    const unknown = [...findMetricNames(expr)].filter((name) => !recorded.has(name) && !labelsOf.has(name));
    assert.deepEqual(unknown, [], expr);
    const unknownLabels = findLabelNames(expr).filter(
      ({ metric, label }) => !recorded.has(metric) && labelsOf.get(metric)?.has(label) !== true,
    );
    assert.deepEqual(unknownLabels, [], expr);
  }
});

test('a recorded series is made in the group that reads it, before it is read', () => {
  for (const { name, rules: inGroup } of plain.groups) {
    const made = new Set<string>();
    for (const { expr, record } of inGroup) {
      const missing = [...findMetricNames(expr)].filter((metric) => metric.includes(':') && !made.has(metric));
      assert.deepEqual(missing, [], name);
      if (record !== undefined) made.add(record);
    }
  }
});

test('every alert is seen to fire and seen to be silent', () => {
  const { tests } = parse(readProjectFile('deploy/prometheus/rules-test.yaml')) as RulesTest;
  const expectations = tests.flatMap(({ alert_rule_test: all }) => all ?? []);
  for (const name of alertNames) {
    const expected = expectations.filter(({ alertname }) => alertname === name).map((each) => each.exp_alerts?.length ?? 0);
    assert.ok(expected.includes(0) && expected.some((count) => count > 0), name);
  }
});

test('promtool finds nothing wrong with the rules', { skip: promtool === null ? NO_PROMTOOL : false }, async () => {
  const answer = await promtool?.(['check', 'rules', 'rules.yaml'], FOLDER);
  assert.equal(answer?.exitCode, 0, answer?.output);
});

test('the rules fire and stay silent as rules-test.yaml says', { skip: promtool === null ? NO_PROMTOOL : false }, async () => {
  const answer = await promtool?.(['test', 'rules', 'rules-test.yaml'], FOLDER);
  assert.equal(answer?.exitCode, 0, answer?.output);
});
