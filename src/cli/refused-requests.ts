// What an audit file says was refused, or would have been in report mode, reduced to what differs. Owns reading the lines; suggests nothing.

import { createReadStream } from 'node:fs';
import type { Identity } from '../identity.ts';
import { identityOfUser } from '../identity.ts';

/** One request as the audit knows it, and how often it was refused. */
export interface RefusedRequest {
  readonly rule: string;
  readonly identity: Identity;
  readonly method: string;
  /** As sent, without the query. */
  readonly path: string;
  readonly verb: string;
  /** From the path, or from a field selector on metadata.name. */
  readonly name: string;
  /** null: not said, as for a request without a body. */
  readonly contentType: string | null;
  /** Why, in the words of the audit. */
  readonly detail: string;
  readonly count: number;
  /** RFC 3339. */
  readonly first: string;
  readonly last: string;
}

export interface AuditReading {
  readonly refused: readonly RefusedRequest[];
  /** Refusals of requests that were never read as one of a known agent: by rule. */
  readonly unread: ReadonlyMap<string, number>;
  /** Lines that are no JSON object, or are longer than any that is written. */
  readonly unreadableLines: number;
}

/** More different requests than a person wants one policy for; what differs in anything below counts as different. */
const MAX_DIFFERENT = 2_000;
/** Eight times the longest text of an audit line (audit-trail.ts). */
const MAX_LINE_BYTES = 64 * 1024;

/** Rejects with an Error that names the file and why. */
export async function readRefusedRequests(file: string): Promise<AuditReading> {
  const refused = new Map<string, RefusedRequest>();
  const unread = new Map<string, number>();
  let unreadableLines = 0;
  for await (const line of linesOf(file)) {
    const found = line === null ? null : readLine(line);
    if (found === null) unreadableLines += 1;
    else if (found.kind === 'unread') unread.set(found.rule, (unread.get(found.rule) ?? 0) + 1);
    else if (found.kind === 'refused') add(refused, found.request);
    if (refused.size > MAX_DIFFERENT)
      throw new Error(`${file} has more than ${MAX_DIFFERENT} different refusals; cut it down by cluster or by day`);
  }
  return { refused: [...refused.values()], unread, unreadableLines };
}

function add(all: Map<string, RefusedRequest>, request: RefusedRequest): void {
  const { identity, rule, method, path, verb, name, contentType } = request;
  const key = JSON.stringify([rule, identity.user, method, path, verb, name, contentType]);
  const known = all.get(key);
  const merged = known === undefined ? request : { ...request, count: known.count + 1, first: known.first };
  all.set(key, merged);
}

type ReadLine =
  | { readonly kind: 'refused'; readonly request: RefusedRequest }
  | { readonly kind: 'unread'; readonly rule: string }
  | { readonly kind: 'other' };

/** Null: no line of an audit. */
function readLine(text: string): ReadLine | null {
  const line = parseObject(text);
  if (line === null) return null;
  if (line['event'] !== 'request' || (line['verdict'] !== 'deny' && line['verdict'] !== 'would-deny')) return { kind: 'other' };
  const say = (field: string): string => (typeof line[field] === 'string' ? line[field] : '');
  const rule = say('rule');
  const identity = readIdentityOf(say('user'), say('cluster'));
  if (identity === null || say('verb') === '' || say('path') === '') return { kind: 'unread', rule };
  const contentType = say('contentType') === '' ? null : say('contentType');
  const request = { rule, identity, contentType, method: say('method'), path: say('path'), verb: say('verb'), name: say('name') };
  return { kind: 'refused', request: { ...request, detail: say('detail'), count: 1, first: say('time'), last: say('time') } };
}

/** The user was verified when the line was written; its name says what the certificate said. */
function readIdentityOf(user: string, cluster: string): Identity | null {
  if (!user.startsWith('system:serviceaccount:')) return identityOfUser(user);
  return { user, groups: [], uid: null, kind: 'bootstrap', cluster: cluster === '' ? null : cluster, addon: null };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Null for a line that is too long. */
async function* linesOf(file: string): AsyncGenerator<string | null> {
  let rest = '';
  let isTooLong = false;
  for await (const chunk of open(file)) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (isTooLong) yield null;
      else if (line.trim() !== '') yield line.length > MAX_LINE_BYTES ? null : line;
      isTooLong = false;
    }
    if (rest.length > MAX_LINE_BYTES) [rest, isTooLong] = ['', true];
  }
  if (isTooLong) yield null;
  else if (rest.trim() !== '') yield rest;
}

async function* open(file: string): AsyncGenerator<string> {
  try {
    yield* createReadStream(file, { encoding: 'utf8' }) as AsyncIterable<string>;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new Error(`${file} cannot be read (${code})`, { cause: error });
  }
}
