// Which kind of object a URL's resource takes in a request body: for the comparison with what the body says of itself, and for the message that its
// protobuf form holds. Data from k8s.io/api and the custom resource definitions of Open Cluster Management; a resource that is missing here is not compared.

import type { RequestInfo } from '../request-info.ts';

/** What the body is compared with. */
export type BodyTarget = Pick<RequestInfo, 'apiGroup' | 'apiVersion' | 'namespace' | 'resource' | 'subresource' | 'name'>;

export interface ExpectedKind {
  /** As in the `apiVersion` field: more than one where kube-apiserver takes several. */
  readonly apiVersions: readonly string[];
  /** null: any, because the resource is none of ours and kube-apiserver compares by itself. */
  readonly kind: string | null;
  /** The message of protobuf-schema.ts; null where no protobuf is accepted. */
  readonly message: string | null;
}

interface Builtin {
  readonly kind: string;
  readonly message: string;
}

const builtin = (kind: string, message: string = kind): Builtin => ({ kind, message });

/** `group/version/resource`, the core group as ''. Versions besides these have other field numbers or are not served any more. */
const builtins: Readonly<Record<string, Builtin>> = {
  '/v1/configmaps': builtin('ConfigMap'),
  '/v1/events': builtin('Event', 'CoreEvent'),
  '/v1/secrets': builtin('Secret'),
  'authentication.k8s.io/v1/selfsubjectreviews': builtin('SelfSubjectReview'),
  'authentication.k8s.io/v1/tokenreviews': builtin('TokenReview'),
  'authorization.k8s.io/v1/selfsubjectaccessreviews': builtin('SelfSubjectAccessReview'),
  'certificates.k8s.io/v1/certificatesigningrequests': builtin('CertificateSigningRequest'),
  'coordination.k8s.io/v1/leases': builtin('Lease'),
  'events.k8s.io/v1/events': builtin('Event'),
};

/** `group/resource`. */
const custom: Readonly<Record<string, string>> = {
  'action.open-cluster-management.io/managedclusteractions': 'ManagedClusterAction',
  'addon.open-cluster-management.io/addondeploymentconfigs': 'AddOnDeploymentConfig',
  'addon.open-cluster-management.io/managedclusteraddons': 'ManagedClusterAddOn',
  'apps.open-cluster-management.io/subscriptionreports': 'SubscriptionReport',
  'authentication.open-cluster-management.io/managedserviceaccounts': 'ManagedServiceAccount',
  'cluster.open-cluster-management.io/addonplacementscores': 'AddOnPlacementScore',
  'cluster.open-cluster-management.io/managedclusters': 'ManagedCluster',
  'discovery.open-cluster-management.io/discoveredclusters': 'DiscoveredCluster',
  'internal.open-cluster-management.io/managedclusterinfos': 'ManagedClusterInfo',
  'observability.open-cluster-management.io/observabilityaddons': 'ObservabilityAddon',
  'policy.open-cluster-management.io/policies': 'Policy',
  'submarineraddon.open-cluster-management.io/submarinerconfigs': 'SubmarinerConfig',
  'view.open-cluster-management.io/managedclusterviews': 'ManagedClusterView',
  'work.open-cluster-management.io/manifestworks': 'ManifestWork',
};

/** Subresources that take the object of their resource. Others (token, scale, eviction, an aggregated API's own) take a kind of their own. */
const sameKind: ReadonlySet<string> = new Set(['', 'status', 'approval']);

/** null: nothing is known about it, so nothing is compared. */
export function expectKind(target: BodyTarget, method: string): ExpectedKind | null {
  const { apiGroup, apiVersion, resource, subresource } = target;
  if (resource === '') return null;
  const groupVersion = apiGroup === '' ? apiVersion : `${apiGroup}/${apiVersion}`;
  if (method === 'DELETE') return expectDeleteOptions(groupVersion);
  if (apiGroup === '' && resource === 'serviceaccounts' && subresource === 'token') {
    return { apiVersions: ['authentication.k8s.io/v1'], kind: 'TokenRequest', message: 'TokenRequest' };
  }
  if (!sameKind.has(subresource)) return null;
  const found = builtins[`${apiGroup}/${apiVersion}/${resource}`];
  return {
    apiVersions: [groupVersion],
    kind: found?.kind ?? custom[`${apiGroup}/${resource}`] ?? null,
    message: found?.message ?? null,
  };
}

/** apiserver endpoints/handlers/delete.go: of the resource's own group, of the core group, or of meta.k8s.io. */
function expectDeleteOptions(groupVersion: string): ExpectedKind {
  return { apiVersions: ['v1', 'meta.k8s.io/v1', groupVersion], kind: 'DeleteOptions', message: 'DeleteOptions' };
}
