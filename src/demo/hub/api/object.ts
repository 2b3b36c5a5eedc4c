// What every Kubernetes object has: type, metadata, and times in the two forms the API writes. Objects are never changed in place:
// a change makes a new one.

import type { JsonObject } from './json.ts';

export interface ObjectMeta extends JsonObject {
  readonly name?: string | undefined;
  readonly generateName?: string | undefined;
  readonly namespace?: string | undefined;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

export interface ManagedFieldsEntry extends JsonObject {
  readonly manager?: string;
  readonly operation?: string;
  readonly apiVersion?: string;
  readonly time?: string;
  readonly fieldsType?: string;
  readonly fieldsV1?: JsonObject;
  readonly subresource?: string;
}

export interface KubeObject extends JsonObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

export function nameOf(object: KubeObject): string {
  return object.metadata.name ?? '';
}

export function namespaceOf(object: KubeObject): string {
  return object.metadata.namespace ?? '';
}

export function withMetadata(object: KubeObject, change: Partial<ObjectMeta>): KubeObject {
  return { ...object, metadata: { ...object.metadata, ...change } };
}

/** metav1.Time: whole seconds, UTC. */
export function formatTime(epochMs: number): string {
  return new Date(Math.floor(epochMs / 1_000) * 1_000).toISOString().replace('.000Z', 'Z');
}

export interface Instant {
  readonly seconds: number;
  readonly nanos: number;
}

/** RFC 3339, as Go's time.Parse(time.RFC3339) takes it; null for anything else. */
export function parseInstant(text: string): Instant | null {
  const match = /^(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return null;
  const epochMs = Date.parse(`${match[1] ?? ''}${match[3] ?? ''}`.toUpperCase());
  if (Number.isNaN(epochMs)) return null;
  return { seconds: epochMs / 1_000, nanos: Number((match[2] ?? '').padEnd(9, '0')) };
}

/** metav1.Time. */
export function formatSeconds(instant: Instant): string {
  return formatTime(instant.seconds * 1_000);
}

/** metav1.MicroTime: always six digits. */
export function formatMicroseconds(instant: Instant): string {
  const micros = String(Math.floor(instant.nanos / 1_000)).padStart(6, '0');
  return formatSeconds(instant).replace('Z', `.${micros}Z`);
}
