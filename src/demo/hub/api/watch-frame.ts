// One event of a watch in the bytes that go out: JSON by lines, protobuf by length, objects whole, as table rows or as metadata only.

import { encodeJson } from './json.ts';
import type { Form } from './form.ts';
import type { KubeObject } from './object.ts';
import { encodeMessage, sealEnvelope, sealWatchEvent } from './protobuf.ts';
import { type Rendering, render, renderingOf } from './rendering.ts';
import { type Resource, apiVersionOf } from './resources.ts';
import type { Status } from './status.ts';
import { tableOf } from './table-format.ts';
import { shape } from './typed.ts';

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** All that an event's bytes depend on, beside the event: watches with the same key share them. */
export function frameKey(resource: Resource, form: Form): string {
  const { encoding, shape: kind, metaVersion } = form.output;
  return [apiVersionOf(resource), encoding, kind, metaVersion, form.table.include, form.table.hasHeaders].join(' ');
}

export function eventFrame(type: EventType, stored: KubeObject, resource: Resource, form: Form): Uint8Array {
  if (form.output.shape === 'Table') {
    const metadata = { resourceVersion: stored.metadata.resourceVersion ?? '' };
    return jsonFrame(type, encodeJson(tableOf([stored], resource, metadata, form.table)));
  }
  return renderingFrame(type, renderingOf(stored, resource), form);
}

/** Tells how far the watch has come; with `isInitialEnd`, that everything that was there before has been sent. */
export function bookmarkFrame(revision: number, isInitialEnd: boolean, resource: Resource, form: Form): Uint8Array {
  const annotations = isInitialEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
  const metadata = { resourceVersion: String(revision), ...annotations };
  const bookmark: KubeObject = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata };
  if (form.output.shape === 'Table')
    return jsonFrame('BOOKMARK', encodeJson(tableOf([bookmark], resource, { resourceVersion: String(revision) }, form.table)));
  return renderingFrame('BOOKMARK', render(bookmark, resource), form);
}

export function errorFrame(status: Status, form: Form): Uint8Array {
  const shaped = shape('Status', status);
  if (form.output.encoding === 'json') return jsonFrame('ERROR', encodeJson({ kind: 'Status', apiVersion: 'v1', ...shaped }));
  return sealWatchEvent('ERROR', sealEnvelope({ apiVersion: 'v1', kind: 'Status', raw: encodeMessage('Status', shaped) }));
}

function renderingFrame(type: string, rendering: Rendering, form: Form): Uint8Array {
  const isPartial = form.output.shape === 'PartialObjectMetadata';
  if (form.output.encoding === 'json') return jsonFrame(type, isPartial ? encodeJson(rendering.partial) : rendering.json);
  const { apiVersion, kind } = isPartial ? { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata' } : rendering;
  const raw = isPartial ? encodeMessage('PartialObjectMetadata', rendering.partial) : rendering.protobuf();
  return sealWatchEvent(type, sealEnvelope({ apiVersion, kind, raw }));
}

function jsonFrame(type: string, object: string): Uint8Array {
  return Buffer.from(`{"type":"${type}","object":${object}}\n`);
}
