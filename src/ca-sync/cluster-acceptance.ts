// What the hub's ManagedClusters say of who is to be cut off: those that it accepts no longer, and those that were here and are gone. Not those that
// wait for their first acceptance, and not those that nobody here has seen. Pure but for what it remembers.

import type { HubCluster } from './hub-clusters.ts';

/** Clusters that are gone and remembered; the one gone longest is forgotten first. */
const MOST_GONE = 100_000;

export class ClusterAcceptance {
  readonly #present = new Map<string, HubCluster>();
  readonly #gone = new Set<string>();

  /** All that there are, as of one moment. */
  takeList(clusters: readonly HubCluster[]): void {
    const names = new Set(clusters.map(({ name }) => name));
    for (const name of [...this.#present.keys()]) if (!names.has(name)) this.takeOne(name, null);
    for (const cluster of clusters) this.takeOne(cluster.name, cluster);
  }

  /** Null: it is not there. */
  takeOne(name: string, cluster: HubCluster | null): void {
    const before = this.#present.get(name);
    if (cluster !== null) {
      this.#gone.delete(name);
      // Between an administrator's word and the condition that the hub's controller sets, only we know that it was accepted.
      this.#present.set(name, { ...cluster, wasAccepted: cluster.wasAccepted || before?.wasAccepted === true });
      return;
    }
    this.#present.delete(name);
    if (before === undefined) return;
    this.#gone.add(name);
    const [first] = this.#gone;
    if (this.#gone.size > MOST_GONE && first !== undefined) this.#gone.delete(first);
  }

  /** Whether such a cluster would change anything: most events tell of heartbeats. */
  isNews(name: string, cluster: HubCluster | null): boolean {
    const before = this.#present.get(name);
    if (cluster === null || before === undefined) return (cluster === null) !== (before === undefined);
    return cluster.isAccepted !== before.isAccepted || (cluster.wasAccepted && !before.wasAccepted);
  }

  /** Sorted. */
  turnedOut(): readonly string[] {
    const denied = [...this.#present.values()].filter(({ isAccepted, wasAccepted }) => !isAccepted && wasAccepted);
    return [...denied.map(({ name }) => name), ...this.#gone].toSorted();
  }
}
