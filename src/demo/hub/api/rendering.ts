// One stored object as text and as protobuf, in the version asked for. Made once for each state of an object and version, whoever asks.

import { fromStorage } from './conversion.ts';
import { type JsonObject, encodeJson, sortKeys } from './json.ts';
import type { KubeObject } from './object.ts';
import { encodeMessage } from './protobuf.ts';
import { type Resource, apiVersionOf } from './resources.ts';
import { shape } from './typed.ts';

export interface Rendering {
  readonly kind: string;
  readonly apiVersion: string;
  /** The whole object; one line, without a newline at its end. */
  readonly json: string;
  /** As it stands in a list: a built-in kind goes without kind and apiVersion there. */
  readonly item: string;
  /** PartialObjectMetadata, of meta.k8s.io/v1. */
  readonly partial: JsonObject;
  /** The message alone, without the envelope. Only built-in kinds have it. */
  protobuf(): Uint8Array;
}

/** By object, then by "group/version" of the resource. */
const renderings = new WeakMap<KubeObject, Map<string, Rendering>>();

export function renderingOf(stored: KubeObject, resource: Resource): Rendering {
  const byVersion = renderings.get(stored) ?? new Map<string, Rendering>();
  renderings.set(stored, byVersion);
  const version = apiVersionOf(resource);
  const known = byVersion.get(version);
  if (known !== undefined) return known;
  const fresh = render(fromStorage(stored, resource), resource);
  byVersion.set(version, fresh);
  return fresh;
}

/** For an object that is not stored: a review, a bookmark. */
export function render(object: KubeObject, resource: Resource): Rendering {
  const { family, kind } = resource;
  const apiVersion = apiVersionOf(resource);
  const partial = partialOf(object);
  if (family.kind === 'custom') {
    const json = encodeJson(sortKeys({ ...object, kind, apiVersion }));
    return { kind, apiVersion, json, item: json, partial, protobuf: () => refuseProtobuf(kind) };
  }
  const shaped = shape(family.message, object);
  const item = encodeJson(shaped);
  let bytes: Uint8Array | undefined;
  const protobuf = (): Uint8Array => {
    bytes ??= encodeMessage(family.message, shaped);
    return bytes;
  };
  return { kind, apiVersion, json: `{"kind":"${kind}","apiVersion":"${apiVersion}",${item.slice(1)}`, item, partial, protobuf };
}

function partialOf(object: KubeObject): JsonObject {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: shape('ObjectMeta', object.metadata) };
}

/** Negotiation never lets it come to this. */
function refuseProtobuf(kind: string): never {
  throw new Error(`${kind} is a custom resource and has no protobuf form`);
}
