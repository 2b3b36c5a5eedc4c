// The compliance test as a process, as its users run it: what it proves of this program, that it fails when a case does, and that it ends what hangs.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { runToEnd, start } from '../cli/command-line.ts';

async function folderWith(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-own-cases-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

const GIVEN = 'given: { identity: { kind: klusterlet, cluster: cluster1 } }';
const OWN = '/apis/cluster.open-cluster-management.io/v1/managedclusters/cluster1';

test('the seed scenario, a refusal by frames, one by bytes and a rotation pass, and the report is written', async (t) => {
  const folder = await folderWith(t, {});
  const output = join(folder, 'report.json');
  const ids = ['seed-scenario', 'h2-impersonate', 'two-lengths', 'trust-then-signer'].flatMap((id) => ['--id', id]);
  const { code, out, err } = await runToEnd('compliance', ...ids, '--report', 'json', '--output', output);
  assert.equal(code, 0, out + err);
  assert.match(out, /\nPASSED: 4 of 4 cases/);
  const report = JSON.parse(await readFile(output, 'utf8')) as { passed: boolean; faults: unknown[] };
  assert.deepEqual([report.passed, report.faults], [true, []]);
});

test('a case that does not come out as written fails the run, and says what was sent, expected and seen', async (t) => {
  const folder = await folderWith(t, {
    'too-strict.yaml': `id: too-strict\npromise: own-cluster\nshows: a refusal that nobody promised\n${GIVEN}\nwhen: { request: GET ${OWN} }\nthen: { status: 403, rule: policy-denied, reachesHub: false }\nneighbour: { when: { request: GET ${OWN} }, then: { reachesHub: true } }\n`,
    'too-lax.yaml': `id: too-lax\npromise: own-cluster\nshows: a permission that nobody gave\n${GIVEN}\nwhen: { request: GET /api/v1/secrets }\nthen: { reachesHub: true }\n`,
  });
  const { code, out } = await runToEnd('compliance', '--fixtures', folder, '--id', 'too-strict', '--id', 'too-lax');
  assert.equal(code, 1);
  assert.match(out, /FAILED too-strict .*[^]*sent {6}GET .*cluster1\n[^]*expected {2}status, .*[^]*seen {6}200\n/);
  assert.match(out, /FAILED too-lax .*[^]*expected {2}the hub's own answer\n[^]*rule policy-denied/);
  assert.match(out, /\nFAILED: 0 of 2 cases/);
});

test('a case that hangs is cut off at its own deadline, and the one behind it is played', async (t) => {
  const folder = await folderWith(t, {
    // Nobody answers half a request, and the proxy waits for longer than the case does.
    'hangs.yaml': `id: hangs\npromise: streams\nshows: half of a request head and no more\ndeadline: 2s\n${GIVEN}\nwhen: { raw: "GET / HTTP/1.1\\r\\nHost:" }\nthen: { ends: closed, reachesHub: false }\nneighbour: { when: { request: GET ${OWN} }, then: { reachesHub: true } }\n`,
    'works.yaml': `id: works\npromise: streams\nshows: a request like any other\n${GIVEN}\nwhen: { request: GET ${OWN} }\nthen: { status: 200, reachesHub: true }\n`,
  });
  const { code, out } = await runToEnd('compliance', '--fixtures', folder, '--id', 'hangs', '--id', 'works');
  assert.equal(code, 1);
  assert.match(out, /FAILED hangs [^]*it was not over within 2000 ms/);
  assert.match(out, /\nFAILED: 1 of 2 cases/);
});

test('a wrong command line and a case file that is not of the form run nothing', async (t) => {
  const folder = await folderWith(t, { 'bad.yaml': 'id: bad\n' });
  const malformed = await runToEnd('compliance', '--fixtures', folder);
  assert.deepEqual([malformed.code, malformed.out], [1, '']);
  assert.match(malformed.err, /bad\.yaml:1: promise: found nothing/);
  assert.equal((await runToEnd('compliance', '--report', 'pdf')).code, 64);
  assert.equal((await runToEnd('compliance', '--promise', 'world-peace')).code, 64);
  assert.match((await runToEnd('compliance', '--id', 'nowhere')).err, /there is no case nowhere/);
});

test('an interrupt ends it and leaves no process and no folder behind', async () => {
  const folders = async (): Promise<readonly string[]> =>
    (await readdir(tmpdir())).filter((name) => name.startsWith('countersign-compliance-'));
  const before = new Set(await folders());
  const running = start('compliance', '--tag', 'identities');
  let left: readonly string[] = [];
  while (left.length === 0) {
    left = (await folders()).filter((name) => !before.has(name));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  running.process.kill('SIGINT');
  const { code, err } = await running.ended;
  assert.equal(code, 1);
  assert.match(err, /interrupted/);
  const after = await folders();
  assert.deepEqual(
    left.filter((name) => after.includes(name)),
    [],
  );
});
