// Signer and bundle from files, through ca-sync's front door: swaps, halves, losses.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { startCaSync } from '../../src/ca-sync/ca-sync.ts';
import type { CaSync } from '../../src/ca-sync/ca-sync.ts';
import { openFilesSource } from '../../src/ca-sync/source-files.ts';
import { makeAuthority, makeOpenShiftSigner } from '../pki.ts';
import { TEST_NOW_MS } from '../pki-certificate.ts';
import { keyPem, materialOf, MountedFiles } from './mounted-files.ts';
import { keepLog, NEVER, testClock, until } from './waiting.ts';
import type { KeptLog } from './waiting.ts';
import { noProbe } from '../no-probe.ts';

const HOUR_MS = 3_600_000;
const root = makeAuthority('root');
const first = makeAuthority('first', { issuer: root, notBeforeMs: TEST_NOW_MS - 2 * HOUR_MS });
const second = makeAuthority('second', { issuer: root, notBeforeMs: TEST_NOW_MS - HOUR_MS });

interface Running {
  readonly sync: CaSync;
  readonly log: KeptLog;
  readonly files: MountedFiles;
}

async function start(t: TestContext, prepare: (files: MountedFiles) => void): Promise<Running> {
  const files = new MountedFiles();
  t.after(() => files.dispose());
  prepare(files);
  const log = keepLog();
  const sync = await startCaSync({ source: 'files', files: files.settings, schedule: NEVER, probe: noProbe }, { clock: testClock, log });
  t.after(() => sync.close());
  return { sync, log, files };
}

const subject = (sync: CaSync): string | undefined => sync.signer.current?.certificate.subject;

test('publishes signer and bundle from the files before it is said to have started', async (t) => {
  const { sync, log } = await start(t, (files) => files.writeAll(materialOf(first, root)));
  assert.equal(sync.signer.current?.generation, 1);
  assert.equal(subject(sync), 'CN=first');
  assert.deepEqual(
    sync.trust.current?.authorities.map((authority) => authority.subject),
    ['CN=first', 'CN=root'],
  );
  assert.deepEqual(log.names(), ['trust-published', 'signer-published']);
  assert.equal(sync.state.current.lastSuccessMs, TEST_NOW_MS);
});

test('follows a mounted Secret over six swaps, one generation each, never half a pair', async (t) => {
  const signers = Array.from({ length: 7 }, (_, index) =>
    makeAuthority(`signer ${index}`, { issuer: root, notBeforeMs: TEST_NOW_MS - HOUR_MS + index * 1_000 }),
  );
  const [start0 = first, ...others] = signers;
  const { sync, log, files } = await start(t, (each) => each.mount(materialOf(start0, root)));
  for (const [index, signer] of others.entries()) {
    files.mount(materialOf(signer, root));
    const now = await until(sync.signer, (value) => value?.certificate.subject === `CN=signer ${index + 1}`);
    assert.equal(now?.generation, index + 2);
    assert.equal(sync.trust.current?.authorities[0]?.subject, `CN=signer ${index + 1}`);
  }
  assert.deepEqual(new Set(log.names()), new Set(['trust-published', 'signer-published']));
});

test('makes no new generation when files are written anew with the same content', async (t) => {
  const { sync, files } = await start(t, (each) => each.mount(materialOf(first, root)));
  files.mount(materialOf(first, root));
  await sync.reread();
  assert.equal(sync.signer.current?.generation, 1);
});

test('keeps the last good one while certificate and key do not belong together, and takes the pair when it is whole', async (t) => {
  const { sync, log, files } = await start(t, (each) => each.writeAll(materialOf(first, root)));
  files.write('tls.crt', second.pem);
  const torn = await until(sync.state, (state) => state.signer.refused !== null);
  assert.equal(torn.signer.refused?.code, 'key-mismatch');
  assert.equal(torn.signer.refused.sinceMs, TEST_NOW_MS);
  assert.equal(torn.signer.current?.subject, 'CN=first');
  assert.equal(subject(sync), 'CN=first');
  assert.ok(log.names().includes('signer-refused'));
  files.write('tls.key', keyPem(second));
  const whole = await until(sync.state, (state) => state.signer.current?.generation === 2);
  assert.equal(whole.signer.refused, null);
  assert.deepEqual(
    whole.signer.retiring.map(({ generation }) => generation),
    [1],
  );
});

