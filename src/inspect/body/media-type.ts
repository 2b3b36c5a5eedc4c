// Which media types a request body may have, and which of them go with which method. Everything else (YAML, CBOR, forms, compressed bodies) is refused:
// what is not read here cannot be judged.

import type { Refusal } from '../../errors.ts';

export const mediaTypes = [
  'application/json',
  'application/vnd.kubernetes.protobuf',
  'application/merge-patch+json',
  'application/json-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const;

export type MediaType = (typeof mediaTypes)[number];

/** Type, subtype and parameters (RFC 9110 section 8.3.1); the parameters are not looked at, as in apiserver endpoints/handlers/negotiation. */
const FORM = /^\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+\/[!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s*(?:;[^,]*)?$/;

/** The media type in lower case; none, or an empty one, is JSON, as for kube-apiserver. null where it is not one of ours. */
export function readMediaType(contentType: string | null): MediaType | null {
  if (contentType === null || contentType.trim() === '') return 'application/json';
  const found = FORM.exec(contentType)?.[1]?.toLowerCase();
  return mediaTypes.find((type) => type === found) ?? null;
}

/** kube-apiserver takes these with every method that has a body but PATCH, and the others with PATCH only. */
export type ObjectType = 'application/json' | 'application/vnd.kubernetes.protobuf';
export type PatchType = Exclude<MediaType, ObjectType>;

export function isPatchType(type: MediaType): type is PatchType {
  return type !== 'application/json' && type !== 'application/vnd.kubernetes.protobuf';
}

/**
 * kube-apiserver never decodes a request body, whatever this header says, and client-go never sends it: with it, what is judged and what another reader
 * takes could differ. For the head of the request, before its body is read.
 */
export function judgeContentEncoding(contentEncoding: string | null): Refusal | null {
  if (contentEncoding === null) return null;
  return { rule: 'body-encoding', detail: `content-encoding: ${JSON.stringify(contentEncoding.slice(0, 40))}` };
}
