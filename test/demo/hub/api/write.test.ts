import assert from 'node:assert/strict';
import { test } from 'node:test';
import { klusterlet, TestApi } from './api-client.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/cluster1/leases';
const CLUSTERS = '/apis/cluster.open-cluster-management.io/v1/managedclusters';
const WORKS = '/apis/work.open-cluster-management.io/v1/namespaces/cluster1/manifestworks';
const CONFIG_MAPS = '/api/v1/namespaces/cluster1/configmaps';

function cluster(name: string, rest: object = {}): object {
  return { apiVersion: 'cluster.open-cluster-management.io/v1', kind: 'ManagedCluster', metadata: { name }, ...rest };
}

function work(rest: object = {}): object {
  return { apiVersion: 'work.open-cluster-management.io/v1', kind: 'ManifestWork', metadata: { name: 'hello' }, ...rest };
}

test('creates an object with identity, version and time, whatever its sender claims of them', async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  const claimed = {
    name: 'l',
    uid: 'mine',
    creationTimestamp: '2000-01-01T00:00:00Z',
    deletionTimestamp: '2000-01-01T00:00:00Z',
    generation: 9,
  };
  const { status, json } = await hub.post(LEASES, { metadata: { ...claimed, labels: { a: 'b' } }, spec: { holderIdentity: 'x' } });
  assert.equal(status, 201);
  const { uid, resourceVersion, managedFields, ...metadata } = json.metadata;
  assert.deepEqual(metadata, { name: 'l', namespace: 'cluster1', creationTimestamp: '2026-11-23T19:14:09Z', labels: { a: 'b' } });
  assert.match(uid, /^[0-9a-f-]{36}$/);
  assert.ok(Number(resourceVersion) > 300);
  assert.equal(managedFields[0].manager, 'test');
  assert.deepEqual((await hub.call(`${LEASES}/l`)).json, json);
});

test('makes a name from generateName', async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  const { json } = await hub.post(CONFIG_MAPS, { metadata: { generateName: 'some-' } });
  assert.match(json.metadata.name, /^some-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
});

test('answers 409 AlreadyExists, 404 of a missing namespace, 400 of another namespace, 422 of a bad or missing name', async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  await hub.post(LEASES, { metadata: { name: 'l' } });
  const answers = [
    await hub.post(LEASES, { metadata: { name: 'l' } }),
    await hub.post(LEASES.replace('cluster1', 'nowhere'), { metadata: { name: 'l' } }),
    await hub.post(LEASES, { metadata: { name: 'l', namespace: 'other' } }),
    await hub.post(LEASES, { metadata: { name: 'No_Name' } }),
    await hub.post(LEASES, { metadata: {} }),
    await hub.post(LEASES, { metadata: { name: 'n', resourceVersion: '1' } }),
  ];
  assert.deepEqual(
    answers.map(({ status, json }) => [status, json.reason, json.message.slice(0, 110)]),
    [
      [409, 'AlreadyExists', 'leases.coordination.k8s.io "l" already exists'],
      [404, 'NotFound', 'namespaces "nowhere" not found'],
      [400, 'BadRequest', 'the namespace of the provided object does not match the namespace sent on the request'],
      [
        422,
        'Invalid',
        'Lease.coordination.k8s.io "No_Name" is invalid: metadata.name: Invalid value: "No_Name": a lowercase RFC 1123 sub'.slice(0, 110),
      ],
      [422, 'Invalid', 'Lease.coordination.k8s.io "" is invalid: metadata.name: Required value: name or generateName is required'],
      [500, undefined, 'resourceVersion should not be set on objects to be created'],
    ],
  );
});

test('replaces an object only at the version that its sender has seen', async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  const { json: created } = await hub.post(LEASES, { metadata: { name: 'l' }, spec: { leaseTransitions: 1 } });
  const changed = { ...created, spec: { leaseTransitions: 2 } };
  const first = await hub.put(`${LEASES}/l`, changed);
  assert.equal(first.status, 200);
  assert.deepEqual(first.json.spec, { leaseTransitions: 2 });
  assert.equal(first.json.metadata.uid, created.metadata.uid);
  assert.ok(Number(first.json.metadata.resourceVersion) > Number(created.metadata.resourceVersion));
  const second = await hub.put(`${LEASES}/l`, changed);
  assert.equal(second.status, 409);
  assert.equal(second.json.reason, 'Conflict');
  const blind = await hub.put(`${LEASES}/l`, { metadata: { name: 'l' } });
  assert.equal(blind.status, 422);
  assert.match(blind.json.message, /metadata\.resourceVersion: Invalid value: 0x0: must be specified for an update$/);
  const foreign = await hub.put(`${LEASES}/l`, { ...first.json, metadata: { ...first.json.metadata, uid: 'other' } });
  assert.match(foreign.json.message, /Precondition failed: UID in precondition: other, UID in object meta: /);
  const renamed = await hub.put(`${LEASES}/l`, { ...first.json, metadata: { ...first.json.metadata, name: 'm' } });
  assert.equal(renamed.json.message, 'the name of the object (m) does not match the name on the URL (l)');
});

