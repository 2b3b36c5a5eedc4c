// Creates, replaces and removes objects by Kubernetes' rules for metadata: identity, versions, generations, finalizers, managed
// fields (apiserver pkg/registry/generic/registry/store.go, pkg/registry/rest). Requests and encodings stay outside.

import type { Clock } from '../../../clock.ts';
import { isJsonArray, isJsonObject, isSameJson } from './json.ts';
import { trackManager } from './managed-fields.ts';
import { NamespaceLifecycle } from './namespace-lifecycle.ts';
import { type KubeObject, type ObjectMeta, formatTime, nameOf, namespaceOf, withMetadata } from './object.ts';
import { generateName, validateName } from './object-name.ts';
import { type DeleteOptions, asObject } from './request-body.ts';
import type { Resource } from './resources.ts';
import { ApiError, alreadyExists, conflict, invalid } from './status.ts';
import type { Store } from './store.ts';
import { type Write, changesGeneration, prepareForCreate, prepareForUpdate } from './strategy.ts';

/** Who writes, where and how. Objects are given in their stored form. */
export interface WriteContext extends Write {
  readonly managerName: string;
  /** That the request was in; `resource` is the row of the stored form. */
  readonly apiVersion: string;
  readonly isDryRun: boolean;
}

/** Where uids and generated names come from. */
export interface Randomness {
  uuid(): string;
  /** An integer from 0 up to but not including `limit`. */
  below(limit: number): number;
}

export class Registry {
  readonly store: Store;
  readonly #clock: Clock;
  readonly #random: Randomness;
  readonly #namespaces: NamespaceLifecycle;

  constructor(store: Store, around: { clock: Clock; random: Randomness }) {
    this.store = store;
    this.#clock = around.clock;
    this.#random = around.random;
    this.#namespaces = new NamespaceLifecycle(store, around.clock, (collection, object) => this.#retire(collection, object, null));
  }

  close(): void {
    this.#namespaces.close();
  }

