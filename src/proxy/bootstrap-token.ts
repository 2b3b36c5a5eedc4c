// Whose a service-account JWT is, verified offline against the hub's published keys, and whether that is an account which imports clusters. Believes
// nothing that the token says before its signature holds; asks nobody.

import { decodeProtectedHeader, errors, jwtVerify } from 'jose';
import type { JWK } from 'jose';
import { z } from 'zod';
import type { Jwks, TokenKey } from '../ca-sync/ca-sync.ts';
import { isClusterName } from '../cluster-name.ts';
import type { Refusal } from '../errors.ts';
import type { Identity } from '../identity.ts';

export interface VerifiedToken {
  /** Of kind `bootstrap`. `cluster` is null for an account that clusters share: what it asks for says which one it is. */
  readonly identity: Identity;
  /** The key that signed it. */
  readonly key: TokenKey;
  /** When it begins and ends, in epoch milliseconds, with the skew that clocks are allowed. */
  readonly validFromMs: number;
  readonly validUntilMs: number;
}

export type TokenVerdict =
  | { readonly kind: 'verified'; readonly verified: VerifiedToken }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** The published keys may be out of date. */
  | { readonly kind: 'unknown-key'; readonly refusal: Refusal };

export interface ServiceAccountName {
  readonly namespace: string;
  readonly name: string;
}

/** How far our clock and the hub's may be apart: what kube-apiserver allows itself (go-jose jwt.DefaultLeeway). */
const SKEW_SECONDS = 60;

const algorithms = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'] as const;

/** What Kubernetes writes (pkg/serviceaccount/jwt.go) and nothing else: `crit`, `jwk`, `jku`, `x5u` and `b64` change what is verified, or with what. */
const header = z.strictObject({ alg: z.enum(algorithms), kid: z.string().min(1).max(256), typ: z.literal('JWT').optional() });

const name = z.string().min(1).max(253);
/** pkg/serviceaccount/claims.go */
const boundClaims = z.object({
  iss: z.string(),
  sub: z.string(),
  exp: z.number(),
  'kubernetes.io': z.object({ namespace: name, serviceaccount: z.object({ name, uid: name }) }),
});
/** pkg/serviceaccount/legacy.go: tokens kept in a Secret, which do not end; import secrets of old and shared accounts hold them. */
const LEGACY_ISSUER = 'kubernetes/serviceaccount';
const legacyClaims = z.object({
  iss: z.literal(LEGACY_ISSUER),
  sub: z.string(),
  'kubernetes.io/serviceaccount/namespace': name,
  'kubernetes.io/serviceaccount/service-account.name': name,
  'kubernetes.io/serviceaccount/service-account.uid': name,
});
const times = z.object({ exp: z.number().optional(), nbf: z.number().optional() });

/** One token. `token`: three parts of base64url (bearer-token.ts). Never rejects for what is in it. */
export async function judgeToken(token: string, by: TokenJudge): Promise<TokenVerdict> {
  const chosen = chooseKey(token, by.jwks);
  if ('kind' in chosen) return chosen;
  try {
    const { payload } = await jwtVerify(token, chosen.jwk as JWK, {
      algorithms: [chosen.algorithm],
      currentDate: new Date(by.nowMs),
      clockTolerance: SKEW_SECONDS,
    });
    return readClaims(payload, chosen, by);
  } catch (error) {
    if (error instanceof errors.JOSEError) return refuseFor(error);
    throw error;
  }
}

export interface TokenJudge {
  readonly jwks: Jwks;
  readonly nowMs: number;
  /** Accounts that clusters share, besides each cluster's own. */
  readonly sharedServiceAccounts: readonly ServiceAccountName[];
}

function chooseKey(token: string, jwks: Jwks): TokenKey | TokenVerdict {
  const read = header.safeParse(parseHeader(token));
  if (!read.success) return refuse('token-malformed', 'the header of the token is not one that Kubernetes writes');
  const { alg, kid } = read.data;
  const key = jwks.keys.find((each) => each.kid === kid);
  if (key === undefined) {
    return {
      kind: 'unknown-key',
      refusal: { rule: 'token-unverified', detail: 'the hub publishes no key of the name that the token gives' },
    };
  }
  // A key serves one algorithm: what the token names cannot turn a public key into a secret, or ECDSA into RSA.
  return key.algorithm === alg ? key : refuse('token-unverified', `the token names ${alg}, its key is for ${key.algorithm}`);
}

