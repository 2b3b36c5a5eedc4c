// The settings of rates, limits by identity and quarantine: defaults, units, and what is refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRate } from '../src/quantity.ts';
import { readSettings, sayProblem } from '../src/settings.ts';
import type { Problem, Settings } from '../src/settings.ts';

const MINIMAL = `listen: { certificateFile: tls.crt, keyFile: tls.key }
hub: { url: "https://api.hub.example.com:6443", caFile: hub-ca.crt }
`;

function accept(text: string): Settings {
  const verdict = readSettings(MINIMAL + text, '/etc/countersign');
  assert.ok(verdict.ok, verdict.ok ? '' : verdict.problems.map((problem) => sayProblem('settings', problem)).join('\n'));
  return verdict.settings;
}

function refuse(text: string): readonly Problem[] {
  const verdict = readSettings(MINIMAL + text, '/etc/countersign');
  assert.ok(!verdict.ok, 'these settings are accepted');
  return verdict.problems;
}

test('rates have defaults that the facts give for honest agents, and locking out ends within a minute', () => {
  const { rates, lockoutMs, maxConnectionsPerIdentity, maxRequestsPerIdentity, maxHeaderBytesPerSecond } = accept('').limits;
  assert.deepEqual(rates, {
    klusterlet: { sustainedPerSecond: 60, burst: 150 },
    addon: { sustainedPerSecond: 20, burst: 40 },
    mutating: { sustainedPerSecond: 60, burst: 150 },
    list: { sustainedPerSecond: 5, burst: 50 },
    watchStarts: { sustainedPerSecond: 5, burst: 50 },
    csrCreates: { sustainedPerSecond: 1 / 60, burst: 20 },
    refused: { sustainedPerSecond: 1, burst: 100 },
  });
  assert.ok(lockoutMs <= 60_000);
  assert.deepEqual([maxConnectionsPerIdentity, maxRequestsPerIdentity, maxHeaderBytesPerSecond], [128, 256, 1024 ** 2]);
});

test('each half of each rate can be set by itself', () => {
  const { limits } = accept('limits: { lockout: 5s, rates: { addon: { burst: 400 }, csrCreates: { sustained: 10/h } } }\n');
  assert.equal(limits.lockoutMs, 5_000);
  assert.deepEqual(limits.rates.addon, { sustainedPerSecond: 20, burst: 400 });
  assert.deepEqual(limits.rates.csrCreates, { sustainedPerSecond: 10 / 3_600, burst: 20 });
});

test('a rate has a unit, and a lock-out of more than a minute is no setting', () => {
  const problems = refuse(
    'limits:\n  lockout: 2m\n  rates:\n    list: { sustained: 5 }\n    addon: { sustained: 0/s, burst: 0 }\n    reads: {}\n',
  );
  assert.deepEqual(
    problems.map(({ path, found }) => [path, found]),
    [
      ['limits.lockout', '"2m"'],
      ['limits.rates.list.sustained', '5'],
      ['limits.rates.addon.sustained', '"0/s"'],
      ['limits.rates.addon.burst', '0'],
      ['limits.rates.reads', 'a key that is not known'],
    ],
  );
  assert.match(problems[1]?.expected ?? '', /^a rate such as 60\/s, 30\/m or 10\/h/);
});

test('rates are read by the second, the minute and the hour', () => {
  assert.deepEqual(['60/s', '30/m', '36/h'].map(parseRate), [60, 0.5, 0.01]);
  for (const bad of ['', '60', '/s', '60/d', '1.5/s', '-1/s', ' 1/s', '99999999999999999999/s']) assert.equal(parseRate(bad), null, bad);
});

test('quarantine names clusters, a ConfigMap and the hub', () => {
  assert.deepEqual(accept('').quarantine, { clusters: [], configMap: null, followHub: false });
  const { quarantine } = accept(
    'quarantine: { clusters: [lab-3, lab-4], configMap: { namespace: countersign, name: quarantine }, followHub: true }\n',
  );
  assert.deepEqual(quarantine, {
    clusters: ['lab-3', 'lab-4'],
    configMap: { namespace: 'countersign', name: 'quarantine' },
    followHub: true,
  });
});

test('a quarantine that could not work is refused', () => {
  assert.equal(refuse('quarantine: { clusters: [Lab_3] }\n')[0]?.path, 'quarantine.clusters.0');
  assert.equal(refuse('quarantine: { clusters: [lab, lab] }\n')[0]?.path, 'quarantine.clusters');
  assert.equal(refuse('quarantine: { clusters: lab }\n')[0]?.expected, 'a list of names of managed clusters, each once');
  assert.equal(refuse('quarantine: { configMap: { name: quarantine } }\n')[0]?.path, 'quarantine.configMap.namespace');
  assert.equal(refuse('quarantine: { followHub: yes please }\n')[0]?.expected, 'true or false');
  const files = 'bootstrap: { enabled: false }\ncaSync: { source: files, files: { certificateFile: a, keyFile: b, trustBundleFile: c } }\n';
  for (const watched of ['followHub: true', 'configMap: { namespace: countersign, name: quarantine }']) {
    const [problem, ...others] = refuse(`${files}quarantine: { clusters: [lab], ${watched} }\n`);
    assert.deepEqual([problem?.path, others.length], ['quarantine', 0]);
    assert.match(problem?.expected ?? '', /^neither configMap nor followHub where caSync\.source is files/);
  }
  assert.deepEqual(accept(`${files}quarantine: { clusters: [lab] }\n`).quarantine.clusters, ['lab']);
});
