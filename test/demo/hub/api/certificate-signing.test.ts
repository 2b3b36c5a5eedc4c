import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import type { SigningRequest } from '../../../../src/demo/hub/api/exchange.ts';
import { decodeMessage, openEnvelope } from '../../../../src/demo/hub/api/protobuf.ts';
import { admin, klusterlet, type Loose, TestApi } from './api-client.ts';
import { recordedRequests } from './recorded-exchanges.ts';

const CSRS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const REQUEST_PEM = '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n';

const spec = {
  request: Buffer.from(REQUEST_PEM).toString('base64'),
  signerName: 'kubernetes.io/kube-apiserver-client',
  usages: ['digital signature', 'key encipherment', 'client auth'],
};

const approved = { type: 'Approved', status: 'True', reason: 'KubectlApprove', message: 'yes' };

function approve(hub: TestApi, csr: Loose, conditions: readonly object[] = [approved]): Promise<Loose> {
  return hub.put(`${CSRS}/${csr.metadata.name}/approval`, { ...csr, status: { conditions } });
}

test('writes into a request who sent it, whatever it says itself', async () => {
  const hub = new TestApi();
  const claimed = { username: 'admin', uid: 'x', groups: ['system:masters'], extra: { a: ['b'] } };
  const { status, json } = await hub.post(
    CSRS,
    { metadata: { name: 'r' }, spec: { ...spec, ...claimed }, status: { certificate: 'AAAA' } },
    klusterlet,
  );
  assert.equal(status, 201);
  const { username, groups, extra } = klusterlet;
  assert.deepEqual([json.spec, json.status], [{ ...spec, username, groups, extra }, {}]);
});

test('signs the recorded protobuf request once it is approved, and its watch sees each step', async () => {
  const signed: SigningRequest[] = [];
  const hub = new TestApi({
    signLeaf: (csr) => {
      signed.push(csr);
      return Promise.resolve(PEM);
    },
  });
  const recorded = recordedRequests.find(({ method, target }) => method === 'POST' && target === CSRS);
  assert.ok(recorded);
  const watch = await hub.watch(`${CSRS}?watch=true&labelSelector=open-cluster-management.io%2Fcluster-name%3Dcluster1`);
  const headers = Object.fromEntries(recorded.headers);
  const created = await hub.call(CSRS, { method: 'POST', headers, body: Buffer.from(recorded.body ?? '', 'base64'), user: klusterlet });
  assert.equal(created.status, 201);
  const envelope = openEnvelope(created.body);
  const name = (decodeMessage(envelope.kind, envelope.raw)['metadata'] as Loose).name;
  assert.match(name, /^cluster1-.{5}$/);
  assert.equal((await approve(hub, (await hub.call(`${CSRS}/${name}`)).json)).status, 200);
  await setImmediate();
  const { json } = await hub.call(`${CSRS}/${name}`);
  assert.equal(Buffer.from(json.status.certificate, 'base64').toString(), PEM);
  assert.deepEqual(json.status.conditions, [
    { ...approved, lastUpdateTime: '2026-11-23T19:14:09Z', lastTransitionTime: '2026-11-23T19:14:09Z' },
  ]);
  assert.deepEqual(watch.story, [`ADDED ${name}`, `MODIFIED ${name}`, `MODIFIED ${name}`]);
  assert.equal(signed.length, 1);
  assert.deepEqual(
    [signed[0]?.name, signed[0]?.usages, signed[0]?.expirationSeconds, signed[0]?.user],
    [name, spec.usages, null, klusterlet],
  );
  assert.match(signed[0]?.requestPem ?? '', /^-----BEGIN CERTIFICATE REQUEST-----\nMIIBXj/);
});

test('records why a request was not signed', async () => {
  const hub = new TestApi({ signLeaf: () => Promise.reject(new Error('usages not allowed')) });
  const { json } = await hub.post(CSRS, { metadata: { name: 'r' }, spec });
  await approve(hub, json);
  await setImmediate();
  const failed = (await hub.call(`${CSRS}/r`)).json.status;
  assert.equal(failed.certificate, undefined);
  assert.deepEqual(
    failed.conditions.map((condition: Loose) => [condition.type, condition.reason, condition.message]),
    [
      ['Approved', 'KubectlApprove', 'yes'],
      ['Failed', 'SignerValidationFailure', 'usages not allowed'],
    ],
  );
});

