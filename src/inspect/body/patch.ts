// Merge patches (RFC 7386), strategic merge patches and server-side apply, reduced to the JSON pointers that they touch: applied to any object, they
// change nothing that is not at, below or above (as an object that holds it) one of these. Lists are touched as a whole.

import { BodyFault } from './body-fault.ts';
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import { childPointer, TouchedPointers } from './json-pointer.ts';

/** Every member that is not an object; one that is empty stands for itself, since it creates or replaces. Depth is bounded by the JSON reader. */
export function touchedByMergePatch(patch: JsonObject): readonly string[] {
  const touched = new TouchedPointers();
  touchMembers(patch, '', touched);
  return touched.list();
}

function touchMembers(object: JsonObject, pointer: string, touched: TouchedPointers): void {
  for (const [key, value] of Object.entries(object)) touchValue(value, childPointer(pointer, key), touched);
}

function touchValue(value: JsonValue, pointer: string, touched: TouchedPointers): void {
  if (isJsonObject(value) && Object.keys(value).length > 0) touchMembers(value, pointer, touched);
  else touched.add(pointer);
}

/**
 * The fields of the applied configuration, and the whole object: apply also removes what the same field manager had set before and now leaves out, which
 * the body does not show. A policy that allows apply has to say so by allowing the pointer ''.
 */
export function touchedByApply(configuration: JsonObject): readonly string[] {
  const touched = new TouchedPointers();
  touched.add('');
  touchMembers(configuration, '', touched);
  return touched.list();
}

/**
 * kube-apiserver reads an apply body as YAML 1.1, of which JSON is a subset but for these: characters that YAML takes for line breaks or does not allow,
 * inside strings.
 */
export function requireJsonThatIsYaml(text: string): void {
  if (/[\u007f-\u009f\u2028\u2029\ufeff]/.test(text))
    throw new BodyFault('body-form', 'an apply body with a character that YAML reads differently');
}

/** Directives of apimachinery util/strategicpatch; those with a slash name the list beside them. */
const LIST_DIRECTIVES = ['$deleteFromPrimitiveList/', '$setElementOrder/'];

/** As a merge patch, and what its directives reach. Throws BodyFault for a directive that does not exist. */
export function touchedByStrategicPatch(patch: JsonObject): readonly string[] {
  const touched = new TouchedPointers();
  touchStrategic(patch, '', touched);
  return touched.list();
}

function touchStrategic(object: JsonObject, pointer: string, touched: TouchedPointers): void {
  for (const [key, value] of Object.entries(object)) {
    if (key.startsWith('$')) touchDirective(key, value, { pointer, touched });
    else if (isJsonObject(value) && !isAsEmpty(value)) touchStrategic(value, childPointer(pointer, key), touched);
    else touched.add(childPointer(pointer, key));
  }
}

/** Creates an empty object where there is none: `merge` says no more than its absence. */
function isAsEmpty(object: JsonObject): boolean {
  return Object.keys(object).every((key) => key === '$patch' && object[key] === 'merge');
}

function touchDirective(directive: string, value: JsonValue, at: { readonly pointer: string; readonly touched: TouchedPointers }): void {
  const { pointer, touched } = at;
  if (directive === '$patch') {
    if (value !== 'replace' && value !== 'delete' && value !== 'merge')
      throw new BodyFault('body-form', 'a $patch directive of an unknown kind');
    if (value !== 'merge') touched.add(pointer);
    return;
  }
  if (!isJsonArray(value)) throw new BodyFault('body-form', 'a directive of a strategic merge patch that is not a list');
  // What is not retained is removed: any member may be.
  if (directive === '$retainKeys') return touched.add(pointer);
  const prefix = LIST_DIRECTIVES.find((known) => directive.startsWith(known));
  if (prefix === undefined) throw new BodyFault('body-form', 'an unknown directive of a strategic merge patch');
  touched.add(childPointer(pointer, directive.slice(prefix.length)));
}
