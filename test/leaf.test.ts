// Leaves: invariants 1 and 2 of design.md §3 for any agent and any signer, judged by other implementations too.

import assert from 'node:assert/strict';
import { randomBytes, sign, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Certificate, isSignedBy, parseCertificate, readCertificates } from '../src/certificate.ts';
import { type KeyUsage, keyUsages } from '../src/certificate-extensions.ts';
import { verifyClientChain } from '../src/chain.ts';
import { createLeafProfile, type Leaf, type LeafRequest, type LeafSigner, type LeafVerdict, reissueLeaf } from '../src/leaf.ts';
import { agentSubject } from './agent-subjects.ts';
import { askGoToParse, askOpenssl, askPeculiar, goMissing, opensslMissing } from './other-verifiers.ts';
import { klusterletSubject, makeAuthority, makeClient, makeOpenShiftSigner, subjectOf, type TestAuthority } from './pki.ts';
import { ANY_USAGE, digestOf, extension, SERVER_AUTH, signatureAlgorithmOf, TEST_NOW_MS, testKey } from './pki-certificate.ts';

const HOUR_MS = 3_600_000;
const match = createLeafProfile({ lifetimeMs: 'match' });
const leafKey = testKey('p256', 'leaf');

function signerOf({ certificate, key }: TestAuthority): LeafSigner {
  return {
    certificate,
    key: { signatureAlgorithmDer: signatureAlgorithmOf(key.type), sign: (tbs) => sign(digestOf(key.type), tbs, key.privateKey) },
  };
}

function requestFor(client: Certificate, changes: Partial<LeafRequest> = {}): LeafRequest {
  return { client, publicKeySpki: leafKey.spkiDer, serial: randomBytes(16), nowMs: TEST_NOW_MS, ...changes };
}

function issued(verdict: LeafVerdict): Leaf {
  assert.ok(verdict.ok, verdict.ok ? '' : `${verdict.reason}: ${verdict.detail}`);
  return verdict.leaf;
}

function refusalOf(verdict: LeafVerdict): string {
  return verdict.ok ? 'issued' : verdict.reason;
}

function clientOf(authority: TestAuthority, subject: Buffer = klusterletSubject('cluster1'), options = {}): Certificate {
  return parseCertificate(makeClient(subject, authority, options).der);
}

/** The list "DER rules a minted certificate must satisfy" and §5 of facts/csr-signer.md; what is left of it, the parser itself refuses. */
function assertDerRules(leaf: Certificate, client: Certificate, signer: Certificate): void {
  assert.ok(leaf.subjectDer.equals(client.subjectDer), 'subject, byte for byte');
  assert.ok(leaf.issuerDer.equals(signer.subjectDer), 'issuer, byte for byte');
  assert.deepEqual(leaf.authorityKeyId, signer.subjectKeyId, 'authority key id is the subject key id of the signer');
  assert.ok(leaf.serial.length <= 32 && !/^0+$/.test(leaf.serial), 'serial number of at most 128 bits, above 0');
  assert.deepEqual(leaf.basicConstraints, { isAuthority: false, pathLength: null });
  assert.deepEqual(leaf.extendedKeyUsage, ['1.3.6.1.5.5.7.3.2']);
  assert.deepEqual(leaf.unhandledCriticalExtensions, []);
  const order = leaf.extensions.map(({ oid, critical }) => `${oid}${critical ? ' critical' : ''}`);
  const expected = [
    ...(leaf.keyUsage === null ? [] : ['2.5.29.15 critical']),
    '2.5.29.37',
    '2.5.29.19 critical',
    ...(signer.subjectKeyId === null ? [] : ['2.5.29.35']),
  ];
  assert.deepEqual(order, expected, 'extensions in the order of Go');
  assert.ok(!leaf.spkiDer.equals(client.spkiDer), 'a new key');
  assert.ok(leaf.notAfterMs <= Math.min(client.notAfterMs, signer.notAfterMs));
  assert.ok(isSignedBy(leaf, signer));
}

const signers = (['rsa', 'p256', 'p384', 'p521'] as const).map((type) => makeOpenShiftSigner(TEST_NOW_MS - HOUR_MS, type));