test('keeps the last good ones while files are half-written', async (t) => {
  const { sync, files } = await start(t, (each) => each.writeAll(materialOf(first, root)));
  const whole = materialOf(second, root);
  files.write('tls.crt', whole['tls.crt'].slice(0, 400));
  files.write('tls.key', whole['tls.key'].slice(0, 100));
  files.write('ca-bundle.crt', whole['ca-bundle.crt'].slice(0, -100));
  const half = await until(sync.state, (state) => state.signer.refused !== null && state.trust.refused !== null);
  assert.equal(half.signer.refused?.code, 'certificate-unreadable');
  assert.equal(half.trust.refused?.code, 'trust-truncated');
  assert.equal(subject(sync), 'CN=first');
  assert.equal(sync.trust.current?.authorities[0]?.subject, 'CN=first');
  files.writeAll(whole);
  const after = await until(sync.state, (state) => state.signer.current?.generation === 2 && state.trust.refused === null);
  assert.equal(after.trust.current?.authorities[0]?.subject, 'CN=second');
});

test('does not take the first half of a bundle that is being written for the whole of it', async (t) => {
  const files = new MountedFiles();
  t.after(() => files.dispose());
  files.writeAll({ ...materialOf(first), 'ca-bundle.crt': first.pem });
  // The writer's next piece comes while the reader waits for it to settle
  const pieces = [second.pem.slice(0, 200), second.pem.slice(200), root.pem];
  const source = openFilesSource(files.settings, testClock, async () => {
    const piece = pieces.shift();
    if (piece !== undefined) appendFileSync(files.path('ca-bundle.crt'), piece);
  });
  const { trust } = await source.read();
  assert.ok(trust.kind === 'found');
  assert.equal(trust.value.toString(), first.pem + second.pem + root.pem);
});

test('says so when the files never come to rest', async (t) => {
  const files = new MountedFiles();
  t.after(() => files.dispose());
  files.writeAll(materialOf(first));
  const source = openFilesSource(files.settings, testClock, async () => appendFileSync(files.path('ca-bundle.crt'), '#\n'));
  const { signer, trust } = await source.read();
  assert.ok(signer.kind === 'failed' && trust.kind === 'failed');
  assert.equal(signer.code, 'file-unsettled');
});

test('keeps the last good ones when the files are deleted, and goes on with the same generation when they come back', async (t) => {
  const { sync, log, files } = await start(t, (each) => each.writeAll(materialOf(first, root)));
  files.remove('tls.key');
  files.remove('ca-bundle.crt');
  const gone = await until(sync.state, (state) => state.signer.missing !== null && state.trust.missing !== null);
  assert.match(gone.signer.missing?.detail ?? '', /live\/tls\.key does not exist/);
  assert.match(gone.trust.missing?.detail ?? '', /live\/ca-bundle\.crt does not exist/);
  assert.equal(gone.lastError, null);
  assert.equal(subject(sync), 'CN=first');
  assert.ok(log.names().includes('signer-removed') && log.names().includes('trust-removed'));
  files.writeAll(materialOf(first, root));
  await until(sync.state, (state) => state.signer.missing === null && state.trust.missing === null);
  assert.equal(sync.signer.current?.generation, 1);
});

test('starts without files, tells what it waits for, and takes them when folder and files appear', async (t) => {
  const { sync, log, files } = await start(t, () => undefined);
  assert.equal(sync.signer.current, null);
  assert.equal(sync.trust.current, null);
  assert.match(sync.state.current.signer.missing?.detail ?? '', /live\/tls\.crt does not exist/);
  assert.deepEqual(log.names(), ['trust-missing', 'signer-missing']);
  files.mount(materialOf(first, root));
  await until(sync.signer, (signer) => signer !== null);
  assert.equal(sync.state.current.signer.missing, null);
});

