import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { decodeMessage, openEnvelope } from '../../../src/demo/hub/api/protobuf.ts';
import { shape } from '../../../src/demo/hub/api/typed.ts';
import type { JudgedBody } from '../../../src/inspect/body/body.ts';
import { accept, plain, PROTOBUF_TYPE } from './reading.ts';

interface Recorded {
  readonly seq: number;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

const lines = readFileSync(new URL('../../../fixtures/recorded/recorded-requests.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n');

interface Reading {
  readonly seq: number;
  readonly what: string;
  readonly contentType: string;
  readonly bytes: Buffer;
  readonly body: JudgedBody;
}

function readRecorded(): readonly Reading[] {
  return lines
    .map((line) => JSON.parse(line) as Recorded)
    .filter(({ body }) => body !== '')
    .map(({ seq, method, target, headers, body }) => {
      const path = target.split('?')[0] ?? '';
      const bytes = Buffer.from(body, 'base64');
      const contentType = headers.find(([name]) => name === 'content-type')?.[1] ?? '';
      return { seq, what: `${method} ${path}`, contentType, bytes, body: accept({ method, path, contentType, body: bytes }) };
    });
}

test('every recorded body is read', () => {
  assert.ok(readRecorded().length > 80);
});

test('every recorded body of JSON is read as JSON.parse reads it', () => {
  const readings = readRecorded().filter(({ contentType }) => contentType !== PROTOBUF_TYPE);
  assert.ok(readings.length >= 8);
  for (const { bytes, body } of readings) assert.deepEqual(plain(body.object ?? body.patch), JSON.parse(bytes.toString()));
});

test('every recorded body of protobuf is read as the embedded hub reads it', () => {
  const readings = readRecorded().filter(({ contentType }) => contentType === PROTOBUF_TYPE);
  assert.ok(readings.length > 70);
  for (const { bytes, body } of readings) {
    const { apiVersion, kind, raw } = openEnvelope(bytes);
    assert.deepEqual(plain(body.object), plain({ apiVersion, kind, ...shape(kind, decodeMessage(kind, raw)) }));
  }
});

test('the recorded patches touch the status, or the finalizers, and what makes them safe to repeat', () => {
  const patches = readRecorded().filter(({ body }) => body.kind === 'patch');
  const status = ['/metadata/resourceVersion', '/metadata/uid', '/status/conditions'];
  assert.deepEqual(
    patches.map(({ body }) => [...body.touched].toSorted()),
    [
      [...status.slice(0, 2), '/status/clusterClaims', '/status/conditions', '/status/version/kubernetes'],
      ['/metadata/finalizers', ...status.slice(0, 2)],
      [...status, '/status/resourceStatus/manifests'],
      [...status, '/status/resourceStatus/manifests'],
      status,
      status,
      status,
    ],
  );
});

test('the recorded certificate requests are those of the klusterlet, an add-on and a renewal', () => {
  const requests = readRecorded().flatMap(({ body }) => (body.csr === null ? [] : [body.csr]));
  const prefix = 'system:open-cluster-management';
  const usual = {
    signerName: 'kubernetes.io/kube-apiserver-client',
    usages: ['digital signature', 'key encipherment', 'client auth'],
    keyType: 'EC P-256',
    cluster: 'cluster1',
  };
  const klusterlet = {
    ...usual,
    kind: 'klusterlet',
    addon: null,
    user: `${prefix}:cluster1:khnxf`,
    groups: [`${prefix}:cluster1`, `${prefix}:managed-clusters`],
    dnsNames: [],
    requestedExtensions: [],
    labels: { 'open-cluster-management.io/cluster-name': 'cluster1' },
  };
  const addon = {
    ...usual,
    kind: 'addon',
    addon: 'application-manager',
    user: `${prefix}:cluster:cluster1:addon:application-manager:agent:application-manager`,
    groups: ['system:authenticated', `${prefix}:addon:application-manager`, `${prefix}:cluster:cluster1:addon:application-manager`],
    dnsNames: ['application-manager.addon.open-cluster-management.io'],
    requestedExtensions: ['2.5.29.17'],
    labels: { 'open-cluster-management.io/addon-name': 'application-manager', 'open-cluster-management.io/cluster-name': 'cluster1' },
  };
  const rest = { organizationalUnits: [], otherNames: [], uid: null, expirationSeconds: null };
  assert.deepEqual(
    plain(requests),
    [klusterlet, addon, klusterlet].map((request) => ({ ...request, ...rest })),
  );
});

test('the recorded lease and access reviews say what they are about', () => {
  const readings = readRecorded();
  const leases = readings.filter(({ what }) => what.endsWith('/managed-cluster-lease')).map(({ body }) => body);
  assert.equal(leases.length, 4);
  for (const { stated, object } of leases) {
    assert.deepEqual(stated, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name: 'managed-cluster-lease', namespace: 'cluster1' });
    assert.match(JSON.stringify(object), /"renewTime":"2026-11-23T19:\d\d:\d\d\.\d{6}Z"/);
  }
  const reviews = readings.filter(({ what }) => what.endsWith('/selfsubjectaccessreviews'));
  const asked = new Set(reviews.map(({ body }) => JSON.stringify(plain((body.object as { spec?: unknown } | null)?.spec))));
  assert.equal(asked.size, 24);
  assert.ok(
    asked.has(
      '{"resourceAttributes":{"namespace":"cluster1","verb":"update","group":"work.open-cluster-management.io","resource":"manifestworks"}}',
    ),
  );
});
