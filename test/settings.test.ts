// Settings meet real files: what is read, what is refused, and that all of it is said at once.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { loadSettings, readSettings, sayProblem } from '../src/settings.ts';
import type { Problem, Settings } from '../src/settings.ts';
import { version } from '../src/version.ts';

const MINIMAL = `
listen: { certificateFile: tls.crt, keyFile: /etc/tls.key }
hub: { url: "https://api.hub.example.com:6443", caFile: hub-ca.crt }
`;

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-settings-'));
});
after(() => rm(folder, { recursive: true, force: true }));

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

test('fills in every default of the documented interface', () => {
  const settings = accept(MINIMAL);
  assert.deepEqual(settings.listen, {
    address: '0.0.0.0',
    port: 6443,
    certificateFile: '/etc/countersign/tls.crt',
    keyFile: '/etc/tls.key',
  });
  assert.equal(settings.hub.url.href, 'https://api.hub.example.com:6443/');
  assert.equal(settings.hub.connectTimeoutMs, 5_000);
  assert.equal(settings.hub.responseTimeoutMs, 60_000);
  assert.deepEqual(settings.caSync, {
    source: 'kubernetes',
    kubeconfigFile: null,
    signer: { namespace: 'openshift-kube-controller-manager', secret: 'csr-signer' },
    trust: { namespace: 'openshift-config-managed', configMap: 'csr-controller-ca', key: 'ca-bundle.crt' },
    schedule: '* * * * *',
    probe: { enabled: true, cluster: 'countersign-probe', endpoints: 'url' },
  });
  assert.deepEqual(settings.reissue, { lifetimeMs: 'match', movesPerSecond: 20 });
  assert.deepEqual(settings.admin, { address: '127.0.0.1', port: 9440 });
  assert.deepEqual(settings.alerts, { webhook: null, kubernetesEvents: null });
  assert.deepEqual(settings.inspect, { mode: 'enforce', packs: ['klusterlet', 'bootstrap'], policyFiles: [] });
  assert.deepEqual(settings.audit, { file: '-', requests: 'denied' });
  assert.equal(settings.drainTimeoutMs, 60_000);
  assert.equal(settings.processes, 'single');
  assert.deepEqual(settings.log, { level: 'info' });
  assert.equal(settings.limits.maxStreamsPerConnection, 100);
  assert.equal(settings.limits.maxHeaderBytes, 16 * 1024);
  assert.equal(settings.limits.maxRequestBodyBytes, 3 * 1024 * 1024);
  assert.equal(settings.limits.bodyIdleTimeoutMs, 15_000);
});

test('reads the files source with paths relative to the settings file', () => {
  const settings = accept(`${MINIMAL}
caSync: { source: files, files: { certificateFile: ca/tls.crt, keyFile: ca/tls.key, trustBundleFile: ../bundle.crt }, schedule: "*/5 * * * * *" }
audit: { file: logs/audit.jsonl, requests: all }
bootstrap: { enabled: false }
reissue: { lifetime: 24h }
limits: { maxHeaderBytes: 32KiB, handshakeTimeout: 1m30s, maxConnections: 5 }
`);
  assert.deepEqual(settings.caSync, {
    source: 'files',
    files: {
      certificateFile: '/etc/countersign/ca/tls.crt',
      keyFile: '/etc/countersign/ca/tls.key',
      trustBundleFile: '/etc/bundle.crt',
    },
    schedule: '*/5 * * * * *',
    probe: { enabled: true, cluster: 'countersign-probe', endpoints: 'url' },
  });
  assert.equal(settings.audit.file, '/etc/countersign/logs/audit.jsonl');
  assert.equal(settings.reissue.lifetimeMs, 86_400_000);
  assert.deepEqual(
    [settings.limits.maxHeaderBytes, settings.limits.handshakeTimeoutMs, settings.limits.maxConnections],
    [32 * 1024, 90_000, 5],
  );
});

test('reads which policies there are, names the built-in ones where one is not, and takes each once', () => {
  const { inspect } = accept(
    `${MINIMAL}inspect: { mode: report, packs: [klusterlet, work-manager], policyFiles: [own.yaml, /srv/p.yaml] }\n`,
  );
  assert.deepEqual(inspect, {
    mode: 'report',
    packs: ['klusterlet', 'work-manager', 'bootstrap'],
    policyFiles: ['/etc/countersign/own.yaml', '/srv/p.yaml'],
  });
  assert.deepEqual(accept(`${MINIMAL}inspect: { packs: [] }\n`).inspect.packs, ['bootstrap']);
  const [unknown] = refuse(`${MINIMAL}inspect:\n  packs:\n    - klusterlet\n    - work-manger\n`);
  assert.deepEqual([unknown?.path, unknown?.line, unknown?.found], ['inspect.packs.1', 7, '"work-manger"']);
  assert.match(unknown?.expected ?? '', /each once: klusterlet, bootstrap, work-manager, .*addon-template$/);
  assert.equal(refuse(`${MINIMAL}inspect: { packs: [klusterlet, klusterlet] }\n`)[0]?.path, 'inspect.packs');
  assert.equal(refuse(`${MINIMAL}inspect: { policyFiles: [a.yaml, ./a.yaml] }\n`)[0]?.path, 'inspect.policyFiles');
  assert.equal(refuse(`${MINIMAL}inspect: { policyFiles: own.yaml }\n`)[0]?.found, '"own.yaml"');
  assert.equal(refuse(`${MINIMAL}inspect: { mode: off }\n`)[0]?.expected, 'one of enforce, report');
});

