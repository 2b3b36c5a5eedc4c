// The path of a request target, split and decoded once. Names as Kubernetes has them and nothing else; what does not have that form is refused,
// for "the API server does not perform any normalization of the URL" (kubernetes#119629), and what is sent is built anew from the segments.

import type { Refusal } from '../errors.ts';

export type ReadPath = { readonly ok: true; readonly segments: readonly string[] } | { readonly ok: false; readonly refusal: Refusal };

/** Segments of the longest API path (`/apis/GROUP/VERSION/namespaces/NS/RESOURCE/NAME/SUBRESOURCE/…`), with room for aggregated APIs. */
const MOST_SEGMENTS = 16;
/** A resource name is at most 253 characters (RFC 1123 subdomain); RBAC names with colons stay below that too. */
const MOST_SEGMENT_CHARACTERS = 253;

/**
 * Everything that a name, a group or a version may hold (apimachinery pkg/api/validation/path: not `.`, not `..`, no `/`, no `%`), less what only
 * RBAC objects could have and no agent asks for. It begins and ends with a letter, a digit or, as in `system:…`, what lies between those.
 */
const segmentForm = /^[A-Za-z0-9](?:[A-Za-z0-9._:@~-]*[A-Za-z0-9])?$/;
const escape = /%([0-9A-Fa-f]{2})/g;

/** @param path origin-form, begins with a slash, without the query */
export function readPath(path: string): ReadPath {
  if (path === '/') return { ok: true, segments: [] };
  const raw = path.slice(1).split('/');
  if (raw.length > MOST_SEGMENTS) return refused(`${raw.length} segments, ${MOST_SEGMENTS} allowed`);
  const segments: string[] = [];
  for (const part of raw) {
    const decoded = part.includes('%')
      ? part.replace(escape, (_whole, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      : part;
    if (decoded.length > MOST_SEGMENT_CHARACTERS || !segmentForm.test(decoded))
      return refused(`segment ${JSON.stringify(part.slice(0, 80))}`);
    segments.push(decoded);
  }
  if (segments[0] !== undefined && isMiscasedPrefix(segments[0])) return refused(`${JSON.stringify(segments[0])} for api or apis`);
  return { ok: true, segments };
}

/** Builds the path that is sent. No character of a segment needs escaping in a path (RFC 3986 section 3.3), so one form has one spelling. */
export function writePath(segments: readonly string[]): string {
  return `/${segments.join('/')}`;
}

/** `/API/v1/…` is a non-resource path to the API server and might be anything to a reader that folds case. */
function isMiscasedPrefix(first: string): boolean {
  const lower = first.toLowerCase();
  return (lower === 'api' || lower === 'apis') && lower !== first;
}

function refused(detail: string): ReadPath {
  return { ok: false, refusal: { rule: 'path-form', detail } };
}
