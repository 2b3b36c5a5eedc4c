import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeContentEncoding, mediaTypes, readMediaType } from '../../../src/inspect/body/body.ts';
import { accept, JSON_TYPE, MERGE_PATCH, paths, plain, PROTOBUF_TYPE, read, refusalOf, type Sent } from './reading.ts';
import { bytes, envelope } from './wire.ts';

for (const [contentType, expected] of [
  [null, 'application/json'],
  ['', 'application/json'],
  [' ', 'application/json'],
  ['application/json', 'application/json'],
  ['Application/JSON', 'application/json'],
  ['application/json;charset=utf-8', 'application/json'],
  ['application/json ; charset="utf-8"; as=Table', 'application/json'],
  ['APPLICATION/VND.KUBERNETES.PROTOBUF', 'application/vnd.kubernetes.protobuf'],
  ['application/vnd.kubernetes.protobuf;stream=watch', 'application/vnd.kubernetes.protobuf'],
  ['application/merge-patch+json', 'application/merge-patch+json'],
  ['application/apply-patch+yaml', 'application/apply-patch+yaml'],
  ['application/apply-patch+cbor', null],
  ['application/cbor', null],
  ['application/yaml', null],
  ['text/plain', null],
  ['*/*', null],
  ['application/*', null],
  ['application/jsonx', null],
  ['application', null],
  ['application/json, application/yaml', null],
  ['application/json;a=b, application/yaml', null],
  ['application/json application/yaml', null],
  ['multipart/form-data; boundary=x', null],
] as const) {
  test(`content-type ${JSON.stringify(contentType)} is ${expected ?? 'none of ours'}`, () => {
    assert.equal(readMediaType(contentType), expected);
  });
}

test('every media type of ours is read as itself', () => {
  assert.deepEqual(mediaTypes.map(readMediaType), mediaTypes);
});

test('a body without content-type is JSON', () => {
  assert.equal(plain(accept({ contentType: null, body: '{"kind":"Lease"}' }).object) !== null, true);
  assert.equal(refusalOf({ contentType: '', body: 'kind: Lease\n' }), 'body-form');
});

for (const contentType of [
  'application/yaml',
  'application/cbor',
  'application/x-www-form-urlencoded',
  'application/apply-patch+cbor',
  MERGE_PATCH,
]) {
  test(`an object as ${contentType} is refused`, () => {
    assert.equal(refusalOf({ contentType, body: '{}' }), 'body-media-type');
  });
}

test('any content encoding is refused, whatever it says', () => {
  for (const value of ['gzip', 'identity', 'br', '']) assert.equal(judgeContentEncoding(value)?.rule, 'body-encoding');
  assert.equal(judgeContentEncoding(null), null);
});

test('no bytes are an empty body, whatever the content-type', () => {
  for (const contentType of [null, JSON_TYPE, PROTOBUF_TYPE, 'text/plain']) {
    const body = accept({ method: 'DELETE', path: paths.lease, contentType, body: '' });
    assert.equal(body.kind, 'empty');
    assert.deepEqual([body.object, body.patch, body.touched, body.csr], [null, null, [], null]);
  }
});

const lease = (metadata: object, more: object = {}): string =>
  JSON.stringify({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, ...more });
const put = { method: 'PUT', path: paths.lease } as const;

