// Objects as bodies: JSON, or Kubernetes' protobuf as client-go sends it for built-in types, by the embedded hub's own schema.

import { shape } from '../../src/demo/hub/api/typed.ts';
import { encodeMessage, sealEnvelope } from '../../src/demo/hub/api/protobuf.ts';

export interface KubernetesBody {
  readonly bytes: Buffer;
  readonly contentType: string;
}

export function encodeBody(object: unknown, as: 'json' | 'protobuf'): KubernetesBody {
  if (as === 'json') return { bytes: Buffer.from(JSON.stringify(object)), contentType: 'application/json' };
  const { apiVersion, kind, ...rest } = object as { apiVersion: string; kind: string };
  // The core group's kind of event has a message of its own there.
  const message = apiVersion === 'v1' && kind === 'Event' ? 'CoreEvent' : kind;
  const raw = encodeMessage(message, shape(message, rest));
  return { bytes: sealEnvelope({ apiVersion, kind, raw }), contentType: 'application/vnd.kubernetes.protobuf' };
}
