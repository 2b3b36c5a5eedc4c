import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyOf, exchange } from './recorded-exchanges.ts';
import { klusterlet, type Loose, TestApi } from './api-client.ts';

const LEASE = '/apis/coordination.k8s.io/v1/namespaces/cluster1/leases';
const CLUSTERS = '/apis/cluster.open-cluster-management.io/v1/managedclusters';

function send(hub: TestApi, method: string, target: string, change: { agent: string; body: unknown; type?: string }): Promise<Loose> {
  const headers = { 'user-agent': `${change.agent}/v0.0.0 (linux/amd64)`, 'content-type': change.type ?? 'application/json' };
  return hub.call(target, { method, headers, body: change.body, user: klusterlet });
}

test('gives a lease the managed fields that were recorded', async () => {
  const recorded: Loose = JSON.parse(bodyOf(exchange('own lease, JSON')).toString());
  const hub = await new TestApi().withNamespace('cluster1');
  const { name, labels } = recorded.metadata;
  const made = await send(hub, 'POST', LEASE, { agent: 'registration', body: { metadata: { name, labels }, spec: recorded.spec } });
  hub.clock.advance(60_000);
  const body = { ...made.json, spec: { ...recorded.spec, renewTime: '2026-11-23T19:15:38.132807Z' } };
  const renewed = await send(hub, 'PUT', `${LEASE}/${name}`, { agent: 'registration', body });
  const [{ time: recordedTime, ...entry }] = recorded.metadata.managedFields;
  assert.ok(recordedTime);
  assert.deepEqual(renewed.json.metadata.managedFields, [{ ...entry, time: '2026-11-23T19:15:09Z' }]);
});

test('gives a managed cluster the managed fields that were recorded, manager by manager', async () => {
  const recorded: Loose = JSON.parse(bodyOf(exchange('own managed cluster')).toString());
  const hub = new TestApi();
  const type = 'application/merge-patch+json';
  const { apiVersion, kind } = recorded;
  await send(hub, 'POST', CLUSTERS, {
    agent: 'registration',
    body: { apiVersion, kind, metadata: { name: 'cluster1' }, spec: { hubAcceptsClient: false } },
  });
  hub.clock.advance(1_000);
  await send(hub, 'PATCH', `${CLUSTERS}/cluster1`, { agent: 'kubectl-patch', type, body: { spec: { hubAcceptsClient: true } } });
  hub.clock.advance(1_000);
  const { finalizers, labels } = recorded.metadata;
  await send(hub, 'PATCH', `${CLUSTERS}/cluster1`, { agent: 'registration', type, body: { metadata: { finalizers, labels } } });
  hub.clock.advance(1_000);
  const { json } = await send(hub, 'PATCH', `${CLUSTERS}/cluster1/status`, {
    agent: 'registration',
    type,
    body: { status: recorded.status },
  });
  const withoutTime = (fields: Loose): Loose => fields.map(({ time: _time, ...entry }: Loose) => entry);
  assert.deepEqual(withoutTime(json.metadata.managedFields), withoutTime(recorded.metadata.managedFields));
});

test('takes a field from its manager when another one changes or removes it', async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  const target = '/api/v1/namespaces/cluster1/configmaps';
  const type = 'application/merge-patch+json';
  await send(hub, 'POST', target, { agent: 'one', body: { metadata: { name: 'c' }, data: { a: '1', b: '2', c: '3' } } });
  const { json } = await send(hub, 'PATCH', `${target}/c`, { agent: 'two', type, body: { data: { a: 'changed', b: null } } });
  const fields = json.metadata.managedFields.map((entry: Loose) => [entry.manager, entry.fieldsV1]);
  assert.deepEqual(fields, [
    ['one', { 'f:data': { '.': {}, 'f:c': {} } }],
    ['two', { 'f:data': { 'f:a': {} } }],
  ]);
});

test('names the manager that a request names, and calls the nameless one unknown', async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  const named = await send(hub, 'POST', '/api/v1/namespaces/cluster1/configmaps?fieldManager=me', {
    agent: 'x',
    body: { metadata: { name: 'a' }, data: { a: '' } },
  });
  const nameless = await send(hub, 'POST', '/api/v1/namespaces/cluster1/configmaps', {
    agent: '',
    body: { metadata: { name: 'b' }, data: { a: '' } },
  });
  assert.deepEqual(
    [named, nameless].map(({ json }) => json.metadata.managedFields[0].manager),
    ['me', 'unknown'],
  );
});
