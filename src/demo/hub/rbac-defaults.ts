// The RBAC that a hub starts with and what OCM adds for each cluster, as YAML. Names and rules are those of kube-apiserver's bootstrap
// policy and of OCM's manifests: the reasons in the audit log name them.

/** plugin/pkg/auth/authorizer/rbac/bootstrappolicy policy.go. */
const bootstrapPolicy = `
kind: ClusterRole
metadata: { name: cluster-admin }
rules:
- { apiGroups: ['*'], resources: ['*'], verbs: ['*'] }
- { nonResourceURLs: ['*'], verbs: ['*'] }
---
kind: ClusterRole
metadata: { name: system:discovery }
rules:
- nonResourceURLs: [/livez, /readyz, /healthz, /version, /version/, /openapi, /openapi/*, /api, /api/*, /apis, /apis/*]
  verbs: [get]
---
kind: ClusterRoleBinding
metadata: { name: system:discovery }
roleRef: { kind: ClusterRole, name: system:discovery }
subjects: [{ kind: Group, name: system:authenticated }]
---
kind: ClusterRole
metadata: { name: system:basic-user }
rules:
- { apiGroups: [authorization.k8s.io], resources: [selfsubjectaccessreviews, selfsubjectrulesreviews], verbs: [create] }
- { apiGroups: [authentication.k8s.io], resources: [selfsubjectreviews], verbs: [create] }
---
kind: ClusterRoleBinding
metadata: { name: system:basic-user }
roleRef: { kind: ClusterRole, name: system:basic-user }
subjects: [{ kind: Group, name: system:authenticated }]
---
kind: ClusterRole
metadata: { name: system:public-info-viewer }
rules:
- nonResourceURLs: [/livez, /readyz, /healthz, /version, /version/]
  verbs: [get]
---
kind: ClusterRoleBinding
metadata: { name: system:public-info-viewer }
roleRef: { kind: ClusterRole, name: system:public-info-viewer }
subjects: [{ kind: Group, name: system:authenticated }, { kind: Group, name: system:unauthenticated }]
---
kind: ClusterRole
metadata: { name: system:service-account-issuer-discovery }
rules:
- nonResourceURLs: [/.well-known/openid-configuration, /.well-known/openid-configuration/, /openid/v1/jwks, /openid/v1/jwks/]
  verbs: [get]
---
kind: ClusterRoleBinding
metadata: { name: system:service-account-issuer-discovery }
roleRef: { kind: ClusterRole, name: system:service-account-issuer-discovery }
subjects: [{ kind: Group, name: system:serviceaccounts }]
`;

/** OCM pkg/registration/hub/manifests/rbac managedcluster-registration-clusterrole.yaml and managedcluster-work-clusterrole.yaml. */
const agentRoles = `
kind: ClusterRole
metadata: { name: open-cluster-management:managedcluster:registration }
rules:
- { apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, list, watch, update] }
- { apiGroups: [addon.open-cluster-management.io], resources: [managedclusteraddons], verbs: [get, list, watch] }
- { apiGroups: [addon.open-cluster-management.io], resources: [managedclusteraddons/status], verbs: [patch, update] }
- { apiGroups: [events.k8s.io], resources: [events], verbs: [create] }
---
kind: ClusterRole
metadata: { name: open-cluster-management:managedcluster:work }
rules:
- { apiGroups: ['', events.k8s.io], resources: [events], verbs: [create, patch, update] }
- { apiGroups: [work.open-cluster-management.io], resources: [manifestworks], verbs: [get, list, watch, update, patch] }
- { apiGroups: [work.open-cluster-management.io], resources: [manifestworks/status], verbs: [patch, update] }
`;

/** clusteradm init and OCM's bootstrap token: the shared account of new clusters (facts/klusterlet-traffic.md §2, "bootstrap shared"). */
const bootstrapRoles = `
kind: ClusterRole
metadata: { name: open-cluster-management:bootstrap }
rules:
- { apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests], verbs: [create, get, list, watch] }
- { apiGroups: [cluster.open-cluster-management.io], resources: [managedclusters], verbs: [get, list, watch, create, update] }
- { apiGroups: [cluster.open-cluster-management.io], resources: [managedclustersets/join], verbs: [create] }
---
kind: ClusterRoleBinding
metadata: { name: open-cluster-management:bootstrap:agent-registration }
roleRef: { kind: ClusterRole, name: open-cluster-management:bootstrap }
subjects: [{ kind: ServiceAccount, namespace: open-cluster-management, name: agent-registration-bootstrap }]
`;

