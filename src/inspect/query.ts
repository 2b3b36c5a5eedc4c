// The query of a request target: each key known, once, of its type. What is sent is built anew from what was read, in Go's own spelling.

import type { Refusal } from '../errors.ts';

export interface QueryParameter {
  readonly key: string;
  readonly value: string;
}

export type ReadQuery =
  | {
      readonly ok: true;
      readonly parameters: readonly QueryParameter[];
      /** The first key that no Kubernetes client sends; for the policy to decide over. */
      readonly unknown: string | null;
    }
  | { readonly ok: false; readonly refusal: Refusal };

type Check = (value: string) => boolean;

const matches =
  (form: RegExp): Check =>
  (value) =>
    form.test(value);

/** Go reads any word but `0` and `false` as true (apimachinery pkg/runtime/conversion.go), others do not: only the four plain ones pass. */
const boolean = matches(/^(?:true|false|1|0)$/);
const number = matches(/^[0-9]{1,10}$/);
/** time.ParseDuration as client-go writes it: `5m32s`. */
const duration = matches(/^(?:[0-9]{1,6}(?:\.[0-9]{1,9})?(?:ms|s|m|h))+$/);
/** Opaque to clients, but never more than this alphabet. */
const opaqueVersion = matches(/^[0-9A-Za-z._-]{0,64}$/);
/** base64 of the API server's own making (apiserver pkg/storage/continue.go). */
const continueToken = matches(/^[0-9A-Za-z+/=_-]{0,2048}$/);
const managerName = matches(/^[!-~]{1,128}$/);
/** Grammar is selectors.ts's; here only that nothing else hides in it. */
const selector = matches(/^[0-9A-Za-z._/=!<>,() -]{0,2048}$/);

/** Query parameters of the Kubernetes API (apimachinery pkg/apis/meta/v1/types.go ListOptions, GetOptions, …Options). */
const known: ReadonlyMap<string, Check> = new Map([
  ['allowWatchBookmarks', boolean],
  ['continue', continueToken],
  ['dryRun', matches(/^All$/)],
  ['fieldManager', managerName],
  ['fieldSelector', selector],
  ['fieldValidation', matches(/^(?:Ignore|Warn|Strict)$/)],
  ['force', boolean],
  ['gracePeriodSeconds', number],
  ['labelSelector', selector],
  ['limit', number],
  ['orphanDependents', boolean],
  ['pretty', boolean],
  ['propagationPolicy', matches(/^(?:Orphan|Background|Foreground)$/)],
  ['resourceVersion', opaqueVersion],
  ['resourceVersionMatch', matches(/^(?:Exact|NotOlderThan)$/)],
  ['sendInitialEvents', boolean],
  ['timeout', duration],
  ['timeoutSeconds', number],
  ['watch', boolean],
]);

const keyForm = /^[A-Za-z][A-Za-z0-9]{0,63}$/;
/** Decoded values are printable ASCII: everything that a selector, a token or a name is made of. */
const plain = /^[ -~]*$/;
const wellEscaped = /^(?:[^%]|%[0-9A-Fa-f]{2})*$/;

/** @param query what stands behind the first `?`; null where there is none */
export function readQuery(query: string | null, mostParameters: number): ReadQuery {
  if (query === null) return { ok: true, parameters: [], unknown: null };
  const parts = query.split('&');
  if (parts.length > mostParameters) return refused('query-form', `${parts.length} parameters, ${mostParameters} allowed`);
  const seen = new Set<string>();
  const parameters: QueryParameter[] = [];
  let unknown: string | null = null;
  for (const part of parts) {
    const parameter = readParameter(part);
    if (parameter === null) return refused('query-form', JSON.stringify(part.slice(0, 80)));
    const { key, value } = parameter;
    if (seen.has(key)) return refused('query-repeated', key);
    seen.add(key);
    const check = known.get(key);
    if (check === undefined) unknown ??= key;
    else if (!check(value)) return refused('query-type', `${key}=${JSON.stringify(value.slice(0, 80))}`);
    parameters.push(parameter);
  }
  return { ok: true, parameters, unknown };
}

/** Builds the query that is sent, in the order of arrival. */
export function writeQuery(parameters: readonly QueryParameter[]): string {
  return parameters.map(({ key, value }) => `${key}=${escapeValue(value)}`).join('&');
}

function readParameter(part: string): QueryParameter | null {
  const equals = part.indexOf('=');
  // A semicolon separates for some readers and not for others (Go: net/url since 1.17 refuses it).
  if (equals < 1 || part.includes(';') || !wellEscaped.test(part)) return null;
  const [key, value] = [decode(part.slice(0, equals)), decode(part.slice(equals + 1))];
  return keyForm.test(key) && plain.test(value) ? { key, value } : null;
}

/** Form encoding, as Go's url.ParseQuery: `+` is a space. */
function decode(text: string): string {
  return text.replaceAll('+', ' ').replace(/%([0-9A-Fa-f]{2})/g, (_whole, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Go's url.QueryEscape: everything but letters, digits, `-`, `_`, `.` and `~`; a space is `+`. */
function escapeValue(value: string): string {
  return value.replace(/[^A-Za-z0-9\-_.~]/g, (character) =>
    character === ' ' ? '+' : `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

function refused(rule: 'query-form' | 'query-repeated' | 'query-type', detail: string): ReadQuery {
  return { ok: false, refusal: { rule, detail } };
}
