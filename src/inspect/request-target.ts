// A request as far as method and target say it, read as the data path reads it: for tools that ask about requests that nobody has sent.

import type { Refusal } from '../errors.ts';
import { readPath } from './path.ts';
import { readQuery } from './query.ts';
import { readRequestInfo, type RequestInfo } from './request-info.ts';

export type ReadRequestTarget = { readonly ok: true; readonly info: RequestInfo } | { readonly ok: false; readonly refusal: Refusal };

/** Parameters of a query; the data path's own bound is a setting. */
const MOST_PARAMETERS = 32;

export function readRequestTarget(method: string, target: string): ReadRequestTarget {
  const mark = target.indexOf('?');
  const path = readPath(mark === -1 ? target : target.slice(0, mark));
  if (!path.ok) return path;
  const query = readQuery(mark === -1 ? null : target.slice(mark + 1), MOST_PARAMETERS);
  return query.ok ? { ok: true, info: readRequestInfo(method, path.segments, query.parameters) } : query;
}
