// The CA key in every form in which a hub or an administrator stores one, and every way in which it could leak.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { format, inspect } from 'node:util';
import { serialize } from 'node:v8';
import { SigningKey } from '../../src/ca-sync/signing-key.ts';
import type { KeyRefusalCode } from '../../src/ca-sync/signing-key.ts';
import { testKey } from '../pki-certificate.ts';

const openssl = (...args: readonly string[]): Buffer => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] });

const rsa = (bits: number): KeyObject => generateKeyPairSync('rsa', { modulusLength: bits }).privateKey;
const ec = (namedCurve: string): KeyObject => generateKeyPairSync('ec', { namedCurve }).privateKey;
const pem = (key: KeyObject, type: 'pkcs1' | 'sec1' | 'pkcs8'): Buffer => Buffer.from(key.export({ type, format: 'pem' }));

function read(bytes: Buffer): SigningKey {
  const verdict = SigningKey.read(bytes);
  assert.ok(verdict.ok, JSON.stringify(verdict));
  return verdict.key;
}

const rsa2048 = testKey('rsa').privateKey;

const accepted = [
  { name: 'RSA-2048 in PKCS#1', bytes: pem(rsa2048, 'pkcs1'), label: 'BEGIN RSA PRIVATE KEY', digest: 'sha256', oid: '2a864886f70d01010b' },
  { name: 'RSA-2048 in PKCS#8', bytes: pem(rsa2048, 'pkcs8'), label: 'BEGIN PRIVATE KEY', digest: 'sha256', oid: '2a864886f70d01010b' },
  { name: 'RSA-3072 in PKCS#8', bytes: pem(rsa(3072), 'pkcs8'), label: 'BEGIN PRIVATE KEY', digest: 'sha256', oid: '2a864886f70d01010b' },
  {
    name: 'RSA-4096 in PKCS#1',
    bytes: pem(rsa(4096), 'pkcs1'),
    label: 'BEGIN RSA PRIVATE KEY',
    digest: 'sha256',
    oid: '2a864886f70d01010b',
  },
  { name: 'P-256 in SEC1', bytes: pem(ec('P-256'), 'sec1'), label: 'BEGIN EC PRIVATE KEY', digest: 'sha256', oid: '2a8648ce3d040302' },
  { name: 'P-256 in PKCS#8', bytes: pem(ec('P-256'), 'pkcs8'), label: 'BEGIN PRIVATE KEY', digest: 'sha256', oid: '2a8648ce3d040302' },
  { name: 'P-384 in SEC1', bytes: pem(ec('P-384'), 'sec1'), label: 'BEGIN EC PRIVATE KEY', digest: 'sha384', oid: '2a8648ce3d040303' },
  { name: 'P-384 in PKCS#8', bytes: pem(ec('P-384'), 'pkcs8'), label: 'BEGIN PRIVATE KEY', digest: 'sha384', oid: '2a8648ce3d040303' },
  { name: 'P-521 in SEC1', bytes: pem(ec('P-521'), 'sec1'), label: 'BEGIN EC PRIVATE KEY', digest: 'sha512', oid: '2a8648ce3d040304' },
  { name: 'P-521 in PKCS#8', bytes: pem(ec('P-521'), 'pkcs8'), label: 'BEGIN PRIVATE KEY', digest: 'sha512', oid: '2a8648ce3d040304' },
  {
    name: 'P-256 as `openssl ecparam -genkey` writes it, parameters first',
    bytes: openssl('ecparam', '-name', 'prime256v1', '-genkey'),
    label: 'BEGIN EC PARAMETERS',
    digest: 'sha256',
    oid: '2a8648ce3d040302',
  },
] as const;

for (const { name, bytes, label, digest, oid } of accepted) {
  test(`reads ${name} and signs what its public key verifies`, () => {
    assert.ok(bytes.includes(label), 'the case is not what it says');
    const publicKey = createPublicKey(bytes);
    const key = read(bytes);
    const tbs = Buffer.from('to be signed');
    assert.equal(verify(digest, tbs, { key: publicKey, dsaEncoding: 'der' }, key.sign(tbs)), true);
    assert.ok(key.signatureAlgorithmDer.includes(Buffer.from(oid, 'hex')));
    assert.equal(key.belongsTo(publicKey.export({ type: 'spki', format: 'der' })), true);
  });
}

test('writes the RSA algorithm identifier with NULL parameters and the EC one without any', () => {
  assert.equal(read(pem(rsa2048, 'pkcs1')).signatureAlgorithmDer.toString('hex'), '300d06092a864886f70d01010b0500');
  assert.equal(read(pem(ec('P-384'), 'sec1')).signatureAlgorithmDer.toString('hex'), '300a06082a8648ce3d040303');
});

