// The oracle can say no: each thing that it judges, judged against an exchange in which that one thing is wrong.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SeenRequest } from '../../src/demo/demo.ts';
import type { Expectation } from '../../src/compliance/case.ts';
import { judgeLeaf } from '../../src/compliance/leaf-judgement.ts';
import { Mismatch } from '../../src/compliance/mismatch.ts';
import { judgeAnswer, judgeArrival } from '../../src/compliance/oracle.ts';
import type { Arrival } from '../../src/compliance/oracle.ts';
import { authorityOf, fingerprintOf, makeCertificate } from '../../src/compliance/pki/certificate.ts';
import type { CertificatePlan, MadeCertificate } from '../../src/compliance/pki/certificate.ts';
import { pem } from '../../src/compliance/pki/der.ts';
import { agentName, encodeName } from '../../src/compliance/pki/name.ts';
import type { Answer } from '../../src/compliance/wire/sent-request.ts';

const HOUR_MS = 3_600_000;
const USER = 'system:open-cluster-management:cluster1:abcde';
const GROUPS = ['system:open-cluster-management:cluster1'];
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const subject = agentName(USER, GROUPS);

const plan: CertificatePlan = {
  ...{ subject, keyType: 'p256', notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + HOUR_MS, isAuthority: false, pathLength: null },
  ...{ keyUsage: ['digitalSignature'], extendedKeyUsage: [CLIENT_AUTH], more: [], brokenSignature: false },
};
const authorityPlan: CertificatePlan = {
  ...plan,
  subject: agentName('signer', []),
  isAuthority: true,
  keyUsage: ['keyCertSign'],
  extendedKeyUsage: null,
};

const signer = await makeCertificate({ ...authorityPlan, notAfterMs: Date.now() + 2 * HOUR_MS }, null);
const other = await makeCertificate(authorityPlan, null);
const client = await makeCertificate(plan, authorityOf(signer, null));
const good = await makeCertificate(plan, authorityOf(signer, null));
const against = { signers: [signer.certificatePem] };

async function leaf(change: Partial<CertificatePlan>, by: MadeCertificate = signer): Promise<readonly Buffer[]> {
  return [(await makeCertificate({ ...plan, ...change }, authorityOf(by, null))).der, signer.der];
}

test('a leaf with the same subject, another key, the right signer and window is accepted', () => {
  judgeLeaf([good.der, signer.der], client.certificatePem, against);
});

const wrongLeaves: readonly (readonly [what: string, received: () => Promise<readonly Buffer[]>])[] = [
  ['no certificate', async () => []],
  ["the client's own certificate", async () => [client.der, signer.der]],
  ['a group less', () => leaf({ subject: agentName(USER, []) })],
  [
    'the same names in another string type',
    () => leaf({ subject: encodeName([[{ type: 'O', value: GROUPS[0], as: 'utf8' }], [{ type: 'CN', value: USER, as: 'utf8' }]]) }),
  ],
  ['a certificate authority', () => leaf({ isAuthority: true })],
  ['another usage', () => leaf({ extendedKeyUsage: ['1.3.6.1.5.5.7.3.1'] })],
  ['a usage too many', () => leaf({ extendedKeyUsage: [CLIENT_AUTH, '1.3.6.1.5.5.7.3.1'] })],
  ['no usage', () => leaf({ extendedKeyUsage: null })],
  ['another signer', () => leaf({}, other)],
  ['a signature that does not hold', () => leaf({ brokenSignature: true })],
  ['an end after that of the client', () => leaf({ notAfterMs: Date.now() + 1.5 * HOUR_MS })],
  ['a beginning of a day ago', () => leaf({ notBeforeMs: Date.now() - 24 * HOUR_MS })],
  ['nothing behind the leaf', async () => [good.der]],
];

for (const [what, received] of wrongLeaves) {
  test(`a leaf with ${what} is refused`, async () => {
    const certificates = await received();
    assert.throws(() => judgeLeaf(certificates, client.certificatePem, against), Mismatch);
  });
}

