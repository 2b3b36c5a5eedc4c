import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fieldsOf, shape } from '../../../src/demo/hub/api/typed.ts';
import { decodeMessage, encodeMessage, openEnvelope } from '../../../src/demo/hub/api/protobuf.ts';
import { accept, cpuMs, paths, plain, PROTOBUF_TYPE, read, refusalOf } from './reading.ts';
import { bytes, csr, envelope, lease, number, varint } from './wire.ts';

const named = bytes(1, bytes(1, 'managed-cluster-lease'));
const spec = (...fields: readonly Uint8Array[]): Buffer => bytes(2, ...fields);

function ruleFor(body: Uint8Array, path: string = paths.leases): string {
  return refusalOf({ path, contentType: PROTOBUF_TYPE, body });
}

test('a lease as client-go writes it is read like its JSON form', () => {
  const body = lease(
    named,
    spec(bytes(1, 'managed-cluster-lease'), number(2, 60), bytes(4, number(1, 1_795_461_007), number(2, 605_282_000))),
  );
  assert.deepEqual(plain(accept({ path: paths.leases, contentType: PROTOBUF_TYPE, body }).object), {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'managed-cluster-lease' },
    spec: { holderIdentity: 'managed-cluster-lease', leaseDurationSeconds: 60, renewTime: '2026-11-23T19:10:07.605282Z' },
  });
});

test('the order of fields does not matter', () => {
  assert.equal(ruleFor(lease(spec(number(5, 1), bytes(1, 'holder')), named)), 'accepted');
});

const sixtyFourBits = 2n ** 64n;

