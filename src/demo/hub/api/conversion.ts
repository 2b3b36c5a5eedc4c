// From the version an object is stored in to the one it is asked for, and back. Events have two Go types for one object
// (pkg/apis/events/v1/conversion.go); every other resource here converts by its apiVersion alone.

import type { Json, JsonObject } from './json.ts';
import type { KubeObject } from './object.ts';
import { type Resource, apiVersionOf, storageOf } from './resources.ts';

/** core/v1 → events.k8s.io/v1. Fields that are not here have the same name in both. */
const eventFields: Readonly<Record<string, string>> = {
  involvedObject: 'regarding',
  message: 'note',
  reportingComponent: 'reportingController',
  source: 'deprecatedSource',
  firstTimestamp: 'deprecatedFirstTimestamp',
  lastTimestamp: 'deprecatedLastTimestamp',
  count: 'deprecatedCount',
};

const eventFieldsBack: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(eventFields).map(([core, events]) => [events, core]),
);

export function fromStorage(stored: KubeObject, resource: Resource): KubeObject {
  const target = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  if (storageOf(resource) === resource) return stored;
  return { ...(resource.group === 'events.k8s.io' ? rename(stored, eventFields) : stored), ...target, metadata: stored.metadata };
}

export function toStorage(object: KubeObject, resource: Resource): KubeObject {
  const storage = storageOf(resource);
  if (storage === resource) return object;
  const renamed = resource.group === 'events.k8s.io' ? rename(object, eventFieldsBack) : object;
  return { ...renamed, apiVersion: apiVersionOf(storage), kind: storage.kind, metadata: object.metadata };
}

function rename(object: JsonObject, names: Readonly<Record<string, string>>): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([key, value]): [string, Json | undefined] => [names[key] ?? key, value]));
}
