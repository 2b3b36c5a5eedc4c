// Service accounts and their tokens, as kube-apiserver issues, publishes and verifies them (pkg/serviceaccount jwt.go, claims.go, openidmetadata.go):
// JWTs under RS256. Verifies by itself, with node:crypto: it judges the product, which uses a library for that.

import { createHash, createPublicKey, type KeyObject, randomUUID, sign, verify } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import type { ApiAnswer, UserInfo } from './api/exchange.ts';
import { generatePrivateKey, publicKeyDer } from './x509.ts';

export interface TokenPlan {
  readonly namespace: string;
  readonly name: string;
  /** Default: 360 days, as the import controller asks for. */
  readonly lifetimeMs?: number;
  /** Default: now. */
  readonly notBeforeMs?: number;
}

interface SigningKey {
  readonly kid: string;
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
}

/** What OpenShift has where nobody has set another. */
const ISSUER = 'https://kubernetes.default.svc';
const IMPORT_LIFETIME_MS = 8640 * 3_600_000;
/** go-jose jwt.DefaultLeeway. */
const LEEWAY_SECONDS = 60;
const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';

export class ServiceAccounts {
  readonly #clock: Clock;
  /** The one that signs comes first. */
  #keys: readonly SigningKey[];
  /** UID by `namespace/name`. */
  readonly #uids = new Map<string, string>();

  /** Use openServiceAccounts. */
  constructor(clock: Clock, key: SigningKey) {
    this.#clock = clock;
    this.#keys = [key];
  }

  /** A bound token of this account, which is made where there is none. */
  issue({ namespace, name, lifetimeMs = IMPORT_LIFETIME_MS, notBeforeMs = this.#clock.now() }: TokenPlan): string {
    const account = `${namespace}/${name}`;
    const uid = this.#uids.get(account) ?? randomUUID();
    this.#uids.set(account, uid);
    const times = { exp: seconds(notBeforeMs + lifetimeMs), iat: seconds(notBeforeMs), nbf: seconds(notBeforeMs) };
    const who = { jti: randomUUID(), 'kubernetes.io': { namespace, serviceaccount: { name, uid } } };
    const claims = { aud: [ISSUER], iss: ISSUER, sub: `system:serviceaccount:${namespace}:${name}`, ...times, ...who };
    const [signer] = this.#keys;
    if (signer === undefined) throw new Error('there is no key to sign tokens with');
    const input = `${encode({ alg: 'RS256', kid: signer.kid })}.${encode(claims)}`;
    return `${input}.${sign('sha256', Buffer.from(input), signer.key).toString('base64url')}`;
  }

  /** Its tokens hold no longer; an account of the same name that is made later is another one. */
  remove(namespace: string, name: string): void {
    this.#uids.delete(`${namespace}/${name}`);
  }

  /** New tokens are signed with a new key. The keys before it go on verifying until they are forgotten. */
  async rotateKey(): Promise<void> {
    this.#keys = [await makeKey(), ...this.#keys];
  }

  forgetOldKeys(): void {
    this.#keys = this.#keys.slice(0, 1);
  }

  /** Null: not a token of an account that is there, or not now. */
  authenticate(token: string): UserInfo | null {
    const claims = this.#verify(token);
    if (claims === null) return null;
    const { namespace, serviceaccount } = claims['kubernetes.io'];
    const isKnown = this.#uids.get(`${namespace}/${serviceaccount.name}`) === serviceaccount.uid;
    if (!isKnown || claims.sub !== `system:serviceaccount:${namespace}:${serviceaccount.name}`) return null;
    return serviceAccountUser({ namespace, name: serviceaccount.name, uid: serviceaccount.uid, tokenId: claims.jti });
  }

  /** The issuer's two documents; null for any other path. */
  describe(path: string, serverAddress: string): ApiAnswer | null {
    switch (path.replace(/\/$/, '')) {
      case '/openid/v1/jwks':
        return answerPublic('application/jwk-set+json', {
          keys: this.#keys.map(({ kid, publicKey }) => {
            const { kty, n, e } = publicKey.export({ format: 'jwk' });
            return { use: 'sig', kty, kid, alg: 'RS256', n, e };
          }),
        });
      case '/.well-known/openid-configuration':
        return answerPublic('application/json', {
          issuer: ISSUER,
          jwks_uri: `https://${serverAddress}/openid/v1/jwks`,
          response_types_supported: ['id_token'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['RS256'],
        });
      default:
        return null;
    }
  }

  #verify(token: string): Claims | null {
    const [header = '', payload = '', signature = '', ...rest] = token.split('.');
    const { alg, kid } = (decode(header) ?? {}) as { alg?: unknown; kid?: unknown };
    const key = this.#keys.find((each) => each.kid === kid);
    if (rest.length > 0 || alg !== 'RS256' || key === undefined) return null;
    if (!verify('sha256', Buffer.from(`${header}.${payload}`), key.publicKey, Buffer.from(signature, 'base64url'))) return null;
    const claims = decode(payload) as Claims | null;
    const now = this.#clock.now() / 1000;
    const isNow = claims !== null && claims.nbf <= now + LEEWAY_SECONDS && now - LEEWAY_SECONDS < claims.exp;
    return isNow && claims.iss === ISSUER && claims.aud.includes(ISSUER) ? claims : null;
  }
}

interface Claims {
  readonly aud: readonly string[];
  readonly iss: string;
  readonly sub: string;
  readonly exp: number;
  readonly nbf: number;
  readonly jti: string;
  readonly 'kubernetes.io': { readonly namespace: string; readonly serviceaccount: { readonly name: string; readonly uid: string } };
}

export async function openServiceAccounts(clock: Clock): Promise<ServiceAccounts> {
  return new ServiceAccounts(clock, await makeKey());
}

/** The key id as jwt.go keyIDFromPublicKey makes it. */
async function makeKey(): Promise<SigningKey> {
  const key = await generatePrivateKey('rsa-2048');
  return { kid: createHash('sha256').update(publicKeyDer(key)).digest('base64url'), key, publicKey: createPublicKey(key) };
}

export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Of the token (claim `jti`). */
  readonly tokenId: string;
}

/** What a bound service account token says of its holder. `system:authenticated` is added to every user alike. */
export function serviceAccountUser({ namespace, name, uid, tokenId }: ServiceAccount): UserInfo {
  return {
    username: `system:serviceaccount:${namespace}:${name}`,
    uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
    extra: { [CREDENTIAL_ID]: [`JTI=${tokenId}`] },
  };
}

/** The import controller's name for a cluster's own account (pkg/helpers/csr.go GetBootstrapSAName). */
export function importAccountOf(cluster: string): string {
  const suffix = '-bootstrap-sa';
  return `${cluster.slice(0, 63 - suffix.length)}${suffix}`;
}

function answerPublic(contentType: string, document: object): ApiAnswer {
  const headers = { 'content-type': contentType, 'cache-control': 'public, max-age=3600' };
  return { status: 200, headers, body: Buffer.from(JSON.stringify(document)) };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  } catch {
    return null;
  }
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
