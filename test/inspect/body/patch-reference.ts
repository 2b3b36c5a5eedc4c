// Patches applied as their specifications say, to plain JSON, for comparison with the pointers that the inspection names. Small and slow.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonMap = { [key: string]: Json };

export function isMap(value: unknown): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** RFC 7386 section 2, word for word. */
export function applyMergePatch(target: Json | undefined, patch: Json): Json {
  if (!isMap(patch)) return patch;
  const result: JsonMap = isMap(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, name);
    else result[name] = applyMergePatch(result[name], value);
  }
  return result;
}

/** Kubernetes' strategic merge (apimachinery util/strategicpatch), lists merged by appending, whatever their type says. */
export function applyStrategicPatch(target: Json | undefined, patch: JsonMap): JsonMap {
  const { $patch: directive, ...rest } = patch;
  if (directive === 'delete') return {};
  if (directive === 'replace') return rest;
  const result: JsonMap = isMap(target) ? { ...target } : {};
  const retained = rest['$retainKeys'];
  if (Array.isArray(retained)) for (const key of Object.keys(result)) if (!retained.includes(key)) Reflect.deleteProperty(result, key);
  for (const [key, value] of Object.entries(rest)) {
    const list = key.slice(key.indexOf('/') + 1);
    if (key.startsWith('$deleteFromPrimitiveList/')) result[list] = listOf(result[list]).filter((item) => !listOf(value).includes(item));
    else if (key.startsWith('$setElementOrder/')) result[list] = listOf(result[list]).toReversed();
    else if (key.startsWith('$')) continue;
    else if (value === null) Reflect.deleteProperty(result, key);
    else if (isMap(value) && value['$patch'] === 'delete') Reflect.deleteProperty(result, key);
    else if (isMap(value)) result[key] = applyStrategicPatch(result[key], value);
    else result[key] = Array.isArray(value) ? [...listOf(result[key]), ...value] : value;
  }
  return result;
}

function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

export interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: Json;
}

/** RFC 6902; null where an operation cannot be applied, so that none is. */
export function applyJsonPatch(document: Json, operations: readonly Operation[]): Json | null {
  let result: { root: Json } = structuredClone({ root: document });
  for (const operation of operations) {
    const next = structuredClone(result);
    if (!applyOperation(next, operation)) return null;
    result = next;
  }
  return result.root;
}

function applyOperation(holder: { root: Json }, { op, path, from = '', value = null }: Operation): boolean {
  switch (op) {
    case 'add':
      return put(holder, path, value, false);
    case 'replace':
      return put(holder, path, value, true);
    case 'remove':
      return take(holder, path) !== undefined;
    case 'copy': {
      const found = find(holder, from);
      return found !== undefined && put(holder, path, structuredClone(found), false);
    }
    case 'move': {
      if (path.startsWith(`${from}/`)) return false;
      const moved = take(holder, from);
      return moved !== undefined && put(holder, path, moved, false);
    }
    case 'test':
      return JSON.stringify(find(holder, path)) === JSON.stringify(value);
    default:
      return false;
  }
}

const tokensOf = (pointer: string): string[] =>
  `root${pointer}`.split('/').map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));

function child(parent: Json | undefined, token: string): Json | undefined {
  if (Array.isArray(parent)) return /^(?:0|[1-9]\d*)$/.test(token) ? parent[Number(token)] : undefined;
  return isMap(parent) && Object.hasOwn(parent, token) ? parent[token] : undefined;
}

function find(holder: Json, pointer: string): Json | undefined {
  return tokensOf(pointer).reduce<Json | undefined>(child, holder);
}

function parentOf(holder: Json, pointer: string): { readonly parent: Json | undefined; readonly token: string } {
  const tokens = tokensOf(pointer);
  const token = tokens.pop() ?? '';
  return { parent: tokens.reduce<Json | undefined>(child, holder), token };
}

function put(holder: { root: Json }, pointer: string, value: Json, mustExist: boolean): boolean {
  const { parent, token } = parentOf(holder, pointer);
  if (Array.isArray(parent)) {
    const at = token === '-' ? parent.length : Number(/^(?:0|[1-9]\d*)$/.test(token) ? token : Number.NaN);
    if (!(at < parent.length || (at === parent.length && !mustExist))) return false;
    parent.splice(at, mustExist ? 1 : 0, value);
    return true;
  }
  if (!isMap(parent) || (mustExist && !Object.hasOwn(parent, token))) return false;
  parent[token] = value;
  return true;
}

function take(holder: { root: Json }, pointer: string): Json | undefined {
  const { parent, token } = parentOf(holder, pointer);
  const found = child(parent, token);
  if (found === undefined || pointer === '') return undefined;
  if (Array.isArray(parent)) parent.splice(Number(token), 1);
  else if (isMap(parent)) Reflect.deleteProperty(parent, token);
  return found;
}

/** Pointers where the two differ; lists differ as a whole. */
export function differences(before: Json | undefined, after: Json | undefined, pointer: string = ''): string[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const left = isMap(before) ? before : before === undefined ? {} : null;
  const right = isMap(after) ? after : after === undefined ? {} : null;
  if (left === null || right === null) return [pointer];
  const names = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  const inside = names.flatMap((name) =>
    differences(left[name], right[name], `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`),
  );
  // Two that hold the same, one of them absent: the object itself is the difference.
  return inside.length > 0 || Object.keys(left).length + Object.keys(right).length > 0 ? inside : [pointer];
}

/** At or below a touched pointer, or an object that holds one. */
export function isCovered(pointer: string, touched: readonly string[], after: Json | undefined): boolean {
  const isHolder = isMap(find({ root: after ?? null }, pointer));
  return touched.some((place) => pointer === place || pointer.startsWith(`${place}/`) || (isHolder && place.startsWith(`${pointer}/`)));
}
