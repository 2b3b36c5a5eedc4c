// Objects as bodies: JSON, or Kubernetes' protobuf as client-go sends it for built-in types, by the embedded hub's own schema.

import { encodeMessage, sealEnvelope } from './hub/api/protobuf.ts';
import { shape } from './hub/api/typed.ts';

export interface KubernetesBody {
  readonly bytes: Buffer;
  readonly contentType: string;
}

/** @throws Error for protobuf of a kind that the hub does not know */
export function encodeKubernetesBody(object: unknown, as: 'json' | 'protobuf'): KubernetesBody {
  if (as === 'json') return { bytes: Buffer.from(JSON.stringify(object)), contentType: 'application/json' };
  const { apiVersion, kind, ...rest } = object as { apiVersion: string; kind: string };
  // The core group's kind of event has a message of its own there.
  const message = apiVersion === 'v1' && kind === 'Event' ? 'CoreEvent' : kind;
  const raw = encodeMessage(message, shape(message, rest));
  return { bytes: sealEnvelope({ apiVersion, kind, raw }), contentType: 'application/vnd.kubernetes.protobuf' };
}
