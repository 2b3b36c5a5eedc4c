// Tokens for tests, good and bad: signed by hand with node:crypto, so that also what no library would write can be made.

import { createHash, createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readJwks, sealJwks } from '../../src/ca-sync/jwks.ts';
import type { Jwks } from '../../src/ca-sync/jwks.ts';

export const ISSUER = 'https://kubernetes.default.svc';

export interface TestKey {
  readonly kid: string;
  readonly key: KeyObject;
  readonly alg: string;
}

const curveOf: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };
const hashOf: Readonly<Record<string, string>> = { '256': 'sha256', '384': 'sha384', '512': 'sha512' };

export function makeTokenKey(alg = 'RS256'): TestKey {
  const namedCurve = curveOf[alg];
  const { privateKey: key } =
    namedCurve === undefined ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ec', { namedCurve });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return { kid: createHash('sha256').update(spki).digest('base64url'), key, alg };
}

/** As the hub would publish it. */
export function documentOf(...keys: readonly TestKey[]): Buffer {
  const entries = keys.map(({ kid, key, alg }) => ({ use: 'sig', kid, alg, ...createPublicKey(key).export({ format: 'jwk' }) }));
  return Buffer.from(JSON.stringify({ keys: entries }));
}

export function jwksOf(keys: readonly TestKey[], issuer: string | null = ISSUER): Jwks {
  const read = readJwks(documentOf(...keys));
  if (!read.ok) throw new Error(read.detail);
  return sealJwks(read, issuer);
}

export interface TokenParts {
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** The claims of a bound token, as kube-apiserver writes them. */
export function claimsOf(namespace: string, name: string, nowMs: number = Date.now()): Record<string, unknown> {
  const now = Math.floor(nowMs / 1000);
  return {
    aud: [ISSUER],
    exp: now + 3600,
    iat: now,
    iss: ISSUER,
    jti: 'c0ffee00-0000-4000-8000-000000000000',
    'kubernetes.io': { namespace, serviceaccount: { name, uid: '0ddba11' } },
    nbf: now,
    sub: `system:serviceaccount:${namespace}:${name}`,
  };
}

/** `claims` in place of those of cluster1's bootstrap account; undefined members are left out. */
export function signToken(
  { kid, key, alg }: TestKey,
  { header = {}, claims = claimsOf('cluster1', 'cluster1-bootstrap-sa') }: TokenParts = {},
): string {
  const input = `${encode({ alg, kid, ...header })}.${encode(claims)}`;
  const hash = hashOf[alg.slice(2)] ?? '';
  return `${input}.${sign(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

/** Whose header names an HMAC, made with the public key as its secret. */
export function signWithPublicKey({ kid, key }: TestKey): string {
  const input = `${encode({ alg: 'HS256', kid })}.${encode(claimsOf('cluster1', 'cluster1-bootstrap-sa'))}`;
  const secret = createPublicKey(key).export({ format: 'pem', type: 'spki' });
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

export function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