test('keeps the version of an object when a write changes nothing', async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  const { json } = await hub.post(CONFIG_MAPS, { metadata: { name: 'c' }, data: { a: 'b' } });
  const same = await hub.put(`${CONFIG_MAPS}/c`, { metadata: { name: 'c' }, data: { a: 'b' } });
  assert.deepEqual(same.json, json);
  assert.deepEqual((await hub.patch(`${CONFIG_MAPS}/c`, { data: { a: 'b' } })).json, json);
});

test('makes by PUT what does not exist, for the kinds that allow it', async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  assert.equal((await hub.put(`${LEASES}/new`, { metadata: { name: 'new' } })).status, 201);
  assert.equal((await hub.put(`${CONFIG_MAPS}/new`, { metadata: { name: 'new' } })).status, 404);
});

test('keeps spec and status of a custom resource apart, and counts generations of the spec', async () => {
  const hub = new TestApi();
  const { json: created } = await hub.post(
    CLUSTERS,
    cluster('c1', { spec: { hubAcceptsClient: false }, status: { conditions: null, version: {} } }),
  );
  assert.equal(created.status, undefined);
  assert.deepEqual(created.spec, { hubAcceptsClient: false, leaseDurationSeconds: 60 });
  assert.equal(created.metadata.generation, 1);
  const accepted = await hub.patch(`${CLUSTERS}/c1`, { spec: { hubAcceptsClient: true }, status: { version: { kubernetes: 'no' } } });
  assert.deepEqual([accepted.json.metadata.generation, accepted.json.status], [2, undefined]);
  const reported = await hub.patch(`${CLUSTERS}/c1/status`, {
    metadata: { labels: { no: 'no' } },
    spec: { hubAcceptsClient: false },
    status: { version: { kubernetes: 'v1.36.2' } },
  });
  assert.equal(reported.status, 200);
  assert.deepEqual([reported.json.metadata.generation, reported.json.metadata.labels], [2, undefined]);
  assert.deepEqual([reported.json.spec.hubAcceptsClient, reported.json.status], [true, { version: { kubernetes: 'v1.36.2' } }]);
  assert.equal((await hub.call(`${CLUSTERS}/c1/status`)).json.status.version.kubernetes, 'v1.36.2');
});

test("takes a patch with the agent's resourceVersion and uid, and answers 409 when it is late", async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  const { json } = await hub.post(WORKS, work({ spec: { workload: { manifests: [] } } }));
  const { resourceVersion, uid } = json.metadata;
  const patch = { metadata: { finalizers: ['cluster.open-cluster-management.io/manifest-work-cleanup'], resourceVersion, uid } };
  const held = await hub.patch(`${WORKS}/hello`, patch);
  assert.deepEqual(held.json.metadata.finalizers, patch.metadata.finalizers);
  const late = await hub.patch(`${WORKS}/hello/status`, { metadata: { resourceVersion, uid }, status: { conditions: [] } });
  assert.equal(late.status, 409);
  assert.match(
    late.json.message,
    /^Operation cannot be fulfilled on manifestworks\.work\.open-cluster-management\.io "hello": the object has been modified/,
  );
});

test('holds a deleted object until its last finalizer is gone', async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  await hub.post(WORKS, work({ metadata: { name: 'hello', finalizers: ['a.example/b'] } }));
  const held = await hub.call(`${WORKS}/hello`, { method: 'DELETE' });
  assert.equal(held.status, 200);
  assert.equal(held.json.metadata.deletionTimestamp, '2026-11-23T19:14:09Z');
  assert.equal(held.json.metadata.deletionGracePeriodSeconds, 0);
  const released = await hub.patch(`${WORKS}/hello`, { metadata: { finalizers: null } });
  assert.equal(released.status, 200);
  assert.equal((await hub.call(`${WORKS}/hello`)).status, 404);
});

test('answers a deletion with the Status that kubectl reads, and heeds its preconditions', async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  const { json } = await hub.post(LEASES, { metadata: { name: 'l' } });
  const headers = { 'content-type': 'application/json' };
  const wrong = await hub.call(`${LEASES}/l`, { method: 'DELETE', headers, body: { preconditions: { uid: 'other' } } });
  assert.equal(wrong.status, 409);
  const dry = await hub.call(`${LEASES}/l?dryRun=All`, { method: 'DELETE' });
  assert.equal(dry.status, 200);
  const gone = await hub.call(`${LEASES}/l`, { method: 'DELETE', headers, body: { preconditions: { uid: json.metadata.uid } } });
  const details = { name: 'l', group: 'coordination.k8s.io', kind: 'leases', uid: json.metadata.uid };
  assert.deepEqual(gone.json, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details });
  assert.equal((await hub.call(`${LEASES}/l`, { method: 'DELETE' })).status, 404);
});

