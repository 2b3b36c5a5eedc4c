// Parsing: every case of the tables, asked of Countersign, Go and OpenSSL; real certificates, PEM text, and hostile octets.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Certificate,
  CertificateError,
  isSignedBy,
  parseCertificate,
  readCertificates,
  splitPemCertificates,
  toPem,
} from '../src/certificate.ts';
import type { CertificateCase } from './certificate-case.ts';
import { certificateCases } from './certificate-cases.ts';
import { certificateExtensionCases } from './certificate-extension-cases.ts';
import { askGoToParse, askOpenssl, goMissing, opensslMissing } from './other-verifiers.ts';
import { klusterletSubject, makeAuthority, makeClient, type TestClient } from './pki.ts';
import { encodeName, TEST_NOW_MS, type TestKeyType, testKey } from './pki-certificate.ts';

const cases = [...certificateCases, ...certificateExtensionCases];
const authority = makeAuthority('authority of the cases');

function make({ subject = klusterletSubject('cluster1'), options, change }: CertificateCase): TestClient {
  const client = makeClient(subject, authority, options);
  return { ...client, der: change?.(client.der) ?? client.der };
}

const recordedFolder = new URL('../fixtures/recorded/certificates/', import.meta.url);
const recorded = readdirSync(recordedFolder).map((name) => readFileSync(new URL(name, recordedFolder), 'utf8'));

for (const one of cases) {
  test(`${one.refusal === null ? 'takes' : 'refuses'} ${one.what}`, () => {
    const { der } = make(one);
    if (one.refusal === null) parseCertificate(der);
    else assert.throws(() => parseCertificate(der), { name: 'CertificateError', message: one.refusal });
  });
}

test('takes no case that Go or OpenSSL refuses', () => {
  const taken = cases.filter(({ refusal }) => refusal === null);
  assert.ok(taken.length > 20 && cases.length - taken.length > 50);
  assert.deepEqual(
    taken.filter(({ go, openssl }) => go !== 'accepts' || openssl !== 'accepts'),
    [],
  );
});

test('Go judges every case as the table says', { skip: goMissing() }, async () => {
  const wrong: string[] = [];
  await inPairs(cases, async (one) => {
    const { der, keyPem } = make(one);
    const said = await askGoToParse(der, keyPem);
    if (one.go !== 'varies' && (said === 'accepts') !== (one.go === 'accepts')) wrong.push(`${one.what}: ${said}`);
  });
  assert.deepEqual(wrong, []);
});

test('OpenSSL judges every case as the table says', { skip: opensslMissing() }, async () => {
  const wrong: string[] = [];
  await inPairs(cases, async (one) => {
    const said = await askOpenssl({ leaf: make(one).der, untrusted: [], anchors: [authority.certificate.der], atMs: TEST_NOW_MS });
    if ((said === 'accepts') !== (one.openssl === 'accepts')) wrong.push(`${one.what}: ${said}`);
  });
  assert.deepEqual(wrong, []);
});

/** Two at a time: as many as the smallest machine has cores. */
async function inPairs<T>(items: readonly T[], use: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const work = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await use(item);
  };
  await Promise.all([work(), work()]);
}

test('reads the recorded certificates as Node reads them', () => {
  for (const pem of recorded) {
    for (const certificate of readCertificates(pem)) {
      const node = new X509Certificate(certificate.der);
      assert.equal(certificate.fingerprintSHA256, node.fingerprint256.replaceAll(':', '').toLowerCase());
      assert.equal(certificate.serial, node.serialNumber.toLowerCase());
      assert.equal(certificate.notBeforeMs, node.validFromDate.getTime());
      assert.equal(certificate.notAfterMs, node.validToDate.getTime());
      assert.equal(certificate.basicConstraints?.isAuthority, node.ca);
      assert.ok(certificate.publicKey.equals(node.publicKey));
      assert.deepEqual(certificate.extendedKeyUsage, node.keyUsage ?? null);
      assert.ok(certificate.tbsDer.equals(certificate.der.subarray(4, 4 + certificate.tbsDer.length)));
    }
  }
});

test('reads every field of a recorded klusterlet certificate', () => {
  const certificate = only(readCertificates(readFileSync(new URL('klusterlet.crt', recordedFolder), 'utf8')));
  const group = 'O=system:open-cluster-management:';
  assert.equal(certificate.subject, `CN=system:open-cluster-management:cluster1:khnxf,${group}cluster1+${group}managed-clusters`);
  assert.equal(certificate.issuer, 'CN=kube-csr-signer_@1795460989');
  assert.deepEqual([...(certificate.keyUsage ?? [])], ['digitalSignature', 'keyEncipherment']);
  assert.deepEqual(certificate.basicConstraints, { isAuthority: false, pathLength: null });
  assert.equal(certificate.subjectKeyId, null);
  assert.equal(certificate.authorityKeyId?.length, 20);
  assert.equal(certificate.signatureAlgorithm, '1.2.840.113549.1.1.11');
  assert.deepEqual(
    certificate.extensions.map(({ oid, critical }) => [oid, critical]),
    [
      ['2.5.29.15', true],
      ['2.5.29.37', false],
      ['2.5.29.19', true],
      ['2.5.29.35', false],
    ],
  );
});

