// The packs klusterlet and bootstrap against every request that real agents sent (fixtures/recorded): each passes for its own cluster, and for no other.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Identity } from '../../src/identity.ts';
import type { CompiledPolicies } from '../../src/inspect/policy/policy.ts';
import { bootstrap, infoOf, klusterlet } from '../inspect/policy-asking.ts';
import { readBody } from '../../src/inspect/body/body.ts';
import { loadPacks } from './loading.ts';

interface Recorded {
  readonly seq: number;
  readonly subject: string | null;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

const recorded: readonly Recorded[] = readFileSync(new URL('../../fixtures/recorded/recorded-requests.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Recorded);

/** The sender, as if it were of the given cluster. */
function senderOf({ subject }: Recorded, cluster: string): Identity {
  const agent = subject?.split(':').at(-1) ?? '';
  return subject === null ? bootstrap(cluster) : klusterlet(cluster, agent);
}

/** Null where it is allowed; else why not. */
function refusalOf(policies: CompiledPolicies, request: Recorded, identity: Identity): string | null {
  const contentType = request.headers.find(([name]) => name === 'content-type')?.[1] ?? null;
  const info = infoOf(`${request.method} ${request.target}`);
  const { refusal, demand } = policies.decide(info, { identity }, contentType);
  if (refusal !== null) return refusal.detail;
  const bytes = Buffer.from(request.body, 'base64');
  if (demand.kind === 'none') return bytes.length === 0 ? null : 'a body';
  if (bytes.length > demand.mostBytes) return `${bytes.length} bytes`;
  if (demand.kind === 'count') return null;
  const body = readBody(bytes, { info, contentType, method: request.method });
  return body.ok ? (demand.judge(body.body).refusal?.detail ?? null) : body.refusal.detail;
}

test('every recorded request is allowed to its own cluster', () => {
  const policies = loadPacks('klusterlet', 'bootstrap');
  assert.equal(recorded.length, 99);
  for (const request of recorded) {
    assert.equal(refusalOf(policies, request, senderOf(request, 'cluster1')), null, `${request.seq} ${request.method} ${request.target}`);
  }
});

test('no other pack is needed for them, and none makes a difference', () => {
  const all = loadPacks();
  for (const request of recorded) assert.equal(refusalOf(all, request, senderOf(request, 'cluster1')), null, `${request.seq}`);
});

/** Of the operator's questions, those that name no cluster: about certificate requests, and about the renewal of certificates. */
function namesNoCluster({ body, target }: Recorded): boolean {
  return target.endsWith('/selfsubjectaccessreviews') && !Buffer.from(body, 'base64').includes('cluster1');
}

test('every recorded request that names its cluster is refused to another', () => {
  const policies = loadPacks();
  const nameless = recorded.filter(namesNoCluster);
  assert.equal(nameless.length, 12);
  for (const request of recorded) {
    const refusal = refusalOf(policies, request, senderOf(request, 'cluster2'));
    const what = `${request.seq} ${request.method} ${request.target}`;
    if (namesNoCluster(request)) assert.equal(refusal, null, what);
    else assert.notEqual(refusal, null, what);
  }
});

test('no recorded request of a klusterlet is allowed to a bootstrap account, or to an add-on of the same cluster', () => {
  const policies = loadPacks();
  const joined = recorded.filter(({ subject }) => subject !== null);
  const own = 'system:open-cluster-management:cluster:cluster1:addon:';
  for (const addon of [
    'search-collector',
    'work-manager',
    'submariner',
    'hypershift-addon',
    'managed-serviceaccount',
    'observability-controller',
  ]) {
    const as: Identity = {
      kind: 'addon',
      cluster: 'cluster1',
      addon,
      uid: null,
      user: `${own}${addon}:agent:${addon}`,
      groups: [`${own}${addon}`],
    };
    // Two agents watch the add-ons of their namespace as the klusterlet does, one of them may.
    const allowed = joined.filter((request) => refusalOf(policies, request, as) === null).map(({ target }) => target.split('?')[0]);
    const expected =
      addon === 'submariner' ? ['/apis/addon.open-cluster-management.io/v1beta1/namespaces/cluster1/managedclusteraddons'] : [];
    assert.deepEqual(allowed, expected, addon);
  }
  // What both may: ask for one's own certificate requests and ManagedCluster, and the first certificate.
  const shared = joined
    .filter((request) => refusalOf(policies, request, bootstrap('cluster1')) === null)
    .map(({ method, target }) => `${method} ${target.split('?')[0]}`);
  assert.deepEqual(
    [...new Set(shared)].filter((request) => !request.endsWith('/selfsubjectaccessreviews')),
    [
      'GET /apis/certificates.k8s.io/v1/certificatesigningrequests',
      'GET /apis/cluster.open-cluster-management.io/v1/managedclusters',
      'POST /apis/certificates.k8s.io/v1/certificatesigningrequests',
    ],
  );
});
