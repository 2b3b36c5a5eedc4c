// Which clusters are cut off now, whatever their certificates say: one value made of what the settings, a ConfigMap and the hub say. Owns who is meant
// by it, and tells in audit and log who enters and who leaves.

import type { Audit } from '../audit.ts';
import type { Refusal } from '../errors.ts';
import type { Log } from '../events.ts';
import type { Identity } from '../identity.ts';
import { Live } from '../live.ts';
import type { ReadonlyLive } from '../live.ts';

/** Who wants a cluster cut off: quarantine.clusters, quarantine.configMap, or the hub itself (quarantine.followHub). */
export type QuarantineSource = 'settings' | 'configMap' | 'hub';

export interface Quarantine {
  readonly clusters: ReadonlyMap<string, readonly QuarantineSource[]>;
}

export interface QuarantineParts {
  readonly lists: Readonly<Record<QuarantineSource, ReadonlyLive<readonly string[]>>>;
  readonly log: Log;
  readonly audit: Audit;
}

export interface OpenQuarantine {
  readonly live: ReadonlyLive<Quarantine>;
  close(): void;
}

const nobodyQuarantined: Quarantine = { clusters: new Map() };

/**
 * Null: it may go on. Add-ons are meant with their cluster. The agents of cluster-proxy are not: their certificate names no cluster, so nobody can tell
 * whose it is. A cluster that nobody but the hub has turned out may be imported anew: its bootstrap requests go on.
 */
export function refuseQuarantined({ clusters }: Quarantine, { cluster, kind }: Identity): Refusal | null {
  if (cluster === null) return null;
  const sources = clusters.get(cluster)?.filter((source) => source !== 'hub' || kind !== 'bootstrap') ?? [];
  return sources.length === 0 ? null : { rule: 'quarantined', detail: `cluster ${cluster}, by ${sources.join(' and ')}` };
}

/** Follows the three lists until it is closed. */
export function openQuarantine({ lists, log, audit }: QuarantineParts): OpenQuarantine {
  const live = new Live<Quarantine>(nobodyQuarantined);
  const take = (): void => {
    const before = live.current;
    const next = join(lists);
    // Cut off first, told of afterwards.
    if (describe(before) !== describe(next)) live.swap(next);
    const changes = compare(before, next);
    if (changes.length === 0) return;
    for (const change of changes) audit.write({ event: 'quarantine', ...change });
    const named = (kind: 'entered' | 'left'): string[] => changes.filter(({ change }) => change === kind).map(({ cluster }) => cluster);
    log.event('quarantine-changed', { entered: named('entered'), left: named('left'), clusters: next.clusters.size });
  };
  take();
  const stops = Object.values(lists).map((list) => list.subscribe(take));
  return {
    live,
    close: () => {
      for (const stop of stops) stop();
    },
  };
}

function join(lists: QuarantineParts['lists']): Quarantine {
  const clusters = new Map<string, QuarantineSource[]>();
  for (const source of ['settings', 'configMap', 'hub'] as const) {
    for (const cluster of lists[source].current) clusters.set(cluster, [...(clusters.get(cluster) ?? []), source]);
  }
  return { clusters };
}

function describe({ clusters }: Quarantine): string {
  return JSON.stringify([...clusters]);
}

interface Change {
  readonly change: 'entered' | 'left';
  readonly cluster: string;
  readonly by: readonly QuarantineSource[];
}

/** Who is in it, and not who else wants it so. */
function compare(before: Quarantine, next: Quarantine): readonly Change[] {
  const entered = [...next.clusters].filter(([cluster]) => !before.clusters.has(cluster));
  const left = [...before.clusters].filter(([cluster]) => !next.clusters.has(cluster));
  return [
    ...entered.map(([cluster, by]): Change => ({ change: 'entered', cluster, by })),
    ...left.map(([cluster, by]): Change => ({ change: 'left', cluster, by })),
  ];
}
