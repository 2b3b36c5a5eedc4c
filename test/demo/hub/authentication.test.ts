// Who the hub takes a request to come from: certificate, token, both or neither (facts/csr-signer.md §4, recorded-traffic.md).

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { systemClock } from '../../../src/clock.ts';
import type { UserInfo } from '../../../src/demo/hub/api/exchange.ts';
import { authenticate, type Authentication, type PeerChain } from '../../../src/demo/hub/authentication.ts';
import { ClientCa } from '../../../src/demo/hub/client-ca.ts';
import { type ClientCertificatePlan, issueClientCertificate } from '../../../src/demo/hub/client-certificates.ts';
import { encode, encodeOid, TAG } from '../../../src/demo/hub/der.ts';
import { OID } from '../../../src/demo/hub/distinguished-name.ts';
import { parseCertificate } from '../../../src/demo/hub/parsed-certificate.ts';
import { CsrSigners, mergeBundle, OPENSHIFT_LIFETIMES, type SignerGeneration } from '../../../src/demo/hub/pki.ts';

const certificates = new URL('../../../fixtures/recorded/certificates/', import.meta.url);
const service: UserInfo = { username: 'system:serviceaccount:a:b', uid: 'u', groups: ['system:serviceaccounts'], extra: {} };
const tokens = new Map([['good', service]]);
let first: SignerGeneration;
let second: SignerGeneration;
let other: SignerGeneration;

before(async () => {
  const signers = new CsrSigners(systemClock, 'ec-p256', OPENSHIFT_LIFETIMES);
  [first, second] = [await signers.next(true), await signers.next(false)];
  other = await new CsrSigners(systemClock, 'ec-p256', OPENSHIFT_LIFETIMES).next(true);
});

interface Attempt {
  readonly chain?: readonly string[];
  readonly bundle?: string;
  readonly authorization?: string;
  readonly nowMs?: number;
}

function attempt({ chain = [], bundle = mergeBundle([first], Date.now()), authorization, nowMs = Date.now() }: Attempt): Authentication {
  const clientCa = new ClientCa('');
  assert.equal(clientCa.publish(bundle), true);
  const [leaf, ...others] = chain.map((pem) => parseCertificate(new X509Certificate(pem).raw));
  const peer: PeerChain = leaf === undefined ? null : [leaf, ...others];
  return authenticate({ peer, authorization }, { authorities: clientCa.authorities, tokens, serviceAccount: () => null, nowMs });
}

function userOf(authentication: Authentication): UserInfo {
  assert.ok(authentication.ok, authentication.ok ? '' : authentication.detail);
  return authentication.user;
}

async function leafOf(generation: SignerGeneration, change: Partial<ClientCertificatePlan> = {}): Promise<string> {
  const plan = { subject: { kind: 'klusterlet', cluster: 'c1' }, ...change } as const;
  return (await issueClientCertificate(plan, generation.signer, Date.now())).certificatePem;
}

