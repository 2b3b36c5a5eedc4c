// When the client certificates of each cluster end, as seen on connections. Bounded in clusters and in users of each. Knows only what
// agents have shown: a cluster that never connects is not in it.

import type { Identity } from '../identity.ts';

export interface SeenCertificate {
  readonly cluster: string;
  readonly user: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** A hub has 3,500 clusters (klusterlet-traffic.md §4); beyond the bound a new one is not counted, since each is a series in Prometheus. */
const MOST_CLUSTERS = 10_000;
/** A klusterlet's two or three agents and some twenty add-ons (klusterlet-traffic.md §1). */
const MOST_USERS = 64;
/**
 * What has ended is news for an hour; after that the cluster is back with a newer one, or is gone. Not forgotten sooner for having been away:
 * clients are seen when they connect, and a klusterlet may hold one connection for as long as its certificate lasts.
 */
const KEPT_AFTER_END_MS = 3_600_000;

export class ClusterCertificates {
  readonly #clusters = new Map<string, Map<string, SeenCertificate>>();

  /** The newest certificate of each user counts: an older one may go on for a moment on a second connection. */
  see({ cluster, user }: Identity, { notBeforeMs, notAfterMs }: { readonly notBeforeMs: number; readonly notAfterMs: number }): void {
    // The agents of the cluster-proxy add-on share one name and say no cluster
    if (cluster === null) return;
    const known = this.#clusters.get(cluster);
    if (known === undefined && this.#clusters.size >= MOST_CLUSTERS) return;
    const users = known ?? new Map<string, SeenCertificate>();
    const before = users.get(user);
    if (before === undefined ? users.size >= MOST_USERS : before.notAfterMs > notAfterMs) return;
    this.#clusters.set(cluster, users);
    users.set(user, { cluster, user, notBeforeMs, notAfterMs });
  }

  /** Of each cluster the one that ends first. */
  earliest(nowMs: number): readonly SeenCertificate[] {
    this.#forget(nowMs);
    return [...this.#clusters.values()].flatMap((users) => {
      const first = findFirst(users.values());
      return first === null ? [] : [first];
    });
  }

  #forget(nowMs: number): void {
    for (const [cluster, users] of this.#clusters) {
      for (const [user, { notAfterMs }] of users) {
        if (nowMs > notAfterMs + KEPT_AFTER_END_MS) users.delete(user);
      }
      if (users.size === 0) this.#clusters.delete(cluster);
    }
  }
}

function findFirst(certificates: Iterable<SeenCertificate>): SeenCertificate | null {
  let first: SeenCertificate | null = null;
  for (const each of certificates) if (first === null || each.notAfterMs < first.notAfterMs) first = each;
  return first;
}
