// What `/status` says of each state of the parts, and when an instance is ready.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeReadiness } from '../../src/admin/readiness.ts';
import { describeStatus } from '../../src/admin/status.ts';
import type { StatusViews } from '../../src/admin/status.ts';
import { Tally } from '../../src/admin/tally.ts';
import type { SyncView } from '../../src/sync-view.ts';
import { SimulatedClock } from './simulated-clock.ts';
import { candidate, current, DAY_MS, HOUR_MS, NOW_MS, processWith, syncWith } from './views.ts';

function viewsWith(changes: Partial<StatusViews> = {}): StatusViews {
  const tally = new Tally(new SimulatedClock(NOW_MS)).read();
  return { ...processWith(), version: '1.2.3', pid: 42, startedMs: NOW_MS - HOUR_MS, tally, alerts: [], ...changes };
}

const describe = (changes: Partial<StatusViews> = {}) => describeStatus(viewsWith(changes), NOW_MS);

test('has every key of the design in good health', () => {
  const status = describe();
  const keys = 'version ready reasons signer candidate retiring trust sync probe alerts workers traffic'.split(' ');
  for (const key of keys) assert.ok(key in status, key);
  assert.deepEqual(status.signer, {
    generation: 3,
    subject: 'CN=current',
    fingerprintSHA256: current.fingerprintSHA256,
    notBefore: '2026-10-22T12:00:00.000Z',
    notAfter: '2026-11-21T12:00:00.000Z',
    state: 'current',
    proof: 'accepted',
  });
  assert.deepEqual([status.version, status.ready, status.reasons, status.candidate], ['1.2.3', true, [], null]);
  assert.deepEqual(status.workers, [{ pid: 42, connections: 4, hubSessions: 3, requests: 2, watches: 5, credentials: 3 }]);
  assert.deepEqual([status.started, status.at], ['2026-11-01T11:00:00.000Z', '2026-11-01T12:00:00.000Z']);
  assert.equal(status.probe[0]?.ok, true);
  assert.equal(status.traffic.perMinute.length, 60);
});

test('is JSON without loss', () => {
  const status = describe({ sync: syncWith({ candidate }) });
  assert.deepEqual(JSON.parse(JSON.stringify(status)), status);
});

test('says of a candidate whether it waits, is probed, was refused or is missing, since when and why', () => {
  const refused = { code: 'garbage', detail: 'tls.crt holds no certificate', fingerprintSHA256: 'ff', sinceMs: NOW_MS - HOUR_MS };
  const of = (signer: Partial<SyncView['signer']>) => describe({ sync: syncWith(signer) }).candidate;
  const probing = of({ candidate });
  assert.deepEqual([probing?.state, probing?.subject, probing?.reason], ['probing', 'CN=candidate', candidate.detail]);
  assert.equal(of({ candidate: { ...candidate, phase: 'waiting' } })?.state, 'waiting');
  assert.deepEqual(of({ refused }), {
    fingerprintSHA256: 'ff',
    subject: null,
    notBefore: null,
    notAfter: null,
    state: 'refused',
    since: '2026-11-01T11:00:00.000Z',
    reason: 'tls.crt holds no certificate',
  });
  assert.deepEqual(of({ missing: { detail: 'the Secret is gone', sinceMs: NOW_MS } })?.state, 'missing');
});

test('shows what is retiring, what fires, and what is wrong with the source and the bundle', () => {
  const sinceMs = NOW_MS - HOUR_MS;
  const { trust } = syncWith();
  const sync = syncWith(
    { retiring: [{ ...current, generation: 2, withdrawn: true }] },
    {
      trust: { ...trust, refused: { code: 'empty', detail: 'no CA', fingerprintSHA256: 'aa', sinceMs } },
      lastError: { code: 'forbidden', detail: '403', sinceMs },
    },
  );
  const alert = { name: 'CountersignTrustRefused', severity: 'warning', sinceMs, message: 'm', runbook: 'https://r' } as const;
  const status = describe({ sync, alerts: [alert] });
  const since = '2026-11-01T11:00:00.000Z';
  assert.deepEqual([status.retiring[0]?.generation, status.retiring[0]?.withdrawn], [2, true]);
  assert.deepEqual(status.trust.refused, { code: 'empty', detail: 'no CA', since });
  assert.deepEqual(status.sync.lastError, { code: 'forbidden', detail: '403', since });
  assert.deepEqual(status.alerts, [{ name: 'CountersignTrustRefused', severity: 'warning', since, message: 'm', runbook: 'https://r' }]);
});

