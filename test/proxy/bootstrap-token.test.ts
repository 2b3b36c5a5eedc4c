// Which bearer tokens are a bootstrap account's, and by which rule every other one is refused.

import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Jwks } from '../../src/ca-sync/ca-sync.ts';
import { readBearer } from '../../src/proxy/bearer-token.ts';
import { bootstrapAccountOf, judgeToken } from '../../src/proxy/bootstrap-token.ts';
import type { TokenVerdict } from '../../src/proxy/bootstrap-token.ts';
import { claimsOf, encode, ISSUER, jwksOf, makeTokenKey, signToken, signWithPublicKey } from './bootstrap-tokens.ts';

const key = makeTokenKey();
const jwks = jwksOf([key]);
const nowMs = Date.now();
const shared = { namespace: 'open-cluster-management', name: 'agent-registration-bootstrap' };
const own = claimsOf('cluster1', 'cluster1-bootstrap-sa', nowMs);

function judge(token: string, at: { jwks?: Jwks; nowMs?: number } = {}): Promise<TokenVerdict> {
  return judgeToken(token, { jwks, nowMs, sharedServiceAccounts: [shared], ...at });
}

async function ruleOf(token: string, at: { jwks?: Jwks; nowMs?: number } = {}): Promise<string> {
  const verdict = await judge(token, at);
  return verdict.kind === 'verified' ? 'verified' : verdict.refusal.rule;
}

test("a cluster's own bootstrap account is accepted, as the user and groups that the hub will see, for its cluster", async () => {
  const verdict = await judge(signToken(key, { claims: own }));
  assert.ok(verdict.kind === 'verified');
  assert.deepEqual(verdict.verified.identity, {
    user: 'system:serviceaccount:cluster1:cluster1-bootstrap-sa',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:cluster1'],
    uid: '0ddba11',
    kind: 'bootstrap',
    cluster: 'cluster1',
    addon: null,
  });
});

test('the shared account is accepted for no cluster in particular', async () => {
  const verdict = await judge(signToken(key, { claims: claimsOf(shared.namespace, shared.name, nowMs) }));
  assert.equal(verdict.kind === 'verified' ? verdict.verified.identity.cluster : 'refused', null);
});

// stolostron/managedcluster-import-controller pkg/helpers, TestGetBootstrapSAName.
test('the name of a long cluster is cut as the import controller cuts it', async () => {
  const cluster = '123456789-123456789-123456789-123456789-123456789-123456789';
  assert.equal(bootstrapAccountOf(cluster), '123456789-123456789-123456789-123456789-123456789--bootstrap-sa');
  assert.equal(await ruleOf(signToken(key, { claims: claimsOf(cluster, bootstrapAccountOf(cluster), nowMs) })), 'verified');
  assert.equal(await ruleOf(signToken(key, { claims: claimsOf(cluster, `${cluster}-bootstrap-sa`, nowMs) })), 'token-not-bootstrap');
});

for (const alg of ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512']) {
  test(`a token under ${alg} verifies`, async () => {
    const other = makeTokenKey(alg);
    assert.equal(await ruleOf(signToken(other, { claims: own }), { jwks: jwksOf([key, other]) }), 'verified');
  });
}

test('any other service account is refused by name', async () => {
  const others: readonly (readonly [string, string])[] = [
    ['cluster1', 'default'],
    ['cluster1', 'cluster2-bootstrap-sa'],
    ['cluster2', 'cluster1-bootstrap-sa'],
    ['openshift-kube-controller-manager', 'default'],
    [shared.namespace, 'cluster-manager'],
    ['default', shared.name],
  ];
  for (const [namespace, name] of others)
    assert.equal(await ruleOf(signToken(key, { claims: claimsOf(namespace, name, nowMs) })), 'token-not-bootstrap', `${namespace}/${name}`);
});

