// Namespaces: nothing is created in one that does not exist or is going (admission plugin NamespaceLifecycle), and one that goes takes
// its contents along (the namespace controller). Deletes nothing outside the namespace it was told of.

import type { Cancel, Clock } from '../../../clock.ts';
import type { KubeObject } from './object.ts';
import type { Resource } from './resources.ts';
import { ApiError, notFound } from './status.ts';
import type { Store } from './store.ts';

const NAMESPACES = 'namespaces';

/** Between two looks at a namespace that finalizers still hold. */
const RETRY_MS = 1_000;

/** Deletes an object, or marks it when finalizers hold it. */
export type Retire = (collection: string, object: KubeObject) => unknown;

export class NamespaceLifecycle {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #retire: Retire;
  readonly #waiting = new Map<string, Cancel>();

  constructor(store: Store, clock: Clock, retire: Retire) {
    this.#store = store;
    this.#clock = clock;
    this.#retire = retire;
  }

  /** Throws what kube-apiserver answers when an object cannot be created there. */
  admit(resource: Resource, namespace: string, name: string): void {
    const found = this.#store.get(NAMESPACES, '', namespace);
    if (found === undefined) throw notFound({ group: '', resource: NAMESPACES }, namespace);
    if (found.metadata.deletionTimestamp !== undefined) throw beingTerminated(resource, namespace, name);
  }

  /** Removes the contents of a namespace marked for deletion, and then itself. */
  terminate(namespace: string, delayMs = 0): void {
    if (this.#waiting.has(namespace)) return;
    this.#waiting.set(
      namespace,
      this.#clock.after(delayMs, () => this.#sweep(namespace)),
    );
  }

  close(): void {
    for (const cancel of this.#waiting.values()) cancel();
    this.#waiting.clear();
  }

  #sweep(namespace: string): void {
    this.#waiting.delete(namespace);
    const collections = this.#store.collectionNames.filter((collection) => collection !== NAMESPACES);
    for (const collection of collections) {
      for (const object of this.#store.collection(collection).list(namespace)) this.#retire(collection, object);
    }
    const isEmpty = collections.every((collection) => this.#store.collection(collection).list(namespace).length === 0);
    if (isEmpty) this.#finalize(namespace);
    else this.terminate(namespace, RETRY_MS);
  }

  #finalize(namespace: string): void {
    const found = this.#store.get(NAMESPACES, '', namespace);
    if (found === undefined) return;
    if ((found.metadata.finalizers ?? []).length > 0) this.#store.put(NAMESPACES, { ...found, spec: {} });
    else this.#store.remove(NAMESPACES, '', namespace);
  }
}

function beingTerminated(resource: Resource, namespace: string, name: string): ApiError {
  const where = resource.group === '' ? resource.resource : `${resource.resource}.${resource.group}`;
  const message = `${where} ${JSON.stringify(name)} is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`;
  const causes = [{ reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' }];
  const group = resource.group === '' ? {} : { group: resource.group };
  return new ApiError({ code: 403, reason: 'Forbidden', message, details: { name, ...group, kind: resource.resource, causes } });
}
