// Keys of the design that this version does not act on. A security setting that does nothing is a lie, so each is refused by name until the
// version that enforces it takes its row out of this table.

import { version } from './version.ts';

interface Unavailable {
  readonly path: readonly string[];
  /** Values that this version does act on; absent: none. */
  readonly except?: readonly unknown[];
  readonly expected: string;
}

const UNAVAILABLE: readonly Unavailable[] = [
  { path: ['processes'], except: ['single'], expected: 'single: everything runs in one process until a later version' },
];

interface RefusedKey {
  readonly path: readonly string[];
  readonly found: string;
  readonly expected: string;
}

export interface Availability {
  /** The value without the refused keys, so that they are reported once. */
  readonly available: unknown;
  readonly refused: readonly RefusedKey[];
}

export function findUnavailable(value: unknown): Availability {
  let available = value;
  const refused: RefusedKey[] = [];
  for (const { path, except, expected } of UNAVAILABLE) {
    const found = valueAt(available, path);
    if (found === undefined || except?.includes(found)) continue;
    available = without(available, path);
    refused.push({ path, found: `a setting that is not available in this version (${version})`, expected });
  }
  return { available, refused };
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  return isMapping(value) && Object.hasOwn(value, key) ? valueAt(value[key], rest) : undefined;
}

function without(value: unknown, path: readonly string[]): unknown {
  const [key, ...rest] = path;
  if (key === undefined || !isMapping(value)) return value;
  if (rest.length > 0) return { ...value, [key]: without(value[key], rest) };
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
