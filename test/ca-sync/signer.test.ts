// What makes tls.crt and tls.key a signer, and each reason why they are none.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isSameSigner, readSigner } from '../../src/ca-sync/signer.ts';
import type { CheckedSigner, SignerRefusal, SignerRefusalCode } from '../../src/ca-sync/signer.ts';
import { makeAuthority, makeClient, makeOpenShiftSigner, klusterletSubject } from '../pki.ts';
import type { TestAuthority } from '../pki.ts';
import { ANY_USAGE, CLIENT_AUTH, extension, SERVER_AUTH, TEST_NOW_MS, testKey } from '../pki-certificate.ts';
import type { TestExtension, TestKeyType } from '../pki-certificate.ts';

const keyPem = (authority: TestAuthority): string => authority.key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

function read(certificate: string | Buffer, key: string): ReturnType<typeof readSigner> {
  return readSigner({ certificate: Buffer.from(certificate), key: Buffer.from(key) });
}

function accept(certificate: string, key: string): CheckedSigner {
  const verdict = read(certificate, key);
  assert.ok(verdict.ok, JSON.stringify(verdict));
  return verdict.signer;
}

function refuse(certificate: string | Buffer, key: string): SignerRefusal {
  const verdict = read(certificate, key);
  assert.ok(!verdict.ok);
  return verdict;
}

for (const keyType of ['rsa', 'p256', 'p384', 'p521'] as const) {
  test(`reads OpenShift's signer with a key of type ${keyType}`, () => {
    const { tlsCrt, tlsKey, signer } = makeOpenShiftSigner(TEST_NOW_MS, keyType);
    const accepted = accept(tlsCrt, tlsKey);
    assert.equal(accepted.certificate.fingerprintSHA256, signer.certificate.fingerprintSHA256);
    assert.deepEqual(accepted.chain, []);
  });
}

test('keeps the issuer when tls.crt holds a chain, as in the namespace of the operator', () => {
  const { tlsCrt, tlsKey, root } = makeOpenShiftSigner(TEST_NOW_MS);
  const signer = accept(tlsCrt + root.pem, tlsKey);
  assert.deepEqual(
    signer.chain.map((each) => each.fingerprintSHA256),
    [root.certificate.fingerprintSHA256],
  );
});

test('reads the chain of a real hub up to its key, which was not recorded', () => {
  const chain = readFileSync(new URL('../../fixtures/recorded/certificates/csr-signer-chain.crt', import.meta.url));
  assert.equal(refuse(chain, keyPem(makeAuthority('another'))).code, 'key-mismatch');
});

test('takes a signer without keyUsage, without subject key identifier, or with anyExtendedKeyUsage, as Go does', () => {
  const plain = makeAuthority('ca', { subjectKeyId: null, extensions: [extension.extendedKeyUsage(ANY_USAGE)] });
  assert.equal(accept(plain.pem, keyPem(plain)).certificate.subjectKeyId, null);
  const limited = makeAuthority('ca', { extensions: [extension.extendedKeyUsage(SERVER_AUTH, CLIENT_AUTH)], pathLength: 0 });
  assert.equal(accept(limited.pem, keyPem(limited)).certificate.basicConstraints?.pathLength, 0);
});

const root = makeAuthority('root');
const signer = makeAuthority('signer', { issuer: root });
const other = makeAuthority('other');
const client = makeClient(klusterletSubject('cluster1'), signer);
const NAME_CONSTRAINTS = '2.5.29.30';
const UNKNOWN = '1.3.6.1.4.1.99999.1';

/** The usual signer with one extension more, or another in the place of a usual one. */
const signerWith = (...extensions: readonly TestExtension[]): TestAuthority => makeAuthority('signer', { issuer: root, extensions });

interface RefusedCase {
  readonly name: string;
  readonly certificate: string;
  readonly key: string;
  readonly code: SignerRefusalCode;
  readonly detail: RegExp;
}

const own = (authority: TestAuthority): { certificate: string; key: string } => ({ certificate: authority.pem, key: keyPem(authority) });
const leafKey = keyPem(signer);

