// Each alert on its own: it is raised when its condition has held long enough, not before, and is over when the condition is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alertNames, alertTable } from '../../src/admin/alert-table.ts';
import { initialAlerts, judgeAlerts } from '../../src/admin/alerts.ts';
import type { Alert, AlertName, AlertReading, AlertState } from '../../src/admin/alerts.ts';
import { candidate, current, DAY_MS, HOUR_MS, MINUTE_MS, NOW_MS, processWith, syncWith } from './views.ts';

function readingWith(changes: Partial<AlertReading> = {}): AlertReading {
  const { sync, servingCertificate } = processWith();
  return { sync, servingCertificate, clusters: [], counters: { refused: 0, hubRejections: 0, auditLinesLost: 0 }, ...changes };
}

/** The alerts of one process, looked at as time goes by. */
class Watched {
  #state: AlertState;
  #elapsedMs = 1_000_000;
  nowMs = NOW_MS;

  constructor() {
    this.#state = initialAlerts({ nowMs: NOW_MS, elapsedMs: this.#elapsedMs });
  }

  /** Looks each five seconds for so long, and once at least. `fresh`: the source is read all the time. */
  look(reading: AlertReading, forMs: number = 0, isFresh: boolean = true): readonly Alert[] {
    for (let passedMs = 0; passedMs <= forMs; passedMs += 5_000) {
      if (passedMs > 0) {
        this.#elapsedMs += 5_000;
        this.nowMs += 5_000;
      }
      const sync = isFresh ? { ...reading.sync, lastSuccessMs: this.nowMs } : reading.sync;
      this.#state = judgeAlerts(this.#state, { ...reading, sync }, { nowMs: this.nowMs, elapsedMs: this.#elapsedMs });
    }
    return this.#state.alerts;
  }

  get samples(): number {
    return this.#state.samples.length;
  }
}

const namesOf = (alerts: readonly Alert[]): readonly AlertName[] => alerts.map(({ name }) => name);
const signerLeft = (leftMs: number, lifeMs: number) => ({
  sync: syncWith({ current: { ...current, notBeforeMs: NOW_MS + leftMs - lifeMs, notAfterMs: NOW_MS + leftMs } }),
});
const servingLeft = (leftMs: number, lifeMs: number) => ({
  servingCertificate: { notBeforeMs: NOW_MS + leftMs - lifeMs, notAfterMs: NOW_MS + leftMs },
});
const clusterLeft = (leftMs: number, lifeMs: number) => ({
  clusters: [{ cluster: 'c1', user: 'u1', notBeforeMs: NOW_MS + leftMs - lifeMs, notAfterMs: NOW_MS + leftMs }],
});
const trustWith = (changes: object) => {
  const sync = syncWith();
  return { sync: { ...sync, trust: { ...sync.trust, ...changes } } };
};
const counted = (counters: Partial<AlertReading['counters']>) => ({
  counters: { refused: 0, hubRejections: 0, auditLinesLost: 0, ...counters },
});
const refused = { code: 'key-mismatch', detail: 'tls.key does not belong to tls.crt', fingerprintSHA256: 'ab', sinceMs: NOW_MS };

interface AlertCase {
  readonly name: AlertName;
  readonly holds: Partial<AlertReading>;
  /** Close to it, and yet not. */
  readonly not: Partial<AlertReading>;
  readonly says: RegExp;
  /** What else fires with it, and has to. */
  readonly besides?: readonly AlertName[];
}

