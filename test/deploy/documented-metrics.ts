// docs/metrics.md as data, and the names of metrics in PromQL: what rules, dashboard and page are held to each other by.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface DocumentedMetric {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
}

export function readProjectFile(path: string): string {
  return readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
}

const ROW = /^\| `([a-z_0-9]+)` \| (counter|gauge|histogram) \|([^|]*)\|[^|]+\|[^|]+\|$/gm;

export function readDocumentedMetrics(): readonly DocumentedMetric[] {
  return [...readProjectFile('docs/metrics.md').matchAll(ROW)].map(([, name = '', type, labels = '']) => ({
    name,
    type: type as DocumentedMetric['type'],
    labels: [...labels.matchAll(/`([a-z]+)`/g)].map(([, label = '']) => label),
  }));
}

/** As Prometheus stores it: a histogram is three series. */
export function seriesNamesOf({ name, type }: DocumentedMetric): readonly string[] {
  return type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => `${name}${suffix}`) : [name];
}

const WORDS: ReadonlySet<string> = new Set(['and', 'or', 'unless', 'offset', 'bool', 'inf', 'nan']);

/** Of an expression that promtool has found to be one. Grafana's variables may stand in it. */
export function findMetricNames(expression: string): ReadonlySet<string> {
  const bare = expression
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')
    .replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, ' ')
    .replaceAll(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
    .replaceAll(/\$\w+|\boffset\s+\w+/g, ' ');
  const names = [...bare.matchAll(/(?<![\w.:])([a-z_][\w:]*)\b(?!\s*\()/gi)].map(([, name = '']) => name);
  return new Set(names.filter((name) => !WORDS.has(name.toLowerCase())));
}

/** The words that a metric is selected by, as `label` and `value` of `label="value"`; only equality. */
export function findLabelNames(expression: string): readonly { readonly metric: string; readonly label: string }[] {
  return [...expression.matchAll(/([a-z_][\w:]*)\s*\{([^}]*)\}/gi)].flatMap(([, metric = '', matchers = '']) =>
    [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => ({ metric, label })),
  );
}
