import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMessage, encodeMessage, openEnvelope, sealEnvelope } from '../../../../src/demo/hub/api/protobuf.ts';
import { klusterlet, type Loose, TestApi, TestSink } from './api-client.ts';
import { type RecordedRequest, recordedRequests } from './recorded-exchanges.ts';

const ADDONS = '/apis/addon.open-cluster-management.io/v1beta1/namespaces/cluster1/managedclusteraddons';
const WORKS = '/apis/work.open-cluster-management.io/v1/namespaces/cluster1/manifestworks';
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/cluster1/leases';

/** What the hub's controllers and its administrator had made by the time that the agents asked for it. */
async function hubOfTheRecording(): Promise<TestApi> {
  const hub = await new TestApi().withNamespace('cluster1');
  await hub.post(LEASES, { metadata: { name: 'managed-cluster-lease' }, spec: { holderIdentity: 'managed-cluster-lease' } });
  await hub.post(WORKS, { apiVersion: 'work.open-cluster-management.io/v1', kind: 'ManifestWork', metadata: { name: 'hello' } });
  await hub.post(ADDONS, {
    apiVersion: 'addon.open-cluster-management.io/v1beta1',
    kind: 'ManagedClusterAddOn',
    metadata: { name: 'application-manager' },
  });
  return hub;
}

/** Versions and uids are the recorded hub's; this one has given out its own. */
async function withCurrentVersion(hub: TestApi, { method, target, body, headers }: RecordedRequest): Promise<Buffer> {
  const bytes = Buffer.from(body ?? '', 'base64');
  if (method !== 'PATCH' && method !== 'PUT') return bytes;
  const { uid, resourceVersion } = (await hub.call(target.replace(/\/status$/, ''))).json.metadata;
  if (headers.some(([name, value]) => name === 'content-type' && value.includes('json'))) {
    const patch: Loose = JSON.parse(bytes.toString());
    return Buffer.from(JSON.stringify({ ...patch, metadata: { ...patch.metadata, uid, resourceVersion } }));
  }
  const envelope = openEnvelope(bytes);
  const object: Loose = decodeMessage(envelope.kind, envelope.raw);
  const raw = encodeMessage(envelope.kind, { ...object, metadata: { ...object.metadata, uid, resourceVersion } });
  return sealEnvelope({ ...envelope, raw });
}

test('answers every request of the recorded agents, in their order, with the recorded status and content type', async () => {
  const hub = await hubOfTheRecording();
  const watches: TestSink[] = [];
  for (const request of recordedRequests) {
    const { method, target, headers } = request;
    const body = await withCurrentVersion(hub, request);
    const answer = await hub.serve(target, { method, headers: Object.fromEntries(headers), body, user: klusterlet });
    assert.equal(answer.status, request.status, `${method} ${target}: ${answer.body?.toString()}`);
    assert.equal(answer.headers['content-type'], request.responseContentType, `${method} ${target}`);
    if (answer.stream === undefined) continue;
    const sink = new TestSink(answer);
    answer.stream(sink);
    watches.push(sink);
  }
  assert.equal(watches.length, 6);
  assert.ok(watches.every((watch) => watch.chunks.length > 0 && !watch.isEnded));
});
