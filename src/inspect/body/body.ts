// The front of this folder: the bytes of a request body in, what they say out, or a refusal. Whatever a rule looks at is read here once and in one way;
// the bytes themselves go to the hub as they came, never written anew.

import type { Refusal } from '../../errors.ts';
import { BodyFault } from './body-fault.ts';
import { type CertificateRequest, readCertificateRequest } from './csr-request.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson, parseJsonOutline } from './json.ts';
import { touchedByJsonPatch } from './json-patch.ts';
import { type BodyTarget, type ExpectedKind, expectKind } from './kinds.ts';
import { isPatchType, type MediaType, type ObjectType, type PatchType, readMediaType } from './media-type.ts';
import { requireJsonThatIsYaml, touchedByApply, touchedByMergePatch, touchedByStrategicPatch } from './patch.ts';
import { readProtobuf } from './protobuf.ts';
import { readStated, type StatedObject } from './type-meta.ts';

export type { CertificateRequest } from './csr-request.ts';
export type { JsonObject, JsonValue } from './json.ts';
export type { BodyTarget } from './kinds.ts';
export { judgeContentEncoding, type MediaType, mediaTypes, readMediaType } from './media-type.ts';

export interface BodyContext {
  readonly info: BodyTarget;
  /** As sent; null or '' means JSON. */
  readonly contentType: string | null;
  /** Upper case, as sent. */
  readonly method: string;
}

/** What a rule may look at. */
export interface JudgedBody {
  readonly kind: 'object' | 'patch' | 'empty';
  readonly mediaType: MediaType;
  /** Of an object body, in the names and forms of JSON also where it came as protobuf; null for a patch. */
  readonly object: JsonObject | null;
  /** Of a patch, the document as sent: an object, or the list of a JSON patch. Made when it is first asked for: most rules look at `touched` alone. */
  readonly patch: JsonValue;
  /** JSON pointers that a patch touches, each once; for object bodies none. */
  readonly touched: readonly string[];
  /** For objects of certificatesigningrequests; never null for those. */
  readonly csr: CertificateRequest | null;
  /** What the body states about itself: compared with the URL where the URL's resource is known. */
  readonly stated: StatedObject;
}

export type ReadBody = { readonly ok: true; readonly body: JudgedBody } | { readonly ok: false; readonly refusal: Refusal };

/** Linear in the number of bytes, which the caller bounds. Never throws for what they hold. */
export function readBody(bytes: Buffer, context: BodyContext): ReadBody {
  const mediaType = readMediaType(context.contentType);
  if (bytes.length === 0) return { ok: true, body: { ...nothing, mediaType: mediaType ?? 'application/json' } };
  if (mediaType === null || isPatchType(mediaType) !== (context.method === 'PATCH')) return unsupported(context);
  const expected = expectKind(context.info, context.method);
  if (mediaType === 'application/vnd.kubernetes.protobuf' && (expected?.message ?? null) === null) return unsupported(context);
  try {
    const { kind, object, touched, outline, patch } = isPatchType(mediaType)
      ? readPatch(bytes, mediaType)
      : readObject(bytes, mediaType, expected);
    const stated = isJsonObject(outline) ? readStated(outline, context.info, expected) : nothing.stated;
    const isRequest = expected?.kind === 'CertificateSigningRequest';
    const csr = isRequest && object !== null ? readCertificateRequest(object) : null;
    const body: JudgedBody = {
      ...{ kind, object, touched, mediaType, stated, csr },
      get patch() {
        return patch();
      },
    };
    return { ok: true, body };
  } catch (error) {
    if (error instanceof BodyFault) return { ok: false, refusal: { rule: error.rule, detail: error.message } };
    throw error;
  }
}

const nothing: Omit<JudgedBody, 'mediaType'> = {
  kind: 'empty',
  object: null,
  patch: null,
  touched: [],
  csr: null,
  stated: { apiVersion: null, kind: null, name: null, namespace: null },
};

function unsupported({ contentType, method, info }: BodyContext): ReadBody {
  const detail = `${method} of ${info.resource} with content-type ${JSON.stringify((contentType ?? '').slice(0, 80))}`;
  return { ok: false, refusal: { rule: 'body-media-type', detail } };
}

interface Content extends Pick<JudgedBody, 'kind' | 'object' | 'touched'> {
  /** The document, as far as the objects in it reach; lists may be empty. */
  readonly outline: JsonValue;
  readonly patch: () => JsonValue;
}

function readObject(bytes: Buffer, mediaType: ObjectType, expected: ExpectedKind | null): Content {
  const isProtobuf = mediaType === 'application/vnd.kubernetes.protobuf';
  const object = isProtobuf ? readProtobuf(bytes, expected?.message ?? '') : requireObject(parseJson(bytes));
  return { kind: 'object', object, outline: object, patch: () => null, touched: [] };
}

/** Only a JSON patch has what it touches in a list; of the others a list is touched as a whole, whatever it holds. */
function readPatch(bytes: Buffer, mediaType: PatchType): Content {
  const outline = mediaType === 'application/json-patch+json' ? parseJson(bytes) : parseJsonOutline(bytes);
  let whole: JsonValue | undefined;
  const patch = (): JsonValue => (whole ??= parseJson(bytes));
  return { kind: 'patch', object: null, outline, patch, touched: findTouched(bytes, outline, mediaType) };
}

function findTouched(bytes: Buffer, patch: JsonValue, mediaType: PatchType): readonly string[] {
  switch (mediaType) {
    case 'application/json-patch+json':
      return touchedByJsonPatch(patch);
    case 'application/strategic-merge-patch+json':
      return touchedByStrategicPatch(requireObject(patch));
    case 'application/apply-patch+yaml':
      requireJsonThatIsYaml(bytes.toString('utf8'));
      return touchedByApply(requireObject(patch));
    case 'application/merge-patch+json':
      return touchedByMergePatch(requireObject(patch));
  }
}

function requireObject(value: JsonValue): JsonObject {
  if (!isJsonObject(value)) throw new BodyFault('body-form', 'a body that is not an object');
  return value;
}
