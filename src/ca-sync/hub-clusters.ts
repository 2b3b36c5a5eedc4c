// Reads and watches the ManagedClusters of the hub, and of each only whether the hub accepts it. Needs get, list and watch on them.

import { ApiException, CustomObjectsApi } from '@kubernetes/client-node';
import { z } from 'zod';
import type { HubCalls, WatchEnd } from './hub-calls.ts';
import type { Found, SourceFailure } from './source.ts';

export interface HubCluster {
  readonly name: string;
  readonly isAccepted: boolean;
  /** The hub has accepted it at some time: it says so, or says that it does not any more (ocm pkg/registration/hub/managedcluster/controller.go). */
  readonly wasAccepted: boolean;
}

export interface HubClusterList {
  readonly clusters: readonly HubCluster[];
  /** To watch from. */
  readonly resourceVersion: string;
}

const KIND = { group: 'cluster.open-cluster-management.io', version: 'v1', plural: 'managedclusters' };
const PATH = `/apis/${KIND.group}/${KIND.version}/${KIND.plural}`;
/** One has some 8 KiB with its claims and managedFields; a page of them has to fit into an answer (hub-calls.ts). */
const PAGE_CLUSTERS = 100;
/** A hub has 3,500 (klusterlet-traffic.md §4); the bound is for a server that never comes to an end. */
const MOST_PAGES = 1_000;

const clusterSchema = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({ hubAcceptsClient: z.boolean().optional() }).optional(),
  status: z.object({ conditions: z.array(z.object({ type: z.string(), status: z.string() })).optional() }).optional(),
});

const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string(), continue: z.string().optional() }),
  items: z.array(clusterSchema),
});

/** All of them as of one moment. */
export async function listClusters(calls: HubCalls): Promise<{ readonly kind: 'found'; readonly value: HubClusterList } | SourceFailure> {
  const clusters: HubCluster[] = [];
  let next: string | undefined;
  for (let pages = 0; pages < MOST_PAGES; pages += 1) {
    // oxlint-disable-next-line no-await-in-loop -- each page names the next one
    const page = await readPage(calls, next);
    if ('kind' in page) return page;
    clusters.push(...page.items.map(toCluster));
    next = page.metadata.continue;
    if (next === undefined || next === '') return { kind: 'found', value: { clusters, resourceVersion: page.metadata.resourceVersion } };
  }
  return { kind: 'failed', code: 'too-large', detail: `more than ${MOST_PAGES * PAGE_CLUSTERS} ManagedClusters` };
}

function readPage(calls: HubCalls, next: string | undefined): Promise<z.infer<typeof listSchema> | SourceFailure> {
  return calls.read('the list of ManagedClusters', async (configuration) => {
    const api = new CustomObjectsApi(configuration);
    const page: unknown = await api.listClusterCustomObject({
      ...KIND,
      limit: PAGE_CLUSTERS,
      ...(next === undefined ? {} : { _continue: next }),
    });
    return listSchema.parse(page);
  });
}

export function readCluster(calls: HubCalls, name: string): Promise<Found<HubCluster>> {
  return calls.read<Found<HubCluster>>(`ManagedCluster ${name}`, async (configuration) => {
    try {
      const found: unknown = await new CustomObjectsApi(configuration).getClusterCustomObject({ ...KIND, name });
      return { kind: 'found', value: toCluster(clusterSchema.parse(found)) };
    } catch (error) {
      if (!(error instanceof ApiException) || error.code !== 404) throw error;
      return { kind: 'missing', detail: `the API server has no ManagedCluster ${name}` };
    }
  });
}

/** `seen` gets what an event says; null where it says that the cluster is gone. */
export function watchClusters(
  calls: HubCalls,
  resourceVersion: string,
  seen: (name: string, cluster: HubCluster | null) => void,
): Promise<WatchEnd> {
  return calls.watch({
    what: 'the ManagedClusters',
    path: PATH,
    query: { resourceVersion },
    onEvent: (type, object) => {
      const read = clusterSchema.safeParse(object);
      if (read.success) seen(read.data.metadata.name, type === 'DELETED' ? null : toCluster(read.data));
    },
  });
}

function toCluster({ metadata, spec, status }: z.infer<typeof clusterSchema>): HubCluster {
  const isAccepted = spec?.hubAcceptsClient === true;
  const hasCondition = status?.conditions?.some(({ type }) => type === 'HubAcceptedManagedCluster') === true;
  return { name: metadata.name, isAccepted, wasAccepted: isAccepted || hasCondition };
}
