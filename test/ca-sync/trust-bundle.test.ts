// Which authorities a bundle yields, and when it yields none at all.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readTrustBundle } from '../../src/ca-sync/trust-bundle.ts';
import type { TrustBundle, TrustRefusal } from '../../src/ca-sync/trust-bundle.ts';
import { klusterletSubject, makeAuthority, makeClient } from '../pki.ts';
import { extension } from '../pki-certificate.ts';

const one = makeAuthority('one');
const two = makeAuthority('two');
const three = makeAuthority('three', { issuer: two });
const client = makeClient(klusterletSubject('cluster1'), one);
const garbage = '-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n';

function accept(pem: string | Buffer): TrustBundle {
  const verdict = readTrustBundle(Buffer.from(pem));
  assert.ok(verdict.ok, JSON.stringify(verdict));
  return verdict.trust;
}

function refuse(pem: string): TrustRefusal {
  const verdict = readTrustBundle(Buffer.from(pem));
  assert.ok(!verdict.ok);
  return verdict;
}

const subjects = (trust: TrustBundle): string[] => trust.authorities.map(({ subject }) => subject);

test('reads the bundle of a real hub, an intermediate and a root', () => {
  const bundle = accept(readFileSync(new URL('../../fixtures/recorded/certificates/csr-controller-ca.crt', import.meta.url)));
  assert.equal(bundle.authorities.length, 2);
  assert.deepEqual(bundle.skipped, []);
});

test('keeps the order of the bundle and each authority once', () => {
  const bundle = accept(two.pem + one.pem + two.pem + three.pem);
  assert.deepEqual(subjects(bundle), ['CN=two', 'CN=one', 'CN=three']);
  assert.deepEqual(bundle.skipped, []);
});

test('passes over comments and blocks of other kinds', () => {
  const bundle = accept(`# the hub\n${one.pem}\n-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n\n${two.pem}`);
  assert.deepEqual(subjects(bundle), ['CN=one', 'CN=two']);
});

test('leaves out entries that do not parse or are no CA, and says which', () => {
  const noSigning = makeAuthority('no signing', { extensions: [extension.keyUsage('crlSign')] });
  const bundle = accept(garbage + one.pem + client.pem + noSigning.pem);
  assert.deepEqual(subjects(bundle), ['CN=one']);
  assert.equal(bundle.skipped.length, 3);
  assert.match(bundle.skipped[0] ?? '', /^entry 1: not a certificate/);
  assert.match(bundle.skipped[1] ?? '', /^entry 3: .*cluster1.* is not a CA$/);
  assert.match(bundle.skipped[2] ?? '', /^entry 4: CN=no signing may not sign certificates$/);
});

test('leaves out an entry in the middle that has no end', () => {
  const bundle = accept(one.pem + two.pem.slice(0, 200) + three.pem);
  assert.equal(bundle.skipped.length, 1);
  assert.ok(subjects(bundle).includes('CN=one'));
});

test('its fingerprint is of the authorities and their order, not of the text', () => {
  const plain = accept(one.pem + two.pem).fingerprint;
  assert.match(plain, /^[0-9a-f]{64}$/);
  assert.equal(accept(`# comment\n${one.pem}\n${garbage}${two.pem}`).fingerprint, plain);
  assert.notEqual(accept(two.pem + one.pem).fingerprint, plain);
  assert.notEqual(accept(one.pem).fingerprint, plain);
});

for (const { name, pem, code } of [
  { name: 'an empty one', pem: '', code: 'trust-empty' },
  { name: 'one without certificates', pem: 'nothing here\n', code: 'trust-empty' },
  { name: 'one that was cut off', pem: one.pem + two.pem.slice(0, -30), code: 'trust-truncated' },
  { name: 'one without a usable entry', pem: garbage + client.pem, code: 'trust-no-authority' },
  { name: 'one with 257 entries', pem: one.pem.repeat(257), code: 'trust-size' },
  { name: 'one of more than a mebibyte', pem: one.pem + ' '.repeat(1024 * 1024), code: 'trust-size' },
] as const) {
  test(`refuses ${name} whole, as ${code}`, () => {
    assert.equal(refuse(pem).code, code);
  });
}

test('takes 256 entries', () => {
  assert.equal(accept(one.pem + garbage.repeat(255)).authorities.length, 1);
});
