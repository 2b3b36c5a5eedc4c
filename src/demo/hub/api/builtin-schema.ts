// The built-in Kubernetes types that the embedded hub serves: for each message its fields in the order of the Go struct (the order in
// JSON), with the field numbers of the upstream generated.proto (the order on the wire). Data only; k8s.io/api and apimachinery v0.36.

export type FieldForm =
  | 'value' /* a Go value: always on the wire */
  | 'pointer' /* a Go pointer: there only when set */
  | 'list'
  | 'map'; /* keys are strings */

export interface Field {
  /** Its name in JSON. */
  readonly name: string;
  readonly id: number;
  /** A scalar of `scalars`, or the name of a message here. */
  readonly type: string;
  readonly form: FieldForm;
  /** In JSON also when empty: the Go tag has no omitempty, or the type is one that omitempty does not omit. */
  readonly always: boolean;
}

export const scalars: ReadonlySet<string> = new Set([
  'string',
  'bytes',
  'bool',
  'int32',
  'int64',
  'Time',
  'MicroTime',
  'FieldsV1',
  'ExtraValue',
]);

type When = 'always' | 'unless empty';

const value = (name: string, id: number, type: string, when: When = 'unless empty'): Field => ({
  name,
  id,
  type,
  form: 'value',
  always: when === 'always' || !scalars.has(type),
});
const pointer = (name: string, id: number, type: string): Field => ({ name, id, type, form: 'pointer', always: false });
const list = (name: string, id: number, type: string): Field => ({ name, id, type, form: 'list', always: false });
const map = (name: string, id: number, type: string): Field => ({ name, id, type, form: 'map', always: false });

export type Schema = Readonly<Record<string, readonly Field[]>>;

const meta: Schema = {
  ObjectMeta: [
    value('name', 1, 'string'),
    value('generateName', 2, 'string'),
    value('namespace', 3, 'string'),
    value('selfLink', 4, 'string'),
    value('uid', 5, 'string'),
    value('resourceVersion', 6, 'string'),
    value('generation', 7, 'int64'),
    value('creationTimestamp', 8, 'Time'),
    pointer('deletionTimestamp', 9, 'Time'),
    pointer('deletionGracePeriodSeconds', 10, 'int64'),
    map('labels', 11, 'string'),
    map('annotations', 12, 'string'),
    list('ownerReferences', 13, 'OwnerReference'),
    list('finalizers', 14, 'string'),
    list('managedFields', 17, 'ManagedFieldsEntry'),
  ],
  OwnerReference: [
    value('apiVersion', 5, 'string', 'always'),
    value('kind', 1, 'string', 'always'),
    value('name', 3, 'string', 'always'),
    value('uid', 4, 'string', 'always'),
    pointer('controller', 6, 'bool'),
    pointer('blockOwnerDeletion', 7, 'bool'),
  ],
  ManagedFieldsEntry: [
    value('manager', 1, 'string'),
    value('operation', 2, 'string'),
    value('apiVersion', 3, 'string'),
    pointer('time', 4, 'Time'),
    value('fieldsType', 6, 'string'),
    pointer('fieldsV1', 7, 'FieldsV1'),
    value('subresource', 8, 'string'),
  ],
  ListMeta: [
    value('selfLink', 1, 'string'),
    value('resourceVersion', 2, 'string'),
    value('continue', 3, 'string'),
    pointer('remainingItemCount', 4, 'int64'),
  ],
  Status: [
    value('metadata', 1, 'ListMeta'),
    value('status', 2, 'string'),
    value('message', 3, 'string'),
    value('reason', 4, 'string'),
    pointer('details', 5, 'StatusDetails'),
    value('code', 6, 'int32'),
  ],
  StatusDetails: [
    value('name', 1, 'string'),
    value('group', 2, 'string'),
    value('kind', 3, 'string'),
    value('uid', 6, 'string'),
    list('causes', 4, 'StatusCause'),
    value('retryAfterSeconds', 5, 'int32'),
  ],
  StatusCause: [value('reason', 1, 'string'), value('message', 2, 'string'), value('field', 3, 'string')],
  DeleteOptions: [
    pointer('gracePeriodSeconds', 1, 'int64'),
    pointer('preconditions', 2, 'Preconditions'),
    pointer('orphanDependents', 3, 'bool'),
    pointer('propagationPolicy', 4, 'string'),
    list('dryRun', 5, 'string'),
  ],
  Preconditions: [pointer('uid', 1, 'string'), pointer('resourceVersion', 2, 'string')],
  PartialObjectMetadata: [value('metadata', 1, 'ObjectMeta')],
};

