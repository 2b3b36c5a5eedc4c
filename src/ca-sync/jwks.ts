// The keys that the hub signs service-account tokens with, as it publishes them: a JWK set (RFC 7517). Owns reading one into an immutable value of
// public keys, each for one algorithm. Never keeps a private or a symmetric key, whatever the document holds.

import { createHash, createPublicKey } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { z } from 'zod';

/** Signatures with a key pair only. Kubernetes signs with RS256, ES256, ES384 or ES512 (pkg/serviceaccount/jwt.go; KEP-740 for signers outside of it). */
export type TokenAlgorithm = 'RS256' | 'RS384' | 'RS512' | 'ES256' | 'ES384' | 'ES512';

export interface TokenKey {
  readonly kid: string;
  /** The only one that a token under this key may name. */
  readonly algorithm: TokenAlgorithm;
  /** kty and the public members of RFC 7518 section 6, nothing else. */
  readonly jwk: Readonly<JsonWebKey>;
}

/** Immutable. Holds at least one key. */
export interface Jwks {
  readonly keys: readonly TokenKey[];
  /** What tokens name as `iss`; null where the hub has not told. */
  readonly issuer: string | null;
  /** One sentence for each entry that was left out. */
  readonly skipped: readonly string[];
  /** Lower-case hex of SHA-256 over keys and issuer. */
  readonly fingerprint: string;
}

/** Stable: they appear in the log, in metrics and in the status. */
export type JwksRefusalCode = 'jwks-malformed' | 'jwks-size' | 'jwks-no-key';

export type JwksVerdict =
  | { readonly ok: true; readonly keys: readonly TokenKey[]; readonly skipped: readonly string[] }
  | { readonly ok: false; readonly code: JwksRefusalCode; readonly detail: string };

/** A hub has one to four: the present key, those before it, and the key of legacy tokens. */
const MOST_KEYS = 64;
/** kube-apiserver's is the SHA-256 of the key in base64url, 43 characters. */
const MOST_KID_CHARACTERS = 256;
/** Below, a signature can be forged with money; above, each verification takes milliseconds. */
const RSA_BITS = { least: 2048, most: 8192 } as const;

const jwkSet = z.object({ keys: z.array(z.unknown()) });
const entry = z.object({
  kty: z.string(),
  kid: z.string().min(1).max(MOST_KID_CHARACTERS),
  use: z.literal('sig').optional(),
  key_ops: z
    .array(z.string())
    .refine((operations) => operations.includes('verify'))
    .optional(),
  alg: z.string().optional(),
});

/** RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1. */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** Never throws. */
export function readJwks(document: Buffer): JwksVerdict {
  const set = jwkSet.safeParse(parseJson(document));
  if (!set.success) return { ok: false, code: 'jwks-malformed', detail: 'the document is not a JWK set' };
  const { keys: entries } = set.data;
  if (entries.length > MOST_KEYS) return { ok: false, code: 'jwks-size', detail: `${entries.length} keys, at most ${MOST_KEYS} are read` };
  const keys = new Map<string, TokenKey>();
  const skipped: string[] = [];
  for (const [index, each] of entries.entries()) {
    const read = readKey(each);
    const problem = typeof read === 'string' ? read : findTwin(read, keys.get(read.kid));
    if (problem !== null) skipped.push(`entry ${index + 1}: ${problem}`);
    else if (typeof read !== 'string') keys.set(read.kid, read);
  }
  if (keys.size > 0) return { ok: true, keys: [...keys.values()], skipped };
  return { ok: false, code: 'jwks-no-key', detail: `the JWK set holds no usable key; ${skipped[0] ?? 'it has no entries'}` };
}

export function sealJwks({ keys, skipped }: Extract<JwksVerdict, { ok: true }>, issuer: string | null): Jwks {
  const content = JSON.stringify([issuer, keys.map((key) => JSON.stringify(key)).toSorted()]);
  return Object.freeze({ keys, issuer, skipped, fingerprint: createHash('sha256').update(content).digest('hex') });
}

/** One key, or why the entry is none. Says nothing of what is in it. */
function readKey(value: unknown): TokenKey | string {
  const read = entry.safeParse(value);
  if (!read.success) return 'it is no key to verify signatures with, or has no kid';
  const { kid, alg } = read.data;
  if (privateMembers.some((member) => Object.hasOwn(value as object, member)))
    return 'it holds a private or a symmetric key, which has no business there';
  const key = toPublicKey(value as JsonWebKey);
  const fits = key === null ? [] : algorithmsOf(key);
  const algorithm = alg === undefined ? fits[0] : fits.find((each) => each === alg);
  if (key === null || algorithm === undefined) return 'its type, size, curve or algorithm is not one that service-account tokens have';
  return Object.freeze({ kid, algorithm, jwk: Object.freeze(key.export({ format: 'jwk' })) });
}

function toPublicKey(jwk: JsonWebKey): KeyObject | null {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    return null;
  }
}

const curves: Readonly<Record<string, TokenAlgorithm>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };

/** The usual one first. */
function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): readonly TokenAlgorithm[] {
  if (asymmetricKeyType === 'rsa') {
    const bits = asymmetricKeyDetails?.modulusLength ?? 0;
    return bits >= RSA_BITS.least && bits <= RSA_BITS.most ? ['RS256', 'RS384', 'RS512'] : [];
  }
  const algorithm = asymmetricKeyType === 'ec' ? curves[asymmetricKeyDetails?.namedCurve ?? ''] : undefined;
  return algorithm === undefined ? [] : [algorithm];
}

/** The same key twice does no harm; two keys of one name leave open which is meant. */
function findTwin(key: TokenKey, known: TokenKey | undefined): string | null {
  if (known === undefined) return null;
  return JSON.stringify(known) === JSON.stringify(key) ? 'it stands there twice' : 'another key has the same kid';
}

function parseJson(document: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(document));
  } catch {
    return null;
  }
}
