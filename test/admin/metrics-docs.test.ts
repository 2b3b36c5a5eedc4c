// docs/metrics.md held to /metrics: every metric that is answered is on the page with its type and labels, and nothing else is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from '../../src/admin/metrics.ts';
import { readDocumentedMetrics, readProjectFile } from '../deploy/documented-metrics.ts';
import { readMetrics } from './metrics-text.ts';
import type { MetricsText } from './metrics-text.ts';
import { SimulatedClock } from './simulated-clock.ts';
import { certificate, current, DAY_MS, NOW_MS, processWith, syncWith } from './views.ts';

const documented = readDocumentedMetrics();

/** With something to say in every metric that has labels. */
async function scrapeBusyProcess(): Promise<MetricsText> {
  const metrics = new Metrics(new SimulatedClock(NOW_MS));
  try {
    metrics.request({ kind: 'addon', verb: 'list', verdict: 'deny', code: 403, rule: 'policy-denied' });
    metrics.overhead(2);
    metrics.leafIssued('klusterlet', 4);
    metrics.issueRefused('certificate-expired');
    metrics.alertDelivery('webhook', 'sent');
    metrics.clientSeen(
      { user: 'u', groups: [], uid: null, kind: 'klusterlet', cluster: 'c1', addon: null },
      { notBeforeMs: NOW_MS - DAY_MS, notAfterMs: NOW_MS + DAY_MS },
    );
    const retiring = { ...certificate('older', NOW_MS - 20 * DAY_MS, NOW_MS + 10 * DAY_MS), generation: 2, withdrawn: false };
    const sync = syncWith({ current, retiring: [retiring] }, { errors: { forbidden: 1 } });
    const views = { ...processWith({ sync }), version: '0', pid: 1, startedMs: NOW_MS, alerts: [], tally: metrics.tally.read() };
    return readMetrics(await metrics.write(views, NOW_MS));
  } finally {
    metrics.close();
  }
}

const scrape = await scrapeBusyProcess();

test('the page lists the metrics that are answered, each once, with their types', () => {
  const byName = ([one]: readonly [string, string], [other]: readonly [string, string]): number => one.localeCompare(other);
  const onPage = documented.map(({ name, type }) => [name, type] as const);
  assert.deepEqual(onPage.toSorted(byName), [...scrape.types].toSorted(byName));
});

test('every row of a table on the page was read', () => {
  const rows = readProjectFile('docs/metrics.md').match(/^\| `/gm) ?? [];
  assert.equal(rows.length, documented.length);
});

test('every metric has the labels that the page says', () => {
  for (const { name, type, labels } of documented) {
    const series = type === 'histogram' ? `${name}_bucket` : name;
    const found = scrape.samples.filter((sample) => sample.name === series);
    // No garbage may have been collected yet, and descriptors are counted on Linux only
    if (found.length === 0) assert.match(name, /^nodejs_gc_|^nodejs_eventloop_|^process_.*fds$/);
    for (const sample of found) {
      const words = [...sample.labels.matchAll(/(?:^|,)([a-z_]+)=/g)].map(([, label = '']) => label).filter((label) => label !== 'le');
      assert.deepEqual(words.toSorted(), labels.toSorted(), name);
    }
  }
});
