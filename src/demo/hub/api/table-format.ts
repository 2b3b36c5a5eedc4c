// Objects as meta.k8s.io Table: what `kubectl get` prints. Custom and built-in kinds alike; the columns are in resources.ts.

import type { JsonObject } from './json.ts';
import type { KubeObject } from './object.ts';
import { renderingOf } from './rendering.ts';
import type { Resource } from './resources.ts';
import { type Column, name } from './table-column.ts';

export interface TableOptions {
  readonly metaVersion: string;
  /** includeObject of the query: what each row carries beside its cells. */
  readonly include: 'Metadata' | 'Object' | 'None';
  /** A watch names the columns once. */
  readonly hasHeaders: boolean;
  readonly nowMs: number;
}

export function tableOf(objects: readonly KubeObject[], resource: Resource, metadata: JsonObject, options: TableOptions): JsonObject {
  const columns = [name, ...resource.columns];
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.metaVersion}`,
    metadata,
    columnDefinitions: options.hasHeaders ? columns.map(definitionOf) : [],
    rows: objects.map((object) => rowOf(object, resource, columns, options)),
  };
}

function definitionOf({ name: title, type, format, description }: Column): JsonObject {
  return { name: title, type, format, description, priority: 0 };
}

function rowOf(object: KubeObject, resource: Resource, columns: readonly Column[], options: TableOptions): JsonObject {
  const cells = columns.map((column) => column.cell(object, options.nowMs));
  if (options.include === 'None') return { cells, object: null };
  const rendering = renderingOf(object, resource);
  if (options.include === 'Object') return { cells, object: JSON.parse(rendering.json) as JsonObject };
  return { cells, object: { ...rendering.partial, apiVersion: `meta.k8s.io/${options.metaVersion}` } };
}