const stated: readonly (readonly [what: string, sent: Sent, outcome: string])[] = [
  ['its own kind and version', { body: lease({ name: 'a' }) }, 'accepted'],
  ['neither kind nor version', { body: '{"metadata":{"name":"a"}}' }, 'accepted'],
  ['empty kind and version', { body: '{"kind":"","apiVersion":""}' }, 'accepted'],
  ['another kind', { body: lease({}, { kind: 'Secret' }) }, 'body-mismatch'],
  ['another version', { body: lease({}, { apiVersion: 'coordination.k8s.io/v1beta1' }) }, 'body-mismatch'],
  ['another group', { body: lease({}, { apiVersion: 'v1' }) }, 'body-mismatch'],
  ['the kind of a list', { body: lease({}, { kind: 'LeaseList', items: [] }) }, 'body-mismatch'],
  ['a kind that is a list', { body: '{"kind":["Lease"]}' }, 'body-form'],
  ['a kind that is null', { body: '{"kind":null}' }, 'body-form'],
  ['a Kind beside its kind, which encoding/json would take', { body: lease({}, { Kind: 'Secret' }) }, 'body-form'],
  ['a KIND alone', { body: '{"KIND":"Lease"}' }, 'body-form'],
  ['a kind with a Kelvin sign', { body: '{"\u212aind":"Secret"}' }, 'body-form'],
  ['an APIVERSION', { body: '{"APIVERSION":"v1"}' }, 'body-form'],
  ['an apiVersion with a long s', { body: '{"apiVer\u017fion":"v1"}' }, 'body-form'],
  ['keys of the same length', { body: '{"king":1,"apiversioo":2}' }, 'accepted'],
  ['a Kind further down', { body: '{"spec":{"Kind":1,"kind":2}}' }, 'accepted'],
  ['the name of its URL', { ...put, body: lease({ name: 'managed-cluster-lease', namespace: 'cluster1' }) }, 'accepted'],
  ['no name', { ...put, body: lease({}) }, 'accepted'],
  ['another name', { ...put, body: lease({ name: 'other' }) }, 'body-mismatch'],
  ['another namespace', { ...put, body: lease({ namespace: 'cluster2' }) }, 'body-mismatch'],
  ['another namespace in a create', { body: lease({ name: 'a', namespace: 'cluster2' }) }, 'body-mismatch'],
  ['a namespace where there is none', { path: paths.managedClusters, body: '{"metadata":{"namespace":"cluster1"}}' }, 'body-mismatch'],
  ['a name that is a number', { ...put, body: lease({ name: 5 }) }, 'body-form'],
  ['a namespace that is null', { ...put, body: lease({ namespace: null }) }, 'body-form'],
  ['metadata that is a list', { body: '{"metadata":[]}' }, 'body-form'],
  ['metadata that is null', { body: '{"metadata":null}' }, 'body-form'],
  ['the kind of its custom resource', { path: paths.managedClusters, body: '{"kind":"ManagedCluster"}' }, 'accepted'],
  ['another kind than its custom resource', { path: paths.managedClusters, body: '{"kind":"ManagedClusterSet"}' }, 'body-mismatch'],
  [
    'any kind of an unknown resource',
    { path: '/apis/example.com/v1/namespaces/cluster1/things', body: '{"kind":"Thing","apiVersion":"example.com/v1"}' },
    'accepted',
  ],
  [
    'another group than its unknown resource',
    { path: '/apis/example.com/v1/namespaces/cluster1/things', body: '{"apiVersion":"v1"}' },
    'body-mismatch',
  ],
  [
    'the kind of a token request',
    { path: paths.token, body: '{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1"}' },
    'accepted',
  ],
  ['the group of the URL for a token request', { path: paths.token, body: '{"kind":"TokenRequest","apiVersion":"v1"}' }, 'body-mismatch'],
  ['a token request for another account', { path: paths.token, body: '{"metadata":{"name":"other"}}' }, 'body-mismatch'],
  [
    'a document of an aggregated API',
    { path: paths.search, body: '{"addResources":[{"kind":"Pod"}],"kind":"any","metadata":"any","Kind":1}' },
    'accepted',
  ],
  ['a document for a path that is no resource', { path: '/version', body: '{"kind":"any"}' }, 'accepted'],
  ['delete options of the core group', { ...put, method: 'DELETE', body: '{"kind":"DeleteOptions","apiVersion":"v1"}' }, 'accepted'],
  [
    'delete options of meta.k8s.io',
    { ...put, method: 'DELETE', body: '{"kind":"DeleteOptions","apiVersion":"meta.k8s.io/v1"}' },
    'accepted',
  ],
  [
    'delete options of its own group',
    { ...put, method: 'DELETE', body: '{"kind":"DeleteOptions","apiVersion":"coordination.k8s.io/v1"}' },
    'accepted',
  ],
  ['an object where delete options belong', { ...put, method: 'DELETE', body: lease({}) }, 'body-mismatch'],
  ['delete options where an object belongs', { ...put, body: '{"kind":"DeleteOptions","apiVersion":"v1"}' }, 'body-mismatch'],
  ['a list', { body: '[]' }, 'body-form'],
  ['a string', { body: '"Lease"' }, 'body-form'],
];

