// Reads into JSON of unknown shape by a path of field names. What is not there, or not of the kind asked for, reads as empty.

import { isJsonArray, isJsonObject, type Json, type JsonObject } from './json.ts';

/** `path`: field names with dots between; no way to a key that holds a dot itself. */
export function valueAt(object: JsonObject, path: string): Json | undefined {
  let value: Json | undefined = object;
  for (const key of path.split('.')) value = isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return value;
}

export function textAt(object: JsonObject, path: string): string {
  const value = valueAt(object, path);
  return typeof value === 'string' ? value : '';
}

export function objectAt(object: JsonObject, path: string): JsonObject {
  const value = valueAt(object, path);
  return isJsonObject(value) ? value : {};
}

export function objectsAt(object: JsonObject, path: string): readonly JsonObject[] {
  const value = valueAt(object, path);
  return isJsonArray(value) ? value.filter(isJsonObject) : [];
}

export function textsAt(object: JsonObject, path: string): readonly string[] {
  const value = valueAt(object, path);
  return isJsonArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
