// What the hub says of quarantine, followed on the embedded hub with the account and the rights that README.md gives it.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { followQuarantine } from '../../src/ca-sync/ca-sync.ts';
import type { HubQuarantine } from '../../src/ca-sync/ca-sync.ts';
import { systemClock } from '../../src/clock.ts';
import { startEmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';
import type { EmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';
import type { QuarantineSettings } from '../../src/settings.ts';
import { keepLog, NEVER, until, untilTrue } from '../ca-sync/waiting.ts';
import type { KeptLog } from '../ca-sync/waiting.ts';
import { noProbe } from '../no-probe.ts';

const RIGHTS = `
kind: Role
metadata: { name: countersign-quarantine, namespace: countersign }
rules:
- { apiGroups: [''], resources: [configmaps], resourceNames: [quarantine], verbs: [get, watch] }
---
kind: RoleBinding
metadata: { name: countersign-quarantine, namespace: countersign }
roleRef: { kind: Role, name: countersign-quarantine }
subjects: [{ kind: ServiceAccount, namespace: countersign, name: ca-sync }]
---
kind: ClusterRole
metadata: { name: countersign-follow-hub }
rules:
- { apiGroups: [cluster.open-cluster-management.io], resources: [managedclusters], verbs: [get, list, watch] }
---
kind: ClusterRoleBinding
metadata: { name: countersign-follow-hub }
roleRef: { kind: ClusterRole, name: countersign-follow-hub }
subjects: [{ kind: ServiceAccount, namespace: countersign, name: ca-sync }]
`;

const CLUSTERS = '/apis/cluster.open-cluster-management.io/v1/managedclusters';
const LISTS = '/api/v1/namespaces/countersign/configmaps';

interface Following {
  readonly hub: EmbeddedHub;
  readonly quarantine: HubQuarantine;
  readonly log: KeptLog;
}

async function startHub(t: TestContext, rights = RIGHTS): Promise<EmbeddedHub> {
  const hub = await startEmbeddedHub();
  t.after(() => hub.close());
  await hub.request('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'countersign' } });
  hub.applyRbac(rights);
  return hub;
}

async function follow(t: TestContext, hub: EmbeddedHub, wanted: Partial<QuarantineSettings>): Promise<Following> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-quarantine-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const kubeconfigFile = join(folder, 'kubeconfig');
  writeFileSync(kubeconfigFile, hub.syncKubeconfig());
  const signer = { namespace: 'openshift-kube-controller-manager', secret: 'csr-signer' };
  const trust = { namespace: 'openshift-config-managed', configMap: 'csr-controller-ca', key: 'ca-bundle.crt' };
  const log = keepLog();
  const settings = {
    caSync: { source: 'kubernetes', kubeconfigFile, signer, trust, schedule: NEVER, probe: noProbe },
    quarantine: { clusters: [], configMap: null, followHub: false, ...wanted },
  } as const;
  const quarantine = await followQuarantine(settings, { clock: systemClock, log });
  assert.ok(quarantine !== null);
  t.after(() => quarantine.close());
  return { hub, quarantine, log };
}

const configMap = { namespace: 'countersign', name: 'quarantine' };

async function putList(hub: EmbeddedHub, text: string): Promise<void> {
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'quarantine', namespace: 'countersign' },
    data: { clusters: text },
  };
  const patched = await hub.request('PATCH', `${LISTS}/quarantine`, { data: object.data });
  if (patched.status === 404) await hub.request('POST', LISTS, object);
}

const are =
  (...names: string[]) =>
  (found: readonly string[]): boolean =>
    found.join() === names.join();

test('follows the list in a ConfigMap, which may come later', async (t) => {
  const hub = await startHub(t);
  const { quarantine, log } = await follow(t, hub, { configMap });
  assert.deepEqual(quarantine.listed.current, []);
  assert.deepEqual(log.names(), ['quarantine-list-missing']);
  await untilTrue(() => hub.openStreams() === 1);
  await putList(hub, '# captured on Monday\ncluster2\n\n  cluster1  # the lab\ncluster2\n');
  await until(quarantine.listed, are('cluster1', 'cluster2'));
  await putList(hub, 'cluster2\n');
  await until(quarantine.listed, are('cluster2'));
  await putList(hub, '');
  await until(quarantine.listed, are());
});

test('a list with a line that is no name releases nobody, and still cuts off whom it names', async (t) => {
  const hub = await startHub(t);
  await putList(hub, 'cluster1\ncluster2\n');
  const { quarantine, log } = await follow(t, hub, { configMap });
  assert.deepEqual(quarantine.listed.current, ['cluster1', 'cluster2']);
  await untilTrue(() => hub.openStreams() === 1);
  await putList(hub, 'cluster3\ncluster1, cluster4\n');
  await until(quarantine.listed, are('cluster1', 'cluster2', 'cluster3'));
  const refused = log.events.find(({ name }) => name === 'quarantine-list-refused');
  assert.deepEqual(refused?.fields, { lines: 1, detail: 'line 2: "cluster1, cluster4"' });
  await putList(hub, 'cluster3\ncluster4\n');
  await until(quarantine.listed, are('cluster3', 'cluster4'));
});

test('the last list stays when its ConfigMap is deleted or the hub is away, and a new one takes its place', async (t) => {
  const hub = await startHub(t);
  await putList(hub, 'cluster1\n');
  const { quarantine, log } = await follow(t, hub, { configMap });
  await untilTrue(() => hub.openStreams() === 1);
  await hub.request('DELETE', `${LISTS}/quarantine`);
  await untilTrue(() => log.names().includes('quarantine-list-removed'));
  assert.deepEqual(quarantine.listed.current, ['cluster1']);
  hub.misbehave(() => ({ kind: 'destroy-connection' }));
  hub.destroyAllConnections();
  await quarantine.reread();
  assert.ok(log.names().includes('quarantine-unreadable'));
  assert.deepEqual(quarantine.listed.current, ['cluster1']);
  await putList(hub, 'cluster2\n');
  hub.behave();
  await until(quarantine.listed, are('cluster2'));
  await untilTrue(() => log.names().includes('quarantine-readable'));
});

