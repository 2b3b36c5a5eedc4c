// Follows the ManagedClusters: a list, and a watch from there on. An event is a hint to read the one cluster that it names, and only where it tells
// something new, for most tell of heartbeats; each watch that ends is followed by a new list, which finds what was missed.

import type { ReadonlyLive } from '../live.ts';
import { ClusterAcceptance } from './cluster-acceptance.ts';
import { hubBounds, HubCalls } from './hub-calls.ts';
import type { WatchEnd } from './hub-calls.ts';
import { listClusters, readCluster, watchClusters } from './hub-clusters.ts';
import type { HubCluster } from './hub-clusters.ts';
import type { Following, FollowingParts } from './quarantine-following.ts';
import { PublishedNames } from './published-names.ts';
import { ReadFailures } from './read-failures.ts';
import { Rereading } from './rereading.ts';
import { WatchLoop } from './watch-loop.ts';

/** Resolves after a first attempt to list them. */
export async function followClusters(parts: FollowingParts): Promise<Following> {
  const follower = new AcceptanceFollower(parts);
  await follower.start();
  return follower;
}

class AcceptanceFollower implements Following {
  readonly #published: PublishedNames;
  readonly #acceptance = new ClusterAcceptance();
  readonly #calls: HubCalls;
  readonly #watches: WatchLoop;
  readonly #looks: Rereading;
  readonly #failures: ReadFailures;
  /** Clusters to read. */
  readonly #hinted = new Set<string>();
  /** Reads do not overlap: none overtakes a newer one. */
  #turn: Promise<unknown> = Promise.resolve();
  #watching: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(parts: FollowingParts) {
    this.#calls = new HubCalls(parts.kubeconfigFile, parts.clock, parts.bounds ?? hubBounds);
    this.#watches = new WatchLoop(parts);
    this.#published = new PublishedNames(parts.log);
    this.#failures = new ReadFailures(parts.log);
    this.#looks = new Rereading({ ...parts, read: () => this.#inTurn(() => this.#readHinted()) });
  }

  get names(): ReadonlyLive<readonly string[]> {
    return this.#published.live;
  }

  async start(): Promise<void> {
    const { promise: attempted, resolve } = Promise.withResolvers<void>();
    this.#watching = this.#watches.follow('managedclusters', () => this.#listAndWatch(resolve));
    await attempted;
    await this.#looks.start();
  }

  async reread(): Promise<void> {
    await this.#inTurn(() => this.#list());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#watches.close();
    const looked = this.#looks.close();
    await this.#calls.close();
    await Promise.all([looked, this.#watching, this.#turn]);
  }

  async #listAndWatch(attempted: () => void): Promise<WatchEnd> {
    const listed = await this.#inTurn(() => this.#list());
    attempted();
    if (listed.kind === 'failed' || this.#isClosed) return listed.kind === 'failed' ? listed : { kind: 'ended' };
    return watchClusters(this.#calls, listed.value.resourceVersion, (name, cluster) => this.#hint(name, cluster));
  }

  async #list(): ReturnType<typeof listClusters> {
    const listed = await listClusters(this.#calls);
    if (this.#isClosed) return listed;
    this.#failures.note(listed);
    if (listed.kind === 'failed') return listed;
    this.#acceptance.takeList(listed.value.clusters);
    this.#hinted.clear();
    this.#publish();
    return listed;
  }

  #hint(name: string, cluster: HubCluster | null): void {
    if (!this.#acceptance.isNews(name, cluster)) return;
    this.#hinted.add(name);
    this.#looks.hint();
  }

  /** False: one could not be read; it and the others stay hinted. */
  async #readHinted(): Promise<boolean> {
    for (const name of this.#hinted) {
      if (this.#isClosed) return true;
      // oxlint-disable-next-line no-await-in-loop -- one connection at a time is enough for what changes once in days
      const found = await readCluster(this.#calls, name);
      if (this.#isClosed) return true;
      this.#failures.note(found);
      if (found.kind === 'failed') return false;
      this.#hinted.delete(name);
      this.#acceptance.takeOne(name, found.kind === 'found' ? found.value : null);
      this.#publish();
    }
    return true;
  }

  #publish(): void {
    this.#published.publish(this.#acceptance.turnedOut());
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(run);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}