  now(): string {
    return formatTime(this.#clock.now());
  }

  create(object: KubeObject, context: WriteContext): KubeObject {
    const { resource } = context;
    if (resource.isNamespaced) this.#namespaces.admit(resource, namespaceOf(object), nameOf(object));
    if ((object.metadata.resourceVersion ?? '') !== '') {
      throw new ApiError({ code: 500, reason: '', message: 'resourceVersion should not be set on objects to be created' });
    }
    const named = generateName(object, this.#random);
    validateName(named, resource);
    const system = { uid: this.#random.uuid(), creationTimestamp: this.now(), ...(resource.countsGenerations ? { generation: 1 } : {}) };
    const { name, generateName: prefix, namespace } = named.metadata;
    const identity = { name, generateName: prefix, namespace, ...system };
    const prepared = prepareForCreate({ ...named, metadata: { ...ownMetadata(named), ...identity } }, context);
    const created = this.#track(null, normalise(prepared, resource), context);
    if (this.store.get(resource.collection, namespaceOf(created), nameOf(created)) !== undefined)
      throw alreadyExists(resource, nameOf(created));
    return context.isDryRun ? created : this.store.put(resource.collection, created);
  }

  /** `object` as a whole instead of `before`. A write that changes nothing makes no new version. */
  replace(before: KubeObject, object: KubeObject, context: WriteContext): KubeObject {
    const { resource } = context;
    checkPreconditions(before, object, resource);
    const prepared = normalise(prepareForUpdate(keepSystemMetadata(object, before), before, context), resource);
    const isCounted = resource.countsGenerations && changesGeneration(prepared, before);
    const counted = isCounted ? withMetadata(prepared, { generation: (before.metadata.generation ?? 0) + 1 }) : prepared;
    if (isSameJson(counted, before)) return before;
    const after = this.#track(before, counted, context);
    if (context.isDryRun) return after;
    if (isLeaving(after)) return this.store.remove(resource.collection, namespaceOf(after), nameOf(after)) ?? after;
    return this.store.put(resource.collection, after);
  }

  /** What is left of the object: itself while finalizers hold it, null when it is gone. */
  remove(before: KubeObject, options: DeleteOptions, resource: Resource): KubeObject | null {
    const { uid, resourceVersion } = options;
    if (uid !== null && uid !== before.metadata.uid) throw conflict(resource, nameOf(before), uidMismatch(uid, before));
    if (resourceVersion !== null && resourceVersion !== before.metadata.resourceVersion) {
      const why = `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${before.metadata.resourceVersion ?? ''}`;
      throw conflict(resource, nameOf(before), why);
    }
    if (options.isDryRun) return (before.metadata.finalizers ?? []).length > 0 ? before : null;
    return this.#retire(resource.collection, before, resource);
  }

  #retire(collection: string, object: KubeObject, resource: Resource | null): KubeObject | null {
    if (!isHeld(object)) {
      this.store.remove(collection, namespaceOf(object), nameOf(object));
      return null;
    }
    if (object.metadata.deletionTimestamp !== undefined) return object;
    const generation = object.metadata.generation === undefined ? {} : { generation: object.metadata.generation + 1 };
    const marked = withMetadata(object, { deletionTimestamp: this.now(), deletionGracePeriodSeconds: 0, ...generation });
    const isNamespace = resource?.collection === 'namespaces';
    const stored = this.store.put(collection, isNamespace ? { ...marked, status: { phase: 'Terminating' } } : marked);
    if (isNamespace) this.#namespaces.terminate(nameOf(object));
    return stored;
  }

  #track(before: KubeObject | null, after: KubeObject, context: WriteContext): KubeObject {
    const managedFields = trackManager(before, after, {
      name: context.managerName,
      subresource: context.subresource,
      apiVersion: context.apiVersion,
      time: context.now,
      isCustom: context.resource.family.kind === 'custom',
    });
    return withMetadata(after, { managedFields });
  }
}

function isHeld(object: KubeObject): boolean {
  const spec = object['spec'];
  const isNamespaceHeld =
    object.kind === 'Namespace' && isJsonObject(spec) && isJsonArray(spec['finalizers']) && spec['finalizers'].length > 0;
  return isNamespaceHeld || (object.metadata.finalizers ?? []).length > 0;
}

function isLeaving(object: KubeObject): boolean {
  return object.metadata.deletionTimestamp !== undefined && !isHeld(object);
}

function checkPreconditions(before: KubeObject, object: KubeObject, resource: Resource): void {
  const { uid = '', resourceVersion = '' } = object.metadata;
  if (uid !== '' && uid !== before.metadata.uid) throw conflict(resource, nameOf(before), uidMismatch(uid, before));
  if ((resourceVersion === '' || resourceVersion === '0') && !resource.updatesUnconditionally) {
    const detail = 'Invalid value: 0x0: must be specified for an update';
    throw invalid(resource, nameOf(before), [{ field: 'metadata.resourceVersion', reason: 'FieldValueInvalid', detail }]);
  }
  const isAny = resourceVersion === '' || resourceVersion === '0';
  if (!isAny && resourceVersion !== before.metadata.resourceVersion) throw conflict(resource, nameOf(before));
}

function uidMismatch(uid: string, before: KubeObject): string {
  return `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${before.metadata.uid ?? ''}`;
}

/** What no update can change, and what only the server writes (rest.BeforeUpdate). */
const SYSTEM_METADATA = [
  'name',
  'generateName',
  'namespace',
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'generation',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'selfLink',
] as const satisfies readonly (keyof ObjectMeta)[];

function keepSystemMetadata(object: KubeObject, before: KubeObject): KubeObject {
  const kept = SYSTEM_METADATA.map((key) => [key, before.metadata[key]] as const);
  return { ...object, metadata: { ...Object.fromEntries(kept), ...ownMetadata(object) } };
}

/** Labels, annotations, finalizers, owners: what a request may set. */
function ownMetadata(object: KubeObject): ObjectMeta {
  return Object.fromEntries(Object.entries(object.metadata).filter(([key]) => !(SYSTEM_METADATA as readonly string[]).includes(key)));
}

/** A strategy may have left what the type omits when empty. */
function normalise(object: KubeObject, resource: Resource): KubeObject {
  return asObject(object, resource, false);
}
