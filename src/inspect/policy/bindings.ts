// What an expression can read: the names of the variables and their fields, and the values that they have for one request. One table makes both, so
// that what is declared when a policy is loaded is what is bound when it is used.

import { type CelInput, celList, celMap } from '@bufbuild/cel';
import type { Identity } from '../../identity.ts';
import type { CertificateRequest, JudgedBody } from '../body/body.ts';
import type { RequestInfo } from '../request-info.ts';
import { toCelInput } from './cel-value.ts';
import type { Declarations } from './expression-syntax.ts';

type Fields<Source> = Readonly<Record<string, (source: Source) => CelInput>>;

const requestFields: Fields<RequestInfo> = {
  verb: ({ verb }) => verb,
  apiGroup: ({ apiGroup }) => apiGroup,
  apiVersion: ({ apiVersion }) => apiVersion,
  resource: ({ resource }) => resource,
  subresource: ({ subresource }) => subresource,
  namespace: ({ namespace }) => namespace,
  name: ({ name }) => name,
  path: ({ path }) => path,
  /** As sent; empty where there is none, or the verb takes none. */
  labelSelector: ({ labelSelector }) => labelSelector ?? '',
  fieldSelector: ({ fieldSelector }) => fieldSelector ?? '',
};

const identityFields: Fields<Identity> = {
  user: ({ user }) => user,
  groups: ({ groups }) => celList(groups),
  kind: ({ kind }) => kind,
  cluster: ({ cluster }) => cluster,
  addon: ({ addon }) => addon,
};

const csrFields: Fields<CertificateRequest> = {
  user: ({ user }) => user,
  groups: ({ groups }) => celList(groups),
  organizationalUnits: ({ organizationalUnits }) => celList(organizationalUnits),
  uid: ({ uid }) => uid,
  kind: ({ kind }) => kind,
  cluster: ({ cluster }) => cluster,
  addon: ({ addon }) => addon,
  dnsNames: ({ dnsNames }) => celList(dnsNames),
  otherNames: ({ otherNames }) => celList(otherNames),
  requestedExtensions: ({ requestedExtensions }) => celList(requestedExtensions),
  keyType: ({ keyType }) => keyType,
  signerName: ({ signerName }) => signerName,
  usages: ({ usages }) => celList(usages),
  expirationSeconds: ({ expirationSeconds }) => (expirationSeconds === null ? null : BigInt(expirationSeconds)),
  labels: ({ labels }) => toCelInput(labels),
};

export const csrFieldNames: readonly string[] = Object.keys(csrFields);

const bodyFields: Fields<JudgedBody> = {
  object: ({ object }) => toCelInput(object),
  patch: ({ patch }) => toCelInput(patch),
  touched: ({ touched }) => celList(touched),
  csr: ({ csr }) => (csr === null ? null : bind(csrFields, csr)),
};

/** For matchConditions, which are asked before there is a body. */
export const headDeclarations: Declarations = new Map([
  ['request', namesOf(requestFields)],
  ['identity', namesOf(identityFields)],
]);

/** For variables and validations; `composed` are the names of the variables so far. */
export function bodyDeclarations(composed: readonly string[]): Declarations {
  return new Map([
    ...headDeclarations,
    ['object', null],
    ['patch', null],
    ['touched', null],
    ['csr', namesOf(csrFields)],
    ...(composed.length === 0 ? [] : ([['variables', new Set(composed)]] as const)),
  ]);
}

export interface HeadSource {
  readonly info: RequestInfo;
  readonly identity: Identity;
}

export function bindHead({ info, identity }: HeadSource): Record<string, CelInput> {
  return { request: bind(requestFields, info), identity: bind(identityFields, identity) };
}

/** Only what is asked for: a large body is not converted for a rule that reads what it touches. Throws RangeError for nesting that no body has. */
export function bindBody(body: JudgedBody, names: Iterable<string>): Record<string, CelInput> {
  const bound: Record<string, CelInput> = {};
  for (const name of names) {
    const read = bodyFields[name];
    if (read !== undefined) bound[name] = read(body);
  }
  return bound;
}

function bind<Source>(fields: Fields<Source>, source: Source): CelInput {
  return celMap(new Map(Object.entries(fields).map(([name, read]) => [name, read(source)])));
}

function namesOf(fields: object): ReadonlySet<string> {
  return new Set(Object.keys(fields));
}