test('keeps the subject of any agent byte for byte, and Node, @peculiar/x509 and the hub rules take the leaf', async () => {
  await fc.assert(
    fc.asyncProperty(
      agentSubject,
      fc.constantFrom(...signers),
      fc.uint8Array({ minLength: 16, maxLength: 16, min: 1 }),
      async (subject, { root, signer }, serial) => {
        const client = clientOf(signer, subject.der);
        const { der } = issued(reissueLeaf(requestFor(client, { serial }), signerOf(signer), match));
        const leaf = parseCertificate(der);
        assert.ok(leaf.subjectDer.equals(subject.der));
        assertDerRules(leaf, client, signer.certificate);
        assert.ok(verifyClientChain(leaf, [signer.certificate], [root.certificate], TEST_NOW_MS).ok);
        const node = new X509Certificate(der);
        assert.ok(node.verify(signer.key.publicKey) && node.checkIssued(new X509Certificate(signer.certificate.der)));
        assert.ok(await askPeculiar(der, signer.certificate.der, TEST_NOW_MS));
      },
    ),
    { numRuns: 100 },
  );
});

test('makes leaves that openssl verify takes under the signer and under its root', { skip: opensslMissing() }, async () => {
  await fc.assert(
    fc.asyncProperty(agentSubject, fc.constantFrom(...signers), async (subject, { root, signer }) => {
      const { der } = issued(reissueLeaf(requestFor(clientOf(signer, subject.der)), signerOf(signer), match));
      const untrusted = [signer.certificate.der];
      for (const anchor of [signer, root]) {
        assert.equal(await askOpenssl({ leaf: der, untrusted, anchors: [anchor.certificate.der], atMs: TEST_NOW_MS }), 'accepts');
      }
    }),
    { numRuns: 20 },
  );
});

test('makes leaves that the Go parser takes', { skip: goMissing() }, async () => {
  await fc.assert(
    fc.asyncProperty(agentSubject, fc.constantFrom(...signers), async (subject, { signer }) => {
      const { der } = issued(reissueLeaf(requestFor(clientOf(signer, subject.der)), signerOf(signer), match));
      const keyPem = leafKey.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      assert.equal(await askGoToParse(der, keyPem), 'accepts');
    }),
    { numRuns: 10 },
  );
});

test('reissues the recorded klusterlet and add-on under a signer of today', () => {
  const folder = new URL('../fixtures/recorded/certificates/', import.meta.url);
  for (const name of ['klusterlet.crt', 'addon-application-manager.crt']) {
    const [client] = readCertificates(readFileSync(new URL(name, folder), 'utf8'));
    assert.ok(client !== undefined);
    const nowMs = client.notBeforeMs + HOUR_MS;
    const { signer } = makeOpenShiftSigner(nowMs);
    const leaf = parseCertificate(issued(reissueLeaf(requestFor(client, { nowMs }), signerOf(signer), match)).der);
    assertDerRules(leaf, client, signer.certificate);
    assert.deepEqual(leaf.keyUsage, client.keyUsage);
    // Alternative names and the rest stay behind; what both have is the same.
    const kept = client.extensions.filter(({ oid }) => oid !== '2.5.29.35' && oid !== '2.5.29.17');
    assert.deepEqual(
      leaf.extensions.filter(({ oid }) => oid !== '2.5.29.35'),
      kept,
    );
  }
});

test('ends a leaf with the first of policy, client certificate and signer', () => {
  const end = (clientHours: number, signerHours: number, policy: number | 'match'): number => {
    const authority = makeAuthority('ending signer', { notAfterMs: TEST_NOW_MS + signerHours * HOUR_MS });
    const client = clientOf(authority, undefined, { notAfterMs: TEST_NOW_MS + clientHours * HOUR_MS });
    const profile = createLeafProfile({ lifetimeMs: policy === 'match' ? policy : policy * HOUR_MS });
    return (issued(reissueLeaf(requestFor(client), signerOf(authority), profile)).notAfterMs - TEST_NOW_MS) / HOUR_MS;
  };
  assert.equal(end(10, 20, 'match'), 10);
  assert.equal(end(20, 10, 'match'), 10);
  assert.equal(end(20, 30, 10), 10);
  assert.equal(end(5, 30, 10), 5);
  assert.equal(end(30, 5, 10), 5);
});

