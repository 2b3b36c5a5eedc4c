// A decoded Kubernetes message as its JSON form has it, so that one rule holds for both: names, left-out zero values, times as RFC 3339, bytes as base64.
// What a Go client would marshal from the same object, as encoding/json does it.

import { BodyFault } from './body-fault.ts';
import { type JsonValue, parseJson } from './json.ts';
import { type Field, messageNamed } from './protobuf-schema.ts';

/** A message of protobufjs: what was on the wire are own properties. */
export type Decoded = Readonly<Record<string, unknown>>;

export function isDecoded(value: unknown): value is Decoded {
  return typeof value === 'object' && value !== null;
}

/** What one body may still have of what is JSON inside protobuf. */
interface Budget {
  jsonBytes: number;
}

/** Bytes of all managedFields of an object together; those of a Deployment have 3 KiB. parseJson bounds each of them alone. */
const MAX_INNER_JSON_BYTES = 128 * 1024;

/** Throws BodyFault. */
export function viewMessage(decoded: Decoded, message: string): Record<string, JsonValue> {
  return viewFields(decoded, message, { jsonBytes: MAX_INNER_JSON_BYTES });
}

function viewFields(decoded: Decoded, message: string, budget: Budget): Record<string, JsonValue> {
  const view = Object.create(null) as Record<string, JsonValue>;
  for (const field of messageNamed(message).fields.values()) {
    const value = viewField(field, Object.hasOwn(decoded, field.name) ? decoded[field.name] : undefined, budget);
    if (value !== undefined) view[field.name] = value;
  }
  return view;
}

function viewField(field: Field, value: unknown, budget: Budget): JsonValue | undefined {
  switch (field.form) {
    case 'pointer':
      // A pointer to the zero time is null in JSON, which is as good as absent.
      return value === undefined ? undefined : (viewValue(field.type, value, budget) ?? undefined);
    case 'list':
      return Array.isArray(value) && value.length > 0 ? value.map((item) => viewValue(field.type, item, budget)) : undefined;
    case 'map':
      return isDecoded(value) ? viewMap(field.type, value, budget) : undefined;
    case 'value': {
      const viewed = viewValue(field.type, value, budget);
      return isZero(viewed) && !field.isAlwaysInJson ? undefined : viewed;
    }
  }
}

/** encoding/json's omitempty, which leaves out no struct but for a time, since 1.34 by omitzero. */
function isZero(viewed: JsonValue): boolean {
  return viewed === '' || viewed === 0 || viewed === false || viewed === null;
}

function viewMap(type: string, map: Decoded, budget: Budget): JsonValue | undefined {
  const entries = Object.entries(map);
  if (entries.length === 0) return undefined;
  const view = Object.create(null) as Record<string, JsonValue>;
  for (const [key, value] of entries) view[key] = viewValue(type, value, budget);
  return view;
}

/** `undefined`: the zero value. */
function viewValue(type: string, value: unknown, budget: Budget): JsonValue {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? value : '';
    case 'bool':
      return value === true;
    case 'bytes':
      return value === undefined ? null : Buffer.from(bytesOf(value)).toString('base64');
    case 'int32':
    case 'int64':
      return viewInteger(value);
    default:
      return viewSpecial(type, isDecoded(value) ? value : {}, budget);
  }
}

/** Messages with a JSON form of their own. */
function viewSpecial(type: string, value: Decoded, budget: Budget): JsonValue {
  switch (type) {
    case 'Time':
    case 'MicroTime':
      return viewTime(type, value);
    case 'FieldsV1':
      return viewInnerJson(bytesOf(value['Raw']), budget);
    case 'ExtraValue':
      return Array.isArray(value['items']) ? value['items'].map((item) => viewValue('string', item, budget)) : [];
    default:
      return viewFields(value, type, budget);
  }
}

function viewInnerJson(raw: Uint8Array, budget: Budget): JsonValue {
  budget.jsonBytes -= raw.length;
  if (budget.jsonBytes < 0) throw new BodyFault('body-bounds', `managed fields of more than ${MAX_INNER_JSON_BYTES} bytes`);
  return raw.length === 0 ? null : parseJson(Buffer.from(raw));
}

function bytesOf(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array();
}

/** Of package long: two halves with sign. */
interface LongHalves {
  readonly low: number;
  readonly high: number;
}

/** protobufjs gives a number for int32 and a Long for int64. */
function viewInteger(value: unknown): number | bigint {
  if (value === undefined) return 0;
  if (typeof value === 'number') return value;
  const { low, high } = value as LongHalves;
  const exact = (BigInt(high) << 32n) | BigInt(low >>> 0);
  const rounded = Number(exact);
  return Number.isSafeInteger(rounded) ? rounded : exact;
}

/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z: the bounds that metav1.Timestamp gives for itself. */
const LEAST_SECONDS = -62_135_596_800;
const MOST_SECONDS = 253_402_300_799;

function viewTime(type: 'Time' | 'MicroTime', value: Decoded): JsonValue {
  const hasSeconds = Object.hasOwn(value, 'seconds');
  const hasNanos = Object.hasOwn(value, 'nanos');
  // An empty message is the zero time of Go, not 1970 (metav1 time_proto.go); nanoseconds alone are written by nobody and read in both ways.
  if (!hasSeconds && !hasNanos) return null;
  if (!hasSeconds) throw new BodyFault('body-form', 'a time without seconds');
  const seconds = viewInteger(value['seconds']);
  const nanos = hasNanos ? viewInteger(value['nanos']) : 0;
  if (seconds < LEAST_SECONDS || seconds > MOST_SECONDS || nanos < 0 || nanos > 999_999_999)
    throw new BodyFault('body-form', 'a time that does not exist');
  const text = new Date(Number(seconds) * 1_000).toISOString();
  if (type === 'Time') return text.replace('.000Z', 'Z');
  return text.replace('000Z', `${String(Math.floor(Number(nanos) / 1_000)).padStart(6, '0')}Z`);
}
