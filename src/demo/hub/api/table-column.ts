// The columns that `kubectl get` shows: what each is called and how its cell is read from an object in its stored form.
// Texts and durations as in kube-apiserver's printers (pkg/printers/internalversion) and OCM's additionalPrinterColumns.

import { isJsonObject, type Json } from './json.ts';
import { objectsAt, textAt, valueAt } from './json-path.ts';
import { type KubeObject, namespaceOf, parseInstant } from './object.ts';

export interface Column {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly cell: (object: KubeObject, nowMs: number) => Json;
}

/** metav1.ObjectMeta's own documentation: kube-apiserver sends it along. */
export const name: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description:
    'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names',
  cell: (object) => object.metadata.name ?? '',
};

export const age: Column = {
  name: 'Age',
  type: 'date',
  format: '',
  description:
    'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata',
  cell: (object, nowMs) => since(object.metadata.creationTimestamp, nowMs),
};

function column(title: string, type: string, cell: Column['cell']): Column {
  return { name: title, type, format: '', description: '', cell };
}

/** The value at a path of field names; empty where there is none. */
export function fieldColumn(title: string, path: string, type = 'string'): Column {
  return column(title, type, (object) => valueAt(object, path) ?? (type === 'string' ? '' : null));
}

/** `.status.conditions[?(@.type=="…")].status` */
export function conditionColumn(title: string, condition: string): Column {
  return column(title, 'string', (object) => {
    const found = objectsAt(object, 'status.conditions').find((entry) => entry['type'] === condition);
    return found?.['status'] ?? '';
  });
}

/** How many entries the maps at these paths have together. */
export function countColumn(title: string, ...paths: readonly string[]): Column {
  return column(title, 'integer', (object) =>
    paths.reduce((sum, path) => {
      const map = valueAt(object, path);
      return sum + (isJsonObject(map) ? Object.keys(map).length : 0);
    }, 0),
  );
}

export const clusterUrls: Column = column('Managed Cluster URLs', 'string', (object) =>
  objectsAt(object, 'spec.managedClusterClientConfigs')
    .map((config) => textAt(config, 'url'))
    .join(','),
);

export const requestedDuration: Column = column('RequestedDuration', 'string', (object) => {
  const seconds = valueAt(object, 'spec.expirationSeconds');
  return typeof seconds === 'number' ? humanDuration(seconds) : '<none>';
});

/** "Approved,Issued" and the like (printers.go extractCSRStatus). */
export const csrCondition: Column = column('Condition', 'string', (object) => {
  const types = new Set(objectsAt(object, 'status.conditions').map((condition) => condition['type']));
  const decided = types.has('Denied') ? 'Denied' : types.has('Approved') ? 'Approved' : 'Pending';
  const issued = textAt(object, 'status.certificate') === '' ? '' : ',Issued';
  return `${decided}${types.has('Failed') ? ',Failed' : ''}${issued}`;
});

export const eventLastSeen: Column = column('Last Seen', 'string', (object, nowMs) => {
  const times = ['series.lastObservedTime', 'lastTimestamp', 'eventTime', 'firstTimestamp'].map((path) => textAt(object, path));
  return since(
    times.find((time) => time !== ''),
    nowMs,
  );
});

export const eventObject: Column = column('Object', 'string', (object) => {
  const involved = textAt(object, 'involvedObject.name');
  return `${textAt(object, 'involvedObject.kind').toLowerCase()}/${involved === '' ? namespaceOf(object) : involved}`;
});

function since(timestamp: string | undefined, nowMs: number): string {
  const instant = timestamp === undefined ? null : parseInstant(timestamp);
  return instant === null ? '<unknown>' : humanDuration(nowMs / 1_000 - instant.seconds);
}

const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;
const YEAR = 365 * DAY;

/** apimachinery pkg/util/duration HumanDuration: two units while the second one still says something. */
export function humanDuration(elapsedSeconds: number): string {
  const seconds = Math.trunc(elapsedSeconds);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 2 * MINUTE) return `${seconds}s`;
  if (seconds < 10 * MINUTE) return twoUnits(seconds, MINUTE, 'm', [1, 's']);
  if (seconds < 3 * HOUR) return `${Math.floor(seconds / MINUTE)}m`;
  if (seconds < 8 * HOUR) return twoUnits(seconds, HOUR, 'h', [MINUTE, 'm']);
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)}h`;
  if (seconds < 8 * DAY) return twoUnits(seconds, DAY, 'd', [HOUR, 'h']);
  if (seconds < 2 * YEAR) return `${Math.floor(seconds / DAY)}d`;
  if (seconds < 8 * YEAR) return twoUnits(seconds, YEAR, 'y', [DAY, 'd']);
  return `${Math.floor(seconds / YEAR)}y`;
}

function twoUnits(seconds: number, size: number, unit: string, [smallerSize, smallerUnit]: readonly [number, string]): string {
  const rest = Math.floor((seconds % size) / smallerSize);
  return `${Math.floor(seconds / size)}${unit}${rest === 0 ? '' : `${rest}${smallerUnit}`}`;
}
