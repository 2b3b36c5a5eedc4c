// Turns objects, lists and refusals into answers in the form that was negotiated. The only place that knows content types of answers.

import { type Json, type JsonObject, encodeJson, indentJson } from './json.ts';
import type { ApiAnswer } from './exchange.ts';
import { JSON_TYPE, type Offer, type Output, PROTOBUF_TYPE, type Wish, negotiate } from './negotiation.ts';
import type { KubeObject } from './object.ts';
import { encodeList, encodeMessage, sealEnvelope } from './protobuf.ts';
import { type Rendering, renderingOf } from './rendering.ts';
import { type Resource, apiVersionOf } from './resources.ts';
import type { ApiError, Status } from './status.ts';
import { type TableOptions, tableOf } from './table-format.ts';
import { shape } from './typed.ts';

/** Set on everything but aggregated discovery (apiserver pkg/endpoints/filters/cachecontrol.go). */
export const CACHE_CONTROL = 'no-cache, private';

export function offerOf(resource: Resource): Offer {
  return { hasProtobuf: resource.family.kind === 'builtin', hasShapes: resource.isStored };
}

export function answerObject(
  status: number,
  stored: KubeObject,
  resource: Resource,
  form: { output: Output; table: TableOptions },
): ApiAnswer {
  const rendering = renderingOf(stored, resource);
  const { output } = form;
  if (output.shape === 'Table') {
    const metadata = { resourceVersion: stored.metadata.resourceVersion ?? '' };
    return answerJson(status, encodeJson(tableOf([stored], resource, metadata, form.table)), output.isPretty);
  }
  if (output.shape === 'PartialObjectMetadata') return answerPartial(status, rendering, output);
  return answerRendering(status, rendering, output);
}

export function answerRendering(status: number, rendering: Rendering, output: Output): ApiAnswer {
  if (output.encoding === 'json') return answerJson(status, rendering.json, output.isPretty);
  const { apiVersion, kind } = rendering;
  return answerProtobuf(status, sealEnvelope({ apiVersion, kind, raw: rendering.protobuf() }));
}

function answerPartial(status: number, { partial }: Rendering, output: Output): ApiAnswer {
  if (output.encoding === 'json') return answerJson(status, encodeJson(partial), output.isPretty);
  const raw = encodeMessage('PartialObjectMetadata', partial);
  return answerProtobuf(status, sealEnvelope({ apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata', raw }));
}

/** metav1.ListMeta. */
export interface ListMeta extends JsonObject {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export function answerList(
  objects: readonly KubeObject[],
  resource: Resource,
  metadata: ListMeta,
  form: { output: Output; table: TableOptions },
): ApiAnswer {
  const { output } = form;
  if (output.shape === 'Table')
    return answerJson(200, encodeJson(tableOf(objects, resource, shape('ListMeta', metadata), form.table)), output.isPretty);
  const renderings = objects.map((object) => renderingOf(object, resource));
  const isPartial = output.shape === 'PartialObjectMetadata';
  const kind = isPartial ? 'PartialObjectMetadataList' : `${resource.kind}List`;
  const apiVersion = isPartial ? 'meta.k8s.io/v1' : apiVersionOf(resource);
  if (output.encoding === 'protobuf') {
    const items = renderings.map((one) => (isPartial ? encodeMessage('PartialObjectMetadata', one.partial) : one.protobuf()));
    return answerProtobuf(200, sealEnvelope({ apiVersion, kind, raw: encodeList(metadata, items) }));
  }
  const items = renderings.map((one) => (isPartial ? encodeJson(one.partial) : one.item)).join(',');
  // A custom resource's list is a map in Go: its keys are sorted, and `continue` is there also when empty.
  const text =
    resource.family.kind === 'custom' && !isPartial
      ? `{"apiVersion":"${apiVersion}","items":[${items}],"kind":"${kind}","metadata":${encodeJson({ continue: '', ...metadata })}}`
      : `{"kind":"${kind}","apiVersion":"${apiVersion}","metadata":${encodeJson(shape('ListMeta', metadata))},"items":[${items}]}`;
  return answerJson(200, text, output.isPretty);
}

export function answerStatus(code: number, status: Status, output: Output, headers: Readonly<Record<string, string>> = {}): ApiAnswer {
  const shaped = shape('Status', status);
  const answer =
    output.encoding === 'protobuf'
      ? answerProtobuf(code, sealEnvelope({ apiVersion: 'v1', kind: 'Status', raw: encodeMessage('Status', shaped) }))
      : answerJson(code, encodeJson({ kind: 'Status', apiVersion: 'v1', ...shaped }), output.isPretty);
  return { ...answer, headers: { ...answer.headers, ...headers } };
}

/** For whatever stands before or behind the handlers: the refusal in a form that the client accepts, JSON if there is none. */
export function answerError(error: ApiError, wish: Wish, hasProtobuf = true): ApiAnswer {
  return { ...answerStatus(error.code, error.status, negotiateLeniently(wish, hasProtobuf), error.headers), failure: error.status };
}

function negotiateLeniently(wish: Wish, hasProtobuf: boolean): Output {
  try {
    return negotiate(wish, { hasProtobuf, hasShapes: false });
  } catch {
    return { encoding: 'json', shape: 'object', metaVersion: 'v1', isPretty: false };
  }
}

/** One line with a newline behind it, as json.Encoder writes; indented without one, as json.MarshalIndent does. */
export function answerJson(status: number, text: string, isPretty = false): ApiAnswer {
  return answerBytes(status, JSON_TYPE, Buffer.from(isPretty ? indentJson(text) : `${text}\n`));
}

export function answerIndented(value: Json): ApiAnswer {
  return answerBytes(200, JSON_TYPE, Buffer.from(encodeJson(value, '  ')));
}

/** http.Error and http.NotFound of Go's net/http. */
export function answerText(status: number, text: string): ApiAnswer {
  const answer = answerBytes(status, 'text/plain; charset=utf-8', Buffer.from(text));
  return { ...answer, headers: { ...answer.headers, 'x-content-type-options': 'nosniff' } };
}

function answerProtobuf(status: number, body: Buffer): ApiAnswer {
  return answerBytes(status, PROTOBUF_TYPE, body);
}

function answerBytes(status: number, contentType: string, body: Buffer): ApiAnswer {
  return { status, headers: { 'cache-control': CACHE_CONTROL, 'content-type': contentType }, body };
}