test('reports every problem at once, each with its path, line, what was found and what is expected', () => {
  const problems = refuse(`listen:
  address: localhost
  port: 70000
  certificateFile: tls.crt
hub:
  url: http://hub.example.com/api
  caFile: 7
  conectTimeout: 5s
caSync:
  schedule: "61 * * * *"
reissue: { lifetime: 5 }
drainTimeout: soon
surprise: 1
`);
  assert.deepEqual(
    problems.map(({ path, line, found }) => [path, line, found]),
    [
      ['listen.keyFile', 1, 'nothing'],
      ['listen.address', 2, '"localhost"'],
      ['listen.port', 3, '70000'],
      ['hub.url', 6, '"http://hub.example.com/api"'],
      ['hub.caFile', 7, '7'],
      ['hub.conectTimeout', 8, 'a key that is not known'],
      ['caSync.schedule', 10, '"61 * * * *"'],
      ['reissue.lifetime', 11, '5'],
      ['drainTimeout', 12, '"soon"'],
      ['surprise', 13, 'a key that is not known'],
    ],
  );
  for (const { expected } of problems) assert.ok(expected.length > 0);
  assert.match(problems.find(({ path }) => path === 'hub.conectTimeout')?.expected ?? '', /connectTimeout/);
});

test('refuses each setting that this version would not act on, and says what follows from that', () => {
  const problems = refuse(`${MINIMAL}processes: auto\n`);
  assert.equal(problems.length, 1, 'reported once');
  assert.equal(problems[0]?.path, 'processes');
  assert.match(problems[0]?.found ?? '', new RegExp(`not available in this version \\(${version.replaceAll('.', '\\.')}\\)`));
  assert.equal(accept(`${MINIMAL}processes: single\n`).processes, 'single');
});

test('reads whose tokens may come without a certificate, and demands their keys where nobody else has them', () => {
  const shared = [{ namespace: 'open-cluster-management', name: 'agent-registration-bootstrap' }];
  assert.deepEqual(accept(MINIMAL).bootstrap, { enabled: true, jwksFile: null, sharedServiceAccounts: shared });
  const others = 'sharedServiceAccounts: [{ namespace: multicluster-engine, name: import }]';
  assert.deepEqual(accept(`${MINIMAL}bootstrap: { enabled: true, jwksFile: keys.json, ${others} }\n`).bootstrap, {
    enabled: true,
    jwksFile: '/etc/countersign/keys.json',
    sharedServiceAccounts: [{ namespace: 'multicluster-engine', name: 'import' }],
  });
  assert.equal(accept(`${MINIMAL}bootstrap: { enabled: true, sharedServiceAccounts: [] }\n`).bootstrap.enabled, true);
  const files = `${MINIMAL}caSync: { source: files, files: { certificateFile: a, keyFile: b, trustBundleFile: c } }\n`;
  assert.deepEqual(
    refuse(`${files}bootstrap: { enabled: true }\nsurprise: 1\n`).map(({ path }) => path),
    ['bootstrap.jwksFile', 'surprise'],
  );
  assert.match(refuse(`${files}bootstrap: { enabled: true }\n`)[0]?.expected ?? '', /openid\/v1\/jwks.*enabled: false/);
  assert.deepEqual(
    refuse(files).map(({ path, found }) => [path, found]),
    [['bootstrap.jwksFile', 'nothing']],
  );
  assert.equal(accept(`${files}bootstrap: { enabled: false }\n`).bootstrap.enabled, false);
  assert.deepEqual(accept(`${MINIMAL}bootstrap: { enabled: false }\n`).inspect.packs, ['klusterlet']);
  assert.equal(accept(`${files}bootstrap: { enabled: true, jwksFile: k }\n`).bootstrap.enabled, true);
  const wrong = ['yes', '{ enabled: 1 }', '{ sharedServiceAccounts: [a/b] }', '{ sharedServiceAccounts: [{ namespace: A_B, name: c }] }'];
  for (const value of wrong) assert.equal(refuse(`${MINIMAL}bootstrap: ${value}\n`).length, 1, value);
});

