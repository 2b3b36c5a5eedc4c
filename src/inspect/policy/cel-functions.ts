// The functions that policy expressions have besides CEL's own: Kubernetes' sets library, two that make rules about bodies short, and two that
// mend what the evaluator gets wrong about JSON null. Each is total: a wrong argument is an error, and an error denies.

import {
  type CelEnv,
  type CelList,
  type CelMap,
  CelScalar,
  type CelValue,
  celEnv,
  celFunc,
  celMethod,
  isCelMap,
  listType,
  mapType,
} from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';

const { BOOL, DYN, STRING } = CelScalar;
const LIST = listType(DYN);
const MAP = mapType(DYN, DYN);

/** What `has(x.f)` becomes when an expression is compiled; no policy can write this name. */
export const PRESENT = '@present';

const functions = [
  ...strings,
  // The evaluator calls a field absent whose value is null; CEL's specification (field selection) and a body that sends null do not.
  celFunc(PRESENT, [DYN, STRING], BOOL, (map, field) => isPresent(map, field)),
  celFunc('@in', [STRING, MAP], BOOL, (key, map) => isPresent(map, key)),
  // Kubernetes' words (k8s.io/apiserver pkg/cel/library, cel-go ext/sets); over text only, which is all that names and groups are.
  celFunc('sets.contains', [LIST, LIST], BOOL, (all, some) => isSuperset(textsOf(all), textsOf(some))),
  celFunc('sets.equivalent', [LIST, LIST], BOOL, (left, right) => {
    const [a, b] = [textsOf(left), textsOf(right)];
    return isSuperset(a, b) && isSuperset(b, a);
  }),
  celFunc('sets.intersects', [LIST, LIST], BOOL, (left, right) => {
    const a = textsOf(left);
    return [...textsOf(right)].some((text) => a.has(text));
  }),
  celMethod('within', LIST, [LIST], BOOL, function within(roots) {
    return areWithin([...textsOf(this)], [...textsOf(roots)]);
  }),
  celFunc('valueAt', [DYN, STRING, DYN], DYN, (root, pointer, otherwise) => valueAt(root, pointer) ?? otherwise),
];

export const celEnvironment: CelEnv = celEnv({ funcs: functions });

export interface CelOverload {
  /** Called on a value: `text.startsWith(…)`. */
  readonly isMethod: boolean;
  /** How many, without the value it is called on. */
  readonly arguments: number;
}

/** Every function that an expression may call, by name. */
export const celFunctionsByName: ReadonlyMap<string, readonly CelOverload[]> = new Map(
  [...Map.groupBy(celEnvironment.funcs, (one) => one.name)].map(([name, overloads]) => [
    name,
    overloads.map((one) => ({ isMethod: one.target !== undefined, arguments: one.arguments.length })),
  ]),
);

function isPresent(map: CelValue, field: string): boolean {
  if (!isCelMap(map)) throw new TypeError('not a map');
  return map.get(field) !== undefined;
}

function textsOf(list: CelList): ReadonlySet<string> {
  const texts = new Set<string>();
  for (const value of list) {
    if (typeof value !== 'string') throw new TypeError('not a list of texts');
    texts.add(value);
  }
  return texts;
}

function isSuperset(all: ReadonlySet<string>, some: ReadonlySet<string>): boolean {
  for (const text of some) if (!all.has(text)) return false;
  return true;
}

/** Each pointer is one of the roots or lies below one. A pointer to something above a root would touch more than the root, and is not within. */
function areWithin(pointers: readonly string[], roots: readonly string[]): boolean {
  return pointers.every((pointer) => roots.some((root) => pointer === root || pointer.startsWith(`${root}/`)));
}

/** RFC 6901. Undefined where nothing is there, or where it is null. */
function valueAt(root: CelValue, pointer: string): CelValue | undefined {
  if (pointer !== '' && !pointer.startsWith('/')) throw new TypeError('not a JSON pointer');
  let value: CelValue | undefined = root;
  for (const token of pointer.split('/').slice(1)) {
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~');
    value = isMapValue(value) ? value.get(key) : undefined;
    if (value === undefined) return undefined;
  }
  return value ?? undefined;
}

function isMapValue(value: CelValue | undefined): value is CelMap {
  return value !== undefined && isCelMap(value);
}
