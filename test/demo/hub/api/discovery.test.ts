import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Loose, TestApi } from './api-client.ts';
import { bodyOf, exchange } from './recorded-exchanges.ts';

const AGGREGATED =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json';

test('describes every resource of the aggregated discovery as the recorded hub does', async () => {
  const recorded: Loose = JSON.parse(bodyOf(exchange('discovery, aggregated')).toString('utf8'));
  const { json } = await new TestApi().call('/apis', { headers: { accept: AGGREGATED } });
  const resourceIn = (list: Loose, group: string, version: string, resource: string): Loose =>
    list.items
      .find((item: Loose) => item.metadata.name === group)
      ?.versions.find((item: Loose) => item.version === version)
      ?.resources.find((item: Loose) => item.resource === resource);
  let count = 0;
  for (const group of json.items) {
    for (const { version, resources } of group.versions) {
      for (const resource of resources) {
        assert.deepEqual(resource, resourceIn(recorded, group.metadata.name, version, resource.resource));
        count += 1;
      }
    }
  }
  assert.equal(count, 9);
  const order = (list: Loose): string[] => list.items.map((item: Loose) => item.metadata.name);
  const served = new Set(order(json));
  assert.deepEqual(
    order(json),
    order(recorded).filter((group) => served.has(group)),
  );
});

test('sends the headers of aggregated discovery, and 304 to who has it already', async () => {
  const hub = new TestApi();
  const recorded = exchange('discovery, aggregated').responseHeaders;
  const first = await hub.call('/apis', { headers: { accept: AGGREGATED } });
  for (const name of ['content-type', 'cache-control', 'vary']) assert.equal(first.headers[name], recorded[name]);
  assert.match(first.headers['etag'] ?? '', /^"[0-9A-F]{128}"$/);
  assert.equal(first.headers['etag']?.length, recorded['etag']?.length);
  const again = await hub.call('/apis', { headers: { accept: AGGREGATED, 'if-none-match': first.headers['etag'] ?? '' } });
  assert.deepEqual([again.status, again.text], [304, '']);
});

test('describes the core group in both forms', async () => {
  const hub = new TestApi();
  const { json } = await hub.call('/api', { headers: { accept: AGGREGATED } });
  assert.deepEqual(
    json.items.map((item: Loose) => [item.metadata, item.versions[0].resources.map((row: Loose) => row.resource)]),
    [[{}, ['configmaps', 'events', 'namespaces', 'secrets']]],
  );
  const list = await hub.call('/api/v1');
  assert.deepEqual([list.json.kind, list.json.groupVersion], ['APIResourceList', 'v1']);
  assert.ok(list.json.resources.some((row: Loose) => row.name === 'namespaces/finalize' && row.verbs.length === 1));
});

test('describes groups and versions one by one', async () => {
  const hub = new TestApi();
  const groups = (await hub.call('/apis')).json;
  assert.equal(groups.kind, 'APIGroupList');
  const group = (await hub.call('/apis/addon.open-cluster-management.io')).json;
  assert.deepEqual([group.kind, group.preferredVersion.version, group.versions.length], ['APIGroup', 'v1beta1', 2]);
  assert.ok(groups.groups.some((item: Loose) => item.name === group.name));
  const resources = (await hub.call('/apis/cluster.open-cluster-management.io/v1/')).json;
  assert.deepEqual(
    resources.resources.map((row: Loose) => row.name),
    ['managedclusters', 'managedclusters/status'],
  );
  for (const path of ['/apis/nope', '/apis/nope/v1', '/api/v2', '/apis/cluster.open-cluster-management.io/v9'])
    assert.equal((await hub.call(path)).status, 404);
});

test('answers health checks in plain text', async () => {
  for (const path of ['/healthz', '/livez', '/readyz']) {
    const { status, text, headers } = await new TestApi().call(path);
    assert.deepEqual([status, text, headers['content-type']], [200, 'ok', 'text/plain; charset=utf-8']);
  }
});

test('tells kubectl that fields are validated by the server', async () => {
  const hub = new TestApi();
  const { json } = await hub.call('/openapi/v3');
  for (const [path, { serverRelativeURL }] of Object.entries<Loose>(json.paths)) {
    assert.equal(serverRelativeURL, `/openapi/v3/${path}`);
    const document = (await hub.call(serverRelativeURL)).json;
    for (const { patch } of Object.values<Loose>(document.paths)) {
      assert.ok(patch.parameters.some((parameter: Loose) => parameter.name === 'fieldValidation'));
      assert.ok(document.components.schemas[patch['x-kubernetes-group-version-kind'].kind]);
    }
  }
  assert.equal((await hub.call('/openapi/v3/apis/nope/v1')).status, 404);
  assert.equal((await hub.call('/openapi/v2')).status, 404);
});
