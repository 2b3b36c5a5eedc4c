import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMessage, openEnvelope } from '../../../../src/demo/hub/api/protobuf.ts';
import type { Attributes } from '../../../../src/demo/hub/api/exchange.ts';
import { klusterlet, TestApi } from './api-client.ts';
import { recordedRequests } from './recorded-exchanges.ts';

const ACCESS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

test('says who the user is, with its uid', async () => {
  const user = { ...klusterlet, uid: '42' };
  const { status, json } = await new TestApi().post('/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, user);
  assert.equal(status, 201);
  assert.deepEqual(json.status.userInfo, user);
});

test('asks the authorizer what each recorded access review asks, and answers in protobuf', async () => {
  const asked: Attributes[] = [];
  const hub = new TestApi({
    allows: (_user, attributes) => {
      asked.push(attributes);
      return { allowed: attributes.verb === 'get', reason: '' };
    },
  });
  const reviews = recordedRequests.filter(({ target }) => target === ACCESS);
  assert.equal(reviews.length, 72);
  for (const { headers, body } of reviews) {
    const answer = await hub.call(ACCESS, {
      method: 'POST',
      headers: Object.fromEntries(headers),
      body: Buffer.from(body ?? '', 'base64'),
      user: klusterlet,
    });
    assert.equal(answer.status, 201);
    assert.equal(answer.headers['content-type'], 'application/vnd.kubernetes.protobuf');
    const { kind, raw } = openEnvelope(answer.body);
    const status = decodeMessage(kind, raw)['status'];
    assert.deepEqual(status, { allowed: asked.at(-1)?.verb === 'get', denied: false, reason: '', evaluationError: '' });
  }
  const lease = {
    kind: 'resource',
    verb: 'update',
    group: 'coordination.k8s.io',
    version: '',
    resource: 'leases',
    subresource: '',
    namespace: 'cluster1',
    name: 'managed-cluster-lease',
  };
  assert.ok(asked.some((attributes) => JSON.stringify(attributes) === JSON.stringify(lease)));
  const status = {
    kind: 'resource',
    verb: 'patch',
    group: 'work.open-cluster-management.io',
    version: '',
    resource: 'manifestworks',
    subresource: 'status',
    namespace: 'cluster1',
    name: '',
  };
  assert.ok(asked.some((attributes) => JSON.stringify(attributes) === JSON.stringify(status)));
});

test('asks for paths too, and refuses a review of nothing or of both', async () => {
  const asked: Attributes[] = [];
  const hub = new TestApi({
    allows: (_user, attributes) => {
      asked.push(attributes);
      return { allowed: false, reason: '' };
    },
  });
  const nonResourceAttributes = { path: '/metrics', verb: 'get' };
  assert.deepEqual((await hub.post(ACCESS, { spec: { nonResourceAttributes } })).json.status, { allowed: false });
  assert.deepEqual(asked, [{ kind: 'path', ...nonResourceAttributes }]);
  assert.equal((await hub.post(ACCESS, { spec: {} })).status, 422);
  assert.equal((await hub.post(ACCESS, { spec: { nonResourceAttributes, resourceAttributes: {} } })).status, 422);
});
