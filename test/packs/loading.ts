// The built-in packs as the program loads them. No test of its own.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CompiledPolicies, PolicySource } from '../../src/inspect/policy/policy.ts';
import { mustCompile } from '../inspect/policy-asking.ts';

const folder = fileURLToPath(new URL('../../packs', import.meta.url));

export const packNames: readonly string[] = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => name.replace('.yaml', ''))
  .toSorted();

export function readPack(name: string): PolicySource {
  return { name: `packs/${name}.yaml`, text: readFileSync(join(folder, `${name}.yaml`), 'utf8') };
}

export function loadPacks(...names: readonly string[]): CompiledPolicies {
  return mustCompile((names.length === 0 ? packNames : names).map(readPack));
}
