// The objects of one resource and the last changes to them. Keeps both in order and bounded; knows no verbs, no users and no encodings.

import { compareText } from './json.ts';
import { type KubeObject, nameOf, namespaceOf } from './object.ts';

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';

export interface Change {
  readonly type: ChangeType;
  /** Of this change: the resourceVersion of `object`. */
  readonly revision: number;
  /** For a deletion: the last state, with the resourceVersion of the deletion. */
  readonly object: KubeObject;
  readonly previous: KubeObject | null;
  /** Encodings of this change, by whatever key the watches choose: made once, not once a watch. Gone with the change. */
  readonly encodings: Map<string, Uint8Array>;
}

/** What a watch may lag behind before it has to list again. kube-apiserver keeps 100 to 100,000 (cacher watch_cache.go). */
export const HISTORY_LIMIT = 1_000;

export class Collection {
  readonly #byNamespace = new Map<string, Map<string, KubeObject>>();
  /** Sorted lists by namespace (null: all), until something comes or goes. */
  readonly #sorted = new Map<string | null, readonly KubeObject[]>();
  readonly #listeners = new Set<(change: Change) => void>();
  #history: Change[] = [];
  /** Of #history[0]. Sequences count the changes of this collection without gaps; revisions count those of the whole store. */
  #firstSequence = 0;
  #floor: number;
  #size = 0;

  /** `floor`: no change at or before this revision can be told any more. */
  constructor(floor: number) {
    this.#floor = floor;
  }

  get floor(): number {
    return this.#floor;
  }

  get size(): number {
    return this.#size;
  }

  get(namespace: string, name: string): KubeObject | undefined {
    return this.#byNamespace.get(namespace)?.get(name);
  }

  /** By namespace, then name, as etcd's keys sort. Null: of all namespaces. */
  list(namespace: string | null): readonly KubeObject[] {
    const known = this.#sorted.get(namespace);
    if (known !== undefined) return known;
    const spaces = namespace === null ? [...this.#byNamespace.keys()].toSorted(compareText) : [namespace];
    const sorted = spaces.flatMap((space) => [...(this.#byNamespace.get(space)?.values() ?? [])].toSorted(byName));
    this.#sorted.set(namespace, sorted);
    return sorted;
  }

  /** The list as it was; null when the history does not reach back that far. */
  listAt(revision: number, namespace: string | null): readonly KubeObject[] | null {
    if (revision < this.#floor) return null;
    const later = this.#history.filter((change) => change.revision > revision);
    if (later.length === 0) return this.list(namespace);
    const objects = new Map(this.list(namespace).map((object) => [keyOf(object), object]));
    for (const change of later.toReversed()) {
      if (namespace !== null && namespaceOf(change.object) !== namespace) continue;
      if (change.previous === null) objects.delete(keyOf(change.object));
      else objects.set(keyOf(change.object), change.previous);
    }
    return [...objects.entries()].toSorted((a, b) => compareText(a[0], b[0])).map(([, object]) => object);
  }

  /** Of the first change after `revision`; null when it is not known any more. */
  sequenceAfter(revision: number): number | null {
    if (revision < this.#floor) return null;
    const index = this.#history.findIndex((change) => change.revision > revision);
    return index === -1 ? this.nextSequence : this.#firstSequence + index;
  }

  /** That the next change will get. */
  get nextSequence(): number {
    return this.#firstSequence + this.#history.length;
  }

  /** Undefined: not happened yet. Null: not known any more. */
  changeAt(sequence: number): Change | undefined | null {
    return sequence < this.#firstSequence ? null : this.#history[sequence - this.#firstSequence];
  }

  apply(change: Change): void {
    if (change.type === 'DELETED') this.#take(change.object);
    else this.place(change.object);
    this.#history.push(change);
    if (this.#history.length > HISTORY_LIMIT) {
      this.#floor = this.#history.shift()?.revision ?? this.#floor;
      this.#firstSequence += 1;
    }
    for (const listener of [...this.#listeners]) listener(change);
  }

  /** Puts an object there without a change: what was there before anyone could watch. */
  place(object: KubeObject): void {
    const namespace = namespaceOf(object);
    const space = this.#byNamespace.get(namespace) ?? new Map<string, KubeObject>();
    this.#byNamespace.set(namespace, space);
    if (!space.has(nameOf(object))) this.#size += 1;
    space.set(nameOf(object), object);
    this.#forgetOrder(namespace);
  }

  #take(object: KubeObject): void {
    const namespace = namespaceOf(object);
    const space = this.#byNamespace.get(namespace);
    if (space?.delete(nameOf(object)) === true) this.#size -= 1;
    if (space?.size === 0) this.#byNamespace.delete(namespace);
    this.#forgetOrder(namespace);
  }

  #forgetOrder(namespace: string): void {
    this.#sorted.delete(namespace);
    this.#sorted.delete(null);
  }

  /** All changes at or before `revision` are forgotten: the watch cache starts here. Only before anyone watches. */
  startAt(revision: number): void {
    this.#firstSequence += this.#history.length;
    this.#history = [];
    this.#floor = revision;
  }

  /** Called with each change, in order, after it is in force. Returns how to stop. */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function byName(a: KubeObject, b: KubeObject): number {
  return compareText(nameOf(a), nameOf(b));
}

/** A zero byte sorts before every character that a name may have, so namespaces stay together. */
function keyOf(object: KubeObject): string {
  return `${namespaceOf(object)}\0${nameOf(object)}`;
}
