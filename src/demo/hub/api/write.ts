// POST, PUT, PATCH and DELETE of stored objects: from the request to the registry and back to an answer (apiserver endpoints/handlers).

import { answerList, answerObject, answerStatus } from './answer.ts';
import { fromStorage, toStorage } from './conversion.ts';
import type { Allows, ApiAnswer, ApiRequest } from './exchange.ts';
import { readForm, readWriteContext } from './form.ts';
import { isJsonArray, isJsonObject } from './json.ts';
import { textAt } from './json-path.ts';
import { type KubeObject, nameOf, namespaceOf, withMetadata } from './object.ts';
import { MAX_JSON_PATCH_OPERATIONS, PatchError, jsonPatch, mergePatch, strategicMergePatch } from './patch.ts';
import { find, scopeOf, select } from './read.ts';
import type { Registry } from './registry.ts';
import { MAX_BODY_BYTES, asObject, bodyTooLarge, mediaTypeOf, parseOr, readDeleteOptions, readObject } from './request-body.ts';
import { type Resource, storageOf } from './resources.ts';
import { readSelector } from './selector.ts';
import { badRequest, deleted, forbiddenBecause, notFound, tooLarge, unprocessable, unsupportedMediaType } from './status.ts';

/** What the write handlers share. */
export interface Writer {
  readonly registry: Registry;
  readonly allows: Allows;
  readonly nowMs: number;
}

export function create(writer: Writer, request: ApiRequest, resource: Resource): ApiAnswer {
  const form = readForm(request, resource, writer.nowMs);
  const context = readWriteContext(request, resource, writer.nowMs);
  const object = placeInScope(readObject(request, resource), request, resource);
  const created = writer.registry.create(toStorage(object, resource), context);
  return { ...answerObject(201, created, resource, form), sent: object.metadata };
}

export function update(writer: Writer, request: ApiRequest, resource: Resource): ApiAnswer {
  const form = readForm(request, resource, writer.nowMs);
  const context = readWriteContext(request, resource, writer.nowMs);
  const name = request.info.parts[1] ?? '';
  const object = placeInScope(readObject(request, resource), request, resource);
  if (nameOf(object) !== '' && nameOf(object) !== name) {
    throw badRequest(`the name of the object (${nameOf(object)}) does not match the name on the URL (${name})`);
  }
  const stored = toStorage(withMetadata(object, { name }), resource);
  const before = writer.registry.store.get(resource.collection, namespaceOf(stored), name);
  const sent = object.metadata;
  if (before !== undefined) {
    checkApproval(writer, request, before);
    return { ...answerObject(200, writer.registry.replace(before, stored, context), resource, form), sent };
  }
  if (!resource.createsOnUpdate || context.subresource !== '') throw notFound(storageOf(resource), name);
  const fresh = withMetadata(stored, { resourceVersion: '' });
  return { ...answerObject(201, writer.registry.create(fresh, context), resource, form), sent };
}

export function patch(writer: Writer, request: ApiRequest, resource: Resource): ApiAnswer {
  const mediaType = mediaTypeOf(request);
  const apply = patchOf(mediaType, resource);
  const form = readForm(request, resource, writer.nowMs);
  const context = readWriteContext(request, resource, writer.nowMs);
  if (request.body.length > MAX_BODY_BYTES) throw bodyTooLarge();
  const before = find(writer.registry.store, request, resource);
  checkApproval(writer, request, before);
  const changed = apply(fromStorage(before, resource), request.body.toString('utf8'));
  if (nameOf(changed) !== nameOf(before)) throw badRequest('the name of the object does not match the name on the URL');
  return answerObject(200, writer.registry.replace(before, toStorage(changed, resource), context), resource, form);
}

const JSON_PATCH = 'application/json-patch+json';
const MERGE_PATCH = 'application/merge-patch+json';
const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';
/** Known to kube-apiserver, named in its refusals, and not served here. */
const APPLY_PATCH = 'application/apply-patch+yaml';

type ApplyPatch = (current: KubeObject, text: string) => KubeObject;

