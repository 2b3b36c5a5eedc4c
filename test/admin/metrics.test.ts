// The metrics as Prometheus reads them: every name of the design, bounded labels, and nothing left of what is gone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { alertNames } from '../../src/admin/alert-table.ts';
import { Metrics } from '../../src/admin/metrics.ts';
import type { StatusViews } from '../../src/admin/status.ts';
import { refusals } from '../../src/errors.ts';
import { readMetrics } from './metrics-text.ts';
import { SimulatedClock } from './simulated-clock.ts';
import { candidate, current, DAY_MS, NOW_MS, processWith, syncWith } from './views.ts';

const identity = { user: 'u', groups: [], uid: null, kind: 'klusterlet', cluster: 'c1', addon: null } as const;

function openMetrics(t: TestContext) {
  const clock = new SimulatedClock(NOW_MS);
  const metrics = new Metrics(clock);
  t.after(() => metrics.close());
  const scrape = async (changes: Partial<StatusViews> = {}) => {
    const fixed = { version: '1.2.3', pid: 1, startedMs: NOW_MS, alerts: [], tally: metrics.tally.read() };
    return readMetrics(await metrics.write({ ...processWith(), ...fixed, ...changes }, clock.now()));
  };
  return { clock, metrics, scrape };
}

test('every metric of the design is there, and says what it is', async (t) => {
  const { metrics, scrape } = openMetrics(t);
  metrics.request({ kind: 'klusterlet', verb: 'get', verdict: 'allow', code: 200, rule: null });
  metrics.leafIssued('klusterlet', 4);
  metrics.issueRefused('certificate-expired');
  metrics.clientSeen(identity, { notBeforeMs: NOW_MS - DAY_MS, notAfterMs: NOW_MS + DAY_MS });
  const { samples, types } = await scrape({ sync: syncWith({}, { errors: { forbidden: 2 } }) });
  const expected = {
    signer_not_after_timestamp_seconds: 'gauge',
    signer_not_before_timestamp_seconds: 'gauge',
    signer_generation: 'gauge',
    signer_unproven: 'gauge',
    ready: 'gauge',
    ca_rotations_total: 'counter',
    ca_sync_last_success_timestamp_seconds: 'gauge',
    ca_sync_errors_total: 'counter',
    ca_pending_seconds: 'gauge',
    ca_candidate_refused: 'gauge',
    trust_refused: 'gauge',
    trust_entries_skipped: 'gauge',
    probe_endpoints: 'gauge',
    leaves_issued_total: 'counter',
    issue_refused_total: 'counter',
    issue_duration_seconds: 'histogram',
    requests_total: 'counter',
    request_overhead_seconds: 'histogram',
    denied_total: 'counter',
    hub_rejections_total: 'counter',
    connections: 'gauge',
    watches: 'gauge',
    client_certificate_not_after_timestamp_seconds: 'gauge',
    client_certificate_lifetime_seconds: 'gauge',
    serving_certificate_not_after_timestamp_seconds: 'gauge',
    serving_certificate_not_before_timestamp_seconds: 'gauge',
    alerts: 'gauge',
    audit_lines_lost_total: 'counter',
  };
  for (const [name, type] of Object.entries(expected)) {
    assert.equal(types.get(`countersign_${name}`), type, name);
    assert.ok(
      samples.some((sample) => sample.name.startsWith(`countersign_${name}`)),
      name,
    );
  }
  for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_start_time_seconds', 'nodejs_version_info'])
    assert.ok(
      samples.some((sample) => sample.name === name),
      name,
    );
});

test('the times of signers are seconds, by generation and state', async (t) => {
  const { scrape } = openMetrics(t);
  const retiring = { ...current, generation: 2, notAfterMs: NOW_MS + DAY_MS, withdrawn: false };
  const { values } = await scrape({ sync: syncWith({ candidate, retiring: [retiring] }) });
  assert.deepEqual(values('countersign_signer_not_after_timestamp_seconds'), {
    'generation=3,state=current': current.notAfterMs / 1_000,
    'generation=next,state=candidate': candidate.notAfterMs / 1_000,
    'generation=2,state=retiring': (NOW_MS + DAY_MS) / 1_000,
  });
});

test('a series goes when what it is about is gone', async (t) => {
  const { clock, metrics, scrape } = openMetrics(t);
  metrics.clientSeen(identity, { notBeforeMs: NOW_MS - DAY_MS, notAfterMs: NOW_MS + DAY_MS });
  const before = await scrape({ sync: syncWith({ candidate }) });
  assert.deepEqual(before.values('countersign_client_certificate_not_after_timestamp_seconds'), {
    'cluster=c1': (NOW_MS + DAY_MS) / 1_000,
  });
  assert.deepEqual(before.values('countersign_client_certificate_lifetime_seconds'), { 'cluster=c1': 2 * 86_400 });
  clock.advance(2 * DAY_MS);
  const after = await scrape({ servingCertificate: null });
  assert.deepEqual(after.values('countersign_client_certificate_not_after_timestamp_seconds'), {});
  assert.deepEqual(after.values('countersign_serving_certificate_not_after_timestamp_seconds'), {});
  assert.deepEqual(Object.keys(after.values('countersign_signer_not_after_timestamp_seconds')), ['generation=3,state=current']);
});

