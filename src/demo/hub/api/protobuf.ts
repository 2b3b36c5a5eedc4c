// application/vnd.kubernetes.protobuf: the envelope ("k8s\0" and runtime.Unknown), watch frames, and the built-in types by
// builtin-schema.ts. Writes what gogo-proto writes: fields by number, Go values also when empty, pointers only when set.

import protobuf from 'protobufjs/light.js';
import { type Field, schema, scalars } from './builtin-schema.ts';
import { type Json, type JsonObject, isJsonArray, isJsonObject, parseJson, presentEntries } from './json.ts';
import { type Instant, formatMicroseconds, formatSeconds, parseInstant } from './object.ts';
import { fieldsOf } from './typed.ts';

/** Not a message of that type, or not a Kubernetes envelope. */
export class ProtobufError extends Error {}

export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Uint8Array;
}

/** apimachinery pkg/runtime/serializer/protobuf: "k8s" and a zero byte open every stored or sent object. */
const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0x00]);

export function openEnvelope(body: Uint8Array): Envelope {
  if (body.length < MAGIC.length || !MAGIC.equals(body.subarray(0, MAGIC.length))) {
    throw new ProtobufError('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  }
  const unknown = decodePlain('Unknown', body.subarray(MAGIC.length));
  const typeMeta = isPlain(unknown['typeMeta']) ? unknown['typeMeta'] : {};
  const raw = unknown['raw'];
  return {
    apiVersion: textOf(typeMeta['apiVersion']),
    kind: textOf(typeMeta['kind']),
    raw: raw instanceof Uint8Array ? raw : new Uint8Array(),
  };
}

export function sealEnvelope(envelope: Envelope): Buffer {
  const { apiVersion, kind, raw } = envelope;
  const unknown = { typeMeta: { apiVersion, kind }, raw, contentEncoding: '', contentType: '' };
  return Buffer.concat([MAGIC, typeNamed('Unknown').encode(unknown).finish()]);
}

/** One event of a stream: metav1.WatchEvent behind its length in four bytes, big-endian (LengthDelimitedFramer). */
export function sealWatchEvent(type: string, object: Uint8Array): Buffer {
  const event = typeNamed('WatchEvent')
    .encode({ type, object: { raw: object } })
    .finish();
  const length = Buffer.alloc(4);
  length.writeUInt32BE(event.length);
  return Buffer.concat([length, event]);
}

/** `json` in the shape that typed.ts gives it. */
export function encodeMessage(message: string, json: JsonObject): Uint8Array {
  return typeNamed(message).encode(toPlain(message, json)).finish();
}

/** What comes back has still to be shaped: it holds what was on the wire and no defaults. */
export function decodeMessage(message: string, bytes: Uint8Array): JsonObject {
  return fromPlain(message, decodePlain(message, bytes));
}

type Plain = Readonly<Record<string, unknown>>;

function decodePlain(message: string, bytes: Uint8Array): Plain {
  try {
    return typeNamed(message).decode(bytes);
  } catch (error) {
    throw new ProtobufError(`proto: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function toPlain(message: string, json: JsonObject): Plain {
  const plain: [string, unknown][] = [];
  for (const field of fieldsOf(message)) {
    const value = fieldToPlain(field, json[field.name]);
    if (value !== undefined) plain.push([field.name, value]);
  }
  return Object.fromEntries(plain);
}

function fieldToPlain(field: Field, value: Json | undefined): unknown {
  if (field.form === 'list') return isJsonArray(value) ? value.map((item) => itemToPlain(field.type, item)) : undefined;
  if (field.form === 'map') {
    if (!isJsonObject(value)) return undefined;
    return Object.fromEntries(presentEntries(value).map(([key, item]) => [key, itemToPlain(field.type, item)]));
  }
  const isLeftOut = value === undefined || value === null;
  // gogo-proto leaves a nil []byte out, though it is no pointer.
  if (isLeftOut && (field.form === 'pointer' || field.type === 'bytes')) return undefined;
  return itemToPlain(field.type, value ?? null);
}

function itemToPlain(type: string, value: Json): unknown {
  if (!scalars.has(type)) return toPlain(type, isJsonObject(value) ? value : {});
  switch (type) {
    case 'Time':
    case 'MicroTime': {
      const instant = typeof value === 'string' ? parseInstant(value) : null;
      return instant ?? {};
    }
    case 'FieldsV1':
      return { Raw: Buffer.from(JSON.stringify(value ?? {})) };
    case 'ExtraValue':
      return { items: value ?? [] };
    case 'bytes':
      return Buffer.from(typeof value === 'string' ? value : '', 'base64');
    case 'bool':
      return value ?? false;
    case 'int32':
    case 'int64':
      return value ?? 0;
    default:
      return value ?? '';
  }
}

function fromPlain(message: string, plain: Plain): JsonObject {
  const json: [string, Json][] = [];
  for (const field of fieldsOf(message)) {
    if (!Object.hasOwn(plain, field.name)) continue;
    const value = plain[field.name];
    if (field.form === 'list' && Array.isArray(value)) json.push([field.name, value.map((item) => itemFromPlain(field.type, item))]);
    else if (field.form === 'map' && isPlain(value)) {
      json.push([field.name, Object.fromEntries(Object.entries(value).map(([key, item]) => [key, itemFromPlain(field.type, item)]))]);
    } else json.push([field.name, itemFromPlain(field.type, value)]);
  }
  return Object.fromEntries(json);
}

function itemFromPlain(type: string, value: unknown): Json {
  if (!scalars.has(type)) return fromPlain(type, isPlain(value) ? value : {});
  switch (type) {
    case 'Time':
    case 'MicroTime':
      return isPlain(value) ? instantFromPlain(type, value) : null;
    case 'FieldsV1':
      return isPlain(value) && value['Raw'] instanceof Uint8Array ? parseJson(Buffer.from(value['Raw']).toString('utf8')) : {};
    case 'ExtraValue':
      return isPlain(value) && Array.isArray(value['items']) ? value['items'].map(textOf) : [];
    case 'bytes':
      return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : '';
    case 'bool':
      return value === true;
    case 'int32':
    case 'int64':
      return Number(value);
    default:
      return textOf(value);
  }
}

/** A Go zero time is an empty message: null in JSON. */
function instantFromPlain(type: 'Time' | 'MicroTime', value: Plain): Json {
  if (!Object.hasOwn(value, 'seconds')) return null;
  const instant: Instant = { seconds: Number(value['seconds']), nanos: Number(value['nanos'] ?? 0) };
  return type === 'Time' ? formatSeconds(instant) : formatMicroseconds(instant);
}

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

const root: protobuf.Root = protobuf.Root.fromJSON({ nested: describeTypes() });

function typeNamed(message: string): protobuf.Type {
  return root.lookupType(message);
}

function describeTypes(): Record<string, protobuf.IType> {
  const instant: protobuf.IType = { fields: { seconds: { type: 'int64', id: 1 }, nanos: { type: 'int32', id: 2 } } };
  const text = (id: number): protobuf.IField => ({ type: 'string', id });
  const builtin = Object.entries(schema).map(([name, fields]): [string, protobuf.IType] => [name, { fields: describeFields(fields) }]);
  const types: Record<string, protobuf.IType> = {
    ...Object.fromEntries(builtin),
    Time: instant,
    MicroTime: instant,
    FieldsV1: { fields: { Raw: { type: 'bytes', id: 1 } } },
    ExtraValue: { fields: { items: { rule: 'repeated', ...text(1) } } },
    TypeMeta: { fields: { apiVersion: text(1), kind: text(2) } },
    Unknown: {
      fields: { typeMeta: { type: 'TypeMeta', id: 1 }, raw: { type: 'bytes', id: 2 }, contentEncoding: text(3), contentType: text(4) },
    },
    RawExtension: { fields: { raw: { type: 'bytes', id: 1 } } },
    WatchEvent: { fields: { type: text(1), object: { type: 'RawExtension', id: 2 } } },
    List: { fields: { metadata: { type: 'ListMeta', id: 1 }, items: { rule: 'repeated', type: 'bytes', id: 2 } } },
  };
  // Without it protobufjs takes proto3, where an empty string does not go out.
  return Object.fromEntries(Object.entries(types).map(([name, type]) => [name, { ...type, edition: 'proto2' }]));
}

function describeFields(fields: readonly Field[]): Record<string, protobuf.IField | protobuf.IMapField> {
  return Object.fromEntries(
    fields.map(({ name, id, type, form }): [string, protobuf.IField | protobuf.IMapField] => {
      if (form === 'map') return [name, { keyType: 'string', type, id }];
      return [name, form === 'list' ? { rule: 'repeated', type, id } : { type, id }];
    }),
  );
}

/** A list of any built-in kind: metadata in field 1, every item, encoded before, in field 2. */
export function encodeList(listMeta: JsonObject, items: readonly Uint8Array[]): Uint8Array {
  return typeNamed('List')
    .encode({ metadata: toPlain('ListMeta', listMeta), items })
    .finish();
}