function patchOf(mediaType: string, resource: Resource): ApplyPatch {
  const served = resource.family.kind === 'builtin' ? [JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH] : [JSON_PATCH, MERGE_PATCH];
  if (!served.includes(mediaType)) throw unsupportedMediaType(mediaType === APPLY_PATCH ? served : [...served, APPLY_PATCH]);
  return (current, text) => {
    const parsed = parseOr(text, (why) => badRequest(`error decoding patch: ${why}`));
    try {
      const patched =
        mediaType === JSON_PATCH ? applyJsonPatch(current, parsed) : applyMerge(current, parsed, mediaType === STRATEGIC_PATCH);
      if (isJsonObject(patched)) return asObject(patched, resource, false);
    } catch (error) {
      if (error instanceof PatchError) throw unprocessable(error.message);
      throw error;
    }
    throw badRequest('error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}');
  };
}

function applyJsonPatch(current: KubeObject, operations: ReturnType<typeof parseOr>): ReturnType<typeof jsonPatch> {
  if (!isJsonArray(operations)) throw badRequest('json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  if (operations.length > MAX_JSON_PATCH_OPERATIONS) {
    throw tooLarge(`The allowed maximum operations in a JSON patch is ${MAX_JSON_PATCH_OPERATIONS}, got ${operations.length}`);
  }
  return jsonPatch(current, operations);
}

function applyMerge(current: KubeObject, parsed: ReturnType<typeof parseOr>, isStrategic: boolean): ReturnType<typeof mergePatch> {
  if (!isJsonObject(parsed)) throw badRequest('error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}');
  return isStrategic ? strategicMergePatch(current, parsed) : mergePatch(current, parsed);
}

export function remove(writer: Writer, request: ApiRequest, resource: Resource): ApiAnswer {
  const form = readForm(request, resource, writer.nowMs);
  const options = readDeleteOptions(request);
  const before = find(writer.registry.store, request, resource);
  const left = writer.registry.remove(before, options, storageOf(resource));
  if (left !== null) return answerObject(200, left, resource, form);
  return answerStatus(200, deleted(storageOf(resource), nameOf(before), before.metadata.uid ?? ''), form.output);
}

export function removeAll(writer: Writer, request: ApiRequest, resource: Resource): ApiAnswer {
  const form = readForm(request, resource, writer.nowMs);
  const options = readDeleteOptions(request);
  const { store } = writer.registry;
  const all = store.collection(resource.collection).list(scopeOf(request, resource));
  const chosen = select(all, readSelector(resource, request.query));
  for (const object of chosen) writer.registry.remove(object, options, storageOf(resource));
  return answerList(chosen, resource, { resourceVersion: String(store.revision) }, form);
}

/** The namespace comes from the path; the object may repeat it. */
function placeInScope(object: KubeObject, request: ApiRequest, resource: Resource): KubeObject {
  const named = namespaceOf(object);
  const namespace = resource.isNamespaced ? request.info.namespace : '';
  if (named !== '' && named !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  return namespace === '' ? object : withMetadata(object, { namespace });
}

/** Admission plugin CertificateApproval: the verb approve on the signer, besides the right to write the subresource. */
function checkApproval(writer: Writer, request: ApiRequest, csr: KubeObject): void {
  if (request.info.subresource !== 'approval') return;
  const signerName = textAt(csr, 'spec.signerName');
  const asked = {
    kind: 'resource',
    verb: 'approve',
    group: 'certificates.k8s.io',
    version: '*',
    resource: 'signers',
    subresource: '',
    namespace: '',
  } as const;
  const names = [signerName, `${signerName.split('/')[0] ?? ''}/*`];
  if (names.some((name) => writer.allows(request.user, { ...asked, name }).allowed)) return;
  const of = { group: 'certificates.k8s.io', resource: 'certificatesigningrequests' };
  throw forbiddenBecause(of, nameOf(csr), `user not permitted to approve requests with signerName ${JSON.stringify(signerName)}`);
}
