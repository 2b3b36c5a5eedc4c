import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerError } from '../../../../src/demo/hub/api/answer.ts';
import { negotiate } from '../../../../src/demo/hub/api/negotiation.ts';
import { decodeMessage, openEnvelope } from '../../../../src/demo/hub/api/protobuf.ts';
import { ApiError, forbidden, unauthorized } from '../../../../src/demo/hub/api/status.ts';
import { shape } from '../../../../src/demo/hub/api/typed.ts';
import { klusterlet, TestApi } from './api-client.ts';
import { bodyOf, exchange } from './recorded-exchanges.ts';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';

/** Accept, encoding and shape for a built-in kind, the same for a custom one; null: 406. */
const rows: readonly (readonly [string, string | null, string | null])[] = [
  ['', 'json object', 'json object'],
  ['application/json', 'json object', 'json object'],
  ['application/json, */*', 'json object', 'json object'],
  ['*/*', 'json object', 'json object'],
  [`${PROTOBUF},application/json`, 'protobuf object', 'json object'],
  [`application/json;q=0.5,${PROTOBUF}`, 'protobuf object', 'json object'],
  [`${PROTOBUF};stream=watch,application/json`, 'protobuf object', 'json object'],
  [PROTOBUF, 'protobuf object', null],
  ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json', 'json Table', 'json Table'],
  [`${PROTOBUF};as=Table;v=v1;g=meta.k8s.io,application/json`, 'json object', 'json object'],
  [`${PROTOBUF};as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json`, 'protobuf PartialObjectMetadata', 'json object'],
  ['application/json;as=Nonsense;v=v1;g=meta.k8s.io', null, null],
  ['application/json;as=Table;v=v9;g=meta.k8s.io,APPLICATION/JSON', 'json object', 'json object'],
  ['text/html', null, null],
  ['application/cbor', null, null],
];

for (const [accept, builtin, custom] of rows) {
  test(`understands Accept: ${accept}`, () => {
    const wish = { headers: new Map([['accept', accept]]), query: new URLSearchParams() };
    for (const [hasProtobuf, expected] of [
      [true, builtin],
      [false, custom],
    ] as const) {
      const choose = (): string => {
        const { encoding, shape: form } = negotiate(wish, { hasProtobuf, hasShapes: true });
        return `${encoding} ${form}`;
      };
      if (expected === null) assert.throws(choose, ApiError);
      else assert.equal(choose(), expected);
    }
  });
}

test('answers 406 with what it has', async () => {
  const hub = await new TestApi().withNamespace('one');
  const builtin = await hub.call('/api/v1/configmaps', { headers: { accept: 'text/html' } });
  assert.deepEqual(
    [builtin.status, builtin.json.message],
    [406, 'only the following media types are accepted: application/json, application/vnd.kubernetes.protobuf'],
  );
});

test('encodes a refusal as the client accepts it', async () => {
  const hub = await new TestApi().withNamespace('one');
  const { status, body, headers } = await hub.call('/api/v1/namespaces/one/configmaps/c', {
    headers: { accept: `${PROTOBUF},application/json` },
  });
  const envelope = openEnvelope(body);
  assert.deepEqual([status, headers['content-type'], envelope.kind, envelope.apiVersion], [404, PROTOBUF, 'Status', 'v1']);
  const decoded = shape('Status', decodeMessage('Status', envelope.raw));
  assert.deepEqual([decoded['reason'], decoded['code'], decoded['details']], ['NotFound', 404, { name: 'c', kind: 'configmaps' }]);
  const custom = await hub.call('/apis/cluster.open-cluster-management.io/v1/managedclusters/c', {
    headers: { accept: `${PROTOBUF},application/json` },
  });
  assert.equal(custom.json.reason, 'NotFound');
});

test('indents for people and on request, and not when told not to', async () => {
  const hub = await new TestApi().withNamespace('one');
  const read = async (target: string, agent: string): Promise<boolean> => {
    const { text } = await hub.call(target, { headers: { 'user-agent': agent } });
    return text.startsWith('{\n  "kind": "Namespace",') && !text.endsWith('\n');
  };
  const target = '/api/v1/namespaces/one';
  assert.deepEqual(
    [
      await read(target, 'curl/8.5'),
      await read(target, 'kubectl'),
      await read(`${target}?pretty=true`, 'kubectl'),
      await read(`${target}?pretty=false`, 'curl/8.5'),
    ],
    [true, false, true, false],
  );
});

function wishOf(name: string): { headers: Map<string, string>; query: URLSearchParams } {
  return { headers: new Map(Object.entries(exchange(name).requestHeaders)), query: new URLSearchParams() };
}

test('makes the recorded 401', () => {
  const recorded = exchange('bad bearer token');
  const answer = answerError(unauthorized(), wishOf('bad bearer token'));
  assert.equal(answer.body?.toString(), bodyOf(recorded).toString());
  assert.equal(answer.headers['content-type'], recorded.responseHeaders['content-type']);
  assert.equal(answer.headers['x-content-type-options'], undefined);
});

const lease = {
  kind: 'resource',
  group: 'coordination.k8s.io',
  version: 'v1',
  resource: 'leases',
  subresource: '',
  name: 'managed-cluster-lease',
  namespace: 'cluster1',
} as const;
const cluster = {
  kind: 'resource',
  group: 'cluster.open-cluster-management.io',
  version: 'v1',
  resource: 'managedclusters',
  subresource: '',
  name: '',
  namespace: '',
} as const;

const refusals = [
  ['no certificate: own managed cluster', 'system:anonymous', { ...cluster, verb: 'get', name: 'cluster1' }],
  ['list managed clusters without a selector', klusterlet.username, { ...cluster, verb: 'list' }],
  ['another cluster’s lease', klusterlet.username, { ...lease, verb: 'get', namespace: 'cluster9' }],
  ['secrets of the own namespace', klusterlet.username, { ...lease, verb: 'list', group: '', resource: 'secrets', name: '' }],
  ['impersonation with the cluster certificate', klusterlet.username, { ...lease, verb: 'impersonate-on:user-info:get' }],
  ['method not allowed', klusterlet.username, { ...lease, verb: 'create' }],
  ['unknown path', klusterlet.username, { ...cluster, verb: 'list', group: 'nope.example', resource: 'things' }],
  [
    'double slash',
    klusterlet.username,
    { ...cluster, verb: 'get', group: '', resource: 'v1', name: 'managedclusters', subresource: 'cluster1' },
  ],
  ['OPTIONS', klusterlet.username, { ...lease, verb: '' }],
] as const;

for (const [name, user, attributes] of refusals) {
  test(`makes the recorded 403 of "${name}"`, () => {
    const answer = answerError(forbidden(user, attributes), wishOf(name));
    assert.equal(answer.body?.toString(), bodyOf(exchange(name)).toString());
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    assert.equal(answer.failure?.code, 403);
  });
}

test('names the path that a user may not ask for, harmlessly', () => {
  const error = forbidden('<b>&', { kind: 'path', verb: 'get', path: '/metrics' });
  assert.equal(error.message, 'forbidden: User "&lt;b&gt;&amp;" cannot get path "/metrics"');
});
