// Which cluster the requests of a join name, as recorded; and that nothing else names one.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readBody } from '../../src/inspect/body/body.ts';
import type { JudgedBody } from '../../src/inspect/body/body.ts';
import { namedCluster } from '../../src/inspect/named-cluster.ts';
import type { RequestInfo } from '../../src/inspect/request-info.ts';
import { readRequestTarget } from '../../src/inspect/request-target.ts';

interface Recorded {
  readonly seq: number;
  readonly subject: string | null;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

const join = readFileSync(new URL('../../fixtures/recorded/recorded-requests.jsonl', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Recorded)
  .filter(({ subject }) => subject === null);

function infoOf(method: string, target: string): RequestInfo {
  const read = readRequestTarget(method, target);
  assert.ok(read.ok, target);
  return read.info;
}

function bodyOf(method: string, target: string, contentType: string | null, bytes: Buffer): JudgedBody {
  const read = readBody(bytes, { info: infoOf(method, target), method, contentType });
  assert.ok(read.ok, read.ok ? '' : read.refusal.detail);
  return read.body;
}

test('each recorded request of a join names its cluster, the creating ones by their body', () => {
  assert.equal(join.length, 5);
  for (const { method, target, headers, body, seq } of join) {
    const contentType = headers.find(([name]) => name === 'content-type')?.[1] ?? null;
    const judged = method === 'POST' ? bodyOf(method, target, contentType, Buffer.from(body, 'base64')) : null;
    assert.equal(namedCluster(infoOf(method, target), judged), 'cluster1', `request ${seq}`);
    if (method === 'POST') assert.equal(namedCluster(infoOf(method, target), null), null, `request ${seq} without its body`);
  }
});

test('what is no name of a cluster, or is not said outright, names none', () => {
  const clusters = '/apis/cluster.open-cluster-management.io/v1/managedclusters';
  const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  const label = 'open-cluster-management.io%2Fcluster-name';
  const targets: readonly string[] = [
    clusters,
    `${clusters}?fieldSelector=metadata.name%21%3Dcluster1`,
    `${clusters}?labelSelector=${label}%3Dcluster1`,
    `${clusters}/Cluster_1`,
    requests,
    `${requests}/cluster1-abcde`,
    `${requests}?labelSelector=${label}`,
    `${requests}?labelSelector=${label}%21%3Dcluster1`,
    `${requests}?labelSelector=${label}+in+%28cluster1%2Ccluster2%29`,
    `${requests}?labelSelector=${label}%3D`,
    `${requests}?labelSelector=other%3Dcluster1`,
    `${requests}?fieldSelector=metadata.name%3Dcluster1`,
    '/api/v1/namespaces/cluster1/secrets/cluster1-import',
    '/apis/work.open-cluster-management.io/v1/namespaces/cluster1/manifestworks',
    '/apis/cluster.open-cluster-management.io/v1beta2/managedclustersets/cluster1',
    '/version',
  ];
  for (const target of targets) assert.equal(namedCluster(infoOf('GET', target), null), null, target);
});

test('a body names a cluster only where the request creates', () => {
  const clusters = '/apis/cluster.open-cluster-management.io/v1/managedclusters';
  const object = { apiVersion: 'cluster.open-cluster-management.io/v1', kind: 'ManagedCluster', metadata: { name: 'cluster2' } };
  const body = bodyOf('POST', clusters, 'application/json', Buffer.from(JSON.stringify(object)));
  assert.equal(namedCluster(infoOf('POST', clusters), body), 'cluster2');
  assert.equal(namedCluster(infoOf('PUT', `${clusters}/cluster1`), body), 'cluster1');
  assert.equal(namedCluster(infoOf('GET', clusters), body), null);
});
