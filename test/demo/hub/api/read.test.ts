import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HISTORY_LIMIT } from '../../../../src/demo/hub/api/collection.ts';
import { type Loose, TestApi } from './api-client.ts';

const CONFIG_MAPS = '/api/v1/namespaces/one/configmaps';

async function hubWithMaps(...names: readonly string[]): Promise<TestApi> {
  const hub = await new TestApi().withNamespace('one');
  for (const name of names) await hub.post(CONFIG_MAPS, { metadata: { name, labels: { app: name, tier: 'x' } } });
  return hub;
}

function namesOf(list: Loose): readonly string[] {
  return list.items.map((item: Loose) => item.metadata.name);
}

test('lists by name within a namespace and by namespace across all', async () => {
  const hub = await (await hubWithMaps('b', 'a')).withNamespace('another');
  await hub.post('/api/v1/namespaces/another/configmaps', { metadata: { name: 'z' } });
  assert.deepEqual(namesOf((await hub.call(CONFIG_MAPS)).json), ['a', 'b']);
  const { json } = await hub.call('/api/v1/configmaps');
  assert.deepEqual(namesOf(json), ['z', 'a', 'b']);
  assert.deepEqual([json.kind, json.apiVersion, json.items[0].kind], ['ConfigMapList', 'v1', undefined]);
  assert.equal(json.metadata.resourceVersion, String(hub.api.store.revision));
});

const selectors: readonly (readonly [string, readonly string[]])[] = [
  ['labelSelector=app', ['a', 'b', 'c']],
  ['labelSelector=!app', []],
  ['labelSelector=app%3Da', ['a']],
  ['labelSelector=app%3D%3Da,tier%3Dx', ['a']],
  ['labelSelector=app!%3Da', ['b', 'c']],
  ['labelSelector=app in (a,c),tier notin (y)', ['a', 'c']],
  ['labelSelector=nothing notin (a)', ['a', 'b', 'c']],
  ['fieldSelector=metadata.name%3Db', ['b']],
  ['fieldSelector=metadata.name!%3Db,metadata.namespace%3Done', ['a', 'c']],
  ['fieldSelector=metadata.name%3Db&labelSelector=app%3Da', []],
];

for (const [query, names] of selectors) {
  test(`finds ${names.join(' ') || 'nothing'} by ${decodeURIComponent(query)}`, async () => {
    const hub = await hubWithMaps('a', 'b', 'c');
    assert.deepEqual(namesOf((await hub.call(`${CONFIG_MAPS}?${query}`)).json), names);
  });
}

test('refuses selectors that it cannot read, and fields that a kind does not index', async () => {
  const hub = await hubWithMaps();
  for (const query of ['labelSelector=a in b', 'labelSelector=a%3Db c', 'fieldSelector=metadata.name', 'limit=-1', 'resourceVersion=x']) {
    assert.equal((await hub.call(`${CONFIG_MAPS}?${query}`)).status, 400, query);
  }
  const { status, json } = await hub.call(`${CONFIG_MAPS}?fieldSelector=data.a%3Db`);
  assert.deepEqual(
    [status, json.message],
    [
      400,
      'Unable to find "/v1, Resource=configmaps" that match label selector "", field selector "data.a=b": field label not supported: data.a',
    ],
  );
});

test('gives a list in pages that all show the state of the first', async () => {
  const hub = await hubWithMaps('a', 'b', 'c', 'd', 'e');
  const first = await hub.call(`${CONFIG_MAPS}?limit=2`);
  assert.deepEqual(namesOf(first.json), ['a', 'b']);
  assert.equal(first.json.metadata.remainingItemCount, 3);
  await hub.call(`${CONFIG_MAPS}/c`, { method: 'DELETE' });
  await hub.post(CONFIG_MAPS, { metadata: { name: 'dd' } });
  await hub.patch(`${CONFIG_MAPS}/d`, { data: { changed: 'yes' } });
  const second = await hub.call(`${CONFIG_MAPS}?limit=2&continue=${first.json.metadata.continue}`);
  assert.deepEqual(namesOf(second.json), ['c', 'd']);
  assert.equal(second.json.items[1].data, undefined);
  assert.equal(second.json.metadata.resourceVersion, first.json.metadata.resourceVersion);
  const third = await hub.call(`${CONFIG_MAPS}?limit=2&continue=${second.json.metadata.continue}`);
  assert.deepEqual(
    [namesOf(third.json), third.json.metadata.continue, third.json.metadata.remainingItemCount],
    [['e'], undefined, undefined],
  );
});

test('lets a page go when history does not reach back to its list', async () => {
  const hub = await hubWithMaps('a', 'b');
  const first = await hub.call(`${CONFIG_MAPS}?limit=1`);
  for (let count = 0; count <= HISTORY_LIMIT; count += 1) await hub.patch(`${CONFIG_MAPS}/a`, { data: { count: String(count) } });
  const second = await hub.call(`${CONFIG_MAPS}?limit=1&continue=${first.json.metadata.continue}`);
  assert.deepEqual([second.status, second.json.reason], [410, 'Expired']);
  const broken = await hub.call(`${CONFIG_MAPS}?limit=1&continue=nonsense`);
  assert.equal(broken.status, 400);
});

test('shows the list of an exact version, and waits for none that is to come', async () => {
  const hub = await hubWithMaps('a');
  const revision = hub.api.store.revision;
  await hub.post(CONFIG_MAPS, { metadata: { name: 'b' } });
  const exact = await hub.call(`${CONFIG_MAPS}?resourceVersion=${revision}&resourceVersionMatch=Exact`);
  assert.deepEqual([namesOf(exact.json), exact.json.metadata.resourceVersion], [['a'], String(revision)]);
  const ahead = await hub.call(`${CONFIG_MAPS}?resourceVersion=99999`);
  assert.deepEqual(
    [ahead.status, ahead.json.message, ahead.headers['retry-after']],
    [504, `Timeout: Too large resource version: 99999, current: ${hub.api.store.revision}`, '1'],
  );
});

test('gives objects as metadata only when asked', async () => {
  const hub = await hubWithMaps('a');
  const accept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
  const list = await hub.call(CONFIG_MAPS, { headers: { accept } });
  assert.deepEqual(
    [list.json.kind, list.json.items[0].kind, list.json.items[0].metadata.name],
    ['PartialObjectMetadataList', 'PartialObjectMetadata', 'a'],
  );
  const one = await hub.call(`${CONFIG_MAPS}/a`, { headers: { accept: accept.replace('List', '') } });
  assert.deepEqual([one.json.kind, one.json.apiVersion], ['PartialObjectMetadata', 'meta.k8s.io/v1']);
});
