// JSON as CEL sees it: maps, lists and scalars, whole numbers as int. Owns the conversion and the count of values, which bounds what an expression
// may cost; knows no rule.

import { type CelInput, celList, celMap } from '@bufbuild/cel';
import { isJsonArray, type JsonValue, MAX_JSON_DEPTH } from '../body/json.ts';

/** Throws RangeError beyond the depth that bodies have. */
export function toCelInput(value: JsonValue, depth: number = 0): CelInput {
  if (depth > MAX_JSON_DEPTH) throw new RangeError('nested too deep');
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint') return value;
  // Kubernetes has whole numbers where CEL's `int` is meant; JSON does not tell 1 from 1.0.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (isJsonArray(value)) return celList(value.map((one) => toCelInput(one, depth + 1)));
  const entries = new Map<string, CelInput>();
  for (const key of Object.keys(value)) entries.set(key, toCelInput(value[key] ?? null, depth + 1));
  return celMap(entries);
}

/** Values in it, itself included. */
export function countValues(value: JsonValue, depth: number = 0): number {
  if (typeof value !== 'object' || value === null) return 1;
  if (depth > MAX_JSON_DEPTH) throw new RangeError('nested too deep');
  let count = 1;
  for (const one of isJsonArray(value) ? value : Object.values(value)) count += countValues(one, depth + 1);
  return count;
}
