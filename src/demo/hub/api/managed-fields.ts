// metadata.managedFields of creates and updates: who set which field last. A reduction of sigs.k8s.io/structured-merge-diff to what the
// operation Update needs; server-side apply is not served.

import { type Json, type JsonObject, byKey, compareText, isJsonArray, isJsonObject, isSameJson, presentEntries } from './json.ts';
import type { KubeObject, ManagedFieldsEntry } from './object.ts';

export interface Manager {
  readonly name: string;
  /** Empty for the object itself. */
  readonly subresource: string;
  readonly apiVersion: string;
  /** RFC 3339. */
  readonly time: string;
  /** Custom resources start from nothing; a Go object has its structs from the start, so they are nobody's. */
  readonly isCustom: boolean;
}

/** A tree of FieldsV1: `f:` names a field, `k:` and `v:` an item of a list, `.` the node itself. */
type FieldTree = Map<string, FieldTree>;

export function trackManager(before: KubeObject | null, after: KubeObject, manager: Manager): readonly ManagedFieldsEntry[] {
  const lhs = ownable(before, manager.isCustom);
  const rhs = ownable(after, manager.isCustom);
  const changed: FieldTree = new Map();
  collectChanges(lhs, rhs, changed);
  const entries = (before?.metadata.managedFields ?? []).map((entry) => ({ entry, fields: toTree(entry.fieldsV1 ?? {}) }));
  const own = entries.find(({ entry }) => isOf(entry, manager));
  const others = entries.filter((candidate) => candidate !== own);
  for (const { fields } of entries) keepPresent(fields, rhs);
  if (changed.size > 0) for (const { fields } of others) subtract(fields, changed);
  const ownFields = own?.fields ?? new Map();
  unite(ownFields, changed);
  const time = own === undefined || changed.size > 0 ? manager.time : (own.entry.time ?? manager.time);
  const mine: ManagedFieldsEntry = {
    manager: manager.name,
    operation: 'Update',
    apiVersion: manager.apiVersion,
    time,
    fieldsType: 'FieldsV1',
    fieldsV1: fromTree(ownFields),
    ...(manager.subresource === '' ? {} : { subresource: manager.subresource }),
  };
  const kept = others.filter(({ fields }) => fields.size > 0).map(({ entry, fields }) => ({ ...entry, fieldsV1: fromTree(fields) }));
  return (ownFields.size === 0 ? kept : [...kept, mine]).toSorted(byTime);
}

function isOf(entry: ManagedFieldsEntry, manager: Manager): boolean {
  const isSame = entry.manager === manager.name && entry.apiVersion === manager.apiVersion && entry.operation === 'Update';
  return isSame && (entry.subresource ?? '') === manager.subresource;
}

function byTime(a: ManagedFieldsEntry, b: ManagedFieldsEntry): number {
  return compareText(a.time ?? '', b.time ?? '') || compareText(a.manager ?? '', b.manager ?? '');
}

/** Nobody owns these (managedfields stripmeta.go). */
const STRIPPED_META = new Set([
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'clusterName',
  'generation',
  'managedFields',
  'resourceVersion',
]);

function ownable(object: KubeObject | null, isCustom: boolean): JsonObject {
  const structs: JsonObject = isCustom ? { metadata: {} } : { metadata: {}, spec: {}, status: {} };
  if (object === null) return structs;
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = object;
  return { ...structs, ...rest, metadata: Object.fromEntries(presentEntries(metadata).filter(([key]) => !STRIPPED_META.has(key))) };
}

/** Granular lists: those whose items are told apart by a key or by their value. Every other list is one field. */
function itemsOf(key: string, value: Json): Map<string, Json> | null {
  if (!isJsonArray(value)) return null;
  if (key === 'f:finalizers') return new Map(value.map((item): [string, Json] => [`v:${JSON.stringify(item)}`, item]));
  const itemKey = { 'f:conditions': 'type', 'f:ownerReferences': 'uid' }[key];
  if (itemKey === undefined) return null;
  const entries = value
    .filter(isJsonObject)
    .map((item): [string, Json] => [`k:${JSON.stringify({ [itemKey]: item[itemKey] ?? '' })}`, item]);
  return new Map(entries);
}

/** What can be owned one by one below a node; null for a leaf. */
function childrenOf(key: string, value: Json | undefined): Map<string, Json> | null {
  if (value === undefined) return null;
  if (!isJsonObject(value)) return itemsOf(key, value);
  return new Map(presentEntries(value).map(([name, inner]): [string, Json] => [`f:${name}`, inner]));
}

function collectChanges(before: Json | undefined, after: Json, into: FieldTree, key = ''): void {
  const newChildren = childrenOf(key, after) ?? new Map<string, Json>();
  const oldChildren = childrenOf(key, before);
  if (before === undefined && newChildren.size > 0) into.set('.', new Map());
  for (const [name, value] of newChildren) {
    const old = oldChildren?.get(name);
    if (old !== undefined && isSameJson(old, value)) continue;
    const inner: FieldTree = new Map();
    collectChanges(old, value, inner, name);
    const isLeaf = childrenOf(name, value) === null || childrenOf(name, value)?.size === 0;
    if (isLeaf || inner.size > 0) into.set(name, inner);
  }
}

/** Drops what is not in the object any more. */
function keepPresent(fields: FieldTree, value: Json, key = ''): void {
  const children = childrenOf(key, value);
  for (const [name, inner] of [...fields]) {
    if (name === '.') continue;
    const child = children?.get(name);
    if (child === undefined) fields.delete(name);
    else if (inner.size > 0) {
      keepPresent(inner, child, name);
      if (inner.size === 0) fields.delete(name);
    }
  }
}

function subtract(fields: FieldTree, taken: FieldTree): void {
  for (const [name, inner] of [...fields]) {
    const takenInner = taken.get(name);
    if (takenInner === undefined) continue;
    if (inner.size > 0) subtract(inner, takenInner);
    if (inner.size === 0) fields.delete(name);
  }
}

function unite(fields: FieldTree, more: FieldTree): void {
  for (const [name, inner] of more) {
    const known = fields.get(name);
    if (known === undefined) fields.set(name, inner);
    else unite(known, inner);
  }
}

function toTree(fields: JsonObject): FieldTree {
  return new Map(
    presentEntries(fields).map(([name, inner]): [string, FieldTree] => [name, isJsonObject(inner) ? toTree(inner) : new Map()]),
  );
}

function fromTree(fields: FieldTree): JsonObject {
  return Object.fromEntries([...fields].toSorted(byKey).map(([name, inner]): [string, JsonObject] => [name, fromTree(inner)]));
}
