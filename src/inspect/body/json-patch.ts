// JSON patches (RFC 6902), reduced to the JSON pointers that they touch. Refuses operations that kube-apiserver's library (evanphx/json-patch v4) reads
// more generously than the RFC.

import { BodyFault } from './body-fault.ts';
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import { isJsonPointer, TouchedPointers } from './json-pointer.ts';

/** kube-apiserver's own cap is 10,000; no agent sends JSON patches at all. */
const MAX_OPERATIONS = 1_000;

export function touchedByJsonPatch(patch: JsonValue): readonly string[] {
  if (!isJsonArray(patch)) throw new BodyFault('body-form', 'a JSON patch that is not a list');
  if (patch.length > MAX_OPERATIONS) throw new BodyFault('body-bounds', `a JSON patch of more than ${MAX_OPERATIONS} operations`);
  const touched = new TouchedPointers();
  for (const operation of patch) {
    if (!isJsonObject(operation)) throw new BodyFault('body-form', 'a JSON patch operation that is not an object');
    touchOperation(operation, touched);
  }
  return touched.list();
}

function touchOperation(operation: JsonObject, touched: TouchedPointers): void {
  const path = readPointer(operation, 'path');
  const { op } = operation;
  switch (typeof op === 'string' ? op : '') {
    case 'test':
      requireValue(operation);
      return;
    case 'add':
    case 'replace':
      requireValue(operation);
      return touched.add(path);
    case 'remove':
      return touched.add(path);
    case 'move':
    case 'copy':
      // A copy changes nothing at its origin, but discloses it at its target.
      touched.add(readPointer(operation, 'from'));
      return touched.add(path);
    default:
      throw new BodyFault('body-form', 'a JSON patch operation of an unknown kind');
  }
}

/** The library takes a missing value for null. */
function requireValue(operation: JsonObject): void {
  if (operation['value'] === undefined) throw new BodyFault('body-form', 'a JSON patch operation without its value');
}

/** A token that evanphx/json-patch may take for a place in a list: whatever Go's strconv.Atoi reads, and the dash. */
const LIST_INDEX = /\/(?:-|[+-]?[0-9]+)(?:\/|$)/;

/**
 * Up to the first token that may be a list index: adding to a list or removing from it moves what comes after, so a list is touched as a whole. A key of
 * digits only is taken for an index too; the pointer is then wider than need be.
 */
function readPointer(operation: JsonObject, member: 'path' | 'from'): string {
  const pointer = operation[member];
  if (typeof pointer !== 'string' || !isJsonPointer(pointer))
    throw new BodyFault('body-form', `a JSON patch operation whose ${member} is not a JSON pointer`);
  const index = pointer.search(LIST_INDEX);
  return index < 0 ? pointer : pointer.slice(0, index);
}
