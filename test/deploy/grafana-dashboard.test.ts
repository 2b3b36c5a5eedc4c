// The Grafana dashboard: that Grafana can place its panels, that every expression is PromQL and names metrics that exist, and that nothing in it is
// tied to one Prometheus or one hub.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { findMetricNames, readDocumentedMetrics, readProjectFile, seriesNamesOf } from './documented-metrics.ts';
import { findPromtool, NO_PROMTOOL } from './promtool.ts';

interface Source {
  readonly type: string;
  readonly uid: string;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: Source;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly datasource: Source }[];
}

interface Dashboard {
  readonly id: null;
  readonly uid: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly expr?: string }[] };
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[] };
}

const dashboard = JSON.parse(readProjectFile('deploy/grafana/countersign.json')) as Dashboard;
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
const expressions = [
  ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...dashboard.annotations.list.flatMap(({ expr }) => (expr === undefined ? [] : [expr])),
];
const knownSeries = new Set(readDocumentedMetrics().flatMap(seriesNamesOf));
const variables = dashboard.templating.list;
const promtool = await findPromtool();

test('it is a dashboard that Grafana 10 and 11 import', () => {
  assert.equal(dashboard.id, null);
  assert.equal(dashboard.uid, 'countersign');
  // 39 is Grafana 10.4; newer ones migrate upwards, older ones not downwards
  assert.ok(dashboard.schemaVersion >= 36 && dashboard.schemaVersion <= 39);
  assert.deepEqual(
    variables.map(({ name, type }) => `${name} ${type}`),
    ['datasource datasource', 'namespace query', 'job query', 'instance query'],
  );
});

test('panels have numbers of their own and do not overlap', () => {
  assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
  const taken = new Map<string, string>();
  for (const { title, gridPos } of dashboard.panels) {
    const { h, w, x, y } = gridPos;
    assert.ok(x + w <= 24, title);
    for (const cell of Array.from({ length: h * w }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`)) {
      assert.equal(taken.get(cell), undefined, `${title} lies over ${taken.get(cell)}`);
      taken.set(cell, title);
    }
  }
});

test('every panel says what it shows and asks the chosen Prometheus', () => {
  assert.ok(panels.length >= 25);
  for (const { title, description, datasource, targets = [] } of panels) {
    assert.ok((description ?? '').length > 10, title);
    assert.ok(targets.length > 0, title);
    for (const source of [datasource, ...targets.map((target) => target.datasource)]) {
      assert.deepEqual(source, { type: 'prometheus', uid: `\${datasource}` }, title);
    }
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
  }
});

test('every metric in it is in docs/metrics.md', () => {
  const asked = [...expressions, ...variables.flatMap(({ definition }) => definition?.match(/\((\w+)/)?.[1] ?? [])];
  const named = new Set(asked.flatMap((expression) => [...findMetricNames(expression)]));
  assert.ok(named.size >= 20);
  assert.deepEqual(
    [...named].filter((name) => !knownSeries.has(name)),
    [],
  );
});

test('every expression keeps to the chosen namespace, job and instance', () => {
  for (const expression of expressions) {
    const selectors = [...expression.matchAll(/\{([^}]*)\}/g)].map(([, matchers = '']) => matchers);
    assert.ok(selectors.length > 0, expression);
    for (const matchers of selectors) {
      assert.ok(matchers.startsWith('namespace=~"$namespace", job=~"$job", instance=~"$instance"'), expression);
    }
  }
});

test('every expression is PromQL', { skip: promtool === null ? NO_PROMTOOL : false }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-dashboard-'));
  try {
    const rules = expressions.map((expr, index) => ({ record: `panel:${index}`, expr: expr.replaceAll('$__rate_interval', '5m') }));
    await writeFile(join(folder, 'rules.yaml'), stringify({ groups: [{ name: 'dashboard', rules }] }));
    const answer = await promtool?.(['check', 'rules', 'rules.yaml'], folder);
    assert.equal(answer?.exitCode, 0, answer?.output);
    assert.match(answer?.output ?? '', new RegExp(`${expressions.length} rules found`));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