test('deletes a collection by selector and leaves the rest', async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  for (const name of ['a', 'b', 'c']) await hub.post(CONFIG_MAPS, { metadata: { name, labels: { keep: String(name === 'b') } } });
  const removed = await hub.call(`${CONFIG_MAPS}?labelSelector=keep%3Dfalse`, { method: 'DELETE' });
  assert.equal(removed.json.kind, 'ConfigMapList');
  const left = await hub.call(CONFIG_MAPS);
  assert.deepEqual(
    left.json.items.map((item: { metadata: { name: string } }) => item.metadata.name),
    ['b'],
  );
});

test('takes a namespace away with everything in it, and lets nothing new in meanwhile', async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  await hub.post(CONFIG_MAPS, { metadata: { name: 'c' } });
  await hub.post(WORKS, work({ metadata: { name: 'hello', finalizers: ['a.example/b'] } }));
  const going = await hub.call('/api/v1/namespaces/cluster1', { method: 'DELETE' });
  assert.equal(going.json.status.phase, 'Terminating');
  const late = await hub.post(CONFIG_MAPS, { metadata: { name: 'late' } });
  assert.equal(late.status, 403);
  assert.equal(late.json.details.causes[0].reason, 'NamespaceTerminating');
  hub.clock.advance(5_000);
  assert.equal((await hub.call(`${CONFIG_MAPS}/c`)).status, 404);
  assert.equal((await hub.call('/api/v1/namespaces/cluster1')).status, 200);
  await hub.patch(`${WORKS}/hello`, { metadata: { finalizers: [] } });
  hub.clock.advance(5_000);
  assert.equal((await hub.call('/api/v1/namespaces/cluster1')).status, 404);
  const bookmarksOnly = 1;
  assert.equal(hub.clock.pending, bookmarksOnly);
});

test('does nothing on a dry run but says what it would have done', async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  const dry = await hub.post(`${CONFIG_MAPS}?dryRun=All`, { metadata: { name: 'c' } });
  assert.equal(dry.status, 201);
  assert.equal((await hub.call(`${CONFIG_MAPS}/c`)).status, 404);
  assert.equal((await hub.post(`${CONFIG_MAPS}?dryRun=Some`, { metadata: { name: 'c' } })).status, 400);
});

test('puts stringData of a Secret into data and seals what is immutable', async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  const secrets = '/api/v1/namespaces/cluster1/secrets';
  const made = await hub.post(secrets, { metadata: { name: 's' }, stringData: { a: 'b' }, data: { c: 'ZA==' }, immutable: true });
  assert.deepEqual([made.json.data, made.json.type, made.json.stringData], [{ a: 'Yg==', c: 'ZA==' }, 'Opaque', undefined]);
  const changed = await hub.patch(`${secrets}/s`, { data: { a: 'Yw==' } });
  assert.equal(changed.json.message, 'Secret "s" is invalid: data: Forbidden: field is immutable when `immutable` is set');
});

test('keeps one event for both of its APIs, and takes the strategic patch of its series', async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  const events = '/apis/events.k8s.io/v1/namespaces/cluster1/events';
  const event = {
    eventTime: '2026-11-23T19:10:07.000001Z',
    reportingController: 'klusterlet-agent',
    reportingInstance: 'vm',
    reason: 'Available',
    regarding: { kind: 'ManagedCluster', name: 'c' },
    note: 'It is',
    type: 'Normal',
  };
  const made = await hub.post(events, { metadata: { name: 'e' }, ...event }, klusterlet);
  assert.equal(made.status, 201);
  assert.deepEqual(
    [made.json.note, made.json.regarding.name, made.json.metadata.managedFields[0].apiVersion],
    ['It is', 'c', 'events.k8s.io/v1'],
  );
  const core = await hub.call('/api/v1/namespaces/cluster1/events/e');
  assert.deepEqual(
    [core.json.message, core.json.involvedObject.name, core.json.reportingComponent, core.json.apiVersion],
    ['It is', 'c', 'klusterlet-agent', 'v1'],
  );
  const series = { count: 2, lastObservedTime: '2026-11-23T19:11:07.000000Z' };
  const patched = await hub.patch(`${events}/e`, { series }, 'application/strategic-merge-patch+json');
  assert.deepEqual([patched.status, patched.json.series, patched.json.note], [200, series, 'It is']);
});

test('serves add-ons in both versions', async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  const path = (version: string): string => `/apis/addon.open-cluster-management.io/${version}/namespaces/cluster1/managedclusteraddons`;
  const addon = { apiVersion: 'addon.open-cluster-management.io/v1alpha1', kind: 'ManagedClusterAddOn', metadata: { name: 'a' } };
  assert.equal((await hub.post(path('v1alpha1'), addon)).json.apiVersion, 'addon.open-cluster-management.io/v1alpha1');
  assert.equal((await hub.call(`${path('v1beta1')}/a`)).json.apiVersion, 'addon.open-cluster-management.io/v1beta1');
  assert.equal((await hub.post(path('v1beta1'), addon)).status, 400);
});