test('lists the twenty clusters whose certificates end next, and the rules that refused most', () => {
  const tally = new Tally(new SimulatedClock(NOW_MS));
  for (let day = 30; day > 0; day -= 1) {
    const identity = { user: `u${day}`, groups: [], uid: null, kind: 'klusterlet', cluster: `c${day}`, addon: null } as const;
    tally.see(identity, { notBeforeMs: NOW_MS, notAfterMs: NOW_MS + day * DAY_MS });
  }
  const deny = { kind: 'klusterlet', verb: 'get', verdict: 'deny', code: 403 } as const;
  for (const rule of ['policy-denied', 'quarantined', 'policy-denied'] as const) tally.countRequest({ ...deny, rule });
  const { clusters, refusalsByRule } = describe({ tally: tally.read() }).traffic;
  assert.equal(clusters.length, 20);
  assert.deepEqual(clusters[0], { cluster: 'c1', user: 'u1', notAfter: '2026-11-02T12:00:00.000Z' });
  assert.deepEqual(refusalsByRule, [
    { rule: 'policy-denied', count: 2 },
    { rule: 'quarantined', count: 1 },
  ]);
});

const unproven = { ...current, proof: 'unproven' } as const;
const answer = { endpoint: 'https://hub:6443', detail: '', atMs: NOW_MS, fingerprintSHA256: current.fingerprintSHA256 };
const unread = syncWith({ current: null }, { trust: { current: null, refused: null, missing: null }, lastSuccessMs: null, probe: [] });

const readinessCases: readonly (readonly [string, Partial<StatusViews>, RegExp | null])[] = [
  ['in good health', {}, null],
  [
    'while the hub is away, whatever the last probe said',
    {
      sync: syncWith(
        {},
        {
          probeOfCurrent: [{ ...answer, outcome: 'unreachable' }],
          lastError: { code: 'unreachable', detail: 'ECONNREFUSED', sinceMs: NOW_MS },
        },
      ),
    },
    null,
  ],
  ['with the probe off', { sync: syncWith({ current: { ...current, proof: 'unasked' } }, { probe: [], probeOfCurrent: [] }) }, null],
  [
    'while one of two endpoints accepts the signer',
    { sync: syncWith({ current: unproven }, { probeOfCurrent: [{ ...answer, outcome: 'accepted' }] }) },
    null,
  ],
  ['while a candidate waits', { sync: syncWith({ candidate }) }, null],
  ['before the first read', { sync: unread }, /no usable signer yet: the source has not been read yet/],
  [
    'with a first signer that the hub does not accept yet',
    { sync: syncWith({ current: null, candidate }) },
    /no usable signer yet: https:\/\/hub:6443 answered 401/,
  ],
  [
    'with a signer that no endpoint accepts',
    { sync: syncWith({ current: unproven }, { probeOfCurrent: [{ ...answer, outcome: 'rejected' }] }) },
    /no endpoint of the hub has accepted/,
  ],
  [
    'where only an older signer was accepted',
    {
      sync: syncWith({ current: unproven }, { probe: [{ ...answer, outcome: 'accepted', fingerprintSHA256: 'old' }], probeOfCurrent: [] }),
    },
    /no endpoint/,
  ],
  [
    'after the signer has ended',
    { sync: syncWith({ current: { ...current, notAfterMs: NOW_MS - 1 } }) },
    /ended on 2026-11-01T11:59:59.999Z/,
  ],
  [
    'without a trust bundle',
    { sync: syncWith({}, { trust: { current: null, refused: null, missing: { detail: 'no ConfigMap', sinceMs: NOW_MS } } }) },
    /trust bundle yet: no ConfigMap/,
  ],
  ['while shutting down', { draining: true }, /shutting down/],
];

for (const [when, changes, reason] of readinessCases) {
  test(`is ${reason === null ? 'ready' : 'not ready'} ${when}`, () => {
    const { ready, reasons } = judgeReadiness(viewsWith(changes), NOW_MS);
    assert.equal(ready, reason === null);
    if (reason === null) assert.deepEqual(reasons, []);
    else assert.match(reasons.join('\n'), reason);
  });
}