const seen: SeenRequest = {
  ...{
    sequence: 1,
    atMs: 0,
    method: 'PUT',
    target: '/api/a%20b?x=1',
    headers: [['accept', '*/*']],
    body: Buffer.from('{}'),
    isBodyComplete: true,
  },
  ...{ user: USER, groups: GROUPS, credentialId: `X509SHA256=${fingerprintOf(good.certificatePem)}`, certificates: [good.der, signer.der] },
  ...{ httpVersion: '2.0', connection: 1, status: 200 },
};
const arrival: Arrival = {
  seen: [seen],
  sent: { method: 'PUT', target: '/api/a%20b?x=1', headers: [], body: Buffer.from('{}'), trailers: null },
  credentials: { certificate: { certificatePem: pem('CERTIFICATE', client.der), keyPem: '' }, token: null },
  whoAmI: { user: USER, groups: GROUPS, userInfo: {}, credentialId: `X509SHA256=${fingerprintOf(client.certificatePem)}` },
  against,
};
const reaches: Expectation = { reachesHub: true, hubReceives: 1, answerHeaders: {}, hubHeaders: {}, hubBodyComplete: true };

test('an arrival with the same identity, message and a leaf is accepted', () => {
  judgeArrival(arrival, reaches);
  judgeArrival({ ...arrival, seen: [] }, { ...reaches, reachesHub: false });
});

const wrongArrivals: readonly (readonly [what: string, seen: readonly Partial<SeenRequest>[]])[] = [
  ['nothing', []],
  ['twice the same', [{}, {}]],
  ['another user', [{ user: 'kube:admin' }]],
  ['nobody', [{ user: null, groups: [] }]],
  ['a group more', [{ groups: [...GROUPS, 'system:masters'] }]],
  ["the client's own credential", [{ credentialId: arrival.whoAmI?.credentialId ?? null, certificates: [client.der, signer.der] }]],
  ['another method', [{ method: 'POST' }]],
  ['another path', [{ target: '/api/a%2520b?x=1' }]],
  ['a query key less', [{ target: '/api/a%20b' }]],
  ['another body', [{ body: Buffer.from('{ }') }]],
  ['half of the body', [{ isBodyComplete: false }]],
  ['an impersonation', [{ headers: [['Impersonate-User', 'x']] }]],
  ['a token beside the certificate', [{ headers: [['authorization', 'Bearer x']] }]],
];

for (const [what, changes] of wrongArrivals) {
  test(`an arrival of ${what} is refused`, () => {
    assert.throws(() => judgeArrival({ ...arrival, seen: changes.map((change) => ({ ...seen, ...change })) }, reaches), Mismatch);
  });
}

test('whatever arrives of a request that was to be refused is a failure', () => {
  assert.throws(() => judgeArrival(arrival, { ...reaches, reachesHub: false }), Mismatch);
});

const message = 'countersign: no policy allows this (rule policy-denied, audit-id 0f8fad5b-d9cb-469f-a165-70867728950e)';
const refusal: Answer = {
  ...{ status: 403, headers: {}, ended: 'whole', answers: 1 },
  body: JSON.stringify({ kind: 'Status', apiVersion: 'v1', code: 403, message }),
};
const refused: Expectation = { ...reaches, reachesHub: false, status: 403, rule: 'policy-denied' };

test('a refusal by the rule that was expected is accepted', () => judgeAnswer(refusal, refused));

const wrongAnswers: readonly (readonly [what: string, change: Partial<Answer>, expected?: Expectation])[] = [
  ['another status', { status: 400 }],
  ['another rule', {}, { ...refused, rule: 'policy-body' }],
  ['the rule of another status', {}, { ...refused, status: 400, rule: 'framing' }],
  ['a second answer behind it', { answers: 2 }],
  ['no Status', { body: 'forbidden' }],
  ['another end', {}, { ...refused, ends: 'reset' }],
  ["a refusal where the hub's answer was expected", {}, { ...reaches, status: 403 }],
  ['words that are not there', {}, { ...refused, contains: 'elephant' }],
  ['a header that is not there', {}, { ...refused, answerHeaders: { 'retry-after': '5' } }],
];

for (const [what, change, expected = refused] of wrongAnswers) {
  test(`an answer with ${what} is refused`, () => {
    assert.throws(() => judgeAnswer({ ...refusal, ...change }, expected), Mismatch);
  });
}

test('keys of every kind make a certificate that Node reads', async () => {
  for (const keyType of ['p224', 'p256', 'p384', 'p521', 'rsa', 'ed25519'] as const) {
    const made = await makeCertificate({ ...plan, keyType }, authorityOf(signer, null));
    assert.match(fingerprintOf(made.certificatePem), /^[0-9a-f]{64}$/);
  }
});
