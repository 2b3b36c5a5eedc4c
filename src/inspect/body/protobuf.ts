// application/vnd.kubernetes.protobuf: the envelope ("k8s\0" and runtime.Unknown) and the message in it. Decoded by protobufjs, after protobuf-wire.ts has
// left one way to decode it.

import protobuf from 'protobufjs/light.js';
import { BodyFault } from './body-fault.ts';
import type { JsonObject } from './json.ts';
import { type Field, messages } from './protobuf-schema.ts';
import { type Decoded, isDecoded, viewMessage } from './protobuf-view.ts';
import { requirePlainEncoding } from './protobuf-wire.ts';

/** apimachinery runtime/serializer/protobuf: the fourth byte is the encoding style, of which there is one. */
const MAGIC = Buffer.from('k8s\0', 'latin1');

/** The view of the message, with apiVersion and kind of its envelope. Throws BodyFault. `message` is what the URL's resource takes. */
export function readProtobuf(bytes: Buffer, message: string): JsonObject {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new BodyFault('body-form', 'protobuf without the Kubernetes envelope');
  const unknown = decode(bytes.subarray(MAGIC.length), 'Unknown');
  const { typeMeta, raw, contentEncoding = '', contentType = '' } = unknown;
  // No client sets these on a request; a reader that honours them would read another object.
  if (contentEncoding !== '' || contentType !== '')
    throw new BodyFault('body-form', 'a protobuf envelope with an encoding or a type of its own');
  const type = viewMessage(isDecoded(typeMeta) ? typeMeta : {}, 'TypeMeta');
  const content = raw instanceof Uint8Array ? Buffer.from(raw.buffer, raw.byteOffset, raw.length) : Buffer.alloc(0);
  return Object.assign(type, viewMessage(decode(content, message), message));
}

function decode(bytes: Buffer, message: string): Decoded {
  requirePlainEncoding(bytes, message);
  return root.lookupType(message).decode(bytes);
}

const root: protobuf.Root = protobuf.Root.fromJSON({ nested: describeMessages() });

function describeMessages(): Record<string, protobuf.IType> {
  return Object.fromEntries(
    [...messages.values()].map(({ name, fields }) => [
      name,
      // Kubernetes is proto2: without this protobufjs takes proto3, where an empty string is as good as none.
      { edition: 'proto2', fields: Object.fromEntries([...fields.values()].map((field) => [field.name, describeField(field)])) },
    ]),
  );
}

function describeField({ id, type, form }: Field): protobuf.IField | protobuf.IMapField {
  if (form === 'map') return { keyType: 'string', type, id };
  return form === 'list' ? { rule: 'repeated', type, id } : { type, id };
}
