// As much of /openapi/v3 as kubectl needs to leave the checking of fields to the server: which kinds there are, and that a PATCH of them
// takes fieldValidation. Names fields only of built-in kinds, and only at their top.

import { answerJson } from './answer.ts';
import type { ApiAnswer } from './exchange.ts';
import { type JsonObject, encodeJson } from './json.ts';
import { fieldsOf } from './typed.ts';
import { type Resource, apiVersionOf, resources } from './resources.ts';

/** Null: no such document. */
export function describeOpenApi(path: string): ApiAnswer | null {
  if (path === '/openapi/v3')
    return answerJson(200, encodeJson({ paths: Object.fromEntries(resources.map((row) => [pathOf(row), index(row)])) }));
  const rows = resources.filter((row) => path === `/openapi/v3/${pathOf(row)}`);
  return rows.length === 0 ? null : answerJson(200, encodeJson(documentOf(rows)));
}

function pathOf(resource: Resource): string {
  return resource.group === '' ? `api/${resource.version}` : `apis/${apiVersionOf(resource)}`;
}

function index(resource: Resource): JsonObject {
  return { serverRelativeURL: `/openapi/v3/${pathOf(resource)}` };
}

function documentOf(rows: readonly Resource[]): JsonObject {
  const paths = Object.fromEntries(rows.filter((row) => row.isStored).map((row) => [itemPath(row), { patch: patchOf(row) }]));
  const schemas = Object.fromEntries(rows.map((row) => [row.kind, schemaOf(row)]));
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: 'v1.36.2' }, paths, components: { schemas } };
}

function schemaOf({ group, version, kind, family }: Resource): JsonObject {
  const names = [
    'apiVersion',
    'kind',
    ...(family.kind === 'builtin' ? fieldsOf(family.message).map((field) => field.name) : ['metadata', 'spec', 'status']),
  ];
  const isText = (name: string): boolean => name === 'apiVersion' || name === 'kind';
  const properties = Object.fromEntries(
    names.map((name) => [name, isText(name) ? { type: 'string' } : { 'x-kubernetes-preserve-unknown-fields': true }]),
  );
  return { type: 'object', properties, 'x-kubernetes-group-version-kind': [{ group, version, kind }] };
}

function itemPath(row: Resource): string {
  const namespace = row.isNamespaced ? 'namespaces/{namespace}/' : '';
  return `/${pathOf(row)}/${namespace}${row.resource}/{name}`;
}

function patchOf({ group, version, kind }: Resource): JsonObject {
  return {
    parameters: ['fieldManager', 'fieldValidation', 'dryRun'].map((name) => ({ name, in: 'query', schema: { type: 'string' } })),
    responses: { '200': { description: 'OK' } },
    'x-kubernetes-action': 'patch',
    'x-kubernetes-group-version-kind': { group, version, kind },
  };
}
