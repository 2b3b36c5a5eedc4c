// Reads and watches single Secrets and ConfigMaps on the hub. Needs no right but get and watch on the names it is given.

import { ApiException, CoreV1Api } from '@kubernetes/client-node';
import type { HubCalls, WatchEnd } from './hub-calls.ts';
import type { Found } from './source.ts';

export interface HubObject {
  readonly resource: 'secrets' | 'configmaps';
  readonly namespace: string;
  readonly name: string;
}

/** `data` of a ConfigMap, or of a Secret, where the values are base64. */
export type ObjectData = Readonly<Record<string, string>>;

/** Without resourceVersion: the API server answers with the newest state, never with an older one from a cache (KEP-2340). */
export function readObject(calls: HubCalls, object: HubObject): Promise<Found<ObjectData>> {
  return calls.read<Found<ObjectData>>(describeObject(object), async (configuration) => {
    try {
      return { kind: 'found', value: await readData(new CoreV1Api(configuration), object) };
    } catch (error) {
      if (!(error instanceof ApiException) || error.code !== 404) throw error;
      return { kind: 'missing', detail: `the API server has no ${describeObject(object)}` };
    }
  });
}

/**
 * Calls `changed` whenever the object is added, modified or deleted, and at the start if it is there: without resourceVersion the API
 * server begins with what exists. So nothing is missed between two watches, and no version can be too old to start from.
 */
export function watchObject(calls: HubCalls, object: HubObject, changed: () => void): Promise<WatchEnd> {
  const { resource, namespace, name } = object;
  return calls.watch({
    what: describeObject(object),
    path: `/api/v1/namespaces/${namespace}/${resource}`,
    query: { fieldSelector: `metadata.name=${name}` },
    onEvent: changed,
  });
}

async function readData(api: CoreV1Api, { resource, namespace, name }: HubObject): Promise<ObjectData> {
  const found =
    resource === 'secrets' ? await api.readNamespacedSecret({ namespace, name }) : await api.readNamespacedConfigMap({ namespace, name });
  // client-node makes an object of whatever comes with status 200, a web page of some proxy included
  if (found.metadata?.name !== name) throw new Error('not the object that was asked for');
  return found.data ?? {};
}

function describeObject({ resource, namespace, name }: HubObject): string {
  return `${resource === 'secrets' ? 'Secret' : 'ConfigMap'} ${namespace}/${name}`;
}