test('refuses YAML that means something else than it shows', () => {
  const refused: Readonly<Record<string, RegExp>> = {
    [`${MINIMAL}log: {}\nlog: {}\n`]: /repeated/,
    [`${MINIMAL}log: &a { level: info }\n`]: /anchor/,
    [`${MINIMAL}log: *a\n`]: /alias/,
    [`${MINIMAL}drainTimeout: !!str 5s\n`]: /tag/,
    [`${MINIMAL}drainTimeout: !mine 5s\n`]: /tag/,
    [`${MINIMAL}---\n${MINIMAL}`]: /second document/,
    [`%YAML 1.1\n---${MINIMAL}`]: /directive/,
    [`${MINIMAL}log: { level: info\n`]: /not YAML/,
    [`${MINIMAL}__proto__: { level: info }\n`]: /not known/,
    [`${MINIMAL}<<: { log: { level: info } }\n`]: /not known/,
    '': /empty/,
    'just text': /"just text"/,
    '- a list': /a list/,
  };
  for (const [text, found] of Object.entries(refused)) {
    const problems = refuse(text);
    assert.ok(
      problems.some((problem) => found.test(problem.found)),
      `${found} for ${JSON.stringify(text)}: ${JSON.stringify(problems)}`,
    );
  }
  assert.ok(refuse('['.repeat(100_000)).length <= 20, 'one mistake does not fill the screen');
});

test('never repeats a secret that was put in the wrong place', () => {
  const secrets = [
    ['hub: { url: "https://admin:hunter2@hub.example.com", caFile: a }', 'hunter2'],
    ['hub: { url: "eyJhbGciOiJSUzI1NiJ9.e30.c2ln", caFile: a }', 'eyJ'],
    ['hub: { url: "-----BEGIN RSA PRIVATE KEY----- MIIE", caFile: a }', 'MIIE'],
    ['token: s3cr3t-value', 's3cr3t'],
    ['caSync: { signer: { secret: "Hunter_2" } }', 'Hunter_2'],
    ['caSync: { signer: { secret: "Hunter_2" }', 'Hunter_2'],
    ['hunter2: *hunter3', 'hunter3'],
    ['"eyJhbGciOiJSUzI1NiJ9.e30.c2ln": 1', 'eyJ'],
    ['"\\e[2Jhunter2": 1', '\u001b'],
  ] as const;
  for (const [text, secret] of secrets) {
    const said = refuse(text)
      .map((problem) => sayProblem('settings.yaml', problem))
      .join('\n');
    assert.ok(!said.includes(secret), said);
  }
});

test('reads a settings file, and says what is wrong with one that cannot be read', async () => {
  const file = join(folder, 'countersign.yaml');
  await writeFile(file, MINIMAL);
  const verdict = await loadSettings(file);
  assert.ok(verdict.ok);
  assert.equal(verdict.settings.listen.certificateFile, join(folder, 'tls.crt'));

  const unreadable: readonly (readonly [string, string | Buffer | null, RegExp])[] = [
    ['missing.yaml', null, /ENOENT/],
    ['.', null, /EISDIR/],
    ['large.yaml', `# ${'x'.repeat(300 * 1024)}`, /larger than 256 KiB/],
    ['latin1.yaml', Buffer.from([0x61, 0x3a, 0x20, 0xe9]), /not UTF-8/],
  ];
  for (const [name, content, found] of unreadable) {
    const path = join(folder, name);
    if (content !== null) await writeFile(path, content);
    const refused = await loadSettings(path);
    assert.ok(!refused.ok);
    assert.match(refused.problems[0]?.found ?? '', found);
  }
});

test('the example documents every key of this version, and is accepted as it stands', async () => {
  const text = await readFile(new URL('../countersign.example.yaml', import.meta.url), 'utf8');
  const settings = accept(text);
  const withoutFiles = text
    .replaceAll(/^ {2}(?:source: kubernetes.*|kubeconfigFile: .*|signer: .*|trust: .*)$/gm, '')
    .replaceAll(/^ {2}# (source: files|files:.*|jwksFile:.*)$/gm, '  $1');
  assert.equal(accept(withoutFiles).caSync.source, 'files');
  const documented = new Set([...text.matchAll(/(\w+):/g)].map(([, key]) => key));
  // Base units are in the names that the program uses, and in the values that people write.
  const isDocumented = (key: string): boolean =>
    [key, key.replace(/Ms$/, ''), key.replace(/PerSecond$/, '')].some((name) => documented.has(name));
  const undocumented = keysOf(settings).filter((key) => !isDocumented(key));
  assert.deepEqual(undocumented, []);
});

function keysOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null || value instanceof URL) return [];
  if (Array.isArray(value)) return value.flatMap(keysOf);
  return Object.entries(value).flatMap(([key, inner]) => [key, ...keysOf(inner)]);
}

test('this version is the one that package.json names', async () => {
  const { version: packaged } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  assert.equal(version, packaged);
});

test('no text makes reading settings throw', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.json(), fc.string({ unit: fc.constantFrom('a', ':', ' ', '\n', '-', '{', '}', '&', '*', '!', '"') })),
      (text) => {
        const verdict = readSettings(text, '/');
        return !verdict.ok && verdict.problems.length > 0;
      },
    ),
  );
});
