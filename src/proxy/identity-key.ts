// Under what name the doings of one identity are counted. Never an address: edges share them, and whoever attacks has many.

import type { Identity } from '../identity.ts';

/**
 * A cluster's klusterlet, or one add-on of it, whichever of its certificates it uses. The agents of cluster-proxy share one name that says
 * nothing of the cluster; each of them counts by what it holds, lest one of them uses up what all have.
 * @param holder what tells it from others of its name: its certificate's hash, or its token and connection
 */
export function identityKey({ kind, cluster, addon, user }: Identity, holder: string | null): string {
  return `${kind} ${cluster ?? holder ?? user} ${addon ?? ''}`;
}