test('finds a change that no directory event announced, by looking', async (t) => {
  const elsewhere = new MountedFiles();
  t.after(() => elsewhere.dispose());
  elsewhere.writeAll(materialOf(first, root));
  // Links into another folder, as /etc/letsencrypt/live has them: the watched folder itself never changes
  const { sync } = await start(t, (files) => {
    mkdirSync(`${files.folder}/live`);
    for (const name of ['tls.crt', 'tls.key', 'ca-bundle.crt'] as const) symlinkSync(elsewhere.path(name), files.path(name));
  });
  assert.equal(subject(sync), 'CN=first');
  elsewhere.writeAll(materialOf(second, root));
  await until(sync.signer, (signer) => signer?.certificate.subject === 'CN=second');
});

test('a re-read sees what was written before it was asked for', async (t) => {
  const { sync, files } = await start(t, (each) => each.writeAll(materialOf(first, root)));
  files.writeAll(materialOf(second, root));
  await sync.reread();
  assert.equal(subject(sync), 'CN=second');
});

test('changes trust before the signer when one read brings both', async (t) => {
  const { sync, files } = await start(t, (each) => each.mount(materialOf(first)));
  const order: string[] = [];
  sync.trust.subscribe(() => order.push('trust'));
  sync.signer.subscribe(() => order.push('signer'));
  files.mount(materialOf(second));
  await sync.reread();
  assert.deepEqual(order, ['trust', 'signer']);
});

test('names an unreadable file as the reason why nothing is read, and recovers', async (t) => {
  const { sync, log, files } = await start(t, (each) => {
    each.writeAll(materialOf(first, root));
    each.remove('tls.key');
    execFileSync('mkfifo', [each.path('tls.key')]);
  });
  assert.equal(sync.state.current.lastError?.code, 'file-unreadable');
  assert.match(sync.state.current.lastError?.detail ?? '', /tls\.key is not a file/);
  assert.equal(sync.state.current.lastSuccessMs, null);
  assert.equal(sync.trust.current?.authorities.length, 2);
  rmSync(files.path('tls.key'));
  files.write('tls.key', keyPem(first));
  await until(sync.signer, (signer) => signer !== null);
  assert.equal(sync.state.current.lastError, null);
  assert.deepEqual(
    log.names().filter((name) => name.startsWith('sync')),
    ['sync-failed', 'sync-recovered'],
  );
});

test('does not read a file of more than a mebibyte', async (t) => {
  const { sync } = await start(t, (files) => {
    files.writeAll(materialOf(first, root));
    files.write('ca-bundle.crt', ' '.repeat(1024 * 1024 + 1));
  });
  assert.equal(sync.state.current.lastError?.code, 'too-large');
  assert.equal(sync.trust.current, null);
  assert.equal(subject(sync), 'CN=first');
});

test('takes the signer as OpenShift stores it', async (t) => {
  const { tlsCrt, tlsKey, bundle, root: issuer } = makeOpenShiftSigner(TEST_NOW_MS - HOUR_MS);
  const { sync } = await start(t, (files) => files.mount({ 'tls.crt': tlsCrt + issuer.pem, 'tls.key': tlsKey, 'ca-bundle.crt': bundle }));
  assert.equal(sync.signer.current?.chain.length, 1);
});

test('shows no key in its state, its log or its values', async (t) => {
  const { sync, log, files } = await start(t, (each) => each.writeAll(materialOf(first, root)));
  files.write('tls.crt', second.pem);
  await until(sync.state, (state) => state.signer.refused !== null);
  const lines = keyPem(first).split('\n').slice(1, -2);
  const shown = JSON.stringify([sync.state.current, log.events, sync.signer.current]);
  assert.ok(lines.length > 0);
  for (const line of lines) assert.equal(shown.includes(line), false);
  assert.match(shown, /\[redacted\]/);
});

test('after close nothing is published any more', async (t) => {
  const { sync, files } = await start(t, (each) => each.writeAll(materialOf(first, root)));
  await sync.close();
  files.writeAll(materialOf(second, root));
  utimesSync(files.path('tls.crt'), 1, 1);
  await sync.reread();
  assert.equal(subject(sync), 'CN=first');
});
