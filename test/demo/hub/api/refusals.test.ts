import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestApi } from './api-client.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/cluster1/leases';
const WORKS = '/apis/work.open-cluster-management.io/v1/namespaces/cluster1/manifestworks';
const CONFIG_MAPS = '/api/v1/namespaces/cluster1/configmaps';

test('refuses bodies and types that it does not take, in the words of kube-apiserver', async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  const post = (body: unknown, type = 'application/json', target = LEASES) =>
    hub.call(target, { method: 'POST', body, headers: { 'content-type': type } });
  const answers = [
    await post('{'),
    await post('x', 'text/plain'),
    await post(Buffer.from('k8s'), 'application/vnd.kubernetes.protobuf'),
    await post({ apiVersion: 'v1', kind: 'Lease' }),
    await post({ apiVersion: 'coordination.k8s.io/v1', kind: 'Pod' }),
    await post({ spec: { leaseDurationSeconds: '1' } }),
    await post({ metadata: { name: 'a' } }, 'application/json', WORKS),
    await post({ metadata: { name: 'a' }, data: {}, nonsense: 1 }, 'application/json', `${CONFIG_MAPS}?fieldValidation=Strict`),
    await post(Buffer.alloc(3 * 1024 * 1024 + 1)),
    await hub.patch(`${LEASES}/a`, 'a: b', 'application/apply-patch+yaml'),
  ];
  assert.deepEqual(
    answers.map(({ status, json }) => [status, json.message]),
    [
      [
        400,
        "the object provided is unrecognized (must be of type Lease): couldn't get version/kind; json parse error: unexpected end of JSON input ({)",
      ],
      [
        415,
        'the body of the request was in an unknown format - accepted media types include: application/json, application/vnd.kubernetes.protobuf',
      ],
      [400, 'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]'],
      [400, 'the API version in the data (v1) does not match the expected API version (coordination.k8s.io/v1)'],
      [400, 'Pod in version "v1" cannot be handled as a Lease: converting (Pod) to (Lease): unknown conversion'],
      [
        400,
        'Lease in version "v1" cannot be handled as a Lease: json: cannot unmarshal string into Go struct field LeaseSpec.spec.leaseDurationSeconds of type int32',
      ],
      [400, `Object 'Kind' is missing in '{"metadata":{"name":"a"}}'`],
      [400, 'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "nonsense"'],
      [413, 'Request entity too large: limit is 3145728'],
      [
        415,
        'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json',
      ],
    ],
  );
});

test('answers 405 for methods that a path does not have, also behind /watch/', async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  await hub.post(LEASES, { metadata: { name: 'l' } });
  const calls = [
    ['POST', `${LEASES}/l`],
    ['PUT', LEASES],
    ['PATCH', LEASES],
    ['POST', '/apis/coordination.k8s.io/v1/watch/namespaces/cluster1/leases'],
    ['GET', '/apis/authentication.k8s.io/v1/selfsubjectreviews'],
    ['DELETE', '/api/v1/namespaces/cluster1/status'],
  ] as const;
  for (const [method, target] of calls) {
    const { status, json } = await hub.call(target, { method, body: '{}', headers: { 'content-type': 'application/json' } });
    assert.deepEqual([status, json.reason], [405, 'MethodNotAllowed'], target);
  }
});

test('answers 404 in plain text for paths that do not exist', async () => {
  const hub = await new TestApi().withNamespace('cluster1');
  const targets = [
    '/apis/nope.example/v1/things',
    `${LEASES}/l/scale`,
    '/apis/coordination.k8s.io/v2/leases',
    '/apis/coordination.k8s.io/v1/leases/l',
    '/nope',
    '/api/v1/namespaces/cluster1/managedclusters',
    '/apis/cluster.open-cluster-management.io/v1/namespaces/cluster1/managedclusters/c',
    '/api/v1/namespaces/cluster1/configmaps/a/b/c',
    '/apis/authentication.k8s.io/v1/selfsubjectreviews/x',
  ];
  for (const target of targets) {
    const { status, text, headers } = await hub.call(target);
    assert.deepEqual(
      [status, text, headers['content-type'], headers['x-content-type-options']],
      [404, '404 page not found\n', 'text/plain; charset=utf-8', 'nosniff'],
      target,
    );
  }
});
