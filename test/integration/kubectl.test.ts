// The tools of the people who run hubs, as they use them: kubectl and curl through the proxy show what they show against the hub. Skipped with a
// message where a tool is not installed.

import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { setStage } from '../../src/cli/demo-stage.ts';
import type { DemoStage } from '../../src/cli/demo-stage.ts';
import { systemClock } from '../../src/clock.ts';
import { eventually } from '../proxy/test-proxy.ts';

const execute = promisify(execFile);

function skipWithout(tool: string, ...args: string[]): { skip: string | false } {
  const isThere = spawnSync(tool, args, { stdio: 'ignore' }).status === 0;
  return { skip: isThere ? false : `${tool} is not installed` };
}

const needsKubectl = skipWithout('kubectl', 'version', '--client');
const needsCurl = skipWithout('curl', '--http2', '--version');

interface Bench {
  readonly stage: DemoStage;
  readonly directory: string;
  /** kubectl's arguments for a server, as an administrator would type them. */
  kubectl(server: string): string[];
  curl(server: string): string[];
}

async function setUp(t: TestContext): Promise<Bench> {
  // kubectl asks for discovery and for lists, which no agent does: what is shown here is the way, not the policy.
  const stage = await setStage(systemClock, { moreSettings: 'inspect: { mode: report }' });
  const directory = await mkdtemp(join(tmpdir(), 'countersign-kubectl-'));
  t.after(async () => {
    await stage.close();
    await rm(directory, { recursive: true, force: true });
  });
  await stage.hub.addCluster('cluster1');
  const { certificatePem, keyPem } = await stage.hub.issueClientCertificate({ subject: { kind: 'klusterlet', cluster: 'cluster1' } });
  const [ca, certificate, key] = [join(directory, 'ca.crt'), join(directory, 'tls.crt'), join(directory, 'tls.key')];
  await writeFile(ca, stage.hub.servingCaPem);
  await writeFile(certificate, certificatePem);
  await writeFile(key, keyPem);
  // An empty kubeconfig of its own, so that the one of whoever runs the tests plays no part.
  await writeFile(join(directory, 'kubeconfig'), '');
  const options = ['--certificate-authority', ca, '--client-certificate', certificate, '--client-key', key];
  return {
    stage,
    directory,
    kubectl: (server) => [
      '--kubeconfig',
      join(directory, 'kubeconfig'),
      '--cache-dir',
      join(directory, 'cache'),
      '--server',
      server,
      ...options,
    ],
    curl: (server) => [
      '-sS',
      '--cacert',
      ca,
      '--cert',
      certificate,
      '--key',
      key,
      `${server}/apis/coordination.k8s.io/v1/namespaces/cluster1/leases`,
    ],
  };
}

test('kubectl auth whoami shows through the proxy what it shows against the hub', needsKubectl, async (t) => {
  const { stage, kubectl } = await setUp(t);
  const ask = async (server: string): Promise<{ username: string; groups: string[]; extra: Record<string, string[]> }> => {
    const { stdout } = await execute('kubectl', [...kubectl(server), 'auth', 'whoami', '-o', 'json']);
    return (JSON.parse(stdout) as { status: { userInfo: { username: string; groups: string[]; extra: Record<string, string[]> } } }).status
      .userInfo;
  };
  const [direct, resigned] = [await ask(stage.hub.url), await ask(stage.countersignUrl)];
  const { extra: directExtra, ...directIdentity } = direct;
  const { extra: resignedExtra, ...resignedIdentity } = resigned;
  assert.deepEqual(resignedIdentity, directIdentity);
  assert.notDeepEqual(resignedExtra, directExtra, 'the credential-id is that of a certificate of its own');
});

test('kubectl get -w on leases stays open over a rotation and sees an event after it', needsKubectl, async (t) => {
  const { stage, kubectl } = await setUp(t);
  const watching = spawn('kubectl', [...kubectl(stage.countersignUrl), '-n', 'cluster1', 'get', 'leases', '-w', '-o', 'name']);
  t.after(() => watching.kill('SIGKILL'));
  let [seen, errors, ended] = ['', '', false];
  watching.stdout.on('data', (chunk: Buffer) => {
    seen += chunk.toString();
  });
  watching.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  watching.once('exit', () => {
    ended = true;
  });
  await eventually('the watch is open', () => seen.includes('managed-cluster-lease') || ended);
  await stage.hub.rotate({ order: 'trust-first' });
  await eventually('the rotation was followed', () => stage.countersign.sync.signer.current?.generation === 2);
  const after = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'after-the-rotation', namespace: 'cluster1' },
    spec: {},
  };
  await stage.hub.request('POST', '/apis/coordination.k8s.io/v1/namespaces/cluster1/leases', after);
  await eventually('the event after the rotation is seen', () => seen.includes('after-the-rotation') || ended);
  assert.equal(ended, false, `kubectl ended: ${errors}`);
});

for (const version of ['--http1.1', '--http2']) {
  test(`curl ${version} gets the same through the proxy as from the hub`, needsCurl, async (t) => {
    const { stage, curl } = await setUp(t);
    const get = async (server: string): Promise<{ kind: string; items: unknown[] }> =>
      JSON.parse((await execute('curl', [version, ...curl(server)])).stdout) as { kind: string; items: unknown[] };
    const [direct, resigned] = [await get(stage.hub.url), await get(stage.countersignUrl)];
    assert.equal(direct.kind, 'LeaseList');
    assert.deepEqual(resigned, direct);
  });
}
