// Gives JSON the shape of a built-in type: fields in Go's order, omitted where Go omits them, values of the right type. The result is
// what encoding/json would print after reading the same text. Custom resources never come here.

import type { Json, JsonObject } from './json.ts';
import { byKey, isJsonArray, isJsonObject, presentEntries } from './json.ts';
import { formatMicroseconds, formatSeconds, parseInstant } from './object.ts';
import { type Field, schema, scalars } from './builtin-schema.ts';

/** JSON of another type than the field's. The message is Go's. */
export class TypeMismatch extends Error {}

/** `unknownFields`, when given, receives the paths that the type does not have; they are dropped either way. */
export function shape(message: string, source: JsonObject, unknownFields: string[] = []): JsonObject {
  return shapeMessage({ message, path: '', unknownFields }, source);
}

interface Place {
  readonly message: string;
  /** Of the field, from the object's root; empty for the root itself. */
  readonly path: string;
  readonly unknownFields: string[];
}

/** On every object beside its fields (metav1.TypeMeta). */
const TYPE_META = new Set(['kind', 'apiVersion']);

export function fieldsOf(message: string): readonly Field[] {
  const fields = schema[message];
  if (fields === undefined) throw new Error(`builtin-schema.ts has no message ${message}`);
  return fields;
}

function shapeMessage(place: Place, source: JsonObject): JsonObject {
  const fields = fieldsOf(place.message);
  const known = new Set(fields.map((field) => field.name));
  for (const [key] of presentEntries(source)) {
    const isTypeMeta = place.path === '' && TYPE_META.has(key);
    if (!known.has(key) && !isTypeMeta) place.unknownFields.push(place.path === '' ? key : `${place.path}.${key}`);
  }
  const shaped: [string, Json][] = [];
  for (const field of fields) {
    const inner = { ...place, path: place.path === '' ? field.name : `${place.path}.${field.name}` };
    const found = Object.hasOwn(source, field.name) ? (source[field.name] ?? null) : null;
    const value = shapeField(inner, field, found);
    if (value !== undefined) shaped.push([field.name, value]);
  }
  return Object.fromEntries(shaped);
}

/** undefined: omitted. */
function shapeField(place: Place, field: Field, found: Json): Json | undefined {
  if (field.form === 'list') {
    if (found === null) return undefined;
    if (!isJsonArray(found)) throw mismatch(place, `[]${field.type}`, found);
    const items = found.map((item) => shapeItem(place, field.type, item));
    return items.length === 0 ? undefined : items;
  }
  if (field.form === 'map') {
    if (found === null) return undefined;
    if (!isJsonObject(found)) throw mismatch(place, `map[string]${field.type}`, found);
    const entries = presentEntries(found).toSorted(byKey);
    return entries.length === 0 ? undefined : Object.fromEntries(entries.map(([key, item]) => [key, shapeItem(place, field.type, item)]));
  }
  if (field.form === 'pointer') return found === null ? undefined : shapeItem(place, field.type, found);
  const value = shapeItem(place, field.type, found);
  return field.always || !isZero(value) ? value : undefined;
}

function isZero(value: Json): boolean {
  return value === '' || value === 0 || value === false || value === null;
}

/** One value of a type; null stands for the zero value, as in Go. */
function shapeItem(place: Place, type: string, found: Json): Json {
  if (!scalars.has(type)) {
    const source = found ?? {};
    if (!isJsonObject(source)) throw mismatch(place, type, found);
    return shapeMessage({ ...place, message: type }, source);
  }
  switch (type) {
    case 'bool':
      if (found !== null && typeof found !== 'boolean') throw mismatch(place, 'bool', found);
      return found ?? false;
    case 'int32':
    case 'int64':
      if (found !== null && !Number.isInteger(found)) throw mismatch(place, type, found);
      return found ?? 0;
    case 'Time':
    case 'MicroTime':
      return found === null ? null : shapeTime(place, type, found);
    case 'FieldsV1':
      if (found !== null && !isJsonObject(found)) throw mismatch(place, 'v1.FieldsV1', found);
      return found ?? {};
    case 'ExtraValue':
      if (found !== null && !isJsonArray(found)) throw mismatch(place, 'v1.ExtraValue', found);
      return (found ?? []).map((item) => shapeItem(place, 'string', item));
    case 'bytes':
      return found === null ? null : shapeBytes(place, found);
    default:
      if (found !== null && typeof found !== 'string') throw mismatch(place, 'string', found);
      return found ?? '';
  }
}

function shapeTime(place: Place, type: 'Time' | 'MicroTime', found: Json): string {
  if (typeof found !== 'string') throw mismatch(place, 'string', found);
  const instant = parseInstant(found);
  if (instant === null) throw new TypeMismatch(`parsing time ${JSON.stringify(found)} as "2006-01-02T15:04:05Z07:00": cannot parse`);
  return type === 'Time' ? formatSeconds(instant) : formatMicroseconds(instant);
}

/** Base64 with padding, standard alphabet, as encoding/json wants it for []byte. */
function shapeBytes(place: Place, found: Json): string {
  if (typeof found !== 'string') throw mismatch(place, '[]uint8', found);
  const plain = found.replace(/[\r\n]/g, '');
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(plain)) {
    throw new TypeMismatch(`illegal base64 data at input byte ${plain.search(/[^A-Za-z0-9+/]/)}`);
  }
  return plain;
}

function mismatch(place: Place, type: string, found: Json): TypeMismatch {
  return new TypeMismatch(`json: cannot unmarshal ${nameInGo(found)} into Go struct field ${place.message}.${place.path} of type ${type}`);
}

function nameInGo(value: Json): string {
  if (isJsonArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'number' : `number ${value}`;
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
