import assert from 'node:assert/strict';
import { test } from 'node:test';
import { humanDuration } from '../../../../src/demo/hub/api/table-column.ts';
import { klusterlet, type Loose, TestApi } from './api-client.ts';

const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };

const durations: readonly (readonly [number, string])[] = [
  [-5, '<invalid>'],
  [-1, '0s'],
  [119, '119s'],
  [120, '2m'],
  [212, '3m32s'],
  [600, '10m'],
  [10_799, '179m'],
  [10_800, '3h'],
  [11_100, '3h5m'],
  [28_800, '8h'],
  [172_799, '47h'],
  [172_800, '2d'],
  [176_400, '2d1h'],
  [691_200, '8d'],
  [63_072_000, '2y'],
  [63_158_400, '2y1d'],
  [252_288_000, '8y'],
];

for (const [seconds, text] of durations) {
  test(`calls ${seconds} seconds ${text}`, () => assert.equal(humanDuration(seconds), text));
}

async function hubWithEverything(): Promise<TestApi> {
  const hub = await new TestApi().withNamespace('one');
  const one = '/api/v1/namespaces/one';
  await hub.post(`${one}/secrets`, { metadata: { name: 's' }, data: { a: '', b: '' } });
  await hub.post(`${one}/configmaps`, { metadata: { name: 'c' }, data: { a: '' }, binaryData: { b: '' } });
  await hub.post('/apis/coordination.k8s.io/v1/namespaces/one/leases', { metadata: { name: 'l' }, spec: { holderIdentity: 'h' } });
  await hub.post('/apis/events.k8s.io/v1/namespaces/one/events', {
    metadata: { name: 'e' },
    eventTime: '2026-11-23T19:13:09.000000Z',
    type: 'Normal',
    reason: 'R',
    note: 'N',
    regarding: { kind: 'ManagedCluster', name: 'one' },
  });
  const request = Buffer.from('-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n').toString('base64');
  const spec = { request, signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'], expirationSeconds: 3_600 };
  await hub.post('/apis/certificates.k8s.io/v1/certificatesigningrequests', { metadata: { name: 'r' }, spec }, klusterlet);
  const cluster = { apiVersion: 'cluster.open-cluster-management.io/v1', kind: 'ManagedCluster', metadata: { name: 'm' } };
  const clusters = '/apis/cluster.open-cluster-management.io/v1/managedclusters';
  await hub.post(clusters, { ...cluster, spec: { managedClusterClientConfigs: [{ url: 'https://a' }, { url: 'https://b' }] } });
  await hub.patch(`${clusters}/m/status`, {
    status: {
      conditions: [
        { type: 'ManagedClusterJoined', status: 'True' },
        { type: 'ManagedClusterConditionAvailable', status: 'Unknown' },
      ],
    },
  });
  return hub;
}

const cells: readonly (readonly [string, readonly unknown[]])[] = [
  ['/api/v1/secrets', ['s', 'Opaque', 2, '0s']],
  ['/api/v1/configmaps', ['c', 2, '0s']],
  ['/api/v1/namespaces', ['one', 'Active', '0s']],
  ['/api/v1/events', ['e', '60s', 'Normal', 'R', 'managedcluster/one', 'N']],
  ['/apis/events.k8s.io/v1/events', ['e', '60s', 'Normal', 'R', 'managedcluster/one', 'N']],
  ['/apis/coordination.k8s.io/v1/leases', ['l', 'h', '0s']],
  [
    '/apis/certificates.k8s.io/v1/certificatesigningrequests',
    ['r', '0s', 'kubernetes.io/kube-apiserver-client', klusterlet.username, '60m', 'Pending'],
  ],
  ['/apis/cluster.open-cluster-management.io/v1/managedclusters', ['m', false, 'https://a,https://b', 'True', 'Unknown', '0s']],
];

for (const [target, expected] of cells) {
  test(`shows ${target} as kubectl does`, async () => {
    const { json } = await (await hubWithEverything()).call(target, { headers });
    assert.deepEqual(json.rows[0].cells, expected);
    assert.equal(json.columnDefinitions.length, expected.length);
    assert.ok(json.columnDefinitions.every((column: Loose) => column.name !== '' && column.priority === 0));
  });
}

test('carries in its rows what includeObject asks for', async () => {
  const hub = await hubWithEverything();
  const row = async (query: string): Promise<Loose> =>
    (await hub.call(`/api/v1/namespaces/one/configmaps/c?${query}`, { headers })).json.rows[0].object;
  assert.deepEqual(
    [(await row('')).kind, (await row('includeObject=Object')).data, await row('includeObject=None')],
    ['PartialObjectMetadata', { a: '' }, null],
  );
});
