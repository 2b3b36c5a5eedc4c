// The settings of what follows the rotation of the hub's signer and of where alarms go.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSettings, sayProblem } from '../src/settings.ts';
import type { Problem, Settings } from '../src/settings.ts';

const MINIMAL = `listen: { certificateFile: tls.crt, keyFile: tls.key }
hub: { url: "https://api.hub.example.com:6443", caFile: hub-ca.crt }
`;

function accept(text: string): Settings {
  const verdict = readSettings(text, '/etc/countersign');
  assert.ok(verdict.ok, verdict.ok ? '' : verdict.problems.map((problem) => sayProblem('settings', problem)).join('\n'));
  return verdict.settings;
}

function refuse(text: string): readonly Problem[] {
  const verdict = readSettings(text, '/etc/countersign');
  assert.ok(!verdict.ok, 'these settings are accepted');
  return verdict.problems;
}

test('reads where the hub is asked about a new signer, and wants the account that knows all addresses where all are to be asked', () => {
  const all = accept(`${MINIMAL}caSync: { probe: { cluster: canary, endpoints: all } }\n`).caSync.probe;
  assert.deepEqual(all, { enabled: true, cluster: 'canary', endpoints: 'all' });
  const files = `${MINIMAL}bootstrap: { enabled: false }
caSync:
  source: files
  files: { certificateFile: a, keyFile: b, trustBundleFile: c }
`;
  assert.equal(accept(`${files}  probe: { enabled: false }\n`).caSync.probe.enabled, false);
  const [problem] = refuse(`${files}  probe: { endpoints: all }\n`);
  assert.equal(problem?.path, 'caSync.probe.endpoints');
  assert.match(problem.expected, /needs caSync\.source kubernetes/);
  assert.equal(refuse(`${MINIMAL}caSync: { probe: { cluster: "a:b" } }\n`)[0]?.path, 'caSync.probe.cluster');
});

test('reads where alarms go, and refuses what could not be sent', () => {
  const { admin, alerts } = accept(
    `${MINIMAL}admin: { address: 0.0.0.0, port: 8080 }
alerts: { webhook: { url: "https://am.example.com/api/v2/alerts", caFile: am.crt, tokenFile: token }, kubernetesEvents: { namespace: countersign } }\n`,
  );
  assert.deepEqual(admin, { address: '0.0.0.0', port: 8080 });
  assert.deepEqual(
    [alerts.webhook?.url.href, alerts.webhook?.caFile, alerts.webhook?.tokenFile, alerts.kubernetesEvents?.namespace],
    ['https://am.example.com/api/v2/alerts', '/etc/countersign/am.crt', '/etc/countersign/token', 'countersign'],
  );
  for (const url of ['ftp://am.example.com', 'https://user:pass@am.example.com/', 'am']) {
    assert.equal(refuse(`${MINIMAL}alerts: { webhook: { url: "${url}" } }\n`)[0]?.path, 'alerts.webhook.url', url);
  }
  assert.equal(refuse(`${MINIMAL}admin: { address: localhost }\n`)[0]?.path, 'admin.address');
  const files = `${MINIMAL}bootstrap: { enabled: false }\ncaSync: { source: files, files: { certificateFile: a, keyFile: b, trustBundleFile: c } }\n`;
  assert.equal(refuse(`${files}alerts: { kubernetesEvents: { namespace: countersign } }\n`)[0]?.path, 'alerts.kubernetesEvents');
});
