import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HISTORY_LIMIT } from '../../../../src/demo/hub/api/collection.ts';
import { decodeMessage, openEnvelope } from '../../../../src/demo/hub/api/protobuf.ts';
import { TestApi } from './api-client.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/one/leases';
const CLUSTERS = '/apis/cluster.open-cluster-management.io/v1/managedclusters';
const WATCH_LIST = 'allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&watch=true';

async function hubWithLeases(...names: readonly string[]): Promise<TestApi> {
  const hub = await new TestApi().withNamespace('one');
  for (const name of names) await hub.post(LEASES, { metadata: { name } });
  return hub;
}

test('tells what is there, then what happens', async () => {
  const hub = await hubWithLeases('a');
  const watch = await hub.watch(`${LEASES}?watch=true`);
  await hub.post(LEASES, { metadata: { name: 'b' } });
  await hub.patch(`${LEASES}/a`, { spec: { holderIdentity: 'x' } });
  const before = hub.api.store.revision;
  await hub.call(`${LEASES}/b`, { method: 'DELETE' });
  assert.deepEqual(watch.story, ['ADDED a', 'ADDED b', 'MODIFIED a', 'DELETED b']);
  assert.equal(watch.events[3]?.object.metadata.resourceVersion, String(before + 1));
  assert.equal(hub.api.watchCount, 1);
});

test('ends the initial events with an annotated bookmark when asked for them', async () => {
  const hub = await hubWithLeases('a');
  const watch = await hub.watch(`${LEASES}?${WATCH_LIST}`);
  assert.deepEqual(watch.story, ['ADDED a', 'BOOKMARK']);
  const annotations = { 'k8s.io/initial-events-end': 'true' };
  assert.deepEqual(watch.events[1]?.object, {
    kind: 'Lease',
    apiVersion: 'coordination.k8s.io/v1',
    metadata: { resourceVersion: String(hub.api.store.revision), annotations },
    spec: {},
  });
});

test('goes on from a resourceVersion without gap or repetition', async () => {
  const hub = await hubWithLeases('a', 'b');
  const list = await hub.call(LEASES);
  await hub.post(LEASES, { metadata: { name: 'c' } });
  const watch = await hub.watch(`${LEASES}?watch=true&resourceVersion=${list.json.metadata.resourceVersion}`);
  await hub.post(LEASES, { metadata: { name: 'd' } });
  assert.deepEqual(watch.story, ['ADDED c', 'ADDED d']);
});

test('refuses, in the stream, a resourceVersion that history does not reach back to', async () => {
  const hub = await hubWithLeases('a');
  for (let count = 0; count < HISTORY_LIMIT; count += 1) await hub.patch(`${LEASES}/a`, { spec: { leaseTransitions: count } });
  const oldest = hub.api.store.revision - HISTORY_LIMIT;
  const watch = await hub.watch(`${LEASES}?watch=true&resourceVersion=${oldest - 1}`);
  assert.equal(watch.answer.status, 200);
  assert.deepEqual(watch.events[0]?.object, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `too old resource version: ${oldest - 1} (${oldest})`,
    reason: 'Expired',
    code: 410,
  });
  assert.ok(watch.isEnded);
  assert.equal((await hub.watch(`${LEASES}?watch=true&resourceVersion=${oldest}`)).story.length, HISTORY_LIMIT);
});

test('shows through a selector what enters as added and what leaves as deleted', async () => {
  const hub = await hubWithLeases('a');
  const watch = await hub.watch(`${LEASES}?watch=true&labelSelector=on%3Dyes`);
  await hub.patch(`${LEASES}/a`, { metadata: { labels: { on: 'yes' } } });
  await hub.patch(`${LEASES}/a`, { spec: { leaseTransitions: 1 } });
  await hub.patch(`${LEASES}/a`, { metadata: { labels: { on: 'no' } } });
  await hub.call(`${LEASES}/a`, { method: 'DELETE' });
  assert.deepEqual(watch.story, ['ADDED a', 'MODIFIED a', 'DELETED a']);
  const [, modified, left] = watch.events;
  assert.deepEqual([left?.object.metadata.labels, left?.object.spec], [{ on: 'yes' }, modified?.object.spec]);
  assert.equal(Number(left?.object.metadata.resourceVersion), Number(modified?.object.metadata.resourceVersion) + 1);
});

test('sees only its own namespace, or its own name', async () => {
  const hub = await (await hubWithLeases()).withNamespace('two');
  const one = await hub.watch(`${LEASES}?watch=true`);
  const all = await hub.watch('/apis/coordination.k8s.io/v1/leases?watch=true');
  const named = await hub.watch(`${LEASES}?watch=true&fieldSelector=metadata.name%3Db`);
  for (const target of [LEASES, LEASES.replace('one', 'two')])
    for (const name of ['a', 'b']) await hub.post(target, { metadata: { name } });
  assert.deepEqual([one.story.length, all.story.length, named.story.length], [2, 4, 1]);
});

test('ends after its timeoutSeconds, two seconds after a last bookmark', async () => {
  const hub = await hubWithLeases('a');
  const watch = await hub.watch(`${LEASES}?${WATCH_LIST}&timeoutSeconds=30`);
  hub.clock.advance(28_000);
  assert.deepEqual([watch.story, watch.isEnded], [['ADDED a', 'BOOKMARK', 'BOOKMARK'], false]);
  hub.clock.advance(2_000);
  assert.ok(watch.isEnded);
  assert.equal(hub.api.watchCount, 0);
});

test('runs half an hour to an hour when no timeout is named', async () => {
  const hub = await hubWithLeases();
  const watch = await hub.watch(`${LEASES}?watch=true`);
  hub.clock.advance(29 * 60_000);
  assert.ok(!watch.isEnded);
  hub.clock.advance(31 * 60_000);
  assert.ok(watch.isEnded);
});

