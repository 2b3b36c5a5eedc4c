// Who sends a request: the union of client certificate and bearer token that kube-apiserver asks, and anonymous when neither is offered
// (k8s.io/apiserver pkg/authentication). Judged for each request anew, against the bundle and the hour of that moment. Never authorizes.

import type { UserInfo } from './api/exchange.ts';
import { verifyForClientAuth } from './chain-verification.ts';
import { OID } from './distinguished-name.ts';
import type { ParsedCertificate } from './parsed-certificate.ts';

const AUTHENTICATED = 'system:authenticated';
export const UNAUTHENTICATED = 'system:unauthenticated';
export const ANONYMOUS = 'system:anonymous';
const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';

/** What the TLS client sent, leaf first. Null: no certificate. */
export type PeerChain = readonly [ParsedCertificate, ...ParsedCertificate[]] | null;

export interface Credentials {
  readonly peer: PeerChain;
  readonly authorization: string | undefined;
}

export interface Authenticators {
  readonly authorities: readonly ParsedCertificate[];
  /** Holders of a static token, by token. `system:authenticated` is added here. */
  readonly tokens: ReadonlyMap<string, UserInfo>;
  /** The user of a service account's JWT; null where it is none, or does not hold. */
  readonly serviceAccount: (token: string) => UserInfo | null;
  readonly nowMs: number;
}

export type Authentication = { readonly ok: true; readonly user: UserInfo } | { readonly ok: false; readonly detail: string };

/** One authenticator's word: a user, an error, or no opinion. */
type Opinion = Authentication | null;

export function authenticate(credentials: Credentials, authenticators: Authenticators): Authentication {
  const opinions: Opinion[] = [byCertificate(credentials.peer, authenticators), byToken(credentials.authorization, authenticators)];
  // union.New: the first user wins, errors count only where there is none; NewFailOnError: anonymous only where there is no error either.
  const user = opinions.find((opinion) => opinion?.ok === true);
  if (user !== undefined && user !== null) return user;
  const error = opinions.find((opinion) => opinion?.ok === false);
  return error ?? { ok: true, user: { username: ANONYMOUS, groups: [UNAUTHENTICATED], extra: {} } };
}

/** x509.go Authenticator and CommonNameUserConversion. */
function byCertificate(peer: PeerChain, { authorities, nowMs }: Authenticators): Opinion {
  if (peer === null) return null;
  const [leaf, ...intermediates] = peer;
  const verification = verifyForClientAuth(leaf, { roots: authorities, intermediates, nowMs });
  if (!verification.ok) return verification;
  const valuesOf = (oid: string): readonly string[] =>
    leaf.attributes.filter((attribute) => attribute.oid === oid).map(({ value }) => value);
  const username = valuesOf(OID.commonName).at(-1) ?? '';
  if (username === '') return null;
  const uids = valuesOf(OID.uid);
  if (uids.length > 1) return { ok: false, detail: 'expected 1 UID, but found multiple' };
  if (uids[0] === '') return { ok: false, detail: 'UID cannot be an empty string' };
  const extra = { [CREDENTIAL_ID]: [`X509SHA256=${leaf.sha256}`] };
  const groups = withAuthenticated(valuesOf(OID.organization));
  return { ok: true, user: { username, ...(uids[0] === undefined ? {} : { uid: uids[0] }), groups, extra } };
}

/** bearertoken.go: another scheme is no opinion, an unknown token is an error. */
function byToken(authorization: string | undefined, { tokens, serviceAccount }: Authenticators): Opinion {
  const [scheme = '', token = ''] = (authorization ?? '').trim().split(' ', 3);
  if (scheme.toLowerCase() !== 'bearer' || token === '') return null;
  const user = serviceAccount(token) ?? tokens.get(token);
  return user === undefined
    ? { ok: false, detail: 'invalid bearer token' }
    : { ok: true, user: { ...user, groups: withAuthenticated(user.groups) } };
}

/** group.AuthenticatedGroupAdder: once, at the end, and not to whoever claims to be unauthenticated. */
export function withAuthenticated(groups: readonly string[]): readonly string[] {
  return groups.includes(AUTHENTICATED) || groups.includes(UNAUTHENTICATED) ? groups : [...groups, AUTHENTICATED];
}
