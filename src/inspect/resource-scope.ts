// Which resources exist once in a cluster and which in each namespace. RequestInfo cannot tell; without it a cluster-scoped object could be
// reached below a namespace that a policy allows (CVE-2019-11247). A static table: no discovery is asked of the hub.

export type ResourceScope = 'namespaced' | 'cluster' | 'unknown';

/** By API group; the sources are the registrations of kube-apiserver and the CRDs of the projects named in facts/klusterlet-traffic.md. */
const clusterScoped: Readonly<Record<string, readonly string[]>> = {
  '': ['componentstatuses', 'namespaces', 'nodes', 'persistentvolumes'],
  'admissionregistration.k8s.io': [
    'mutatingadmissionpolicies',
    'mutatingadmissionpolicybindings',
    'mutatingwebhookconfigurations',
    'validatingadmissionpolicies',
    'validatingadmissionpolicybindings',
    'validatingwebhookconfigurations',
  ],
  'apiextensions.k8s.io': ['customresourcedefinitions'],
  'apiregistration.k8s.io': ['apiservices'],
  'authentication.k8s.io': ['selfsubjectreviews', 'tokenreviews'],
  'authorization.k8s.io': ['selfsubjectaccessreviews', 'selfsubjectrulesreviews', 'subjectaccessreviews'],
  'certificates.k8s.io': ['certificatesigningrequests', 'clustertrustbundles'],
  'flowcontrol.apiserver.k8s.io': ['flowschemas', 'prioritylevelconfigurations'],
  'networking.k8s.io': ['ingressclasses', 'ipaddresses', 'servicecidrs'],
  'node.k8s.io': ['runtimeclasses'],
  'rbac.authorization.k8s.io': ['clusterrolebindings', 'clusterroles'],
  'scheduling.k8s.io': ['priorityclasses'],
  'storage.k8s.io': ['csidrivers', 'csinodes', 'storageclasses', 'volumeattachments'],
  'addon.open-cluster-management.io': ['addontemplates', 'clustermanagementaddons'],
  'cluster.open-cluster-management.io': ['managedclusters', 'managedclustersets'],
  'config.open-cluster-management.io': ['klusterletconfigs'],
  'config.openshift.io': ['apiservers', 'clusterversions', 'dnses', 'infrastructures', 'ingresses', 'oauths', 'proxies'],
  'multicluster.openshift.io': ['multiclusterengines'],
  'oauth.openshift.io': ['oauthaccesstokens', 'oauthauthorizetokens', 'oauthclients', 'useroauthaccesstokens'],
  'observability.open-cluster-management.io': ['multiclusterobservabilities'],
  'operator.open-cluster-management.io': ['clustermanagers', 'klusterlets'],
  'project.openshift.io': ['projectrequests', 'projects'],
  'proxy.open-cluster-management.io': ['managedproxyconfigurations'],
  'user.openshift.io': ['groups', 'identities', 'users'],
  'work.open-cluster-management.io': ['appliedmanifestworks'],
};

const namespaced: Readonly<Record<string, readonly string[]>> = {
  '': [
    'configmaps',
    'endpoints',
    'events',
    'limitranges',
    'persistentvolumeclaims',
    'pods',
    'replicationcontrollers',
    'resourcequotas',
    'secrets',
    'serviceaccounts',
    'services',
  ],
  apps: ['daemonsets', 'deployments', 'replicasets', 'statefulsets'],
  'authorization.k8s.io': ['localsubjectaccessreviews'],
  'coordination.k8s.io': ['leases'],
  'discovery.k8s.io': ['endpointslices'],
  'events.k8s.io': ['events'],
  'rbac.authorization.k8s.io': ['rolebindings', 'roles'],
  'action.open-cluster-management.io': ['managedclusteractions'],
  'addon.open-cluster-management.io': ['addondeploymentconfigs', 'managedclusteraddons'],
  'agent.open-cluster-management.io': ['klusterletaddonconfigs'],
  'apps.open-cluster-management.io': [
    'channels',
    'deployables',
    'helmreleases',
    'placementrules',
    'subscriptionreports',
    'subscriptions',
    'subscriptionstatuses',
  ],
  'authentication.open-cluster-management.io': ['managedserviceaccounts'],
  'cluster.open-cluster-management.io': ['addonplacementscores', 'managedclustersetbindings', 'placementdecisions', 'placements'],
  'discovery.open-cluster-management.io': ['discoveredclusters', 'discoveryconfigs'],
  'internal.open-cluster-management.io': ['managedclusterinfos'],
  'multicluster.x-k8s.io': ['serviceexports', 'serviceimports'],
  'observability.open-cluster-management.io': ['observabilityaddons'],
  'policy.open-cluster-management.io': ['configurationpolicies', 'placementbindings', 'policies', 'policyautomations', 'policysets'],
  'proxy.open-cluster-management.io': ['clusterstatuses'],
  'submariner.io': ['clusters', 'endpoints', 'gateways'],
  'submarineraddon.open-cluster-management.io': ['submarinerconfigs'],
  'view.open-cluster-management.io': ['managedclusterviews'],
  'work.open-cluster-management.io': ['manifestworkreplicasets', 'manifestworks'],
};

const scopes: ReadonlyMap<string, ResourceScope> = new Map([...tabulate(namespaced, 'namespaced'), ...tabulate(clusterScoped, 'cluster')]);

function tabulate(table: Readonly<Record<string, readonly string[]>>, scope: ResourceScope): [string, ResourceScope][] {
  return Object.entries(table).flatMap(([group, resources]) =>
    resources.map((resource): [string, ResourceScope] => [`${resource}.${group}`, scope]),
  );
}

/** `resource` without its subresource. */
export function scopeOf(group: string, resource: string): ResourceScope {
  return scopes.get(`${resource}.${group}`) ?? 'unknown';
}
