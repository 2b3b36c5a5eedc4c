// GET of one object and of lists, with selectors, pages and resourceVersions (apiserver endpoints/handlers/get.go, storage/cacher).
// Changes nothing.

import { type ListMeta, answerList, answerObject } from './answer.ts';
import type { ApiAnswer, ApiRequest } from './exchange.ts';
import { readForm } from './form.ts';
import { openContinuation, sealContinuation } from './continuation.ts';
import { compareText } from './json.ts';
import { type KubeObject, nameOf, namespaceOf } from './object.ts';
import { type Resource, storageOf } from './resources.ts';
import { type Selector, readSelector } from './selector.ts';
import { badRequest, expired, notFound, tooNewResourceVersion } from './status.ts';
import type { Store } from './store.ts';

export function get(store: Store, request: ApiRequest, resource: Resource, nowMs: number): ApiAnswer {
  const form = readForm(request, resource, nowMs);
  return answerObject(200, find(store, request, resource), resource, form);
}

export function find(store: Store, request: ApiRequest, resource: Resource): KubeObject {
  const name = request.info.parts[1] ?? '';
  const found = store.get(resource.collection, resource.isNamespaced ? request.info.namespace : '', name);
  if (found === undefined) throw notFound(storageOf(resource), name);
  return found;
}

export function list(store: Store, request: ApiRequest, resource: Resource, nowMs: number): ApiAnswer {
  const form = readForm(request, resource, nowMs);
  const page = readPage(store, request, resource);
  const selector = readSelector(resource, request.query);
  const all = select(page.objects, selector, page.after);
  const objects = page.limit === 0 ? all : all.slice(0, page.limit);
  const last = objects.at(-1);
  const hasMore = objects.length < all.length && last !== undefined;
  const metadata: ListMeta = {
    resourceVersion: String(page.revision),
    ...(hasMore ? { continue: sealContinuation({ revision: page.revision, after: positionOf(last) }) } : {}),
    // Upstream leaves it out when a selector decides what is left.
    ...(hasMore && selector.isEmpty ? { remainingItemCount: all.length - objects.length } : {}),
  };
  return answerList(objects, resource, metadata, form);
}

interface Page {
  readonly objects: readonly KubeObject[];
  readonly revision: number;
  /** 0: everything. */
  readonly limit: number;
  readonly after: string | null;
}

function readPage(store: Store, request: ApiRequest, resource: Resource): Page {
  const { query } = request;
  const limit = readNumber(query, 'limit') ?? 0;
  const token = query.get('continue') ?? '';
  const asked = readNumber(query, 'resourceVersion');
  if (token !== '' && asked !== null && asked !== 0) throw badRequest('specifying resource version is not allowed when using continue');
  const continuation = token === '' ? null : openContinuation(token);
  const isExact = query.get('resourceVersionMatch') === 'Exact' && asked !== null;
  const revision = continuation?.revision ?? (isExact ? asked : store.revision);
  if (asked !== null && asked > store.revision) throw tooNewResourceVersion(asked, store.revision);
  const namespace = scopeOf(request, resource);
  const objects = listAt(store, resource, { revision, namespace });
  if (objects === null) throw continuation === null ? expired(`The resourceVersion for the provided list is too old.`) : tooOldToContinue();
  return { objects, revision, limit, after: continuation?.after ?? null };
}

function listAt(store: Store, resource: Resource, at: { revision: number; namespace: string | null }): readonly KubeObject[] | null {
  const collection = store.collection(resource.collection);
  return at.revision === store.revision ? collection.list(at.namespace) : collection.listAt(at.revision, at.namespace);
}

/** Null: all namespaces, or a resource that has none. */
export function scopeOf(request: ApiRequest, resource: Resource): string | null {
  if (!resource.isNamespaced) return '';
  return request.info.namespace === '' ? null : request.info.namespace;
}

export function select(objects: readonly KubeObject[], selector: Selector, after: string | null = null): readonly KubeObject[] {
  const rest = after === null ? objects : objects.filter((object) => compareText(positionOf(object), after) > 0);
  return selector.isEmpty
    ? rest
    : rest.filter((object) => (selector.name === null || nameOf(object) === selector.name) && selector.matches(object));
}

function positionOf(object: KubeObject): string {
  return `${namespaceOf(object)}\0${nameOf(object)}`;
}

export function readNumber(query: URLSearchParams, name: string): number | null {
  const text = query.get(name) ?? '';
  if (text === '') return null;
  if (!/^\d{1,15}$/.test(text))
    throw badRequest(`${name}: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

function tooOldToContinue(): ReturnType<typeof expired> {
  return expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.',
  );
}
