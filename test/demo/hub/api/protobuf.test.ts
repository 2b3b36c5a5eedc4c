import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeMessage,
  encodeList,
  encodeMessage,
  openEnvelope,
  ProtobufError,
  sealEnvelope,
  sealWatchEvent,
} from '../../../../src/demo/hub/api/protobuf.ts';
import { shape } from '../../../../src/demo/hub/api/typed.ts';
import { bodyOf, exchange, recordedRequests } from './recorded-exchanges.ts';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';

const bodies = recordedRequests
  .filter((request) => request.headers.some(([name, value]) => name === 'content-type' && value === PROTOBUF))
  .map((request) => ({ target: request.target, body: Buffer.from(request.body ?? '', 'base64') }));

test('decodes every protobuf body of the recorded agents and encodes it again to the same bytes', () => {
  assert.equal(bodies.length, 80);
  const kinds = new Set<string>();
  for (const { body, target } of bodies) {
    const envelope = openEnvelope(body);
    kinds.add(envelope.kind);
    const object = shape(envelope.kind, decodeMessage(envelope.kind, envelope.raw));
    const again = sealEnvelope({ ...envelope, raw: encodeMessage(envelope.kind, object) });
    assert.deepEqual(again, body, target);
  }
  assert.deepEqual([...kinds].toSorted(), ['CertificateSigningRequest', 'Event', 'Lease', 'SelfSubjectAccessReview']);
});

test('reads the fields of a recorded lease', () => {
  const recorded = bodies.find(({ target }) => target.includes('/leases/'));
  assert.ok(recorded);
  const envelope = openEnvelope(recorded.body);
  const lease = shape('Lease', decodeMessage('Lease', envelope.raw));
  assert.equal(envelope.apiVersion, 'coordination.k8s.io/v1');
  assert.deepEqual(lease['spec'], { holderIdentity: 'managed-cluster-lease', renewTime: '2026-11-23T19:10:07.605282Z' });
});

test("decodes a recorded protobuf answer to what the same hub's JSON answer says", () => {
  const envelope = openEnvelope(bodyOf(exchange('own lease, protobuf preferred')));
  const { kind, apiVersion, ...lease } = JSON.parse(bodyOf(exchange('own lease, JSON')).toString('utf8'));
  assert.deepEqual({ kind: envelope.kind, apiVersion: envelope.apiVersion }, { kind, apiVersion });
  assert.deepEqual(shape('Lease', decodeMessage('Lease', envelope.raw)), lease);
});

test('frames a watch event as it was recorded', () => {
  const recorded = bodyOf(exchange('watch leases in protobuf'));
  const first = recorded.subarray(0, 4 + recorded.readUInt32BE(0));
  assert.deepEqual(sealWatchEvent('ADDED', bodyOf(exchange('own lease, protobuf preferred'))), first);
});

test('puts encoded items into a list', () => {
  const item = encodeMessage('ConfigMap', { metadata: { name: 'a' }, data: { key: 'value' } });
  const list = encodeList({ resourceVersion: '7', remainingItemCount: 2 }, [item, item]);
  const metadata = encodeMessage('ListMeta', { resourceVersion: '7', remainingItemCount: 2 });
  const expected = Buffer.concat(
    [[0x0a, metadata.length], metadata, [0x12, item.length], item, [0x12, item.length], item].map((part) => Buffer.from(part)),
  );
  assert.deepEqual(Buffer.from(list), expected);
});

test('keeps bytes, numbers, flags and maps through both directions', () => {
  const secret = {
    metadata: { name: 's', generation: 3, deletionGracePeriodSeconds: 0 },
    immutable: true,
    data: { a: 'AAEC', b: '' },
    type: 'Opaque',
  };
  assert.deepEqual(shape('Secret', decodeMessage('Secret', encodeMessage('Secret', secret))), secret);
});

test('refuses what is no Kubernetes protobuf', () => {
  const broken = [Buffer.from('{}'), Buffer.from('k8s'), Buffer.from([0x6b, 0x38, 0x73, 0x00, 0x0a, 0xff])];
  for (const body of broken) assert.throws(() => openEnvelope(body), ProtobufError);
  assert.throws(() => decodeMessage('Lease', Buffer.from([0x0a, 0x7f])), ProtobufError);
});