for (const [what, sent, outcome] of stated) {
  test(`a body with ${what} is ${outcome}`, () => {
    assert.equal(refusalOf(sent), outcome);
  });
}

test('a body of protobuf is held to its URL as JSON is', () => {
  const rule = (apiVersion: string, kind: string, metadata: readonly Uint8Array[]): string =>
    refusalOf({ ...put, contentType: PROTOBUF_TYPE, body: envelope(apiVersion, kind, bytes(1, ...metadata)) });
  assert.equal(rule('coordination.k8s.io/v1', 'Lease', [bytes(1, 'managed-cluster-lease'), bytes(3, 'cluster1')]), 'accepted');
  assert.equal(rule('', '', []), 'accepted');
  assert.equal(rule('coordination.k8s.io/v1', 'Secret', []), 'body-mismatch');
  assert.equal(rule('v1', 'Lease', []), 'body-mismatch');
  assert.equal(rule('coordination.k8s.io/v1', 'Lease', [bytes(1, 'other')]), 'body-mismatch');
  assert.equal(rule('coordination.k8s.io/v1', 'Lease', [bytes(3, 'cluster2')]), 'body-mismatch');
});

test('delete options are read in protobuf too', () => {
  const body = envelope('v1', 'DeleteOptions', bytes(2, bytes(1, 'uid-1')), bytes(4, 'Foreground'));
  const { object } = accept({ method: 'DELETE', path: paths.managedClusters, contentType: PROTOBUF_TYPE, body });
  assert.deepEqual(plain(object), {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    preconditions: { uid: 'uid-1' },
    propagationPolicy: 'Foreground',
  });
});

test('token requests and reviews are read in protobuf too', () => {
  const request = envelope(
    'authentication.k8s.io/v1',
    'TokenRequest',
    bytes(1),
    bytes(2, bytes(1, 'a'), bytes(3, bytes(1, 'Pod'), bytes(3, 'p')), Buffer.from([0x20, 0x90, 0x1c])),
    bytes(3, bytes(1), bytes(2)),
  );
  assert.deepEqual(plain(accept({ path: paths.token, contentType: PROTOBUF_TYPE, body: request }).object), {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: {},
    spec: { audiences: ['a'], boundObjectRef: { kind: 'Pod', name: 'p' }, expirationSeconds: 3600 },
    status: { token: '', expirationTimestamp: null },
  });
  const review = envelope(
    'authentication.k8s.io/v1',
    'TokenReview',
    bytes(1),
    bytes(2, bytes(1, 'tok'), bytes(2, 'aud')),
    bytes(3, Buffer.from([8, 0]), bytes(2, bytes(1), bytes(2)), bytes(3)),
  );
  assert.deepEqual(plain(accept({ path: paths.tokenReviews, contentType: PROTOBUF_TYPE, body: review }).object), {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    metadata: {},
    spec: { token: 'tok', audiences: ['aud'] },
    status: { user: {} },
  });
});

test('a refusal names places and bounds, never what the body holds', () => {
  for (const body of [
    '{"data":{"password":"hunter2","password":"hunter2"}}',
    '{"data":"hunter2',
    '{"kind":"hunter2"}',
    '{"metadata":{"name":"hunter2"}}',
  ]) {
    const { refusal } = refusedBy(body);
    assert.doesNotMatch(refusal.detail, /hunter2|password/);
  }
});

function refusedBy(body: string): { readonly refusal: { readonly detail: string } } {
  const result = read({ method: 'PUT', path: `${paths.secrets}/token`, body });
  assert.ok(!result.ok);
  return result;
}