test('does not belong to the public key of another pair, of its own type or of another', () => {
  const key = read(pem(rsa2048, 'pkcs8'));
  assert.equal(key.belongsTo(testKey('rsa', 'another').spkiDer), false);
  assert.equal(key.belongsTo(testKey('p256').spkiDer), false);
});

test('reads a good key right after one that did not belong to its certificate', () => {
  const key = read(pem(rsa2048, 'pkcs8'));
  for (const type of ['rsa', 'p256', 'p384', 'ed25519'] as const) {
    assert.equal(key.belongsTo(testKey(type, 'unrelated').spkiDer), false);
    assert.equal(SigningKey.read(pem(rsa2048, 'pkcs1')).ok, true, `after ${type}`);
  }
});

test('does not belong to its own certificate when its private exponent was damaged', () => {
  const { n = '' } = rsa2048.export({ format: 'jwk' });
  const { n: _, ...others } = testKey('rsa', 'another').privateKey.export({ format: 'jwk' });
  const damaged = createPrivateKey({
    key: { ...others, n },
    format: 'jwk',
  });
  const key = read(pem(damaged, 'pkcs1'));
  assert.equal(key.belongsTo(testKey('rsa').spkiDer), false);
});

const encrypted = { cipher: 'aes-256-cbc', passphrase: 'secret' } as const;

const refused: readonly { readonly name: string; readonly bytes: Buffer; readonly code: KeyRefusalCode; readonly detail: RegExp }[] = [
  { name: 'RSA-1024', bytes: openssl('genrsa', '-traditional', '1024'), code: 'key-size', detail: /2048 to 8192 bits, this one has 1024/ },
  { name: 'P-224', bytes: pem(ec('secp224r1'), 'sec1'), code: 'key-curve', detail: /secp224r1/ },
  { name: 'secp256k1', bytes: pem(ec('secp256k1'), 'pkcs8'), code: 'key-curve', detail: /secp256k1/ },
  { name: 'Ed25519', bytes: pem(testKey('ed25519').privateKey, 'pkcs8'), code: 'key-type', detail: /ed25519/ },
  {
    name: 'RSA that may sign PSS only',
    bytes: pem(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey, 'pkcs8'),
    code: 'key-type',
    detail: /rsa-pss/,
  },
  {
    name: 'an encrypted PKCS#8 key',
    bytes: Buffer.from(rsa2048.export({ type: 'pkcs8', format: 'pem', ...encrypted })),
    code: 'key-encrypted',
    detail: /passphrase/,
  },
  {
    name: 'an encrypted PKCS#1 key',
    bytes: Buffer.from(rsa2048.export({ type: 'pkcs1', format: 'pem', ...encrypted })),
    code: 'key-encrypted',
    detail: /passphrase/,
  },
  { name: 'DER instead of PEM', bytes: rsa2048.export({ type: 'pkcs8', format: 'der' }), code: 'key-unreadable', detail: /PEM/ },
  { name: 'half of a file', bytes: pem(rsa2048, 'pkcs8').subarray(0, 700), code: 'key-unreadable', detail: /PEM/ },
  { name: 'a public key', bytes: openssl('ecparam', '-name', 'prime256v1'), code: 'key-unreadable', detail: /PEM/ },
  { name: 'nothing', bytes: Buffer.alloc(0), code: 'key-unreadable', detail: /PEM/ },
];

for (const { name, bytes, code, detail } of refused) {
  test(`refuses ${name} as ${code}`, () => {
    const verdict = SigningKey.read(bytes);
    assert.ok(!verdict.ok);
    assert.equal(verdict.code, code);
    assert.match(verdict.detail, detail);
  });
}

test('is redacted in every way in which Node prints or copies a value', () => {
  const bytes = pem(ec('P-256'), 'sec1');
  const secret = encodeSecret(bytes);
  const key = read(bytes);
  assert.equal(String(key), '[redacted]');
  assert.equal(inspect({ key }, { depth: 9 }), '{ key: [redacted] }');
  const printed = [
    ['', key, ''].join(),
    JSON.stringify({ key }),
    format('%s %o %O %j', key, key, key, key),
    inspect(key, { customInspect: false, showHidden: true, depth: 9 }),
    inspect(structuredClone(key), { depth: 9 }),
    serialize(key).toString('latin1'),
    serialize(key).toString('hex'),
    Object.getOwnPropertyNames(key).join(),
  ].join('\n');
  for (const form of secret) assert.equal(printed.includes(form), false);
});

/** The private scalar, in the encodings in which it could turn up. */
function encodeSecret(bytes: Buffer): readonly string[] {
  const d = String(createPrivateKey(bytes).export({ format: 'jwk' }).d);
  const scalar = Buffer.from(d, 'base64url');
  assert.equal(scalar.length, 32);
  return [d, scalar.toString('hex'), scalar.toString('base64'), scalar.toString('latin1'), scalar.join(', ')];
}
