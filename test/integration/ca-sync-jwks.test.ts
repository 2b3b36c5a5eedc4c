// ca-sync follows the hub's keys for service-account tokens: from the embedded hub with the rights that its account has, and from a file.

import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { startCaSync } from '../../src/ca-sync/ca-sync.ts';
import type { CaSync } from '../../src/ca-sync/ca-sync.ts';
import { startEmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';
import type { EmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';
import type { BootstrapSettings, CaSyncSettings } from '../../src/settings.ts';
import { keepLog, NEVER, until, untilTrue } from '../ca-sync/waiting.ts';
import type { KeptLog } from '../ca-sync/waiting.ts';
import { documentOf, makeTokenKey } from '../proxy/bootstrap-tokens.ts';
import { SteppedClock } from '../proxy/stepped-clock.ts';
import { noProbe } from '../no-probe.ts';

const on: BootstrapSettings = { enabled: true, jwksFile: null, sharedServiceAccounts: [] };
const KEYS_PATH = '/openid/v1/jwks';

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-jwks-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function settingsFor(folder: string, kubeconfig: string): CaSyncSettings {
  const kubeconfigFile = join(folder, 'kubeconfig');
  writeFileSync(kubeconfigFile, kubeconfig);
  const signer = { namespace: 'openshift-kube-controller-manager', secret: 'csr-signer' };
  const trust = { namespace: 'openshift-config-managed', configMap: 'csr-controller-ca', key: 'ca-bundle.crt' };
  return { source: 'kubernetes', kubeconfigFile, signer, trust, schedule: NEVER, probe: noProbe };
}

interface Following {
  readonly hub: EmbeddedHub;
  readonly sync: CaSync;
  readonly log: KeptLog;
  readonly clock: SteppedClock;
}

async function followHub(
  t: TestContext,
  change: { bootstrap?: BootstrapSettings; kubeconfig?: (hub: EmbeddedHub) => string } = {},
): Promise<Following> {
  const hub = await startEmbeddedHub();
  t.after(() => hub.close());
  const [log, clock] = [keepLog(), new SteppedClock()];
  const settings = settingsFor(makeFolder(t), change.kubeconfig?.(hub) ?? hub.syncKubeconfig());
  const sync = await startCaSync(settings, { clock, log, bootstrap: change.bootstrap ?? on });
  t.after(() => sync.close());
  return { hub, sync, log, clock };
}

/** The key that a token names. */
const kidOf = (token: string): string =>
  (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid;
const kids = (sync: CaSync): readonly string[] => sync.jwks.current?.keys.map(({ kid }) => kid) ?? [];
const asked = (hub: EmbeddedHub): number => hub.requests.filter(({ target }) => target === KEYS_PATH).length;

test('publishes the keys and the issuer of the hub, asked for as the account of ca-sync and with no right but its own', async (t) => {
  const { hub, sync, log } = await followHub(t);
  assert.deepEqual(kids(sync), [kidOf(hub.bootstrapToken)]);
  assert.equal(sync.jwks.current?.issuer, 'https://kubernetes.default.svc');
  assert.equal(sync.jwks.current?.keys[0]?.algorithm, 'RS256');
  assert.equal(sync.jwksState.current?.lastError, null);
  assert.ok(log.names().includes('jwks-published'));
  const asks = hub.requests.filter(({ target }) => target === KEYS_PATH || target === '/.well-known/openid-configuration');
  assert.deepEqual(
    asks.map(({ user, status }) => [user, status]),
    Array.from({ length: 2 }, () => ['system:serviceaccount:countersign:ca-sync', 200]),
  );
});

test('asks for nothing where bootstrap is off', async (t) => {
  const { hub, sync } = await followHub(t, { bootstrap: { ...on, enabled: false } });
  assert.equal(sync.jwks.current, null);
  assert.equal(sync.jwksState.current, null);
  assert.equal(asked(hub), 0);
});

test('follows the hub to a new key, keeps the old one while the hub does, and lets go of it with the hub', async (t) => {
  const { hub, sync, clock } = await followHub(t);
  const first = kidOf(hub.bootstrapToken);
  await hub.rotateTokenKey(false);
  const second = kidOf(hub.serviceAccountToken({ namespace: 'a', name: 'b' }));
  clock.advance(60_000);
  assert.equal(await sync.refreshJwks(), true);
  assert.deepEqual(kids(sync), [second, first]);
  await hub.rotateTokenKey(true);
  await sync.reread();
  assert.deepEqual(kids(sync), [kidOf(hub.serviceAccountToken({ namespace: 'a', name: 'b' }))]);
});

test('asks the hub at most once in ten seconds on account of unknown keys, however many are asked for', async (t) => {
  const { hub, sync, clock } = await followHub(t);
  hub.clearRequests();
  await Promise.all(Array.from({ length: 50 }, () => sync.refreshJwks()));
  assert.equal(asked(hub), 0, 'they were read a moment ago');
  clock.advance(10_000);
  await Promise.all(Array.from({ length: 50 }, () => sync.refreshJwks()));
  assert.equal(asked(hub), 1);
});

test('keeps the keys and the issuer when the hub is away, says since when, and recovers', async (t) => {
  const { hub, sync, log, clock } = await followHub(t);
  const before = sync.jwks.current;
  hub.misbehave((seen) =>
    seen.target.startsWith('/openid') || seen.target.startsWith('/.well-known') ? { kind: 'destroy-connection' } : null,
  );
  await sync.reread();
  assert.equal(sync.jwks.current, before);
  assert.equal(sync.jwksState.current?.lastError?.code, 'unreachable');
  assert.equal(await sync.refreshJwks(), false, 'a key that is unknown may be there');
  hub.behave();
  clock.advance(60_000);
  await until(sync.jwksState, (state) => state?.lastError === null);
  assert.equal(sync.jwks.current, before);
  assert.deepEqual(
    log.names().filter((name) => name.startsWith('jwks-')),
    ['jwks-published', 'jwks-failed', 'jwks-recovered'],
  );
});

test('says what is missing when the account may not read the keys, and takes them without the issuer where only that may not be read', async (t) => {
  const stranger = (hub: EmbeddedHub): string => hub.syncKubeconfig().replace(/token: .*/, `token: ${OPAQUE}`);
  const OPAQUE = 'a-person';
  const hub = await startEmbeddedHub({ tokens: new Map([[OPAQUE, { username: 'person', groups: [], extra: {} }]]) });
  t.after(() => hub.close());
  const log = keepLog();
  const sync = await startCaSync(settingsFor(makeFolder(t), stranger(hub)), { clock: new SteppedClock(), log, bootstrap: on });
  t.after(() => sync.close());
  assert.deepEqual(kids(sync), []);
  assert.match(sync.jwksState.current?.lastError?.detail ?? '', /403\) GET \/openid\/v1\/jwks; .*system:service-account-issuer-discovery/);
  hub.applyRbac(`
kind: ClusterRole
metadata: { name: keys }
rules: [{ nonResourceURLs: [/openid/v1/jwks], verbs: [get] }]
---
kind: ClusterRoleBinding
metadata: { name: keys }
roleRef: { kind: ClusterRole, name: keys }
subjects: [{ kind: User, name: person }]
`);
  await sync.reread();
  assert.deepEqual(kids(sync), [kidOf(hub.bootstrapToken)]);
  assert.equal(sync.jwks.current?.issuer, null);
  assert.match(String(log.events.find(({ name }) => name === 'jwks-published')?.fields['issuerUnknown']), /403/);
});

test('starts with the hub away, and has the keys once it is there', async (t) => {
  const gone = await startEmbeddedHub();
  const folder = makeFolder(t);
  const settings = settingsFor(folder, gone.syncKubeconfig());
  await gone.close();
  const sync = await startCaSync(settings, { clock: new SteppedClock(), log: keepLog(), bootstrap: on });
  t.after(() => sync.close());
  assert.equal(sync.jwks.current, null);
  assert.equal(sync.jwksState.current?.lastError?.code, 'unreachable');
  const hub = await startEmbeddedHub();
  t.after(() => hub.close());
  settingsFor(folder, hub.syncKubeconfig());
  await until(sync.jwks, (jwks) => jwks !== null);
  assert.deepEqual(kids(sync), [kidOf(hub.bootstrapToken)]);
});

test('an answer that is no JWK set, or has no end, leaves the keys as they are', async (t) => {
  const { hub, sync } = await followHub(t);
  const before = sync.jwks.current;
  hub.misbehave((seen) =>
    seen.target === KEYS_PATH ? { kind: 'answer', status: 200, headers: {}, body: '<html>It works!</html>' } : null,
  );
  await sync.reread();
  assert.equal(sync.jwks.current, before);
  assert.equal(sync.jwksState.current?.lastError?.code, 'jwks-malformed');
});

test('an answer without end, and one that never comes, are given up', async (t) => {
  const { hub, sync } = await followHub(t);
  const before = sync.jwks.current;
  hub.misbehave((seen) => (seen.target === KEYS_PATH ? { kind: 'flood', bytes: 64 * 1024 * 1024 } : null));
  await sync.reread();
  assert.equal(sync.jwksState.current?.lastError?.code, 'too-large');
  hub.misbehave((seen) => (seen.target === KEYS_PATH ? { kind: 'silence' } : null));
  void sync.reread();
  await untilTrue(() => hub.openStreams() > 2);
  await sync.close();
  assert.equal(sync.jwks.current, before);
  await untilTrue(() => hub.connections() === 0);
});

async function followFile(
  t: TestContext,
  write: (file: string) => void,
): Promise<{ sync: CaSync; file: string; folder: string; log: KeptLog }> {
  const folder = makeFolder(t);
  const file = join(folder, 'jwks.json');
  write(file);
  const files = { certificateFile: join(folder, 'a'), keyFile: join(folder, 'b'), trustBundleFile: join(folder, 'c') };
  const log = keepLog();
  const around = { clock: new SteppedClock(20), log, bootstrap: { ...on, jwksFile: file } };
  const sync = await startCaSync({ source: 'files', files, schedule: NEVER, probe: noProbe }, around);
  t.after(() => sync.close());
  return { sync, file, folder, log };
}

test('follows a file: written over, half written, gone, and swapped as kubelet swaps a mounted one', async (t) => {
  const [first, second, third] = [makeTokenKey('ES256'), makeTokenKey('ES256'), makeTokenKey('ES256')];
  const { sync, file, folder } = await followFile(t, (name) => writeFileSync(name, documentOf(first)));
  assert.deepEqual(kids(sync), [first.kid]);
  assert.equal(sync.jwks.current?.issuer, null);
  writeFileSync(file, documentOf(first, second));
  await until(sync.jwks, (jwks) => jwks?.keys.length === 2);
  writeFileSync(file, documentOf(third).subarray(0, 100));
  await until(sync.jwksState, (state) => state?.lastError?.code === 'jwks-malformed');
  rmSync(file);
  await until(sync.jwksState, (state) => state?.lastError?.code === 'file-unreadable');
  assert.deepEqual(kids(sync), [first.kid, second.kid]);
  writeFileSync(join(folder, 'target'), documentOf(third));
  symlinkSync(join(folder, 'target'), join(folder, 'link'));
  renameSync(join(folder, 'link'), file);
  await until(sync.jwks, (jwks) => jwks?.keys[0]?.kid === third.kid);
  await until(sync.jwksState, (state) => state?.lastError === null);
});

test('a file goes before the hub, and closing leaves nothing open on either', async (t) => {
  const key = makeTokenKey('ES256');
  const folder = makeFolder(t);
  writeFileSync(join(folder, 'jwks.json'), documentOf(key));
  const { hub, sync } = await followHub(t, { bootstrap: { ...on, jwksFile: join(folder, 'jwks.json') } });
  assert.deepEqual(kids(sync), [key.kid]);
  assert.equal(asked(hub), 0);
  await sync.close();
  await untilTrue(() => hub.connections() === 0);
});
