// What a body states about itself (apiVersion, kind, metadata.name, metadata.namespace) against what the URL says. The URL is what policies judge, so a
// body that says otherwise is refused, as kube-apiserver refuses it (endpoints/handlers/rest.go, registry/rest/meta.go).

import { BodyFault } from './body-fault.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import type { BodyTarget, ExpectedKind } from './kinds.ts';

/** As found in the body; null: absent or empty. */
export interface StatedObject {
  readonly apiVersion: string | null;
  readonly kind: string | null;
  readonly name: string | null;
  readonly namespace: string | null;
}

/** Throws BodyFault. `expected` null: read only, nothing compared. */
export function readStated(document: JsonObject, target: BodyTarget, expected: ExpectedKind | null): StatedObject {
  if (expected === null) return readLeniently(document);
  requireExactKeys(document);
  const metadata = document['metadata'];
  if (metadata !== undefined && !isJsonObject(metadata)) throw new BodyFault('body-form', 'metadata that is not an object');
  const stated = {
    apiVersion: readText(document['apiVersion'], 'apiVersion'),
    kind: readText(document['kind'], 'kind'),
    name: readText(metadata?.['name'], 'metadata.name'),
    namespace: readText(metadata?.['namespace'], 'metadata.namespace'),
  };
  compare(stated, target, expected);
  return stated;
}

function compare(found: StatedObject, target: BodyTarget, expected: ExpectedKind): void {
  if (found.apiVersion !== null && !expected.apiVersions.includes(found.apiVersion)) throw mismatch('apiVersion', expected.apiVersions[0]);
  if (found.kind !== null && expected.kind !== null && found.kind !== expected.kind) throw mismatch('kind', expected.kind);
  // A create has no name in its URL.
  if (found.name !== null && target.name !== '' && found.name !== target.name) throw mismatch('metadata.name', target.name);
  if (found.namespace !== null && found.namespace !== target.namespace) throw mismatch('metadata.namespace', target.namespace);
}

function mismatch(field: string, expected: string | undefined): BodyFault {
  return new BodyFault('body-mismatch', `${field} is not ${JSON.stringify(expected)}, as the URL has it`);
}

/**
 * kube-apiserver finds kind and apiVersion with encoding/json (apimachinery serializer/json/meta.go), which takes keys of any case, the last one
 * winning, and the rest with sigs.k8s.io/json, which does not: `Kind` beside `kind` would be two answers to one question.
 */
function requireExactKeys(document: JsonObject): void {
  for (const key of Object.keys(document)) {
    if ((key.length !== 4 && key.length !== 10) || key === 'kind' || key === 'apiVersion') continue;
    // Go folds as Unicode does: the Kelvin sign is a k, the long s is an s.
    const folded = key.toUpperCase().toLowerCase();
    if (folded === 'kind' || folded === 'apiversion') throw new BodyFault('body-form', 'kind or apiVersion in another spelling');
  }
}

function readText(value: JsonValue | undefined, field: string): string | null {
  if (value === undefined || value === '') return null;
  if (typeof value !== 'string') throw new BodyFault('body-form', `${field} that is not a string`);
  return value;
}

/** For documents that need not be Kubernetes objects. */
function readLeniently(document: JsonObject): StatedObject {
  const text = (value: JsonValue | undefined): string | null => (typeof value === 'string' && value !== '' ? value : null);
  const metadata = isJsonObject(document['metadata']) ? document['metadata'] : undefined;
  return {
    apiVersion: text(document['apiVersion']),
    kind: text(document['kind']),
    name: text(metadata?.['name']),
    namespace: text(metadata?.['namespace']),
  };
}