test('reads the real certificates as the recorded hub did', () => {
  const read = (name: string): string => readFileSync(new URL(name, certificates), 'utf8');
  const nowMs = Date.parse('2026-11-23T20:00:00Z');
  const bundle = read('csr-controller-ca.crt');
  const klusterlet = read('klusterlet.crt');
  const user = userOf(attempt({ chain: [klusterlet], bundle, nowMs }));
  assert.equal(user.username, 'system:open-cluster-management:cluster1:khnxf');
  const groups = ['system:open-cluster-management:cluster1', 'system:open-cluster-management:managed-clusters', 'system:authenticated'];
  assert.deepEqual(user.groups, groups);
  const sha256 = new X509Certificate(klusterlet).fingerprint256.replaceAll(':', '').toLowerCase();
  assert.deepEqual(user.extra, { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${sha256}`] });
  const addon = userOf(attempt({ chain: [read('addon-application-manager.crt')], bundle, nowMs }));
  assert.deepEqual(addon.groups, [
    'system:authenticated',
    'system:open-cluster-management:addon:application-manager',
    'system:open-cluster-management:cluster:cluster1:addon:application-manager',
  ]);
});

test('accepts a leaf of a signer that is not in the bundle when the signer is sent along and its root is', async () => {
  const leaf = await leafOf(second);
  const bundle = first.root.certificate.toString();
  assert.equal(attempt({ chain: [leaf], bundle }).ok, false);
  assert.equal(attempt({ chain: [leaf, second.signer.certificate.toString()], bundle }).ok, true);
  assert.equal(attempt({ chain: [leaf, other.signer.certificate.toString()], bundle }).ok, false);
});

test('takes a signer in the bundle for a root although it is not self-signed', async () => {
  assert.equal(attempt({ chain: [await leafOf(first)], bundle: first.signer.certificate.toString() }).ok, true);
});

test('refuses an unknown authority, and one that has gone from the bundle', async () => {
  assert.equal(attempt({ chain: [await leafOf(other)] }).ok, false);
  assert.equal(attempt({ chain: [await leafOf(first)], bundle: mergeBundle([other], Date.now()) }).ok, false);
});

test('judges leaf, intermediate and root by the clock of the moment', async () => {
  const leaf = await leafOf(first, { lifetimeMs: 3_600_000 });
  const in2Hours = Date.now() + 2 * 3_600_000;
  assert.equal(attempt({ chain: [leaf], nowMs: in2Hours }).ok, false);
  assert.equal(attempt({ chain: [leaf], nowMs: Date.now() - 10 * 60_000 }).ok, false, 'not yet valid');
  const long = await leafOf(first, { notAfterMs: first.root.notAfterMs + 1 });
  assert.equal(attempt({ chain: [long], nowMs: first.signer.notAfterMs + 60_000 }).ok, false, 'the signer has ended');
});

test('accepts a leaf that began before its signer and outlives it', async () => {
  const leaf = await leafOf(first, {
    notBeforeMs: first.signer.notBeforeMs - 86_400_000,
    notAfterMs: first.signer.notAfterMs + 86_400_000,
  });
  assert.equal(attempt({ chain: [leaf] }).ok, true);
});

test('refuses what Go refuses: a leaf as issuer, a certificate that does not parse', async () => {
  const leaf = await leafOf(first);
  assert.equal(attempt({ chain: [leaf, leaf] }).ok, true, 'a useless intermediate does no harm');
  const der = Buffer.from(new X509Certificate(leaf).raw);
  // The common name's PrintableString gets a character that PrintableString does not have.
  der.write('*_', der.indexOf('system:open-cluster-management:c1:abcde'), 'latin1');
  assert.throws(() => parseCertificate(der), /invalid PrintableString/);
});

test('the last common name is the user, every organization a group, in the order of the DER', async () => {
  const rdns = [
    [{ oid: OID.commonName, value: 'first' }],
    [
      { oid: OID.organization, value: 'bb' },
      { oid: OID.organization, value: 'a' },
    ],
    [{ oid: OID.organization, value: 'süd', tag: TAG.bmpString }],
    [{ oid: OID.organization, value: 'west', tag: TAG.t61String }],
    [{ oid: OID.organization, value: '42', tag: TAG.numericString }],
    [{ oid: OID.organizationalUnit, value: 'ignored' }],
    [{ oid: OID.commonName, value: 'last', tag: TAG.ia5String }],
  ];
  const user = userOf(attempt({ chain: [await leafOf(first, { subject: { kind: 'rdns', rdns } })] }));
  assert.equal(user.username, 'last');
  assert.deepEqual(user.groups, ['a', 'bb', 'süd', 'west', '42', 'system:authenticated']);
});

test('reads a UID and refuses two or an empty one', async () => {
  const uid = (value: string): readonly { oid: string; value: string }[] => [{ oid: OID.uid, value }];
  const name = [{ oid: OID.commonName, value: 'u' }];
  const leafWith = (...rdns: readonly (readonly { oid: string; value: string }[])[]): Promise<string> =>
    leafOf(first, { subject: { kind: 'rdns', rdns } });
  assert.equal(userOf(attempt({ chain: [await leafWith(name, uid('42'))] })).uid, '42');
  assert.equal(attempt({ chain: [await leafWith(name, uid('1'), uid('2'))] }).ok, false);
  assert.equal(attempt({ chain: [await leafWith(name, uid(''))] }).ok, false);
});

test('no credential is anonymous; a bad one is not', async () => {
  const nobody = userOf(attempt({}));
  assert.deepEqual([nobody.username, nobody.groups], ['system:anonymous', ['system:unauthenticated']]);
  assert.equal(userOf(attempt({ authorization: 'Basic abc' })).username, 'system:anonymous');
  assert.equal(attempt({ authorization: 'Bearer bad' }).ok, false);
  assert.equal(attempt({ chain: [await leafOf(other)] }).ok, false);
});

test('a valid certificate wins over any token, a valid token over a bad certificate', async () => {
  const [good, bad] = [await leafOf(first), await leafOf(other)];
  assert.match(userOf(attempt({ chain: [good], authorization: 'Bearer good' })).username, /:c1:/);
  assert.match(userOf(attempt({ chain: [good], authorization: 'Bearer bad' })).username, /:c1:/);
  const byToken = userOf(attempt({ chain: [bad], authorization: 'bearer good' }));
  assert.deepEqual([byToken.username, byToken.groups], [service.username, ['system:serviceaccounts', 'system:authenticated']]);
  assert.equal(attempt({ chain: [bad], authorization: 'Bearer bad' }).ok, false);
});

test('a certificate without a common name says nothing', async () => {
  const leaf = await leafOf(first, { subject: { kind: 'rdns', rdns: [[{ oid: OID.organization, value: 'system:masters' }]] } });
  assert.equal(userOf(attempt({ chain: [leaf] })).username, 'system:anonymous');
  assert.equal(userOf(attempt({ chain: [leaf], authorization: 'Bearer good' })).username, service.username);
});

test('keeps the last good bundle, the fixed authorities always, and what it was told while it lagged', () => {
  const clientCa = new ClientCa(other.root.certificate.toString());
  const count = (): number => clientCa.authorities.length;
  assert.equal(count(), 1);
  assert.equal(clientCa.publish(mergeBundle([first], Date.now())), true);
  assert.equal(count(), 3);
  assert.equal(clientCa.publish(''), false);
  assert.equal(clientCa.publish('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'), false);
  assert.equal(count(), 3);
  const release = clientCa.hold();
  clientCa.publish(first.root.certificate.toString());
  assert.equal(count(), 3);
  release();
  assert.equal(count(), 2);
});

test('writes a subject as it is asked for, byte for byte', async () => {
  // A SET that is not in DER order, a multi-valued RDN, five string types: nothing may be sorted or encoded anew.
  const pair = (oid: string, tag: number, value: string): Buffer => encode(TAG.sequence, encodeOid(oid), encode(tag, Buffer.from(value)));
  const unsorted = encode(TAG.set, pair(OID.organization, TAG.utf8String, 'zz'), pair(OID.organization, TAG.printableString, 'a'));
  const der = encode(
    TAG.sequence,
    unsorted,
    encode(TAG.set, pair(OID.commonName, TAG.ia5String, 'x')),
    encode(TAG.set, pair(OID.locality, TAG.numericString, '1')),
  );
  const leaf = parseCertificate(new X509Certificate(await leafOf(first, { subject: { kind: 'der', der } })).raw);
  assert.equal(leaf.subject.toString('hex'), der.toString('hex'));
});