test('claims that do not agree about the account are refused', async () => {
  const bound = (namespace: string, name: string): object => ({ 'kubernetes.io': { namespace, serviceaccount: { name, uid: 'u' } } });
  const wrong: readonly object[] = [
    { ...own, sub: 'system:serviceaccount:cluster2:cluster2-bootstrap-sa' },
    { ...own, ...bound('cluster2', 'cluster2-bootstrap-sa') },
    { ...own, ...bound('cluster1', 'default') },
    { ...own, sub: 'system:admin' },
    { ...own, sub: undefined },
    { ...own, 'kubernetes.io': undefined },
    { ...own, 'kubernetes.io': { namespace: 'cluster1' } },
    { ...own, exp: undefined },
    { ...own, ...bound('cluster1:cluster1', 'a'), sub: 'system:serviceaccount:cluster1:cluster1:a' },
    { ...own, ...bound('Cluster1', 'Cluster1-bootstrap-sa'), sub: 'system:serviceaccount:Cluster1:Cluster1-bootstrap-sa' },
    { ...own, ...bound('', '-bootstrap-sa'), sub: 'system:serviceaccount::-bootstrap-sa' },
  ];
  for (const claims of wrong)
    assert.equal(await ruleOf(signToken(key, { claims: { ...claims } })), 'token-not-bootstrap', JSON.stringify(claims));
});

test('a legacy token, which does not end, is accepted only in its own form', async () => {
  const legacy = {
    iss: 'kubernetes/serviceaccount',
    sub: own['sub'],
    'kubernetes.io/serviceaccount/namespace': 'cluster1',
    'kubernetes.io/serviceaccount/secret.name': 'cluster1-bootstrap-sa-token-abcde',
    'kubernetes.io/serviceaccount/service-account.name': 'cluster1-bootstrap-sa',
    'kubernetes.io/serviceaccount/service-account.uid': 'u',
  };
  assert.equal(await ruleOf(signToken(key, { claims: legacy }), { nowMs: nowMs + 1e12 }), 'verified');
  assert.equal(await ruleOf(signToken(key, { claims: { ...legacy, iss: ISSUER } })), 'token-not-bootstrap');
  assert.equal(
    await ruleOf(signToken(key, { claims: { ...legacy, sub: 'system:serviceaccount:cluster1:default' } })),
    'token-not-bootstrap',
  );
  assert.equal(await ruleOf(signToken(key, { claims: { ...own, iss: 'kubernetes/serviceaccount' } })), 'token-unverified');
});

test('expiry and beginning are judged by the clock of the moment, a minute of skew allowed', async () => {
  const token = signToken(key, { claims: own });
  const [begins, ends] = [Number(own['nbf']) * 1000, Number(own['exp']) * 1000];
  const expected: readonly (readonly [number, string])[] = [
    [begins - 61_000, 'token-not-yet-valid'],
    [begins - 59_000, 'verified'],
    [ends + 59_000, 'verified'],
    [ends + 60_000, 'token-expired'],
    [ends + 1e12, 'token-expired'],
  ];
  for (const [at, rule] of expected) assert.equal(await ruleOf(token, { nowMs: at }), rule);
  const verdict = await judge(token);
  assert.ok(verdict.kind === 'verified');
  assert.deepEqual([verdict.verified.validFromMs, verdict.verified.validUntilMs], [begins - 60_000, ends + 60_000]);
});

test('another issuer is refused where the hub has named its own', async () => {
  const token = signToken(key, { claims: { ...own, iss: 'https://elsewhere' } });
  assert.equal(await ruleOf(token), 'token-unverified');
  assert.equal(await ruleOf(token, { jwks: jwksOf([key], null) }), 'verified');
});

test('a key that the hub does not publish is told apart from a signature that does not hold', async () => {
  const stranger = makeTokenKey();
  assert.equal((await judge(signToken(stranger, { claims: own }))).kind, 'unknown-key');
  assert.equal(await ruleOf(signToken({ ...stranger, kid: key.kid }, { claims: own })), 'token-unverified');
  const [header, , signature] = signToken(key, { claims: own }).split('.');
  assert.equal(await ruleOf(`${header}.${encode(claimsOf('cluster2', 'cluster2-bootstrap-sa'))}.${signature}`), 'token-unverified');
});

test('no algorithm, HMAC with the public key, and an algorithm that the key is not for are refused', async () => {
  const [, payload] = signToken(key, { claims: own }).split('.');
  for (const alg of ['none', 'None', 'NONE', '']) {
    assert.equal(await ruleOf(`${encode({ alg, kid: key.kid })}.${payload}.AA`), 'token-malformed', alg);
  }
  assert.equal(await ruleOf(signWithPublicKey(key)), 'token-malformed');
  assert.equal(await ruleOf(signToken(key, { header: { alg: 'RS512' }, claims: own })), 'token-unverified');
  assert.equal(await ruleOf(signToken(key, { header: { alg: 'ES256' }, claims: own })), 'token-unverified');
  assert.equal(await ruleOf(signToken(key, { header: { alg: 'PS256' }, claims: own })), 'token-malformed');
});

