// Follows what the hub says of quarantine: the list in a ConfigMap, and the ManagedClusters. As for signer and trust bundle, a watch only hints; what
// counts is the read that follows. Whatever the hub does, what was read last goes on.

import { Live } from '../live.ts';
import type { ReadonlyLive } from '../live.ts';
import type { QuarantineSettings } from '../settings.ts';
import { followClusters } from './acceptance-following.ts';
import { CLUSTERS_KEY, emptyList, stepList } from './cluster-list.ts';
import { hubBounds, HubCalls } from './hub-calls.ts';
import type { HubBounds } from './hub-calls.ts';
import { readObject, watchObject } from './hub-objects.ts';
import type { HubObject, ObjectData } from './hub-objects.ts';
import { PublishedNames } from './published-names.ts';
import { ReadFailures } from './read-failures.ts';
import { Rereading } from './rereading.ts';
import type { Found } from './source.ts';
import { WatchLoop } from './watch-loop.ts';
import type { WatchSurroundings } from './watch-loop.ts';

/** Names of clusters, sorted; swapped when they change. */
export interface HubQuarantine {
  /** By the ConfigMap; none where there is none. */
  readonly listed: ReadonlyLive<readonly string[]>;
  /** By the ManagedClusters: deleted, or no longer accepted. */
  readonly turnedOut: ReadonlyLive<readonly string[]>;
  /** Resolves when both were read again, whatever came of it. */
  reread(): Promise<void>;
  /** Resolves when no timer and no socket is left. The values stay readable. */
  close(): Promise<void>;
}

export interface Following {
  readonly names: ReadonlyLive<readonly string[]>;
  reread(): Promise<void>;
  close(): Promise<void>;
}

export interface FollowingParts extends WatchSurroundings {
  readonly kubeconfigFile: string | null;
  readonly bounds?: HubBounds;
}

/** Resolves after a first attempt to read. */
export async function followHubQuarantine(settings: QuarantineSettings, parts: FollowingParts): Promise<HubQuarantine> {
  const followings = await Promise.all([
    settings.configMap === null ? nothing : followList(settings.configMap, parts),
    settings.followHub ? followClusters(parts) : nothing,
  ]);
  const [list, clusters] = followings;
  return {
    listed: list.names,
    turnedOut: clusters.names,
    reread: async () => void (await Promise.all(followings.map((each) => each.reread()))),
    close: async () => void (await Promise.all(followings.map((each) => each.close()))),
  };
}

const nothing: Following = {
  names: new Live<readonly string[]>([]),
  reread: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

async function followList({ namespace, name }: { namespace: string; name: string }, parts: FollowingParts): Promise<Following> {
  const object: HubObject = { resource: 'configmaps', namespace, name };
  const calls = new HubCalls(parts.kubeconfigFile, parts.clock, parts.bounds ?? hubBounds);
  const names = new PublishedNames(parts.log);
  const failures = new ReadFailures(parts.log);
  let state = emptyList;
  const read = async (): Promise<boolean> => {
    const found = takeList(await readObject(calls, object));
    failures.note(found);
    if (found.kind === 'failed') return false;
    const step = stepList(state, found);
    state = step.state;
    if (step.event !== null) parts.log.event(step.event.name, step.event.fields);
    names.publish(state.names);
    return true;
  };
  const rereading = new Rereading({ ...parts, read });
  const watches = new WatchLoop(parts);
  const watching = watches.follow('configmaps', () => watchObject(calls, object, () => rereading.hint()));
  await rereading.start();
  return {
    names: names.live,
    reread: () => rereading.now(),
    close: async () => {
      watches.close();
      const lastRead = rereading.close();
      await calls.close();
      await Promise.all([lastRead, watching]);
    },
  };
}

function takeList(configMap: Found<ObjectData>): Found<string> {
  if (configMap.kind !== 'found') return configMap;
  const text = configMap.value[CLUSTERS_KEY];
  return text === undefined ? { kind: 'missing', detail: `the ConfigMap has no key ${CLUSTERS_KEY}` } : { kind: 'found', value: text };
}