const refused: readonly RefusedCase[] = [
  { name: 'no tls.crt', certificate: '', key: leafKey, code: 'certificate-missing', detail: /tls\.crt/ },
  { name: 'no tls.key', certificate: signer.pem, key: '', code: 'key-missing', detail: /tls\.key/ },
  { name: 'garbage in tls.crt', certificate: 'oops', key: leafKey, code: 'certificate-unreadable', detail: /no PEM block/ },
  {
    name: 'a certificate that is cut off',
    certificate: signer.pem.slice(0, 300),
    key: leafKey,
    code: 'certificate-unreadable',
    detail: /tls\.crt/,
  },
  {
    name: 'a bad certificate behind the good one',
    certificate: signer.pem + signer.pem.replace(/^M/m, 'N'),
    key: leafKey,
    code: 'certificate-unreadable',
    detail: /tls\.crt/,
  },
  { name: 'garbage in tls.key', certificate: signer.pem, key: 'oops', code: 'key-unreadable', detail: /tls\.key/ },
  {
    name: 'the key of another certificate',
    certificate: signer.pem,
    key: keyPem(other),
    code: 'key-mismatch',
    detail: /first certificate/,
  },
  { name: 'a key of another type', certificate: signer.pem, key: keyOf('rsa'), code: 'key-mismatch', detail: /first certificate/ },
  {
    name: 'a key on a curve that leaves are not signed with',
    certificate: signer.pem,
    key: keyOf('p224'),
    code: 'key-curve',
    detail: /P-256/,
  },
  {
    name: 'a chain in the wrong order',
    certificate: root.pem + signer.pem,
    key: leafKey,
    code: 'key-mismatch',
    detail: /first certificate/,
  },
  { name: 'a client certificate', certificate: client.pem, key: client.keyPem, code: 'not-authority', detail: /basicConstraints/ },
  {
    name: 'a CA that may not sign certificates',
    ...own(signerWith(extension.keyUsage('digitalSignature', 'crlSign'))),
    code: 'no-key-cert-sign',
    detail: /keyUsage/,
  },
  {
    name: 'a CA for server certificates only',
    ...own(signerWith(extension.extendedKeyUsage(SERVER_AUTH))),
    code: 'no-client-auth',
    detail: /clientAuth/,
  },
  {
    name: 'a CA with an unknown critical extension',
    ...own(signerWith({ oid: UNKNOWN, critical: true, value: Buffer.from('0500', 'hex') })),
    code: 'constrained',
    detail: /1\.3\.6\.1\.4\.1\.99999\.1/,
  },
  {
    name: 'a CA with name constraints',
    ...own(signerWith({ oid: NAME_CONSTRAINTS, critical: true, value: Buffer.from('3000', 'hex') })),
    code: 'constrained',
    detail: /name constraints/,
  },
  {
    name: 'a further certificate that did not issue the first',
    certificate: signer.pem + other.pem,
    key: leafKey,
    code: 'chain-broken',
    detail: /certificate 2 of tls\.crt.*did not issue/,
  },
  {
    name: "a further certificate with the issuer's name and another key",
    certificate: signer.pem + makeAuthority('root', { key: testKey('p384', 'impostor') }).pem,
    key: leafKey,
    code: 'chain-broken',
    detail: /did not issue/,
  },
  {
    name: 'an issuer that allows no CA below it',
    ...(() => {
      const narrow = makeAuthority('root', { pathLength: 0 });
      const below = makeAuthority('signer', { issuer: narrow });
      return { certificate: below.pem + narrow.pem, key: keyPem(below) };
    })(),
    code: 'chain-broken',
    detail: /allows 0 CAs below it/,
  },
  {
    name: 'an issuer for server certificates only',
    ...(() => {
      const narrow = makeAuthority('root', { extensions: [extension.extendedKeyUsage(SERVER_AUTH)] });
      const below = makeAuthority('signer', { issuer: narrow });
      return { certificate: below.pem + narrow.pem, key: keyPem(below) };
    })(),
    code: 'chain-broken',
    detail: /clientAuth/,
  },
  { name: 'a chain of nine', certificate: signer.pem + root.pem.repeat(8), key: leafKey, code: 'chain-length', detail: /9 certificates/ },
];

function keyOf(type: TestKeyType): string {
  return testKey(type).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

for (const { name, certificate, key, code, detail } of refused) {
  test(`refuses ${name} as ${code}`, () => {
    const refusal = refuse(certificate, key);
    assert.equal(refusal.code, code);
    assert.match(refusal.detail, detail);
  });
}

test('takes a chain of three whose path lengths are just enough', () => {
  const top = makeAuthority('top', { pathLength: 2 });
  const middle = makeAuthority('middle', { issuer: top, pathLength: 1 });
  const bottom = makeAuthority('bottom', { issuer: middle, pathLength: 0 });
  assert.equal(accept(bottom.pem + middle.pem + top.pem, keyPem(bottom)).chain.length, 2);
});

test('erases the bytes of the key, read or refused', () => {
  for (const certificate of [signer.pem, 'oops']) {
    const key = Buffer.from(leafKey);
    readSigner({ certificate: Buffer.from(certificate), key });
    assert.deepEqual(key, Buffer.alloc(key.length));
  }
});

test('tells refused Secrets apart by tls.crt alone, so that nothing of the key shows', () => {
  assert.equal(refuse('oops', 'one').materialSHA256, refuse('oops', 'another').materialSHA256);
  assert.notEqual(refuse('oops', 'one').materialSHA256, refuse('oops!', 'one').materialSHA256);
});

test('two reads are of the same signer when all their certificates are the same, whatever their PEM looks like', () => {
  const plain = accept(signer.pem, leafKey);
  const dressed = accept(`subject=CN = signer\n${signer.pem}\n\n`, leafKey);
  assert.equal(isSameSigner(plain, dressed), true);
  assert.equal(isSameSigner(plain, accept(signer.pem + root.pem, leafKey)), false);
  assert.equal(isSameSigner(plain, accept(other.pem, keyPem(other))), false);
});
