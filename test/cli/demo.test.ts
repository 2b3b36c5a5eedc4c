// The demo as a newcomer runs it: a process, its output and its exit code.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runToEnd, start } from './command-line.ts';

test('the demo tells the story with the same identity on both ways and no failed request over two rotations', {
  timeout: 120_000,
}, async () => {
  const { code, out, err } = await runToEnd('demo');
  assert.equal(code, 0, err);
  const [, direct = '', opened = '', resigned = '', rotation = ''] = out.split(/^\d\. /m);
  assert.match(direct, /^straight to the hub[\s\S]*managedclusters\/cluster1: 200/);
  assert.match(opened, /: 403\n.*User "system:anonymous" cannot get/);
  assert.match(resigned, /^through Countersign[\s\S]*managedclusters\/cluster1: 200/);
  assert.equal(identityIn(resigned), identityIn(direct));
  assert.notEqual(credentialIn(resigned), credentialIn(direct));
  assert.match(rotation, /requests sent +[1-9]\d*\n +failed +0\n +watches cut +0\n +generation before +1\n +generation after +3,/);
});

test('the demo hub is served from a folder of files until SIGTERM', { timeout: 60_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-serve-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const serving = start('demo', '--serve', folder);
  t.after(() => serving.process.kill('SIGKILL'));
  assert.ok(serving.process.stdout !== null);
  await once(serving.process.stdout, 'data');
  assert.ok((await readdir(folder)).includes('countersign.yaml'));
  serving.process.kill('SIGTERM');
  const { code, out } = await serving.ended;
  assert.equal(code, 0);
  assert.match(out, /The hub listens on https:\/\/127\.0\.0\.1:\d+/);
});

function identityIn(chapter: string): string {
  return /user +(.*\n +groups(?:.*\n)+?) +credential-id/.exec(chapter)?.[1] ?? assert.fail(`no identity in: ${chapter}`);
}

function credentialIn(chapter: string): string {
  return /credential-id +(X509SHA256=[0-9a-f]{64})/.exec(chapter)?.[1] ?? assert.fail(`no credential-id in: ${chapter}`);
}