test('a header field that Kubernetes does not write is refused, whatever it says', async () => {
  const headers: readonly object[] = [
    { crit: ['exp'] },
    { b64: false, crit: ['b64'] },
    { jku: 'https://elsewhere/keys' },
    { x5u: 'https://elsewhere' },
    { jwk: {} },
    { typ: 'at+jwt' },
    { cty: 'JWT' },
    { zip: 'DEF' },
    { kid: undefined },
    { kid: '' },
    { kid: ['a'] },
  ];
  for (const header of headers)
    assert.equal(await ruleOf(signToken(key, { header: { ...header }, claims: own })), 'token-malformed', JSON.stringify(header));
  assert.equal(await ruleOf(signToken(key, { header: { typ: 'JWT' }, claims: own })), 'verified');
});

test('whatever stands in the three parts, the judgement ends in a verdict', async () => {
  const part = fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9_-]{1,200}$/),
    fc.json().map((text) => Buffer.from(text).toString('base64url') || 'A'),
    fc.constant(encode({ alg: 'RS256', kid: key.kid })),
  );
  await fc.assert(
    fc.asyncProperty(part, part, part, async (header, payload, signature) => {
      assert.notEqual((await judge(`${header}.${payload}.${signature}`)).kind, 'verified');
    }),
    { numRuns: 300 },
  );
});

const token = signToken(key, { claims: own });
const kindOf = (...headers: readonly string[]): string => readBearer(headers).kind;

test('exactly one Authorization header of the scheme Bearer with a JWT is read', () => {
  assert.equal(kindOf(), 'none');
  assert.equal(kindOf('accept', 'a', 'x-authorization', 'b'), 'none');
  assert.equal(kindOf('Authorization', `Bearer ${token}`), 'token');
  assert.equal(kindOf('authorization', `bearer ${token}`), 'token');
  const wrong: readonly string[] = [
    '',
    'Bearer',
    'Bearer ',
    token,
    `Bearer  ${token}`,
    ` Bearer ${token}`,
    `Bearer ${token} `,
    `Bearer ${token} x`,
    `Bearer ${token},Bearer ${token}`,
    `Basic ${Buffer.from('kubeadmin:secret').toString('base64')}`,
    `Negotiate ${token}`,
    'Bearer sha256~4pxn3ZVuyy8rG3i_1v4sQ0x2a2l1dR3oLWyoNtxNzYo',
    `Bearer ${token}.${token.split('.')[0]}`,
    `Bearer ${token.split('.').slice(0, 2).join('.')}`,
    `Bearer ${token.replace('.', '..')}`,
    'Bearer ..',
    `Bearer ${token.replace(/.$/, '=')}`,
    `Bearer ${token.replace('_', '/')}/`,
    `Bearer ${token.split('.').slice(0, 2).join('.')}.`,
  ];
  for (const value of wrong) assert.equal(kindOf('authorization', value), 'refused', value.slice(0, 40));
  assert.equal(kindOf('authorization', `Bearer ${token}`, 'Authorization', `Bearer ${token}`), 'refused');
  assert.equal(kindOf('authorization', `Bearer ${token}`, 'authorization', ''), 'refused');
});

test('a token of 8 KiB is read, a longer one is not', () => {
  const sized = (length: number): string => `a.${'b'.repeat(length - 4)}.c`;
  assert.equal(kindOf('authorization', `Bearer ${sized(8 * 1024)}`), 'token');
  assert.equal(kindOf('authorization', `Bearer ${sized(8 * 1024 + 1)}`), 'refused');
});

test('neither a token nor what is refused in its place can be printed', () => {
  const read = readBearer(['authorization', `Bearer ${token}`]);
  const secret = token.split('.')[2] ?? '';
  for (const text of [
    JSON.stringify(read),
    inspect(read, { depth: 9, showHidden: true }),
    read.kind === 'token' ? String(read.token) : '',
  ]) {
    assert.ok(!text.includes(secret));
    assert.ok(text.includes('[redacted]'));
  }
  assert.ok(!inspect(readBearer(['authorization', `Basic ${secret}`]), { depth: 9 }).includes(secret));
});
