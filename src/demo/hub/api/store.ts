// All objects of the hub and the one counter of their versions, as etcd is for kube-apiserver. Every change goes through here and is
// told to whoever listens; nothing here judges whether it may be made.

import { type Change, Collection } from './collection.ts';
import { type KubeObject, nameOf, namespaceOf, withMetadata } from './object.ts';
import { internalError } from './status.ts';

export type { Change } from './collection.ts';

/**
 * Where the counter starts: a real hub has written several hundred objects of its own before anyone can ask. A watch from an old
 * resourceVersion, such as 1, is therefore always too old.
 */
const FIRST_REVISION = 300;

/** etcd ends at 8 GiB; this many objects of one resource are more than any fleet that a laptop simulates. */
const MAX_OBJECTS = 200_000;

export class Store {
  readonly #collections = new Map<string, Collection>();
  #revision = FIRST_REVISION;

  /** resourceVersion of the latest change. */
  get revision(): number {
    return this.#revision;
  }

  /** Named as `Resource.collection`: "secrets", "leases.coordination.k8s.io". */
  collection(name: string): Collection {
    const known = this.#collections.get(name);
    if (known !== undefined) return known;
    const fresh = new Collection(this.#revision);
    this.#collections.set(name, fresh);
    return fresh;
  }

  get collectionNames(): readonly string[] {
    return [...this.#collections.keys()];
  }

  get(collection: string, namespace: string, name: string): KubeObject | undefined {
    return this.collection(collection).get(namespace, name);
  }

  /** Adds or replaces; gives back what is stored now, with its resourceVersion. */
  put(collection: string, object: KubeObject): KubeObject {
    const target = this.collection(collection);
    const previous = target.get(namespaceOf(object), nameOf(object)) ?? null;
    if (previous === null && target.size >= MAX_OBJECTS) throw internalError('etcdserver: mvcc: database space exceeded');
    const stored = this.#stamp(object);
    this.#apply(target, { type: previous === null ? 'ADDED' : 'MODIFIED', object: stored, previous });
    return stored;
  }

  /** Gives back the last state with the resourceVersion of the deletion; undefined when there was nothing. */
  remove(collection: string, namespace: string, name: string): KubeObject | undefined {
    const target = this.collection(collection);
    const previous = target.get(namespace, name);
    if (previous === undefined) return undefined;
    const last = this.#stamp(previous);
    this.#apply(target, { type: 'DELETED', object: last, previous });
    return last;
  }

  /** Keeps the object exactly as given, its resourceVersion included, and tells nobody: what the hub had when it started. */
  restore(collection: string, object: KubeObject): void {
    const revision = Number(object.metadata.resourceVersion ?? this.#revision);
    this.#revision = Math.max(this.#revision, revision);
    const target = this.collection(collection);
    target.place(object);
    target.startAt(Math.max(target.floor, revision));
  }

  /** The counter goes on from here: for a hub that continues where a recorded one stood. It never goes back. */
  advanceTo(revision: number): void {
    this.#revision = Math.max(this.#revision, revision);
  }

  subscribe(collection: string, listener: (change: Change) => void): () => void {
    return this.collection(collection).subscribe(listener);
  }

  #stamp(object: KubeObject): KubeObject {
    this.#revision += 1;
    return withMetadata(object, { resourceVersion: String(this.#revision) });
  }

  #apply(target: Collection, change: Pick<Change, 'type' | 'object' | 'previous'>): void {
    target.apply({ ...change, revision: this.#revision, encodings: new Map() });
  }
}