test('shows a name on one line of plain ASCII, whatever is in it', () => {
  const value = 'a,b+c"d\\e<f>g;h=i\n\u202eü ';
  const subject = encodeName([
    [{ type: 'O', value: '#x' }],
    [
      { type: 'CN', value },
      { type: '1.2.3', value: '' },
    ],
  ]);
  const certificate = parseCertificate(makeClient(subject, authority).der);
  assert.equal(certificate.subject, 'CN=a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h\\=i\\0a\\e2\\80\\ae\\c3\\bc\\ +1.2.3=,O=\\#x');
});

test('finds the signature by the key that made it and by no other', () => {
  const types: readonly TestKeyType[] = ['rsa', 'p224', 'p256', 'p384', 'p521', 'ed25519'];
  for (const type of types) {
    const signer = makeAuthority(`signer ${type}`, { key: testKey(type) });
    const der = makeClient(klusterletSubject('cluster1'), signer).der;
    const client = parseCertificate(der);
    assert.equal(isSignedBy(client, signer.certificate), true, type);
    assert.equal(isSignedBy(client, authority.certificate), false, `${type} by another`);
    const forged = Buffer.from(der);
    const at = forged.indexOf('cluster1');
    forged.write('cluster2', at, 'latin1');
    assert.equal(isSignedBy(parseCertificate(forged), signer.certificate), false, `${type} forged`);
  }
});

test('finds no signature by an algorithm that the hub refuses', () => {
  const signer = makeAuthority('signer rsa', { key: testKey('rsa') });
  const sha1 = Buffer.from('300d06092a864886f70d0101050500', 'hex');
  const client = parseCertificate(makeClient(klusterletSubject('cluster1'), signer, { raw: { algorithm: sha1 } }).der);
  assert.equal(isSignedBy(client, signer.certificate), false);
});

test('splits PEM text into its certificates and counts what is broken', () => {
  const one = authority.pem;
  const der = authority.certificate.der;
  const lengths = (pem: string): number[] => splitPemCertificates(pem).map((block) => block.length);
  assert.deepEqual(lengths(`# comment\n${one}between\r\n${one.replaceAll('\n', '\r\n')}`), [der.length, der.length]);
  assert.deepEqual(lengths(''), []);
  assert.deepEqual(lengths(one.replaceAll('CERTIFICATE', 'PRIVATE KEY')), []);
  assert.deepEqual(lengths(`indented ${one}`), []);
  assert.deepEqual(lengths(one.slice(0, 200)), [0], 'cut off');
  assert.deepEqual(lengths(`${one.slice(0, 200)}\n${one}`), [0, der.length], 'cut off, then a whole one');
  assert.deepEqual(lengths(one.replace('MII', 'M*I')), [0], 'not base64');
  assert.throws(() => readCertificates(one + one.slice(0, 200)), CertificateError);
  assert.deepEqual(
    readCertificates(toPem(der)).map(({ fingerprintSHA256 }) => fingerprintSHA256),
    [authority.certificate.fingerprintSHA256],
  );
});

test('reads a bounded amount of PEM text', () => {
  assert.throws(() => splitPemCertificates(' '.repeat(1024 * 1024 + 1)), CertificateError);
  assert.throws(() => splitPemCertificates('-----BEGIN CERTIFICATE-----\n'.repeat(1_001)), CertificateError);
});

/** Either a certificate all of whose fields can be read, or CertificateError. */
function requireTyped(der: Uint8Array): Certificate | null {
  try {
    const certificate = parseCertificate(der);
    assert.ok(certificate.subject.length + certificate.issuer.length > 0 || certificate.subjectDer.length === 2);
    assert.ok(certificate.publicKey.type === 'public' && certificate.fingerprintSHA256.length === 64);
    isSignedBy(certificate, certificate);
    return certificate;
  } catch (error) {
    assert.ok(error instanceof CertificateError, `threw ${String(error)} for ${Buffer.from(der).toString('hex')}`);
    return null;
  }
}

test('never throws anything but CertificateError on random octets', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (octets) => requireTyped(octets) === null));
});

test('never throws anything but CertificateError on real certificates with some octets changed', () => {
  const ders = recorded.flatMap((pem) => readCertificates(pem).map(({ der }) => der));
  const change = fc.record({ at: fc.nat({ max: 2_000 }), octet: fc.nat({ max: 255 }), cut: fc.nat({ max: 2 }) });
  let taken = 0;
  fc.assert(
    fc.property(fc.constantFrom(...ders), fc.array(change, { minLength: 1, maxLength: 4 }), (der, changes) => {
      let bytes: Buffer = Buffer.from(der);
      for (const { at, octet, cut } of changes) {
        const place = at % bytes.length;
        bytes = Buffer.concat([bytes.subarray(0, place), Buffer.from([octet]), bytes.subarray(place + cut)]);
      }
      if (requireTyped(bytes) !== null) {
        taken += 1;
        assert.ok(new X509Certificate(bytes).publicKey.type === 'public', 'OpenSSL takes it too');
      }
    }),
    { numRuns: 2_000 },
  );
  assert.ok(taken > 0, 'some changes fall into names, keys and signatures and leave a certificate');
});

function only<T>(items: readonly T[]): T {
  const [item] = items;
  assert.ok(item !== undefined && items.length === 1);
  return item;
}