const cases: readonly AlertCase[] = [
  {
    name: 'CountersignSignerEndsSoon',
    holds: signerLeft(7 * DAY_MS - 1, 30 * DAY_MS),
    not: signerLeft(7 * DAY_MS, 30 * DAY_MS),
    says: /generation 3\) ends on 2026-11-08T11:59:59.999Z.*the source holds no newer one/,
  },
  {
    name: 'CountersignSignerEndsVerySoon',
    holds: signerLeft(2 * DAY_MS - 1, 30 * DAY_MS),
    not: signerLeft(2 * DAY_MS, 30 * DAY_MS),
    says: /ends on 2026-11-03/,
    besides: ['CountersignSignerEndsSoon'],
  },
  {
    name: 'CountersignCandidateNotTrusted',
    holds: { sync: syncWith({ candidate }) },
    not: { sync: syncWith({ candidate: { ...candidate, phase: 'waiting' } }) },
    says: /does not accept the newest signer.*https:\/\/hub:6443 answered 401.*stays in use until 2026-11-21/,
  },
  {
    name: 'CountersignCandidateRefused',
    holds: { sync: syncWith({ refused }) },
    not: {},
    says: /refused \(key-mismatch\): tls.key does not belong/,
  },
  {
    name: 'CountersignSignerUnproven',
    holds: { sync: syncWith({ current: { ...current, proof: 'unproven' } }) },
    not: { sync: syncWith({ current: { ...current, proof: 'unasked' } }) },
    says: /generation 3 is in use although the hub has not accepted it/,
  },
  {
    name: 'CountersignHubRejectsLeaves',
    holds: counted({ hubRejections: 1 }),
    not: {},
    says: /answers 401 to certificates that are valid by all that is known/,
  },
  { name: 'CountersignTrustRefused', holds: trustWith({ refused }), not: {}, says: /trust bundle.*refused \(key-mismatch\)/ },
  {
    name: 'CountersignTrustEntrySkipped',
    holds: trustWith({ current: { fingerprint: 'f', authorities: [], skipped: ['entry 2: bad DER'] } }),
    not: {},
    says: /1 entry of the trust bundle.*entry 2: bad DER/,
  },
  {
    name: 'CountersignServingCertificateEndsSoon',
    holds: servingLeft(14 * DAY_MS - 1, 90 * DAY_MS),
    not: servingLeft(14 * DAY_MS, 90 * DAY_MS),
    says: /serving certificate ends on 2026-11-15/,
  },
  {
    name: 'CountersignServingCertificateEndsVerySoon',
    holds: servingLeft(3 * DAY_MS - 1, 90 * DAY_MS),
    not: servingLeft(3 * DAY_MS, 90 * DAY_MS),
    says: /serving certificate ends on 2026-11-04/,
    besides: ['CountersignServingCertificateEndsSoon'],
  },
  {
    name: 'CountersignAgentCertificateEnds',
    holds: clusterLeft(2 * DAY_MS - 1, 30 * DAY_MS),
    not: clusterLeft(2 * DAY_MS, 30 * DAY_MS),
    says: /c1 \(u1, 2026-11-03/,
  },
  {
    name: 'CountersignDenialBurst',
    holds: counted({ refused: 301 }),
    not: counted({ refused: 300 }),
    says: /More than one request a second/,
  },
  { name: 'CountersignAuditLost', holds: counted({ auditLinesLost: 1 }), not: {}, says: /audit\.file/ },
  {
    name: 'CountersignNotReady',
    holds: trustWith({ current: null, missing: { detail: 'no ConfigMap', sinceMs: NOW_MS } }),
    not: {},
    says: /answered 503: there is no usable trust bundle yet: no ConfigMap/,
  },
];

for (const { name, holds, not, says, besides = [] } of cases) {
  const { forMs, severity } = alertTable[name];

  test(`${name} is raised after ${forMs / MINUTE_MS} min, with the reason and the runbook`, () => {
    const watched = new Watched();
    const reading = readingWith(holds);
    if (forMs > 0) assert.deepEqual(watched.look(reading, forMs - 5_000), []);
    const alerts = watched.look(reading, forMs === 0 ? 0 : 5_000);
    assert.deepEqual(new Set(namesOf(alerts)), new Set([name, ...besides]));
    const alert = alerts.find((each) => each.name === name);
    assert.match(alert?.message ?? '', says);
    assert.equal(alert?.severity, severity);
    assert.equal(alert?.sinceMs, NOW_MS);
    assert.equal(alert?.runbook, `https://github.com/countersign/countersign/blob/main/docs/runbook.md#${name.toLowerCase()}`);
  });

  test(`${name} is over when its condition is`, () => {
    const watched = new Watched();
    assert.ok(namesOf(watched.look(readingWith(holds), forMs)).includes(name));
    // A counter that went up stays up; what happened is over when it is long enough ago
    const after = 'counters' in holds ? readingWith({ counters: holds.counters }) : readingWith();
    assert.deepEqual(watched.look(after, 'counters' in holds ? 10 * MINUTE_MS + 5_000 : 5_000), []);
  });

  test(`${name} keeps silent where its condition only nearly holds`, () => {
    const alerts = new Watched().look(readingWith(not), 'clusters' in not || 'servingCertificate' in not || 'counters' in not ? 0 : forMs);
    assert.ok(!namesOf(alerts).includes(name));
  });
}

test('every alert but CountersignSyncStale, which has tests of its own, is among these', () => {
  assert.deepEqual(
    alertNames.filter((name) => !cases.some((each) => each.name === name)),
    ['CountersignSyncStale'],
  );
});

test('CountersignSyncStale is raised after ten minutes without a read, and is over with the next', () => {
  const watched = new Watched();
  const lastError = { code: 'forbidden', detail: 'the API server refuses (403) Secret a/b', sinceMs: NOW_MS };
  const stale = readingWith({ sync: syncWith({}, { lastError }) });
  assert.deepEqual(watched.look(stale, 10 * MINUTE_MS, false), []);
  const [alert] = watched.look(stale, 5_000, false);
  assert.equal(alert?.name, 'CountersignSyncStale');
  assert.match(alert?.message ?? '', /last read on 2026-11-01T12:00:00.000Z: the API server refuses \(403\) Secret a\/b/);
  assert.deepEqual(watched.look(stale), []);
});

