// JSON merge patch (RFC 7386), JSON patch (RFC 6902) and the part of Kubernetes' strategic merge patch that built-in kinds need here.
// Pure: from one JSON to the next. Which object, which fields may change and who may do it are decided elsewhere.

import { type Json, type JsonObject, isJsonArray, isJsonObject, isSameJson, presentEntries } from './json.ts';

/** A patch that is well-formed JSON and still cannot be applied. */
export class PatchError extends Error {}

export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isJsonObject(patch)) return patch;
  const base = isJsonObject(target) ? target : {};
  const merged = new Map(presentEntries(base));
  for (const [key, value] of presentEntries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}

/** patchStrategy=merge of the built-in kinds served here, by field: the key that tells items apart, null for plain values. */
const mergedLists: Readonly<Record<string, string | null>> = { finalizers: null, ownerReferences: 'uid', conditions: 'type' };

const DELETE_FROM = '$deleteFromPrimitiveList/';
const SET_ORDER = '$setElementOrder/';

/** Maps merge, `$patch` replaces or deletes, the lists above merge by item; every other list is replaced (strategicpatch/patch.go). */
export function strategicMergePatch(target: Json | undefined, patch: JsonObject): Json {
  const directive = patch['$patch'];
  const rest = presentEntries(patch).filter(([key]) => key !== '$patch' && key !== '$retainKeys');
  if (directive === 'replace') return Object.fromEntries(rest);
  if (directive !== undefined && directive !== 'merge') throw new PatchError(`Unknown patch type found: ${JSON.stringify(directive)}`);
  const merged = new Map(presentEntries(isJsonObject(target) ? target : {}));
  for (const [key, value] of rest) {
    // The order of a merged list is the server's own here.
    if (key.startsWith(SET_ORDER)) continue;
    if (key.startsWith(DELETE_FROM)) deleteFromList(merged, key.slice(DELETE_FROM.length), value);
    else mergeField(merged, key, value);
  }
  const keep = patch['$retainKeys'];
  const kept = isJsonArray(keep) ? [...merged].filter(([key]) => keep.includes(key)) : merged;
  return Object.fromEntries(kept);
}

function mergeField(merged: Map<string, Json>, key: string, value: Json): void {
  if (value === null || (isJsonObject(value) && value['$patch'] === 'delete')) merged.delete(key);
  else if (isJsonObject(value)) merged.set(key, strategicMergePatch(merged.get(key), value));
  else if (isJsonArray(value) && Object.hasOwn(mergedLists, key))
    merged.set(key, mergeList(merged.get(key), value, mergedLists[key] ?? null));
  else merged.set(key, value);
}

function deleteFromList(merged: Map<string, Json>, key: string, values: Json): void {
  const list = merged.get(key);
  if (isJsonArray(list) && isJsonArray(values))
    merged.set(
      key,
      list.filter((item) => !values.some((value) => isSameJson(item, value))),
    );
}

function mergeList(target: Json | undefined, patch: readonly Json[], itemKey: string | null): Json {
  const list = isJsonArray(target) ? [...target] : [];
  for (const item of patch) {
    if (itemKey === null) {
      if (!list.some((known) => isSameJson(known, item))) list.push(item);
      continue;
    }
    if (!isJsonObject(item)) throw new PatchError(`list item is not a map with key ${itemKey}`);
    const at = list.findIndex((known) => isJsonObject(known) && isSameJson(known[itemKey], item[itemKey]));
    if (item['$patch'] === 'delete') list.splice(at === -1 ? list.length : at, at === -1 ? 0 : 1);
    else if (at === -1) list.push(strategicMergePatch({}, item));
    else list[at] = strategicMergePatch(list[at], item);
  }
  return list;
}

/** maxJSONPatchOperations of endpoints/handlers/patch.go. */
export const MAX_JSON_PATCH_OPERATIONS = 10_000;

export function jsonPatch(target: Json, operations: readonly Json[]): Json {
  return operations.reduce<Json>((document, operation) => {
    if (!isJsonObject(operation)) throw new PatchError('json: cannot unmarshal into Go value of type jsonpatch.Operation');
    return applyOperation(document, operation);
  }, target);
}

function applyOperation(document: Json, operation: JsonObject): Json {
  const path = pointerOf(operation['path']);
  const { op = null } = operation;
  switch (textOf(op)) {
    case 'add':
      return addAt(document, path, operation['value'] ?? null);
    case 'remove':
      return removeAt(document, path);
    case 'replace':
      readAt(document, path);
      return path.length === 0 ? (operation['value'] ?? null) : addAt(removeAt(document, path), path, operation['value'] ?? null);
    case 'move': {
      const from = pointerOf(operation['from']);
      return addAt(removeAt(document, from), path, readAt(document, from));
    }
    case 'copy':
      return addAt(document, path, readAt(document, pointerOf(operation['from'])));
    case 'test':
      if (!isSameJson(readAt(document, path), operation['value'] ?? null))
        throw new PatchError(`testing value ${textOf(operation['path'])} failed: test failed`);
      return document;
    default:
      throw new PatchError(`Unexpected kind: ${textOf(op)}`);
  }
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}

/** RFC 6901. */
function pointerOf(text: Json | undefined): readonly string[] {
  if (text === '') return [];
  if (typeof text !== 'string' || !text.startsWith('/')) throw new PatchError(`invalid pointer: ${JSON.stringify(text ?? null)}`);
  return text
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function missing(token: string): PatchError {
  return new PatchError(`the server rejected our request: path not found: ${JSON.stringify(token)}`);
}

function readAt(document: Json, path: readonly string[]): Json {
  let value = document;
  for (const token of path) {
    const next = isJsonArray(value)
      ? value[indexIn(value, token)]
      : isJsonObject(value) && Object.hasOwn(value, token)
        ? value[token]
        : undefined;
    if (next === undefined) throw missing(token);
    value = next;
  }
  return value;
}

function indexIn(list: readonly Json[], token: string): number {
  if (!/^(?:0|[1-9]\d{0,8})$/.test(token)) throw missing(token);
  const index = Number(token);
  if (index > list.length) throw missing(token);
  return index;
}

/** Rebuilds the way down to `path` and lets `change` make the innermost container anew. */
function rebuild(document: Json, path: readonly string[], change: (container: Json, token: string) => Json): Json {
  const [token = '', ...rest] = path;
  if (rest.length === 0) return change(document, token);
  const inner = rebuild(readAt(document, [token]), rest, change);
  if (isJsonArray(document)) return document.with(indexIn(document, token), inner);
  return { ...(isJsonObject(document) ? document : {}), [token]: inner };
}

function addAt(document: Json, path: readonly string[], value: Json): Json {
  if (path.length === 0) return value;
  return rebuild(document, path, (container, token) => {
    if (isJsonArray(container)) return container.toSpliced(token === '-' ? container.length : indexIn(container, token), 0, value);
    if (!isJsonObject(container)) throw missing(token);
    return { ...container, [token]: value };
  });
}

function removeAt(document: Json, path: readonly string[]): Json {
  readAt(document, path);
  return rebuild(document, path, (container, token) => {
    if (isJsonArray(container)) return container.toSpliced(indexIn(container, token), 1);
    return Object.fromEntries(presentEntries(isJsonObject(container) ? container : {}).filter(([key]) => key !== token));
  });
}