const malformed: readonly (readonly [what: string, body: Uint8Array])[] = [
  ['no envelope', Buffer.from('{"kind":"Lease"}')],
  ['half an envelope', Buffer.from('k8s')],
  ['another encoding style', Buffer.concat([Buffer.from('k8s\x01'), lease(named).subarray(4)])],
  ['a singular message twice', lease(named, named)],
  ['a singular string twice', lease(bytes(1, bytes(1, 'a'), bytes(1, 'b')))],
  ['a singular number twice', lease(named, spec(number(2, 60), number(2, 60)))],
  ['a string where a message has another wire type', lease(number(1, 1))],
  ['a number where a string belongs', lease(bytes(1, number(1, 5)))],
  ['a string where a number belongs', lease(spec(bytes(2, '60')))],
  ['fixed 32 bits where a number belongs', lease(spec(Buffer.from([2 * 8 + 5, 60, 0, 0, 0])))],
  ['fixed 64 bits where a number belongs', lease(spec(Buffer.from([2 * 8 + 1, 60, 0, 0, 0, 0, 0, 0, 0])))],
  ['packed numbers', lease(spec(bytes(2, varint(60))))],
  ['the start of a group', lease(Buffer.from([1 * 8 + 3, 1 * 8 + 4]))],
  ['an unknown group', lease(named, Buffer.from([9 * 8 + 3, 9 * 8 + 4]))],
  ['the end of a group', lease(Buffer.from([1 * 8 + 4]))],
  ['a wire type that does not exist', lease(Buffer.from([1 * 8 + 6]))],
  ['the field number 0', lease(Buffer.from([2, 0]))],
  ['a tag beyond 32 bits', lease(Buffer.concat([varint(2n ** 35n + 2n), Buffer.from([0])]))],
  ['an over-long tag', lease(Buffer.concat([varint(1 * 8 + 2, 2), varint(0)]))],
  ['an over-long length', lease(Buffer.concat([varint(1 * 8 + 2), varint(0, 2)]))],
  ['an over-long number', lease(named, spec(Buffer.concat([varint(2 * 8), varint(60, 2)])))],
  ['a number of nine octets that ends in zeros', lease(named, spec(Buffer.concat([varint(2 * 8), varint(60, 9)])))],
  ['a number of eleven octets', lease(named, spec(Buffer.concat([varint(2 * 8), Buffer.alloc(10, 0xff), Buffer.from([1])])))],
  ['a number beyond 64 bits', lease(named, spec(Buffer.concat([varint(2 * 8), Buffer.alloc(9, 0xff), Buffer.from([2])])))],
  ['a 32-bit number of 33 bits', lease(named, spec(number(2, 2 ** 32)))],
  ['a 32-bit number between its largest and its smallest', lease(named, spec(number(2, 2 ** 31)))],
  ['a negative 32-bit number below its smallest', lease(named, spec(number(2, sixtyFourBits - 2n ** 31n - 1n)))],
  ['a truth value of 2', lease(bytes(1, bytes(13, number(6, 2))))],
  ['a length beyond the message', lease(Buffer.concat([varint(1 * 8 + 2), varint(100)]))],
  ['a length beyond the message that holds it', lease(bytes(1, Buffer.concat([varint(1 * 8 + 2), varint(10)])), spec(bytes(1, 'holder')))],
  ['a field that is cut off', lease(varint(1 * 8 + 2))],
  ['a string that is not UTF-8', lease(bytes(1, bytes(1, Buffer.from([0xff]))))],
  ['a surrogate in a string', lease(bytes(1, bytes(1, Buffer.from([0xed, 0xa0, 0x80]))))],
  ['a label twice', lease(bytes(1, bytes(11, bytes(1, 'a'), bytes(2, 'b')), bytes(11, bytes(1, 'a'), bytes(2, 'c'))))],
  ['a label without key', lease(bytes(1, bytes(11, bytes(2, 'b'))))],
  ['a label with two keys', lease(bytes(1, bytes(11, bytes(1, 'a'), bytes(1, 'b'), bytes(2, 'c'))))],
  ['a label with a third field', lease(bytes(1, bytes(11, bytes(1, 'a'), bytes(2, 'b'), bytes(3))))],
  ['a label whose key is not UTF-8', lease(bytes(1, bytes(11, bytes(1, Buffer.from([0xc0, 0x80])))))],
  ['an unknown field in the envelope', Buffer.concat([lease(named), bytes(5, 'x')])],
  ['trailing bytes', Buffer.concat([lease(named), Buffer.from('x')])],
  ['the object twice', Buffer.concat([lease(named), bytes(2, named)])],
  ['the type twice', Buffer.concat([lease(named), bytes(1, bytes(1, 'v1'), bytes(2, 'Secret'))])],
  ['a content encoding', Buffer.concat([Buffer.from('k8s\0'), bytes(2, named), bytes(3, 'gzip')])],
  ['a content type', Buffer.concat([Buffer.from('k8s\0'), bytes(2, named), bytes(4, 'application/json')])],
  ['an unknown field in the metadata', lease(bytes(1, bytes(1, 'managed-cluster-lease'), bytes(16, 'x')))],
  ['an unknown number in the metadata', lease(bytes(1, number(18, 1)))],
  ['an unknown empty field twice', lease(bytes(1, bytes(18), bytes(18)))],
  ['an unknown empty 32-bit field', lease(bytes(1, Buffer.from([((18 * 8 + 5) & 0x7f) | 0x80, 1, 0, 0, 0, 0])))],
  ['a time before the year 1', lease(named, spec(bytes(4, number(1, sixtyFourBits - 62_135_596_801n))))],
  ['a time after the year 9999', lease(named, spec(bytes(4, number(1, 253_402_300_800))))],
  ['a time with negative nanoseconds', lease(named, spec(bytes(4, number(1, 1), number(2, sixtyFourBits - 1n))))],
  ['a time without seconds', lease(named, spec(bytes(4, number(2, 1))))],
  ['managed fields that are not JSON', lease(bytes(1, bytes(17, bytes(7, bytes(1, '{"f:a":{},"f:a":{}}')))))],
];

for (const [what, body] of malformed) {
  test(`refuses protobuf with ${what}`, () => {
    assert.equal(ruleFor(body), 'body-form');
  });
}

test('an unknown field that is empty passes: a newer client writes it without setting it', () => {
  assert.equal(ruleFor(lease(bytes(1, bytes(1, 'managed-cluster-lease'), bytes(18), number(19, 0)))), 'accepted');
  assert.equal(ruleFor(csr(bytes(2, bytes(1, 'x'), bytes(99))), paths.csrs), 'csr-malformed');
});

test('an unknown field that is set passes in a lease or an event, where nothing depends on it, and nowhere else', () => {
  assert.equal(ruleFor(lease(named, spec(bytes(99, 'new'), bytes(99, 'newer'), number(100, 7)))), 'accepted');
  const event = envelope('events.k8s.io/v1', 'Event', bytes(1, bytes(1, 'e')), bytes(99, 'new'));
  assert.equal(ruleFor(event, paths.events), 'accepted');
  assert.equal(ruleFor(lease(named, bytes(3, 'x'))), 'body-form');
  assert.equal(ruleFor(csr(bytes(2, bytes(99, 'x'))), paths.csrs), 'body-form');
  assert.equal(ruleFor(envelope('v1', 'Secret', bytes(99, 'x')), paths.secrets), 'body-form');
});

