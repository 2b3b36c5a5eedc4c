// Reading a JWK set: what becomes a key, and what is left out of it.

import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { readJwks, sealJwks } from '../../src/ca-sync/jwks.ts';
import type { JwksVerdict } from '../../src/ca-sync/jwks.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = (namedCurve: string): { publicKey: KeyObject; privateKey: KeyObject } => generateKeyPairSync('ec', { namedCurve });

function jwkOf(key: KeyObject, more: JsonWebKey = {}): JsonWebKey {
  return { ...key.export({ format: 'jwk' }), kid: 'one', use: 'sig', ...more };
}

function read(...keys: readonly unknown[]): JwksVerdict {
  return readJwks(Buffer.from(JSON.stringify({ keys })));
}

function keysOf(verdict: JwksVerdict): Extract<JwksVerdict, { ok: true }> {
  assert.ok(verdict.ok, verdict.ok ? '' : verdict.detail);
  return verdict;
}

test('each key gets the one algorithm that it is for', () => {
  const { keys, skipped } = keysOf(
    read(
      jwkOf(rsa.publicKey, { kid: 'a', alg: 'RS256' }),
      jwkOf(rsa.publicKey, { kid: 'b', alg: 'RS512' }),
      jwkOf(rsa.publicKey, { kid: 'c' }),
      jwkOf(ec('P-256').publicKey, { kid: 'd' }),
      jwkOf(ec('P-384').publicKey, { kid: 'e', alg: 'ES384' }),
      jwkOf(ec('P-521').publicKey, { kid: 'f', key_ops: ['verify'] }),
    ),
  );
  assert.deepEqual(
    keys.map(({ kid, algorithm }) => [kid, algorithm]),
    [
      ['a', 'RS256'],
      ['b', 'RS512'],
      ['c', 'RS256'],
      ['d', 'ES256'],
      ['e', 'ES384'],
      ['f', 'ES512'],
    ],
  );
  assert.deepEqual(skipped, []);
});

test('keeps the public members alone', () => {
  const [key] = keysOf(read(jwkOf(rsa.publicKey, { alg: 'RS256', x5c: ['x'], extra: 'y' }))).keys;
  assert.deepEqual(Object.keys(key?.jwk ?? {}).toSorted(), ['e', 'kty', 'n']);
  assert.equal(createPublicKey({ key: { ...key?.jwk }, format: 'jwk' }).equals(rsa.publicKey), true);
});

test('leaves out what tokens of service accounts are never signed with, and says why without quoting it', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const wrong: readonly (readonly [string, unknown])[] = [
    ['a private key', jwkOf(rsa.privateKey)],
    ['a private key on a curve', jwkOf(ec('P-256').privateKey)],
    ['a symmetric key', { kty: 'oct', k: 'c2VjcmV0', kid: 'one', alg: 'HS256' }],
    ['a short RSA key', jwkOf(weak.publicKey)],
    ['another curve', jwkOf(ec('secp256k1').publicKey)],
    ['an Edwards curve', jwkOf(generateKeyPairSync('ed25519').publicKey)],
    ['a key for encryption', jwkOf(rsa.publicKey, { use: 'enc' })],
    ['a key to sign with', jwkOf(rsa.publicKey, { key_ops: ['sign'] })],
    ['another algorithm', jwkOf(rsa.publicKey, { alg: 'PS256' })],
    ['the algorithm of another type', jwkOf(rsa.publicKey, { alg: 'ES256' })],
    ['no algorithm at all', jwkOf(rsa.publicKey, { alg: 'none' })],
    ['an HMAC with a public key', jwkOf(rsa.publicKey, { alg: 'HS256' })],
    ['no kid', { ...rsa.publicKey.export({ format: 'jwk' }) }],
    ['an empty kid', jwkOf(rsa.publicKey, { kid: '' })],
    ['not a point of the curve', { ...jwkOf(ec('P-256').publicKey), x: 'AAAA' }],
    ['no object', 'key'],
  ];
  for (const [what, entry] of wrong) {
    const alone = read(entry);
    assert.ok(!alone.ok && alone.code === 'jwks-no-key', what);
    const { keys, skipped } = keysOf(read(entry, jwkOf(rsa.publicKey, { kid: 'good' })));
    assert.deepEqual([keys.length, skipped.length], [1, 1], what);
    assert.doesNotMatch(skipped[0] ?? '', /c2VjcmV0|"/, what);
  }
});

test('of two keys with the same name the first counts', () => {
  const other = jwkOf(ec('P-256').publicKey);
  const { keys, skipped } = keysOf(read(jwkOf(rsa.publicKey), other, jwkOf(rsa.publicKey)));
  assert.deepEqual([keys.length, skipped.length], [1, 2]);
  assert.equal(keys[0]?.algorithm, 'RS256');
});

test('refuses a document that is no JWK set, or too much of one', () => {
  const refused = (text: string | Buffer): string => {
    const verdict = readJwks(Buffer.from(text));
    return verdict.ok ? 'ok' : verdict.code;
  };
  for (const text of ['', '{', '[]', 'null', '{}', '{"keys":{}}', '<html>It works!</html>']) assert.equal(refused(text), 'jwks-malformed');
  assert.equal(refused(Buffer.from([0x7b, 0xff, 0x7d])), 'jwks-malformed');
  assert.equal(refused('{"keys":[]}'), 'jwks-no-key');
  assert.equal(refused(JSON.stringify({ keys: Array.from({ length: 65 }, () => ({})) })), 'jwks-size');
});

test('the fingerprint tells keys and issuers apart, not their order', () => {
  const [one, two] = [jwkOf(rsa.publicKey), jwkOf(ec('P-256').publicKey, { kid: 'two' })];
  const fingerprint = (verdict: JwksVerdict, issuer: string | null): string => sealJwks(keysOf(verdict), issuer).fingerprint;
  assert.equal(fingerprint(read(one, two), 'i'), fingerprint(read(two, one), 'i'));
  assert.notEqual(fingerprint(read(one), 'i'), fingerprint(read(one, two), 'i'));
  assert.notEqual(fingerprint(read(one), 'i'), fingerprint(read(one), null));
});