test('begins a leaf 5 minutes ago, whole seconds on both ends, and says the same as the certificate', () => {
  const authority = makeAuthority('exact signer');
  const nowMs = TEST_NOW_MS + 789;
  const leaf = issued(
    reissueLeaf(requestFor(clientOf(authority), { nowMs }), signerOf(authority), createLeafProfile({ lifetimeMs: HOUR_MS })),
  );
  assert.equal(leaf.notBeforeMs, TEST_NOW_MS - 300_000);
  assert.equal(leaf.notAfterMs, TEST_NOW_MS + HOUR_MS);
  const { notBeforeMs, notAfterMs } = parseCertificate(leaf.der);
  assert.deepEqual([notBeforeMs, notAfterMs], [leaf.notBeforeMs, leaf.notAfterMs]);
});

test('backdates also under a signer that has just begun, as the hub itself does', () => {
  const { root, signer } = makeOpenShiftSigner(TEST_NOW_MS);
  const leaf = parseCertificate(issued(reissueLeaf(requestFor(clientOf(signer)), signerOf(signer), match)).der);
  assert.ok(leaf.notBeforeMs < signer.certificate.notBeforeMs);
  assert.ok(verifyClientChain(leaf, [signer.certificate], [root.certificate], TEST_NOW_MS).ok);
});

test('writes an end from 2050 on as GeneralizedTime', () => {
  const notAfterMs = Date.UTC(2051, 0, 1);
  const authority = makeAuthority('long signer', { notAfterMs });
  const nowMs = notAfterMs - HOUR_MS;
  const { der } = issued(reissueLeaf(requestFor(clientOf(authority, undefined, { notAfterMs }), { nowMs }), signerOf(authority), match));
  assert.ok(der.includes('20510101000000Z', 0, 'latin1'));
  assert.equal(parseCertificate(der).notAfterMs, notAfterMs);
});

test('grants digitalSignature and keyEncipherment as far as the client has them, and no other key usage', () => {
  const authority = makeAuthority('usage signer');
  const usages = fc.subarray([...keyUsages], { minLength: 1 });
  fc.assert(
    fc.property(usages, (clientUsages) => {
      const client = clientOf(authority, undefined, { extensions: [extension.keyUsage(...clientUsages)] });
      const leaf = parseCertificate(issued(reissueLeaf(requestFor(client), signerOf(authority), match)).der);
      const granted: readonly KeyUsage[] = clientUsages.filter((usage) => usage === 'digitalSignature' || usage === 'keyEncipherment');
      assert.deepEqual(leaf.keyUsage === null ? [] : [...leaf.keyUsage], granted);
    }),
  );
  const without = clientOf(authority, undefined, { without: ['2.5.29.15'] });
  assert.equal(parseCertificate(issued(reissueLeaf(requestFor(without), signerOf(authority), match)).der).keyUsage, null);
});

test('grants clientAuth alone, whatever else the client certificate is for, and none of its other extensions', () => {
  const authority = makeAuthority('narrow signer', { subjectKeyId: null });
  const extensions = [
    extension.extendedKeyUsage(SERVER_AUTH, '1.3.6.1.5.5.7.3.2', ANY_USAGE),
    extension.dnsNames('api.hub.example.com'),
    extension.subjectKeyId(Buffer.from('01', 'hex')),
  ];
  const client = clientOf(authority, undefined, { extensions });
  const leaf = parseCertificate(issued(reissueLeaf(requestFor(client), signerOf(authority), match)).der);
  assertDerRules(leaf, client, authority.certificate);
  assert.deepEqual(
    leaf.extensions.map(({ oid }) => oid),
    ['2.5.29.15', '2.5.29.37', '2.5.29.19'],
  );
});