test('signs nothing that is denied, not approved, or for another signer', async () => {
  let count = 0;
  const hub = new TestApi({ signLeaf: () => Promise.resolve(`${(count += 1)}`) });
  const one = await hub.post(CSRS, { metadata: { name: 'one' }, spec });
  const two = await hub.post(CSRS, { metadata: { name: 'two' }, spec: { ...spec, signerName: 'open-cluster-management.io/grpc' } });
  await hub.patch(`${CSRS}/one`, { status: { conditions: [approved] } });
  await approve(hub, (await hub.call(`${CSRS}/one`)).json, [{ ...approved, type: 'Denied' }]);
  await approve(hub, two.json);
  await setImmediate();
  assert.equal(count, 0);
  assert.equal(one.status, 201);
});

test('takes a decision once and for all', async () => {
  const hub = new TestApi({ signLeaf: () => Promise.resolve(PEM) });
  const { json } = await hub.post(CSRS, { metadata: { name: 'r' }, spec });
  assert.equal((await approve(hub, json, [approved, { ...approved, type: 'Denied' }])).status, 422);
  assert.equal((await approve(hub, json, [{ ...approved, status: 'False' }])).status, 422);
  const decided = await approve(hub, json);
  assert.equal(decided.status, 200);
  await setImmediate();
  const current = (await hub.call(`${CSRS}/r`)).json;
  assert.equal((await approve(hub, current, [])).status, 422);
  const forged = await hub.put(`${CSRS}/r/status`, { ...current, status: { ...current.status, certificate: 'AAAA' } });
  assert.equal(forged.status, 422);
  const rewritten = await hub.put(`${CSRS}/r`, { ...current, spec: { ...current.spec, username: 'other' } });
  assert.deepEqual(rewritten.json.spec, current.spec);
});

test('lets only those approve who may approve for the signer', async () => {
  const asked: string[] = [];
  const hub = new TestApi({
    allows: (_user, attributes) => {
      asked.push(attributes.kind === 'resource' ? `${attributes.verb} ${attributes.resource} ${attributes.name}` : '');
      return { allowed: false, reason: '' };
    },
  });
  const { json } = await hub.post(CSRS, { metadata: { name: 'r' }, spec });
  const refused = await approve(hub, json);
  assert.deepEqual(asked, ['approve signers kubernetes.io/kube-apiserver-client', 'approve signers kubernetes.io/*']);
  assert.deepEqual(
    [refused.status, refused.json.message],
    [
      403,
      'certificatesigningrequests.certificates.k8s.io "r" is forbidden: user not permitted to approve requests with signerName "kubernetes.io/kube-apiserver-client"',
    ],
  );
});

const invalidSpecs: readonly (readonly [object, string])[] = [
  [{ request: Buffer.from(PEM).toString('base64') }, 'spec.request'],
  [{ usages: [] }, 'spec.usages'],
  [{ signerName: '' }, 'spec.signerName'],
  [{ signerName: 'nonsense' }, 'spec.signerName'],
  [{ expirationSeconds: 599 }, 'spec.expirationSeconds'],
];

for (const [change, field] of invalidSpecs) {
  test(`refuses a request with ${JSON.stringify(change).slice(0, 40)}`, async () => {
    const { status, json } = await new TestApi().post(CSRS, { metadata: { name: 'r' }, spec: { ...spec, ...change } }, admin);
    assert.deepEqual([status, json.details.causes[0].field], [422, field]);
  });
}

test('forgets what was being signed when its request is replaced or the hub closes', async () => {
  const waiting: ((pem: string) => void)[] = [];
  const hub = new TestApi({ signLeaf: () => new Promise((resolve) => waiting.push(resolve)) });
  await approve(hub, (await hub.post(CSRS, { metadata: { name: 'r' }, spec })).json);
  await hub.call(`${CSRS}/r`, { method: 'DELETE' });
  await hub.post(CSRS, { metadata: { name: 'r' }, spec });
  waiting[0]?.(PEM);
  await setImmediate();
  assert.deepEqual((await hub.call(`${CSRS}/r`)).json.status, {});
  await approve(hub, (await hub.call(`${CSRS}/r`)).json);
  hub.api.close();
  waiting[1]?.(PEM);
  await setImmediate();
  assert.equal((await hub.call(`${CSRS}/r`)).json.status.certificate, undefined);
});