test('sends a bookmark each minute to those who want them', async () => {
  const hub = await hubWithLeases();
  const [wants, wantsNot] = [await hub.watch(`${LEASES}?watch=true&allowWatchBookmarks=true`), await hub.watch(`${LEASES}?watch=true`)];
  await hub.withNamespace('elsewhere');
  hub.clock.advance(60_000);
  assert.equal(wants.events[0]?.object.metadata.resourceVersion, String(hub.api.store.revision));
  assert.deepEqual([wants.story, wantsNot.story], [['BOOKMARK'], []]);
});

test('waits for a reader that lags, and then tells it everything in order', async () => {
  const hub = await hubWithLeases('a');
  const watch = await hub.watch(`${LEASES}?watch=true`);
  watch.fill();
  for (let count = 1; count <= 50; count += 1) await hub.patch(`${LEASES}/a`, { spec: { leaseTransitions: count } });
  assert.equal(watch.events.length, 2);
  watch.drain();
  assert.deepEqual(
    watch.events.slice(1).map(({ object }) => object.spec.leaseTransitions),
    Array.from({ length: 50 }, (_, index) => index + 1),
  );
});

test('lets a reader go that lags behind history', async () => {
  const hub = await hubWithLeases('a');
  const watch = await hub.watch(`${LEASES}?watch=true`);
  watch.fill();
  for (let count = 0; count <= HISTORY_LIMIT + 1; count += 1) await hub.patch(`${LEASES}/a`, { spec: { leaseTransitions: count } });
  watch.drain();
  assert.ok(watch.isEnded);
  assert.equal(watch.events.length, 2);
  assert.equal(hub.api.watchCount, 0);
});

test('forgets a watch whose reader has gone, or that was never begun', async () => {
  const hub = await hubWithLeases('a');
  await hub.serve(`${LEASES}?watch=true`);
  const watch = await hub.watch(`${LEASES}?watch=true`);
  watch.leave();
  await hub.post(LEASES, { metadata: { name: 'b' } });
  assert.deepEqual([watch.story, watch.isEnded, hub.api.watchCount], [['ADDED a'], false, 0]);
  const bookmarksOnly = 1;
  assert.equal(hub.clock.pending, bookmarksOnly);
});

test('ends every watch and timer when the hub closes', async () => {
  const hub = await hubWithLeases('a');
  const watch = await hub.watch(`${LEASES}?watch=true`);
  hub.api.close();
  assert.ok(watch.isEnded);
  assert.equal(hub.clock.pending, 0);
});

test('encodes an event once for all watches of the same form', async () => {
  const hub = await hubWithLeases();
  const written: Uint8Array[] = [];
  for (let count = 0; count < 3; count += 1) {
    const { stream } = await hub.serve(`${LEASES}?watch=true`);
    stream?.({ write: (chunk) => written.push(chunk) > 0, onDrain: () => {}, end: () => {}, closed: new AbortController().signal });
  }
  await hub.post(LEASES, { metadata: { name: 'a' } });
  assert.equal(written.length, 3);
  assert.ok(written.every((chunk) => chunk === written[0]));
});

test('frames protobuf events by length, and errors too', async () => {
  const hub = await hubWithLeases('a');
  const headers = { accept: 'application/vnd.kubernetes.protobuf,application/json' };
  const watch = await hub.watch(`${LEASES}?watch=true`, { headers });
  assert.equal(watch.answer.headers['content-type'], 'application/vnd.kubernetes.protobuf;stream=watch');
  await hub.post(LEASES, { metadata: { name: 'b' } });
  const lengths: number[] = [];
  for (let at = 0; at < watch.bytes.length; at += 4 + (lengths.at(-1) ?? 0)) lengths.push(watch.bytes.readUInt32BE(at));
  assert.equal(lengths.length, 2);
  const old = await hub.watch(`${LEASES}?watch=true&resourceVersion=1`, { headers });
  const frame = old.bytes.subarray(4);
  const envelope = openEnvelope(frame.subarray(frame.indexOf('k8s\0')));
  assert.equal(frame.length, old.bytes.readUInt32BE(0));
  assert.deepEqual([envelope.kind, decodeMessage('Status', envelope.raw)['reason']], ['Status', 'Expired']);
});

test('tells kubectl the columns of its table once', async () => {
  const hub = new TestApi();
  const metadata = { apiVersion: 'cluster.open-cluster-management.io/v1', kind: 'ManagedCluster' };
  const watch = await hub.watch(`${CLUSTERS}?watch=true`, {
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' },
  });
  for (const name of ['a', 'b']) await hub.post(CLUSTERS, { ...metadata, metadata: { name }, spec: { hubAcceptsClient: true } });
  const tables = watch.events.map(({ object }) => object);
  assert.deepEqual(
    tables.map((table) => table.columnDefinitions.length),
    [6, 0],
  );
  assert.deepEqual(
    tables.map((table) => table.rows[0].cells),
    [
      ['a', true, '', '', '', '0s'],
      ['b', true, '', '', '', '0s'],
    ],
  );
});

test('refuses combinations of options that kube-apiserver refuses', async () => {
  const hub = await hubWithLeases();
  for (const query of [
    'sendInitialEvents=true',
    'resourceVersionMatch=NotOlderThan',
    'sendInitialEvents=false&resourceVersionMatch=Exact',
  ]) {
    const { status, json } = await hub.call(`${LEASES}?watch=true&${query}`);
    assert.deepEqual([status, json.reason], [422, 'Invalid'], query);
  }
  assert.equal((await hub.call(`${LEASES}?${WATCH_LIST}&resourceVersion=99999`)).status, 504);
});
