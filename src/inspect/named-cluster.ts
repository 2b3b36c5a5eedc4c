// Which cluster a request of a bootstrap account is about, by what it asks for and by nothing else: an account that many clusters share says it only
// so. What this finds is bound to the connection and then judged like a verified name; it grants nothing by itself.

import { isClusterName } from '../cluster-name.ts';
import { type JudgedBody, readBody } from './body/body.ts';
import type { RequestInfo } from './request-info.ts';
import { exactFieldValue, parseLabelSelector } from './selectors.ts';

const CLUSTER_LABEL = 'open-cluster-management.io/cluster-name';

/** Null: none is named, or none can be before the body has been read; hand in null for that then. */
export function namedCluster(info: RequestInfo, body: JudgedBody | null): string | null {
  const name = isOf(info, 'cluster.open-cluster-management.io', 'managedclusters')
    ? nameOfManagedCluster(info, body)
    : isOf(info, 'certificates.k8s.io', 'certificatesigningrequests')
      ? nameOfRequest(info, body)
      : null;
  return name !== null && isClusterName(name) ? name : null;
}

/** The same for the bytes of a body that has been read whole; null also where they do not read, which whoever judges them says. */
export function namedInBody(
  bytes: Buffer,
  { info, contentType, method }: { info: RequestInfo; contentType: string | null; method: string },
): string | null {
  const read = readBody(bytes, { info, contentType, method });
  return read.ok ? namedCluster(info, read.body) : null;
}

function isOf({ apiGroup, resource }: RequestInfo, group: string, plural: string): boolean {
  return apiGroup === group && resource === plural;
}

/** For list and watch, `name` is that of a field selector (request-info.ts). */
function nameOfManagedCluster({ name, verb }: RequestInfo, body: JudgedBody | null): string | null {
  return verb === 'create' ? (body?.stated.name ?? null) : name;
}

/** By the label, which the agent selects by and sets; the subject that is asked for is compared with it by whoever judges the body. */
function nameOfRequest({ labelSelector, verb }: RequestInfo, body: JudgedBody | null): string | null {
  if (verb === 'create') return body?.csr?.labels[CLUSTER_LABEL] ?? null;
  const requirements = labelSelector === null ? null : parseLabelSelector(labelSelector);
  return requirements === null ? null : exactFieldValue(requirements, CLUSTER_LABEL);
}