test('negative and large numbers are exact', () => {
  const body = lease(bytes(1, number(7, 2n ** 63n - 1n), number(10, sixtyFourBits - 5n)), spec(number(2, sixtyFourBits - 1n)));
  const object = plain(accept({ path: paths.leases, contentType: PROTOBUF_TYPE, body }).object);
  assert.deepEqual(object, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { generation: '9223372036854775807n', deletionGracePeriodSeconds: -5 },
    spec: { leaseDurationSeconds: -1 },
  });
});

test('labels with names that JavaScript knows are labels', () => {
  const label = (key: string): Buffer => bytes(11, bytes(1, key), bytes(2, 'x'));
  const body = lease(bytes(1, label('__proto__'), label('constructor'), label('')));
  const { object } = accept({ path: paths.leases, contentType: PROTOBUF_TYPE, body });
  const labels = (object as { metadata: { labels: object } } | null)?.metadata.labels ?? {};
  assert.deepEqual(Object.keys(labels), ['__proto__', 'constructor', '']);
  assert.equal(Object.getPrototypeOf(labels), null);
});

test('protobuf of a kind that is not read here is refused by its media type', () => {
  for (const path of [
    paths.managedClusters,
    '/api/v1/namespaces/cluster1/pods',
    '/apis/coordination.k8s.io/v1beta1/namespaces/c/leases',
    paths.search,
  ]) {
    assert.equal(ruleFor(lease(named), path), 'body-media-type', path);
  }
});

const oracle: readonly (readonly [message: string, apiVersion: string, kind: string, path: string])[] = [
  ['Lease', 'coordination.k8s.io/v1', 'Lease', paths.leases],
  ['Event', 'events.k8s.io/v1', 'Event', paths.events],
  ['CoreEvent', 'v1', 'Event', paths.coreEvents],
  ['ConfigMap', 'v1', 'ConfigMap', paths.configMaps],
  ['Secret', 'v1', 'Secret', paths.secrets],
  ['SelfSubjectReview', 'authentication.k8s.io/v1', 'SelfSubjectReview', paths.selfReviews],
  ['SelfSubjectAccessReview', 'authorization.k8s.io/v1', 'SelfSubjectAccessReview', paths.accessReviews],
];

/** JSON that a field of the embedded hub's own schema takes. */
function arbitraryOf(type: string): fc.Arbitrary<unknown> {
  const text = fc.string({ unit: 'grapheme', maxLength: 12 });
  switch (type) {
    case 'string':
      return text;
    case 'bytes':
      return fc.uint8Array({ maxLength: 12 }).map((octets) => Buffer.from(octets).toString('base64'));
    case 'bool':
      return fc.boolean();
    case 'int32':
      return fc.integer();
    case 'int64':
      return fc.maxSafeInteger();
    case 'Time':
      return fc
        .date({ min: new Date('0001-01-02T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true })
        .map((date) => date.toISOString());
    case 'MicroTime':
      return fc
        .date({ min: new Date('1970-01-01T00:00:00Z'), max: new Date('2100-01-01T00:00:00Z'), noInvalidDate: true })
        .map((date) => date.toISOString());
    case 'FieldsV1':
      return fc.dictionary(
        text.map((key) => `f:${key}`),
        fc.constant({}),
        { maxKeys: 3 },
      );
    case 'ExtraValue':
      return fc.array(text, { maxLength: 3 });
    default:
      return messageOf(type);
  }
}

function messageOf(message: string): fc.Arbitrary<Record<string, unknown>> {
  const fields = fieldsOf(message).map(({ name, type, form }): [string, fc.Arbitrary<unknown>] => {
    const one = arbitraryOf(type);
    if (form === 'list') return [name, fc.array(one, { maxLength: 3 })];
    return [name, form === 'map' ? fc.dictionary(fc.string({ maxLength: 8 }), one, { maxKeys: 3, noNullPrototype: true }) : one];
  });
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] });
}

for (const [message, apiVersion, kind, path] of oracle) {
  test(`a ${message} is read as the embedded hub reads it`, () => {
    fc.assert(
      fc.property(messageOf(message), (source) => {
        const complete = {
          ...source,
          metadata: {
            ...(source['metadata'] as object | undefined),
            name: 'n',
            namespace: path.includes('/namespaces/') ? 'cluster1' : '',
          },
        };
        const raw = encodeMessage(message, shape(message, complete));
        const { object } = accept({ path, contentType: PROTOBUF_TYPE, body: envelope(apiVersion, kind, raw) });
        assert.deepEqual(plain(object), plain({ apiVersion, kind, ...shape(message, decodeMessage(message, raw)) }));
      }),
      { numRuns: 100 },
    );
  });
}