async function accept(hub: EmbeddedHub, name: string, hubAcceptsClient: boolean): Promise<void> {
  await hub.request('PATCH', `${CLUSTERS}/${name}`, { spec: { hubAcceptsClient } });
}

test('a cluster that the hub no longer accepts, and one that is deleted, are turned out until they are accepted again', async (t) => {
  const hub = await startHub(t);
  for (const name of ['cluster1', 'cluster2', 'cluster3']) await hub.addCluster(name);
  const { quarantine } = await follow(t, hub, { followHub: true });
  assert.deepEqual(quarantine.turnedOut.current, []);
  await untilTrue(() => hub.openStreams() === 1);
  await accept(hub, 'cluster1', false);
  await until(quarantine.turnedOut, are('cluster1'));
  await hub.request('DELETE', `${CLUSTERS}/cluster2`);
  await until(quarantine.turnedOut, are('cluster1', 'cluster2'));
  await accept(hub, 'cluster1', true);
  await until(quarantine.turnedOut, are('cluster2'));
  await hub.addCluster('cluster2');
  await until(quarantine.turnedOut, are());
});

test('a cluster that waits for its first acceptance is not turned out, and one that was denied before the start is', async (t) => {
  const hub = await startHub(t);
  await hub.addCluster('denied');
  await accept(hub, 'denied', false);
  const waiting = { apiVersion: 'cluster.open-cluster-management.io/v1', kind: 'ManagedCluster', metadata: { name: 'waiting' }, spec: {} };
  await hub.request('POST', CLUSTERS, waiting);
  const { quarantine } = await follow(t, hub, { followHub: true });
  assert.deepEqual(quarantine.turnedOut.current, ['denied']);
});

test('what happened while no watch was open is found by the next list', async (t) => {
  const hub = await startHub(t);
  await hub.addCluster('cluster1');
  await hub.addCluster('cluster2');
  const { quarantine } = await follow(t, hub, { followHub: true });
  await untilTrue(() => hub.openStreams() === 1);
  hub.misbehave(() => ({ kind: 'destroy-connection' }));
  hub.destroyAllConnections();
  await hub.request('DELETE', `${CLUSTERS}/cluster1`);
  await accept(hub, 'cluster2', false);
  hub.behave();
  await until(quarantine.turnedOut, are('cluster1', 'cluster2'));
});

test('a hub of 350 clusters is listed page by page, and heartbeats cause no reads', async (t) => {
  const hub = await startHub(t);
  const names = Array.from({ length: 350 }, (_, at) => `cluster${at}`);
  for (const name of names) {
    const spec = { hubAcceptsClient: true };
    await hub.request('POST', CLUSTERS, {
      apiVersion: 'cluster.open-cluster-management.io/v1',
      kind: 'ManagedCluster',
      metadata: { name },
      spec,
    });
  }
  const { quarantine } = await follow(t, hub, { followHub: true });
  await untilTrue(() => hub.openStreams() === 1);
  const asked = (): string[] =>
    hub
      .auditEvents()
      .filter(({ user }) => user.username?.startsWith('system:serviceaccount:'))
      .map(({ requestURI }) => requestURI);
  const lists = asked().filter((uri) => uri.includes('limit=100'));
  assert.equal(lists.length, 4);
  await hub.request('PATCH', `${CLUSTERS}/cluster7/status`, { status: { version: { kubernetes: 'v1.31.0' } } });
  await accept(hub, 'cluster349', false);
  await until(quarantine.turnedOut, are('cluster349'));
  assert.deepEqual(
    asked().filter((uri) => uri.includes('managedclusters/cluster')),
    [`${CLUSTERS}/cluster349`],
  );
});

test('uses no right but those that README.md gives it, and says which it lacks', async (t) => {
  const hub = await startHub(t);
  await putList(hub, 'cluster1\n');
  await hub.addCluster('cluster1');
  const { quarantine } = await follow(t, hub, { configMap, followHub: true });
  await untilTrue(() => hub.openStreams() === 2);
  await accept(hub, 'cluster1', false);
  await until(quarantine.turnedOut, are('cluster1'));
  const own = hub.auditEvents().filter(({ user }) => user.username?.startsWith('system:serviceaccount:'));
  assert.deepEqual([...new Set(own.map(({ verb }) => verb))].toSorted(), ['get', 'list', 'watch']);
  assert.ok(own.every(({ responseStatus }) => responseStatus === undefined || responseStatus.code === 200));

  const bare = await startHub(t, 'kind: ClusterRole\nmetadata: { name: none }\nrules: []\n');
  const refused = await follow(t, bare, { configMap, followHub: true });
  const told = refused.log.events.filter(({ name }) => name === 'quarantine-unreadable').map(({ fields }) => fields);
  assert.deepEqual(
    told.map(({ code }) => code),
    ['forbidden', 'forbidden'],
  );
});

test('closing leaves no watch and no connection', async (t) => {
  const hub = await startHub(t);
  await hub.addCluster('cluster1');
  const { quarantine } = await follow(t, hub, { configMap, followHub: true });
  await untilTrue(() => hub.openStreams() === 2);
  await quarantine.close();
  await untilTrue(() => hub.openStreams() === 0 && hub.connections() === 0);
});