test('requests are counted by kind, verb, verdict and code, all of them bounded words', async (t) => {
  const { metrics, scrape } = openMetrics(t);
  metrics.request({ kind: 'addon', verb: 'list', verdict: 'allow', code: 200, rule: null });
  metrics.request({ kind: 'addon', verb: 'list', verdict: 'allow', code: 200, rule: null });
  metrics.request({ kind: null, verb: null, verdict: 'deny', code: 401, rule: 'no-client-certificate' });
  metrics.request({ kind: 'klusterlet', verb: 'propfind', verdict: 'would-deny', code: 999, rule: 'method-not-supported' });
  metrics.request({ kind: 'klusterlet', verb: 'x'.repeat(10_000), verdict: 'allow', code: null, rule: null });
  const { values } = await scrape();
  assert.deepEqual(values('countersign_requests_total'), {
    'kind=addon,verb=list,verdict=allow,code=200': 2,
    'kind=none,verb=none,verdict=deny,code=401': 1,
    'kind=klusterlet,verb=other,verdict=would-deny,code=other': 1,
    'kind=klusterlet,verb=other,verdict=allow,code=none': 1,
  });
  assert.equal(values('countersign_denied_total')['rule=no-client-certificate'], 1);
  assert.equal(values('countersign_denied_total')['rule=method-not-supported'], 0);
  assert.equal(Object.keys(values('countersign_denied_total')).length, Object.keys(refusals).length);
});

test('durations are seconds', async (t) => {
  const { metrics, scrape } = openMetrics(t);
  metrics.leafIssued('klusterlet', 4);
  metrics.overhead(250);
  const { values } = await scrape();
  assert.deepEqual(values('countersign_issue_duration_seconds_sum'), { '': 0.004 });
  assert.equal(values('countersign_issue_duration_seconds_bucket')['le=0.0025'], 0);
  assert.equal(values('countersign_issue_duration_seconds_bucket')['le=0.005'], 1);
  assert.deepEqual(values('countersign_request_overhead_seconds_sum'), { '': 0.25 });
});

test('alerts, probe, readiness and pending candidate are numbers to alarm by', async (t) => {
  const { clock, scrape } = openMetrics(t);
  const firing = { name: 'CountersignAuditLost', severity: 'critical', sinceMs: NOW_MS, message: 'm', runbook: 'r' } as const;
  clock.advance(60_000);
  const { values } = await scrape({ alerts: [firing], sync: syncWith({ candidate }), draining: true, auditLinesLost: 7 });
  const alerts = values('countersign_alerts');
  assert.equal(Object.keys(alerts).length, alertNames.length);
  assert.deepEqual(
    Object.entries(alerts).filter(([, value]) => value === 1),
    [['name=CountersignAuditLost,severity=critical', 1]],
  );
  assert.deepEqual(values('countersign_probe_endpoints'), { 'outcome=accepted': 1, 'outcome=rejected': 0, 'outcome=unreachable': 0 });
  assert.deepEqual(values('countersign_ready'), { '': 0 });
  assert.deepEqual(values('countersign_ca_pending_seconds'), { '': 60 });
  assert.deepEqual(values('countersign_audit_lines_lost_total'), { '': 7 });
  assert.deepEqual(values('countersign_connections'), { 'side=client': 4, 'side=hub': 3 });
  assert.deepEqual(values('countersign_ca_rotations_total'), {
    'result=published': 3,
    'result=unproven': 0,
    'result=refused': 0,
    'result=rolled-back': 0,
  });
});

test('two scrapes count nothing twice', async (t) => {
  const { scrape } = openMetrics(t);
  await scrape({ auditLinesLost: 7 });
  const { values } = await scrape({ auditLinesLost: 7 });
  assert.deepEqual(values('countersign_audit_lines_lost_total'), { '': 7 });
  assert.equal(values('countersign_ca_rotations_total')['result=published'], 3);
});

test('ten thousand clusters are scraped', async (t) => {
  const { metrics, scrape } = openMetrics(t);
  for (let number = 0; number < 10_000; number += 1)
    metrics.clientSeen({ ...identity, cluster: `cluster-${number}` }, { notBeforeMs: NOW_MS, notAfterMs: NOW_MS + DAY_MS });
  const { values } = await scrape();
  assert.equal(Object.keys(values('countersign_client_certificate_not_after_timestamp_seconds')).length, 10_000);
});

test('meters do not share a registry, nor does a closed one hold up the process', async (t) => {
  const one = openMetrics(t);
  const other = openMetrics(t);
  one.metrics.hubRejected();
  assert.deepEqual((await other.scrape()).values('countersign_hub_rejections_total'), { '': 0 });
  one.metrics.close();
  one.metrics.hubRejected();
  assert.deepEqual((await one.scrape()).values('countersign_hub_rejections_total'), { '': 2 });
});
