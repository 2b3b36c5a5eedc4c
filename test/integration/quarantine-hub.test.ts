// From a hub administrator's word to the end of a captured cluster's connections: the whole program before the embedded hub.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { startCountersign } from '../../src/countersign.ts';
import type { Countersign } from '../../src/countersign.ts';
import { startEmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';
import type { EmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';
import { loadSettings } from '../../src/settings.ts';
import { keepLog, untilTrue } from '../ca-sync/waiting.ts';
import { requestH2 } from '../proxy/test-client.ts';

const RIGHTS = `kind: Role
metadata: { name: countersign-quarantine, namespace: countersign }
rules: [{ apiGroups: [''], resources: [configmaps], resourceNames: [quarantine], verbs: [get, watch] }]
---
kind: RoleBinding
metadata: { name: countersign-quarantine, namespace: countersign }
roleRef: { kind: Role, name: countersign-quarantine }
subjects: [{ kind: ServiceAccount, namespace: countersign, name: ca-sync }]
---
kind: ClusterRole
metadata: { name: countersign-clusters }
rules: [{ apiGroups: [cluster.open-cluster-management.io], resources: [managedclusters], verbs: [get, list, watch] }]
---
kind: ClusterRoleBinding
metadata: { name: countersign-clusters }
roleRef: { kind: ClusterRole, name: countersign-clusters }
subjects: [{ kind: ServiceAccount, namespace: countersign, name: ca-sync }]
`;

const LISTS = '/api/v1/namespaces/countersign/configmaps';
const leaseOf = (cluster: string): string => `/apis/coordination.k8s.io/v1/namespaces/${cluster}/leases/managed-cluster-lease`;
const worksOf = (cluster: string): string => `/apis/work.open-cluster-management.io/v1/namespaces/${cluster}/manifestworks`;

/** It takes a tenth of a second, and here a whole test run beside it; a look each few seconds in place of a watch would take longer. */
const SLOW_SECOND_MS = 2_500;

interface Scene {
  readonly hub: EmbeddedHub;
  readonly countersign: Countersign;
  readonly audit: () => Promise<{ event: string; cluster?: string; change?: string; by?: string[] }[]>;
  open(cluster: string): Promise<ClientHttp2Session>;
}

async function start(t: TestContext): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-quarantine-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const hub = await startEmbeddedHub();
  t.after(() => hub.close());
  await hub.request('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'countersign' } });
  hub.applyRbac(RIGHTS);
  for (const cluster of ['cluster1', 'cluster2']) await hub.addCluster(cluster);
  const serving = await hub.issueServingCertificate('127.0.0.1');
  await writeFile(join(folder, 'proxy.crt'), serving.certificatePem);
  await writeFile(join(folder, 'proxy.key'), serving.keyPem);
  await writeFile(join(folder, 'ca.crt'), hub.servingCaPem);
  await writeFile(join(folder, 'kubeconfig'), hub.syncKubeconfig());
  await writeFile(
    join(folder, 'countersign.yaml'),
    `listen: { address: 127.0.0.1, port: 0, certificateFile: proxy.crt, keyFile: proxy.key }
admin: { port: 0 }
hub: { url: "${hub.url}", caFile: ca.crt }
caSync: { source: kubernetes, kubeconfigFile: kubeconfig }
bootstrap: { enabled: false }
quarantine: { configMap: { namespace: countersign, name: quarantine }, followHub: true }
audit: { file: audit.jsonl }
drainTimeout: 0s
`,
  );
  const read = await loadSettings(join(folder, 'countersign.yaml'));
  assert.ok(read.ok);
  const countersign = await startCountersign(read.settings, { clock: systemClock, log: keepLog() });
  t.after(() => countersign.stop());
  const open = async (cluster: string): Promise<ClientHttp2Session> => {
    const { certificatePem: cert, keyPem: key } = await hub.issueClientCertificate({ subject: { kind: 'klusterlet', cluster } });
    const session = connect(`https://127.0.0.1:${countersign.address.port}`, { ca: hub.servingCaPem, cert, key });
    session.on('error', () => undefined);
    t.after(() => session.destroy());
    return session;
  };
  const audit = async (): ReturnType<Scene['audit']> =>
    (await readFile(join(folder, 'audit.jsonl'), 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string });
  return { hub, countersign, audit, open };
}

/** Opens a watch, does something on the hub and returns how long after that the watch was cut, in milliseconds. */
async function timeToEnd(session: ClientHttp2Session, cluster: string, act: () => Promise<unknown>): Promise<number> {
  const watch = session.request({ ':path': `${worksOf(cluster)}?watch=true`, accept: 'application/json' });
  watch.on('error', () => undefined);
  await once(watch, 'response');
  const closed = once(session, 'close');
  await act();
  const actedMs = performance.now();
  await closed;
  return performance.now() - actedMs;
}

test('a name in the ConfigMap cuts its cluster off within a second, and taking it out lets it in again', async (t) => {
  const { hub, audit, open } = await start(t);
  await untilTrue(() => hub.openStreams() >= 3);
  const other = await open('cluster2');
  assert.equal((await requestH2(other, { path: leaseOf('cluster2') })).status, 200);
  const list = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'quarantine', namespace: 'countersign' } };
  const tookMs = await timeToEnd(await open('cluster1'), 'cluster1', () =>
    hub.request('POST', LISTS, { ...list, data: { clusters: 'cluster1\n' } }),
  );
  assert.ok(tookMs < SLOW_SECOND_MS, `after ${tookMs} ms`);
  const refused = await requestH2(await open('cluster1'), { path: leaseOf('cluster1') });
  assert.deepEqual([refused.status, refused.body.includes('rule quarantined')], [403, true]);
  assert.equal((await requestH2(other, { path: leaseOf('cluster2') })).status, 200);

  await hub.request('PATCH', `${LISTS}/quarantine`, { data: { clusters: '' } });
  const lines = async (): Promise<string[]> =>
    (await audit()).filter(({ event }) => event === 'quarantine').map(({ change, cluster, by }) => `${change} ${cluster} ${by?.join()}`);
  while ((await lines()).length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(await lines(), ['entered cluster1 configMap', 'left cluster1 configMap']);
  assert.equal((await requestH2(await open('cluster1'), { path: leaseOf('cluster1') })).status, 200);
});

test('a cluster that the hub accepts no longer is cut off within a second', async (t) => {
  const { hub, open } = await start(t);
  await untilTrue(() => hub.openStreams() >= 3);
  const cluster = '/apis/cluster.open-cluster-management.io/v1/managedclusters/cluster1';
  const tookMs = await timeToEnd(await open('cluster1'), 'cluster1', () =>
    hub.request('PATCH', cluster, { spec: { hubAcceptsClient: false } }),
  );
  assert.ok(tookMs < SLOW_SECOND_MS, `after ${tookMs} ms`);
  const refused = await requestH2(await open('cluster1'), { path: leaseOf('cluster1') });
  assert.match(refused.body, /rule quarantined/);
});