/** What Countersign's ca-sync is given, and nothing more (facts/csr-signer.md §7). */
const caSyncRoles = `
kind: Role
metadata: { name: countersign-signer, namespace: openshift-kube-controller-manager }
rules:
- { apiGroups: [''], resources: [secrets], resourceNames: [csr-signer], verbs: [get, list, watch] }
---
kind: RoleBinding
metadata: { name: countersign-signer, namespace: openshift-kube-controller-manager }
roleRef: { kind: Role, name: countersign-signer }
subjects: [{ kind: ServiceAccount, namespace: countersign, name: ca-sync }]
---
kind: Role
metadata: { name: countersign-trust, namespace: openshift-config-managed }
rules:
- { apiGroups: [''], resources: [configmaps], resourceNames: [csr-controller-ca], verbs: [get, list, watch] }
---
kind: RoleBinding
metadata: { name: countersign-trust, namespace: openshift-config-managed }
roleRef: { kind: Role, name: countersign-trust }
subjects: [{ kind: ServiceAccount, namespace: countersign, name: ca-sync }]
`;

export const defaultRbac: string = [bootstrapPolicy, agentRoles, bootstrapRoles, caSyncRoles].join('---');

/** What the import controller applies for a cluster that is to come (managedcluster-import-controller pkg/bootstrap/manifests/hub). */
export function importRbac(cluster: string, serviceAccount: string): string {
  const name = `system:open-cluster-management:managedcluster:bootstrap:${cluster}`;
  return `
kind: ClusterRole
metadata: { name: '${name}' }
rules:
- { apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests], verbs: [create, get, list, watch] }
- { apiGroups: [cluster.open-cluster-management.io], resources: [managedclusters], verbs: [get, create] }
---
kind: ClusterRoleBinding
metadata: { name: '${name}' }
roleRef: { kind: ClusterRole, name: '${name}' }
subjects: [{ kind: ServiceAccount, namespace: '${cluster}', name: '${serviceAccount}' }]
`;
}

/** What the hub's registration controller applies once a cluster is accepted (managedcluster-clusterrole.yaml and its bindings). */
export function acceptedClusterRbac(cluster: string): string {
  return `
kind: ClusterRole
metadata: { name: 'open-cluster-management:managedcluster:${cluster}' }
rules:
- { apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests], verbs: [create, get, list, watch] }
- { apiGroups: [register.open-cluster-management.io], resources: [managedclusters/clientcertificates], verbs: [renew] }
- { apiGroups: [cluster.open-cluster-management.io], resources: [managedclusters], resourceNames: ['${cluster}'], verbs: [get, list, update, watch] }
- { apiGroups: [cluster.open-cluster-management.io], resources: [managedclusters/status], resourceNames: ['${cluster}'], verbs: [patch, update] }
---
kind: ClusterRoleBinding
metadata: { name: 'open-cluster-management:managedcluster:${cluster}' }
roleRef: { kind: ClusterRole, name: 'open-cluster-management:managedcluster:${cluster}' }
subjects:
- { kind: Group, name: 'system:open-cluster-management:${cluster}' }
- { kind: Group, name: 'open-cluster-management:${cluster}' }
---
${['registration', 'work'].map((role) => agentBinding(cluster, role)).join('---')}`;
}

function agentBinding(cluster: string, role: string): string {
  return `
kind: RoleBinding
metadata: { name: 'open-cluster-management:managedcluster:${cluster}:${role}', namespace: '${cluster}' }
roleRef: { kind: ClusterRole, name: 'open-cluster-management:managedcluster:${role}' }
subjects:
- { kind: Group, name: 'system:open-cluster-management:${cluster}' }
- { kind: Group, name: 'open-cluster-management:${cluster}' }
`;
}
