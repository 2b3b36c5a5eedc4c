import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shape, TypeMismatch } from '../../../../src/demo/hub/api/typed.ts';

test('brings fields into the order of the Go type and drops what it does not know', () => {
  const unknown: string[] = [];
  const shaped = shape(
    'Lease',
    { spec: { renewTime: null, holderIdentity: 'a', extra: 1 }, metadata: { uid: 'u', name: 'n' }, foo: {} },
    unknown,
  );
  assert.equal(JSON.stringify(shaped), '{"metadata":{"name":"n","uid":"u"},"spec":{"holderIdentity":"a"}}');
  assert.deepEqual(unknown, ['foo', 'spec.extra']);
});

test('omits what Go omits when empty and keeps what it does not', () => {
  const event = shape('CoreEvent', { metadata: {}, count: 0, message: '' });
  assert.deepEqual(event, {
    metadata: {},
    involvedObject: {},
    source: {},
    firstTimestamp: null,
    lastTimestamp: null,
    eventTime: null,
    reportingComponent: '',
    reportingInstance: '',
  });
  assert.equal(
    JSON.stringify(shape('CertificateSigningRequest', {})),
    '{"metadata":{},"spec":{"request":null,"signerName":""},"status":{}}',
  );
});

test('writes times in UTC, whole or with six digits', () => {
  const lease = shape('Lease', {
    metadata: { creationTimestamp: '2026-11-23T21:10:07.9+02:00' },
    spec: { renewTime: '2026-11-23T19:10:07.1328079Z' },
  });
  assert.deepEqual(lease, {
    metadata: { creationTimestamp: '2026-11-23T19:10:07Z' },
    spec: { renewTime: '2026-11-23T19:10:07.132807Z' },
  });
});

test('sorts the keys of maps', () => {
  const shaped = shape('ConfigMap', { metadata: { labels: { b: '2', a: '1' } }, data: { z: '', y: '' } });
  assert.equal(JSON.stringify(shaped), '{"metadata":{"labels":{"a":"1","b":"2"}},"data":{"y":"","z":""}}');
});

const mismatches: readonly (readonly [string, object, string])[] = [
  [
    'Lease',
    { spec: { leaseDurationSeconds: 'x' } },
    'json: cannot unmarshal string into Go struct field LeaseSpec.spec.leaseDurationSeconds of type int32',
  ],
  ['Lease', { spec: [] }, 'json: cannot unmarshal array into Go struct field Lease.spec of type LeaseSpec'],
  ['ConfigMap', { data: { a: 1 } }, 'json: cannot unmarshal number into Go struct field ConfigMap.data of type string'],
  ['ConfigMap', { data: [] }, 'json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string'],
  ['ConfigMap', { immutable: 'yes' }, 'json: cannot unmarshal string into Go struct field ConfigMap.immutable of type bool'],
  [
    'CertificateSigningRequest',
    { spec: { usages: {} } },
    'json: cannot unmarshal object into Go struct field CertificateSigningRequestSpec.spec.usages of type []string',
  ],
  ['Secret', { data: { a: '$' } }, 'illegal base64 data at input byte 0'],
  ['Lease', { spec: { renewTime: 'now' } }, 'parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse'],
];

for (const [message, source, text] of mismatches) {
  test(`says ${JSON.stringify(text)}`, () => {
    assert.throws(() => shape(message, source as never), new TypeMismatch(text));
  });
}
