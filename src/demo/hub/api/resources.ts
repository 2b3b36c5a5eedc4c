// The table of what the embedded hub serves: one row a resource and version, as discovery describes it, and how it is stored and
// written. Nothing else in this folder names a resource, but for the few that have rules of their own.

import {
  type Column,
  age,
  clusterUrls,
  conditionColumn,
  countColumn,
  csrCondition,
  eventLastSeen,
  eventObject,
  fieldColumn,
  requestedDuration,
} from './table-column.ts';

export interface Resource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly isNamespaced: boolean;
  readonly family: Family;
  readonly subresources: readonly string[];
  /** Where its objects are kept: the same for all versions of a resource, and for both kinds of event. */
  readonly collection: string;
  /** Reviews are answered and forgotten. */
  readonly isStored: boolean;
  /** PUT of a name that does not exist makes it (rest.RESTUpdateStrategy AllowCreateOnUpdate). */
  readonly createsOnUpdate: boolean;
  /** PUT without a resourceVersion replaces whatever is there (AllowUnconditionalUpdate). */
  readonly updatesUnconditionally: boolean;
  /** metadata.generation counts changes of the spec. */
  readonly countsGenerations: boolean;
  /** For kubectl get, behind the name. */
  readonly columns: readonly Column[];
}

/** Built-in: a Go type, in JSON and protobuf. Custom: a CRD, JSON only, its keys sorted. */
export type Family = { readonly kind: 'builtin'; readonly message: string } | { readonly kind: 'custom' };

type Row = Pick<Resource, 'group' | 'version' | 'resource' | 'kind'> & Partial<Resource>;

function builtin(row: Row & { readonly message?: string }): Resource {
  const { message, ...rest } = row;
  return {
    singular: row.kind.toLowerCase(),
    shortNames: [],
    isNamespaced: true,
    family: { kind: 'builtin', message: message ?? row.kind },
    subresources: [],
    collection: collectionOf(row),
    isStored: true,
    createsOnUpdate: false,
    updatesUnconditionally: true,
    countsGenerations: false,
    columns: [age],
    ...rest,
  };
}

function custom(row: Row): Resource {
  return {
    singular: row.kind.toLowerCase(),
    shortNames: [],
    isNamespaced: true,
    family: { kind: 'custom' },
    subresources: ['status'],
    collection: collectionOf(row),
    isStored: true,
    createsOnUpdate: false,
    updatesUnconditionally: false,
    countsGenerations: true,
    columns: [age],
    ...row,
  };
}

function review(row: Row): Resource {
  return builtin({ ...row, isNamespaced: false, isStored: false });
}

function collectionOf({ group, resource }: Row): string {
  return group === '' ? resource : `${resource}.${group}`;
}

const ADDONS = 'addon.open-cluster-management.io';

function addon(version: string): Resource {
  return custom({
    group: ADDONS,
    version,
    resource: 'managedclusteraddons',
    kind: 'ManagedClusterAddOn',
    shortNames: ['mca', 'mcas'],
    columns: [
      conditionColumn('Available', 'Available'),
      conditionColumn('Degraded', 'Degraded'),
      conditionColumn('Progressing', 'Progressing'),
    ],
  });
}

/** Both kinds of event are one set of objects; the core kind is what is stored (events.k8s.io/v1 converts, conversion.ts). */
const event = { resource: 'events', kind: 'Event', shortNames: ['ev'], collection: 'events', createsOnUpdate: true } as const;

const eventColumns: readonly Column[] = [
  eventLastSeen,
  fieldColumn('Type', 'type'),
  fieldColumn('Reason', 'reason'),
  eventObject,
  fieldColumn('Message', 'message'),
];

/** In the order in which discovery lists them: built-in groups by priority, then the CRDs'. */
export const resources: readonly Resource[] = [
  builtin({
    group: '',
    version: 'v1',
    resource: 'configmaps',
    kind: 'ConfigMap',
    shortNames: ['cm'],
    columns: [countColumn('Data', 'data', 'binaryData'), age],
  }),
  builtin({ group: '', version: 'v1', ...event, message: 'CoreEvent', columns: eventColumns }),
  builtin({
    group: '',
    version: 'v1',
    resource: 'namespaces',
    kind: 'Namespace',
    shortNames: ['ns'],
    isNamespaced: false,
    subresources: ['finalize', 'status'],
    columns: [fieldColumn('Status', 'status.phase'), age],
  }),
  builtin({
    group: '',
    version: 'v1',
    resource: 'secrets',
    kind: 'Secret',
    columns: [fieldColumn('Type', 'type'), countColumn('Data', 'data'), age],
  }),
  builtin({ group: 'events.k8s.io', version: 'v1', ...event, columns: eventColumns }),
  review({ group: 'authentication.k8s.io', version: 'v1', resource: 'selfsubjectreviews', kind: 'SelfSubjectReview' }),
  review({ group: 'authorization.k8s.io', version: 'v1', resource: 'selfsubjectaccessreviews', kind: 'SelfSubjectAccessReview' }),
  builtin({
    group: 'certificates.k8s.io',
    version: 'v1',
    resource: 'certificatesigningrequests',
    kind: 'CertificateSigningRequest',
    shortNames: ['csr'],
    isNamespaced: false,
    subresources: ['approval', 'status'],
    columns: [
      age,
      fieldColumn('SignerName', 'spec.signerName'),
      fieldColumn('Requestor', 'spec.username'),
      requestedDuration,
      csrCondition,
    ],
  }),
  builtin({
    group: 'coordination.k8s.io',
    version: 'v1',
    resource: 'leases',
    kind: 'Lease',
    createsOnUpdate: true,
    updatesUnconditionally: false,
    columns: [fieldColumn('Holder', 'spec.holderIdentity'), age],
  }),
  addon('v1beta1'),
  addon('v1alpha1'),
  custom({
    group: 'cluster.open-cluster-management.io',
    version: 'v1',
    resource: 'managedclusters',
    kind: 'ManagedCluster',
    shortNames: ['mcl', 'mcls'],
    isNamespaced: false,
    columns: [
      fieldColumn('Hub Accepted', 'spec.hubAcceptsClient', 'boolean'),
      clusterUrls,
      conditionColumn('Joined', 'ManagedClusterJoined'),
      conditionColumn('Available', 'ManagedClusterConditionAvailable'),
      age,
    ],
  }),
  custom({ group: 'work.open-cluster-management.io', version: 'v1', resource: 'manifestworks', kind: 'ManifestWork' }),
];

export function findResource(group: string, version: string, resource: string): Resource | undefined {
  return resources.find((row) => row.group === group && row.version === version && row.resource === resource);
}

export function apiVersionOf({ group, version }: Pick<Resource, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`;
}

/** The first row of a collection: the version that its objects are stored in. */
export function storageOf(resource: Resource): Resource {
  return resources.find((row) => row.collection === resource.collection) ?? resource;
}