test('CountersignSyncStale is raised where the source was never read', () => {
  const watched = new Watched();
  const [alert] = watched.look(readingWith({ sync: syncWith({}, { lastSuccessMs: null }) }), 10 * MINUTE_MS + 5_000, false);
  assert.match(alert?.message ?? '', /have not been read since the start/);
});

test('an endpoint that rejects the canary of the current signer is an alarm, one that rejects the candidate is not', () => {
  const rejected = { endpoint: 'https://hub:6443', outcome: 'rejected', detail: 'answered 401', atMs: NOW_MS } as const;
  const ofCurrent = syncWith({}, { probeOfCurrent: [{ ...rejected, fingerprintSHA256: current.fingerprintSHA256 }] });
  const ofCandidate = syncWith({ candidate }, { probe: [{ ...rejected, fingerprintSHA256: candidate.fingerprintSHA256 }] });
  const [alert] = new Watched().look(readingWith({ sync: ofCurrent }));
  assert.equal(alert?.name, 'CountersignHubRejectsLeaves');
  assert.match(alert?.message ?? '', /https:\/\/hub:6443 rejects the canary of generation 3: answered 401/);
  assert.deepEqual(new Watched().look(readingWith({ sync: ofCandidate })), []);
});

test('an alarm about what comes next says what is in use meanwhile, and that nothing is where that is so', () => {
  const waits = (signer: Parameters<typeof syncWith>[0]): string => {
    const alerts = new Watched().look(readingWith({ sync: syncWith({ candidate, ...signer }) }), 10 * MINUTE_MS);
    return alerts.find(({ name }) => name === 'CountersignCandidateNotTrusted')?.message ?? '';
  };
  assert.match(waits({}), /The one before stays in use until 2026-11-21T12:00:00.000Z;/);
  assert.match(waits({ current: null }), /There was none before, so that agents are answered 503;/);
  assert.match(waits({ current: { ...current, notAfterMs: NOW_MS - 1 } }), /The one before ended on 2026-11-01T11:59:59.999Z, so that/);
});

test('a condition that is interrupted begins anew', () => {
  const watched = new Watched();
  const reading = readingWith({ sync: syncWith({ refused }) });
  watched.look(reading, 4 * MINUTE_MS);
  watched.look(readingWith());
  assert.deepEqual(watched.look(reading, 4 * MINUTE_MS), []);
  assert.deepEqual(namesOf(watched.look(reading, MINUTE_MS)), ['CountersignCandidateRefused']);
});

test('a wall clock that jumps by a day raises nothing that time alone would', () => {
  for (const jumpMs of [DAY_MS, -DAY_MS]) {
    const watched = new Watched();
    const waiting = readingWith({ sync: syncWith({ candidate, refused }) });
    watched.look(waiting, MINUTE_MS);
    watched.nowMs += jumpMs;
    assert.deepEqual(watched.look({ ...waiting, sync: { ...waiting.sync, lastSuccessMs: NOW_MS } }, MINUTE_MS, false), []);
  }
});

test('whoever is refused about once a second cannot raise and end the alarm again and again', () => {
  const watched = new Watched();
  const burst = (times: number) => readingWith(counted({ refused: 301 * times }));
  for (const times of [1, 2, 3]) {
    assert.deepEqual(
      watched.look(burst(times), 6 * MINUTE_MS).map(({ name, sinceMs }) => [name, sinceMs]),
      [['CountersignDenialBurst', NOW_MS]],
    );
  }
  assert.deepEqual(watched.look(burst(3), 5 * MINUTE_MS), []);
});

test('the gravest comes first', () => {
  const alerts = new Watched().look(readingWith({ ...counted({ auditLinesLost: 1 }), ...servingLeft(13 * DAY_MS, 90 * DAY_MS) }));
  assert.deepEqual(namesOf(alerts), ['CountersignAuditLost', 'CountersignServingCertificateEndsSoon']);
});

test('a short life alone is no alarm', () => {
  const hourly = { ...servingLeft(40 * MINUTE_MS, HOUR_MS), ...signerLeft(HOUR_MS, 2 * HOUR_MS), ...clusterLeft(40 * MINUTE_MS, HOUR_MS) };
  assert.deepEqual(new Watched().look(readingWith(hourly)), []);
});

test('what is kept to count the last minutes is bounded', () => {
  const watched = new Watched();
  watched.look(readingWith(), HOUR_MS);
  assert.ok(watched.samples <= 10 * 12 + 2, `${watched.samples} samples`);
});

test('names and summaries have the form that Prometheus and people expect', () => {
  for (const name of alertNames) {
    assert.match(name, /^Countersign[A-Z][A-Za-z]+$/);
    assert.match(alertTable[name].summary, /^[a-z/].{10,100}[^.]$/);
    assert.match(alertTable[name].condition, /^[a-z/].{10,140}[^.]$/);
  }
});