test('random and changed protobuf ends in an object or a refusal, and what is accepted the embedded hub reads alike', () => {
  const original = lease(
    bytes(1, bytes(1, 'a'), bytes(11, bytes(1, 'k'), bytes(2, 'v')), bytes(14, 'f')),
    spec(bytes(1, 'holder'), number(2, 60), bytes(4, number(1, 5), number(2, 6))),
  );
  const change = fc.record({ at: fc.nat({ max: original.length - 1 }), cut: fc.nat({ max: 3 }), put: fc.uint8Array({ maxLength: 3 }) });
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      let body: Buffer = original;
      for (const { at, cut, put } of changes) body = Buffer.concat([body.subarray(0, at), put, body.subarray(at + cut)]);
      const result = read({ path: paths.leases, contentType: PROTOBUF_TYPE, body });
      if (!result.ok) return;
      accepted += 1;
      const opened = openEnvelope(body);
      const { apiVersion: _apiVersion, kind: _kind, ...object } = plain(result.body.object) as Record<string, unknown>;
      assert.deepEqual(object, plain(shape('Lease', decodeMessage('Lease', opened.raw))));
    }),
    { numRuns: 3_000 },
  );
  assert.ok(accepted > 50, `${accepted} accepted`);
});

test('random bytes behind the envelope end in an object or a refusal', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...oracle), (octets, [, apiVersion, kind, path]) => {
      read({ path, contentType: PROTOBUF_TYPE, body: envelope(apiVersion, kind, octets) });
      read({ path, contentType: PROTOBUF_TYPE, body: Buffer.concat([Buffer.from('k8s\0'), octets]) });
    }),
    { numRuns: 1_000 },
  );
});

const MIB = 1024 * 1024;
const repeat = (part: Uint8Array, until: number = MIB): Buffer => Buffer.alloc(Math.floor(until / part.length) * part.length, part);

const managedFields = (count: number, json: string): Buffer =>
  bytes(1, ...Array.from({ length: count }, () => bytes(17, bytes(7, bytes(1, json)))));

test('fields, and bytes of JSON in managed fields, are bounded over the whole body', () => {
  assert.equal(ruleFor(lease(bytes(1, repeat(bytes(14), 9_990 * 2)))), 'accepted');
  assert.equal(ruleFor(lease(bytes(1, repeat(bytes(14), 10_000 * 2)))), 'body-bounds');
  const json = `["${'v'.repeat(60_000)}"]`;
  assert.equal(ruleFor(lease(managedFields(2, json))), 'accepted');
  assert.equal(ruleFor(lease(managedFields(3, json))), 'body-bounds');
});

const hostile: readonly (readonly [what: string, body: Uint8Array])[] = [
  ['empty finalizers', lease(bytes(1, repeat(bytes(14))))],
  ['as many finalizers as pass', lease(bytes(1, repeat(bytes(14, 'a'.repeat(95)), 960_000)))],
  ['as many owner references as pass', lease(bytes(1, repeat(bytes(13, bytes(1, 'a'), bytes(3, 'b'.repeat(280))), 960_000)))],
  [
    'as many labels as pass',
    lease(bytes(1, ...Array.from({ length: 3_300 }, (_, n) => bytes(11, bytes(1, `label-${n}`), bytes(2, 'v'.repeat(280)))))),
  ],
  ['the same label', lease(bytes(1, repeat(bytes(11, bytes(1, 'k'), bytes(2, 'v')))))],
  ['unknown fields', lease(named, spec(repeat(bytes(99))))],
  ['unknown long varints', lease(named, spec(repeat(number(99, sixtyFourBits - 1n))))],
  ['one long string', lease(bytes(1, bytes(1, Buffer.alloc(MIB, 'a'))))],
  ['one long string of three-byte characters', lease(bytes(1, bytes(1, '€'.repeat(MIB / 3))))],
  ['continuation bits', lease(Buffer.alloc(MIB, 0xff))],
  ['zeros', lease(Buffer.alloc(MIB))],
  ['managed fields', lease(managedFields(6, `{${Array.from({ length: 9_000 }, (_, n) => `"${n}":0`).join(',')}}`))],
  ['as many managed fields as pass', lease(managedFields(1, `[${Array.from({ length: 60_000 }, () => '0').join(',')}]`))],
];

for (const [what, body] of hostile) {
  test(`one MiB of ${what} costs less than 50 ms`, () => {
    const runs = Array.from({ length: 5 }, () => cpuMs(() => void read({ path: paths.leases, contentType: PROTOBUF_TYPE, body })));
    assert.ok(Math.min(...runs) < 50, runs.join(' '));
    if (what.includes('as pass')) assert.equal(ruleFor(body), 'accepted');
  });
}
