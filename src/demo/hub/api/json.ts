// JSON as kube-apiserver reads and writes it: Go's error texts, Go's escaping of <, > and &, sorted keys where Go has a map.
// Nothing here knows Kubernetes objects.

export type Json = string | number | boolean | null | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** The message is Go's (encoding/json). */
export class JsonSyntaxError extends Error {}

/** Go gives up at 10,000; ours is lower because the functions that walk objects here recurse. No Kubernetes object comes near it. */
const MAX_DEPTH = 1_000;

export function parseJson(text: string): Json {
  refuseDepth(text);
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new JsonSyntaxError(describeAsGo(text, error instanceof Error ? error.message : ''));
  }
}

/** V8 names the character it did not expect, or the place where it stopped; Go the character, or that the text ended too early. */
function describeAsGo(text: string, message: string): string {
  const token = /^Unexpected token '(.+?)',/su.exec(message)?.[1];
  if (token !== undefined) return `invalid character '${token}' looking for beginning of value`;
  const position = /at position (\d+)/.exec(message)?.[1];
  const character = position === undefined ? '' : text.charAt(Number(position));
  if (character === '' || message.startsWith('Unterminated')) return 'unexpected end of JSON input';
  const where = message.includes('after JSON') ? 'after top-level value' : 'looking for beginning of value';
  return `invalid character '${character}' ${where}`;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

function refuseDepth(text: string): void {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (isInString) {
      if (code === BACKSLASH) at += 1;
      else if (code === QUOTE) isInString = false;
    } else if (code === QUOTE) isInString = true;
    else if (CLOSING.has(code)) depth -= 1;
    else if (OPENING.has(code)) {
      depth += 1;
      if (depth > MAX_DEPTH) throw new JsonSyntaxError('exceeded max depth');
    }
  }
}

/** As Go's json.Encoder with EscapeHTML, which is its default. No newline at the end. */
export function encodeJson(value: Json, indent?: string): string {
  return escapeHtml(JSON.stringify(value, null, indent));
}

/** For text that is JSON already: these characters can only stand inside its strings. */
function escapeHtml(text: string): string {
  return text.replace(/[<>&\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The same JSON text as `?pretty=true` has it (two spaces). */
export function indentJson(text: string): string {
  return encodeJson(JSON.parse(text) as Json, '  ');
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isJsonArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** Keys sorted at every level, as Go writes a map and so every custom resource. Keys without a value are left out. */
export function sortKeys(value: Json): Json {
  if (isJsonArray(value)) return value.map(sortKeys);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    presentEntries(value)
      .toSorted(byKey)
      .map(([key, inner]): [string, Json] => [key, sortKeys(inner)]),
  );
}

export function presentEntries(value: JsonObject): [string, Json][] {
  return Object.entries(value).filter((entry): entry is [string, Json] => entry[1] !== undefined);
}

export function byKey(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return compareText(a[0], b[0]);
}

export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

export function isSameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (isJsonArray(a) && isJsonArray(b)) return a.length === b.length && a.every((item, index) => isSameJson(item, b[index]));
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const entries = presentEntries(a);
  return entries.length === presentEntries(b).length && entries.every(([key, value]) => Object.hasOwn(b, key) && isSameJson(value, b[key]));
}