const core: Schema = {
  ConfigMap: [value('metadata', 1, 'ObjectMeta'), pointer('immutable', 4, 'bool'), map('data', 2, 'string'), map('binaryData', 3, 'bytes')],
  Secret: [
    value('metadata', 1, 'ObjectMeta'),
    pointer('immutable', 5, 'bool'),
    map('data', 2, 'bytes'),
    map('stringData', 4, 'string'),
    value('type', 3, 'string'),
  ],
  Namespace: [value('metadata', 1, 'ObjectMeta'), value('spec', 2, 'NamespaceSpec'), value('status', 3, 'NamespaceStatus')],
  NamespaceSpec: [list('finalizers', 1, 'string')],
  NamespaceStatus: [value('phase', 1, 'string'), list('conditions', 2, 'NamespaceCondition')],
  NamespaceCondition: [
    value('type', 1, 'string', 'always'),
    value('status', 2, 'string', 'always'),
    value('lastTransitionTime', 4, 'Time'),
    value('reason', 5, 'string'),
    value('message', 6, 'string'),
  ],
  ObjectReference: [
    value('kind', 1, 'string'),
    value('namespace', 2, 'string'),
    value('name', 3, 'string'),
    value('uid', 4, 'string'),
    value('apiVersion', 5, 'string'),
    value('resourceVersion', 6, 'string'),
    value('fieldPath', 7, 'string'),
  ],
  CoreEvent: [
    value('metadata', 1, 'ObjectMeta'),
    value('involvedObject', 2, 'ObjectReference'),
    value('reason', 3, 'string'),
    value('message', 4, 'string'),
    value('source', 5, 'EventSource'),
    value('firstTimestamp', 6, 'Time', 'always'),
    value('lastTimestamp', 7, 'Time', 'always'),
    value('count', 8, 'int32'),
    value('type', 9, 'string'),
    value('eventTime', 10, 'MicroTime', 'always'),
    pointer('series', 11, 'EventSeries'),
    value('action', 12, 'string'),
    pointer('related', 13, 'ObjectReference'),
    value('reportingComponent', 14, 'string', 'always'),
    value('reportingInstance', 15, 'string', 'always'),
  ],
  EventSource: [value('component', 1, 'string'), value('host', 2, 'string')],
  EventSeries: [value('count', 1, 'int32', 'always'), value('lastObservedTime', 2, 'MicroTime', 'always')],
};

const events: Schema = {
  Event: [
    value('metadata', 1, 'ObjectMeta'),
    value('eventTime', 2, 'MicroTime', 'always'),
    pointer('series', 3, 'EventSeries'),
    value('reportingController', 4, 'string'),
    value('reportingInstance', 5, 'string'),
    value('action', 6, 'string'),
    value('reason', 7, 'string'),
    value('regarding', 8, 'ObjectReference'),
    pointer('related', 9, 'ObjectReference'),
    value('note', 10, 'string'),
    value('type', 11, 'string'),
    value('deprecatedSource', 12, 'EventSource'),
    value('deprecatedFirstTimestamp', 13, 'Time', 'always'),
    value('deprecatedLastTimestamp', 14, 'Time', 'always'),
    value('deprecatedCount', 15, 'int32'),
  ],
};

const coordination: Schema = {
  Lease: [value('metadata', 1, 'ObjectMeta'), value('spec', 2, 'LeaseSpec')],
  LeaseSpec: [
    pointer('holderIdentity', 1, 'string'),
    pointer('leaseDurationSeconds', 2, 'int32'),
    pointer('acquireTime', 3, 'MicroTime'),
    pointer('renewTime', 4, 'MicroTime'),
    pointer('leaseTransitions', 5, 'int32'),
    pointer('strategy', 6, 'string'),
    pointer('preferredHolder', 7, 'string'),
  ],
};

const certificates: Schema = {
  CertificateSigningRequest: [
    value('metadata', 1, 'ObjectMeta'),
    value('spec', 2, 'CertificateSigningRequestSpec'),
    value('status', 3, 'CertificateSigningRequestStatus'),
  ],
  CertificateSigningRequestSpec: [
    value('request', 1, 'bytes', 'always'),
    value('signerName', 7, 'string', 'always'),
    pointer('expirationSeconds', 8, 'int32'),
    list('usages', 5, 'string'),
    value('username', 2, 'string'),
    value('uid', 3, 'string'),
    list('groups', 4, 'string'),
    map('extra', 6, 'ExtraValue'),
  ],
  CertificateSigningRequestStatus: [list('conditions', 1, 'CertificateSigningRequestCondition'), value('certificate', 2, 'bytes')],
  CertificateSigningRequestCondition: [
    value('type', 1, 'string', 'always'),
    value('status', 6, 'string', 'always'),
    value('reason', 2, 'string'),
    value('message', 3, 'string'),
    value('lastUpdateTime', 4, 'Time', 'always'),
    value('lastTransitionTime', 5, 'Time', 'always'),
  ],
};

const reviews: Schema = {
  SelfSubjectReview: [value('metadata', 1, 'ObjectMeta'), value('status', 2, 'SelfSubjectReviewStatus')],
  SelfSubjectReviewStatus: [value('userInfo', 1, 'UserInfo')],
  UserInfo: [value('username', 1, 'string'), value('uid', 2, 'string'), list('groups', 3, 'string'), map('extra', 4, 'ExtraValue')],
  SelfSubjectAccessReview: [
    value('metadata', 1, 'ObjectMeta'),
    value('spec', 2, 'SelfSubjectAccessReviewSpec'),
    value('status', 3, 'SubjectAccessReviewStatus'),
  ],
  SelfSubjectAccessReviewSpec: [
    pointer('resourceAttributes', 1, 'ResourceAttributes'),
    pointer('nonResourceAttributes', 2, 'NonResourceAttributes'),
  ],
  ResourceAttributes: [
    value('namespace', 1, 'string'),
    value('verb', 2, 'string'),
    value('group', 3, 'string'),
    value('version', 4, 'string'),
    value('resource', 5, 'string'),
    value('subresource', 6, 'string'),
    value('name', 7, 'string'),
  ],
  NonResourceAttributes: [value('path', 1, 'string'), value('verb', 2, 'string')],
  SubjectAccessReviewStatus: [
    value('allowed', 1, 'bool', 'always'),
    value('denied', 4, 'bool'),
    value('reason', 2, 'string'),
    value('evaluationError', 3, 'string'),
  ],
};

export const schema: Schema = { ...meta, ...core, ...events, ...coordination, ...certificates, ...reviews };
