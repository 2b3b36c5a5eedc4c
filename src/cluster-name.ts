// What a managed cluster may be called.

/** A ManagedCluster is named like the namespace that it gets: an RFC 1123 label. */
const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

export function isClusterName(name: string): boolean {
  return LABEL.test(name);
}
