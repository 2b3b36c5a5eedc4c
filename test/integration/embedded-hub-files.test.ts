// The embedded hub served from a folder: the files work, nobody else can read the keys, deleting the operator's Secret rotates.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { serveEmbeddedHub } from '../../src/demo/demo-files.ts';
import { loadSettings } from '../../src/settings.ts';
import { statusFor, until } from './embedded-hub-client.ts';

test('writes a folder from which the proxy and kubectl can be tried, and rotates when the operator’s Secret is deleted', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'embedded-hub-'));
  const generations: number[] = [];
  const served = await serveEmbeddedHub(directory, {
    clock: systemClock,
    proxyPort: 16443,
    onRotation: (generation) => generations.push(generation),
  });
  try {
    const read = (name: string): Promise<string> => readFile(join(directory, name), 'utf8');
    for (const name of await readdir(directory)) {
      if (name !== 'hub-audit.jsonl') assert.equal((await stat(join(directory, name))).mode & 0o077, 0, name);
    }
    const klusterlet = { certificatePem: await read('klusterlet.crt'), keyPem: await read('klusterlet.key') };
    const lease = '/apis/coordination.k8s.io/v1/namespaces/cluster1/leases/managed-cluster-lease';
    assert.equal(await statusFor(klusterlet, lease, served.hub), 200);
    const settings = await loadSettings(join(directory, 'countersign.yaml'));
    assert.ok(settings.ok, settings.ok ? '' : JSON.stringify(settings.problems));
    assert.ok((await read('klusterlet-by-proxy.kubeconfig')).includes('https://127.0.0.1:16443'));
    assert.ok(served.hints.some((hint) => hint.includes('delete secret csr-signer')));
    await served.hub.request('DELETE', '/api/v1/namespaces/openshift-kube-controller-manager-operator/secrets/csr-signer');
    await until(() => generations.length === 1, 'a rotation');
    assert.deepEqual(generations, [2]);
    assert.match(await read('hub-audit.jsonl'), /"auditID"/);
  } finally {
    await served.close();
    await rm(directory, { recursive: true });
  }
});
