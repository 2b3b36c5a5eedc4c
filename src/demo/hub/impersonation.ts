// Impersonate-* headers as kube-apiserver 1.36 takes them (pkg/endpoints/filters/impersonation): the mode for ordinary users, then the
// legacy one; refused with the first mode's error. Modes for nodes and service accounts are left to the legacy one: no test needs them.

import type { Attributes, UserInfo } from './api/exchange.ts';
import { type ApiError, badRequest, forbidden } from './api/status.ts';
import { ANONYMOUS, UNAUTHENTICATED, withAuthenticated } from './authentication.ts';
import type { Rbac } from './authorization.ts';

export type Impersonation = { readonly ok: true; readonly user: UserInfo } | { readonly ok: false; readonly error: ApiError };

const EXTRA_PREFIX = 'impersonate-extra-';
const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

/** Null: the request does not ask for it. `headers` are name-value pairs, names in lower case. */
export function wantedUser(headers: readonly (readonly [string, string])[]): UserInfo | ApiError | null {
  const valuesOf = (name: string): readonly string[] => headers.filter(([key]) => key === name).map(([, value]) => value);
  const username = valuesOf('impersonate-user')[0] ?? '';
  const uid = valuesOf('impersonate-uid')[0] ?? '';
  const groups = valuesOf('impersonate-group');
  const extra: Record<string, string[]> = {};
  for (const [name, value] of headers) if (name.startsWith(EXTRA_PREFIX)) (extra[unescapeKey(name)] ??= []).push(value);
  if (username !== '') return { username, ...(uid === '' ? {} : { uid }), groups, extra };
  const isIncomplete = uid !== '' || groups.length > 0 || Object.keys(extra).length > 0;
  return isIncomplete ? badRequest('requested impersonation without impersonating a user name') : null;
}

function unescapeKey(headerName: string): string {
  const key = headerName.slice(EXTRA_PREFIX.length);
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

/** `attributes`: what the request itself asks for. */
export function impersonate(rbac: Rbac, requestor: UserInfo, wanted: UserInfo, attributes: Attributes): Impersonation {
  const modes = SERVICE_ACCOUNT.test(wanted.username) ? [legacyChecks(wanted)] : [userInfoChecks(wanted, attributes), legacyChecks(wanted)];
  const refusals = modes.map((checks) => checks.find((check) => !rbac.authorize(requestor, check).allowed) ?? null);
  if (refusals.includes(null)) return { ok: true, user: { ...wanted, groups: actualGroups(wanted) } };
  return { ok: false, error: forbidden(requestor.username, refusals[0] ?? attributes) };
}

/** The verb of the request under impersonation first, then whom it is for. */
function userInfoChecks(wanted: UserInfo, attributes: Attributes): readonly Attributes[] {
  return [
    { ...attributes, verb: `impersonate-on:user-info:${attributes.verb}` },
    ...identityChecks(wanted, 'impersonate:user-info', 'authentication.k8s.io'),
  ];
}

function legacyChecks(wanted: UserInfo): readonly Attributes[] {
  return identityChecks(wanted, 'impersonate', '');
}

function identityChecks(wanted: UserInfo, verb: string, group: string): readonly Attributes[] {
  const check = (resource: string, name: string, change: Partial<Attributes> = {}): Attributes => {
    const base = { kind: 'resource', verb, group, version: 'v1', resource, subresource: '', namespace: '', name } as const;
    return { ...base, ...change } as Attributes;
  };
  const account = SERVICE_ACCOUNT.exec(wanted.username);
  const who =
    account === null ? check('users', wanted.username) : check('serviceaccounts', account[2] ?? '', { namespace: account[1] ?? '' });
  const ofAuthentication = { group: 'authentication.k8s.io' };
  return [
    who,
    ...(wanted.uid === undefined ? [] : [check('uids', wanted.uid, ofAuthentication)]),
    ...wanted.groups.map((name) => check('groups', name)),
    ...Object.entries(wanted.extra).flatMap(([key, values]) =>
      values.map((name) => check('userextras', name, { ...ofAuthentication, subresource: key })),
    ),
  ];
}

function actualGroups(wanted: UserInfo): readonly string[] {
  const account = SERVICE_ACCOUNT.exec(wanted.username);
  const groups =
    account === null || wanted.groups.length > 0 ? wanted.groups : ['system:serviceaccounts', `system:serviceaccounts:${account[1] ?? ''}`];
  if (wanted.username === ANONYMOUS) return groups.includes(UNAUTHENTICATED) ? groups : [...groups, UNAUTHENTICATED];
  return withAuthenticated(groups);
}