function parseHeader(token: string): unknown {
  try {
    return decodeProtectedHeader(token);
  } catch {
    return null;
  }
}

function refuseFor(error: errors.JOSEError): TokenVerdict {
  if (error instanceof errors.JWTExpired) return refuse('token-expired', 'exp has passed');
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'nbf' && error.reason === 'check_failed') {
    return refuse('token-not-yet-valid', 'nbf is to come');
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return refuse('token-unverified', 'the signature does not hold');
  return refuse('token-malformed', error.code);
}

function readClaims(payload: unknown, key: TokenKey, { jwks, sharedServiceAccounts }: TokenJudge): TokenVerdict {
  const account = readAccount(payload);
  const window = times.safeParse(payload);
  if (account === null || !window.success) return refuse('token-not-bootstrap', 'its claims are not those of a service account');
  const issuer = account.isLegacy ? LEGACY_ISSUER : jwks.issuer;
  if (issuer !== null && account.issuer !== issuer) return refuse('token-unverified', 'the token names another issuer than the hub does');
  const cluster = findCluster(account, sharedServiceAccounts);
  if (cluster === undefined) return refuse('token-not-bootstrap', `service account ${account.namespace}/${account.name}`);
  const { exp = Number.POSITIVE_INFINITY, nbf = Number.NEGATIVE_INFINITY } = window.data;
  return {
    kind: 'verified',
    verified: {
      identity: identityOf(account, cluster),
      key,
      validFromMs: (nbf - SKEW_SECONDS) * 1000,
      validUntilMs: (exp + SKEW_SECONDS) * 1000,
    },
  };
}

interface Account extends ServiceAccountName {
  readonly issuer: string;
  readonly uid: string;
  readonly isLegacy: boolean;
}

/** Null where the claims are of no service account, or do not agree about which. */
function readAccount(payload: unknown): Account | null {
  const account = readBoundAccount(payload) ?? readLegacyAccount(payload);
  return account !== null && isClusterName(account.namespace) && SUBDOMAIN.test(account.name) ? account : null;
}

/** The name of a Kubernetes object: an RFC 1123 subdomain. Holds no colon, so that `sub` is read in one way only. */
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

function readBoundAccount(payload: unknown): Account | null {
  const read = boundClaims.safeParse(payload);
  if (!read.success) return null;
  const { iss: issuer, sub, 'kubernetes.io': bound } = read.data;
  const { namespace, serviceaccount } = bound;
  return sub === userOf({ namespace, name: serviceaccount.name }) ? { issuer, namespace, ...serviceaccount, isLegacy: false } : null;
}

function readLegacyAccount(payload: unknown): Account | null {
  const read = legacyClaims.safeParse(payload);
  if (!read.success) return null;
  const { iss: issuer, sub } = read.data;
  const account = {
    namespace: read.data['kubernetes.io/serviceaccount/namespace'],
    name: read.data['kubernetes.io/serviceaccount/service-account.name'],
    uid: read.data['kubernetes.io/serviceaccount/service-account.uid'],
  };
  return sub === userOf(account) ? { issuer, ...account, isLegacy: true } : null;
}

/** The cluster that the account stands for; null: any one; undefined: it is no bootstrap account. */
function findCluster(account: ServiceAccountName, shared: readonly ServiceAccountName[]): string | null | undefined {
  const { namespace } = account;
  if (account.name === bootstrapAccountOf(namespace)) return namespace;
  return shared.some((each) => each.namespace === namespace && each.name === account.name) ? null : undefined;
}

const SUFFIX = '-bootstrap-sa';
const MAX_ACCOUNT_CHARACTERS = 63;

/** managedcluster-import-controller pkg/helpers/csr.go GetBootstrapSAName. */
export function bootstrapAccountOf(cluster: string): string {
  return `${cluster.slice(0, MAX_ACCOUNT_CHARACTERS - SUFFIX.length)}${SUFFIX}`;
}

function identityOf({ namespace, name: account, uid }: Account, cluster: string | null): Identity {
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
  return { user: userOf({ namespace, name: account }), groups, uid, kind: 'bootstrap', cluster, addon: null };
}

function userOf({ namespace, name: account }: ServiceAccountName): string {
  return `system:serviceaccount:${namespace}:${account}`;
}

function refuse(rule: Refusal['rule'], detail: string): TokenVerdict {
  return { kind: 'refused', refusal: { rule, detail } };
}