test('issues nothing outside the validity of signer and client', () => {
  const authority = makeAuthority('dated signer');
  const { notBeforeMs, notAfterMs } = authority.certificate;
  const long = { notBeforeMs: notBeforeMs - HOUR_MS, notAfterMs: notAfterMs + HOUR_MS };
  const at = (client: Certificate, nowMs: number): string =>
    refusalOf(reissueLeaf(requestFor(client, { nowMs }), signerOf(authority), match));
  const client = clientOf(authority, undefined, long);
  assert.equal(at(client, notBeforeMs - 1), 'signer-not-valid');
  assert.equal(at(client, notBeforeMs), 'issued');
  assert.equal(at(client, notAfterMs - 1), 'issued');
  assert.equal(at(client, notAfterMs), 'client-not-valid', 'nothing would be left');
  assert.equal(at(client, notAfterMs + 1), 'signer-not-valid');
  const short = clientOf(authority, undefined, { notBeforeMs: TEST_NOW_MS, notAfterMs: TEST_NOW_MS + 1_000 });
  assert.deepEqual(
    [-1, 0, 999, 1_000, 1_001].map((ms) => at(short, TEST_NOW_MS + ms)),
    ['client-not-valid', 'issued', 'issued', 'client-not-valid', 'client-not-valid'],
  );
});

test('issues nothing for what is no agent of the grammar, whoever asks', () => {
  const authority = makeAuthority('strict signer');
  const refused = (client: Certificate): string => refusalOf(reissueLeaf(requestFor(client), signerOf(authority), match));
  assert.equal(refused(clientOf(authority, subjectOf('kubernetes-admin', ['system:masters']))), 'subject-outside-grammar');
  assert.equal(refused(clientOf(authority, subjectOf('system:node:a', ['system:nodes']))), 'subject-outside-grammar');
  assert.equal(refused(clientOf(authority, undefined, { extensions: [extension.basicConstraints(true)] })), 'client-not-a-client');
  assert.equal(refused(clientOf(authority, undefined, { extensions: [extension.extendedKeyUsage(SERVER_AUTH)] })), 'client-not-a-client');
  assert.equal(refused(clientOf(authority, undefined, { without: ['2.5.29.37'] })), 'client-not-a-client');
});

test('signs with authorities only', () => {
  const layman = makeAuthority('layman', { extensions: [extension.basicConstraints(false)] });
  const mute = makeAuthority('mute', { extensions: [extension.keyUsage('digitalSignature')] });
  for (const authority of [layman, mute]) {
    assert.equal(refusalOf(reissueLeaf(requestFor(clientOf(authority)), signerOf(authority), match)), 'signer-not-valid');
  }
});

test('takes a new key that the hub takes, and 16 random octets', () => {
  const authority = makeAuthority('careful signer');
  const client = clientOf(authority);
  const issue = (changes: Partial<LeafRequest>): LeafVerdict => reissueLeaf(requestFor(client, changes), signerOf(authority), match);
  assert.throws(() => issue({ publicKeySpki: client.spkiDer }), /client's own/);
  assert.throws(() => issue({ publicKeySpki: Buffer.from('3000', 'hex') }), { name: 'DerError' });
  assert.throws(() => issue({ publicKeySpki: Buffer.concat([leafKey.spkiDer, Buffer.alloc(1)]) }), { name: 'DerError' });
  assert.throws(() => issue({ serial: Buffer.alloc(16) }), RangeError);
  assert.throws(() => issue({ serial: randomBytes(15) }), RangeError);
  const serial = Buffer.from('0000000000000000000000000000ff01', 'hex');
  assert.equal(parseCertificate(issued(issue({ serial })).der).serial, 'ff01');
  const high = Buffer.alloc(16, 0xff);
  assert.equal(parseCertificate(issued(issue({ serial: high })).der).serial, 'f'.repeat(32));
});

test('takes no lifetime that no hub would issue', () => {
  for (const lifetimeMs of [0, -1, 599_999, 8_760 * HOUR_MS + 1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => createLeafProfile({ lifetimeMs }), RangeError, String(lifetimeMs));
  }
  assert.equal(createLeafProfile({ lifetimeMs: 600_000 }).lifetimeMs, 600_000);
});
