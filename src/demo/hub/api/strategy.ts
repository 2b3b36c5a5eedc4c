// What each resource does to an object on its way into the store: which parts a request may not set, what is filled in, what is
// invalid. As upstream's strategies (pkg/registry/*/strategy.go, apiextensions customresource strategy); pure.

import { admitCertificateSigningRequest, approveOrDeny, keepDecision } from './certificate-strategy.ts';
import { type Json, type JsonObject, isJsonObject, isSameJson, presentEntries } from './json.ts';
import type { UserInfo } from './exchange.ts';
import type { KubeObject } from './object.ts';
import type { Resource } from './resources.ts';
import { invalid } from './status.ts';

export interface Write {
  readonly resource: Resource;
  /** Empty: the object itself. */
  readonly subresource: string;
  readonly user: UserInfo;
  /** RFC 3339. */
  readonly now: string;
}

/** Metadata is filled in by the registry; this is about the rest. */
export function prepareForCreate(object: KubeObject, write: Write): KubeObject {
  switch (write.resource.collection) {
    case 'certificatesigningrequests.certificates.k8s.io':
      return admitCertificateSigningRequest(object, write.user);
    case 'secrets':
      return mergeStringData({ ...object, type: object['type'] ?? 'Opaque' });
    case 'namespaces':
      return {
        ...object,
        metadata: { ...object.metadata, labels: { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name ?? '' } },
        spec: { finalizers: ['kubernetes'] },
        status: { phase: 'Active' },
      };
    case 'managedclusters.cluster.open-cluster-management.io':
      return defaultCluster(without(object, 'status'));
    default:
      return write.resource.subresources.includes('status') ? without(object, 'status') : object;
  }
}

export function prepareForUpdate(object: KubeObject, before: KubeObject, write: Write): KubeObject {
  if (write.subresource !== '') return prepareSubresource(object, before, write);
  switch (write.resource.collection) {
    case 'certificatesigningrequests.certificates.k8s.io':
      return { ...object, spec: before['spec'], status: before['status'] };
    case 'secrets':
      return refuseImmutable(mergeStringData({ ...object, type: object['type'] ?? before['type'] }), before, ['data', 'type']);
    case 'configmaps':
      return refuseImmutable(object, before, ['data', 'binaryData']);
    case 'namespaces':
      return { ...object, spec: before['spec'], status: before['status'] };
    default:
      return write.resource.subresources.includes('status') ? withStatus(object, before['status']) : object;
  }
}

function prepareSubresource(object: KubeObject, before: KubeObject, write: Write): KubeObject {
  if (write.subresource === 'approval') return approveOrDeny(object, before, write.now);
  if (write.subresource === 'finalize') return { ...before, spec: object['spec'] };
  const changed = withStatus(before, object['status']);
  return write.resource.collection.startsWith('certificatesigningrequests.') ? keepDecision(changed, before, write.now) : changed;
}

/** metadata.generation: everything but metadata and status, for the kinds that count at all. */
export function changesGeneration(object: KubeObject, before: KubeObject): boolean {
  return !isSameJson(specOf(object), specOf(before));
}

function specOf(object: KubeObject): JsonObject {
  return without(without(object, 'status'), 'metadata');
}

function withStatus(object: KubeObject, status: Json | undefined): KubeObject {
  return status === undefined ? without(object, 'status') : { ...object, status };
}

function without<T extends JsonObject>(object: T, key: string): T {
  return Object.fromEntries(presentEntries(object).filter(([name]) => name !== key)) as unknown as T;
}

/** stringData is write-only: it ends up in data (pkg/apis/core/v1/conversion.go). */
function mergeStringData(secret: KubeObject): KubeObject {
  const plain = secret['stringData'];
  if (!isJsonObject(plain)) return secret;
  const encoded = presentEntries(plain).map(([key, text]): [string, string] => [
    key,
    Buffer.from(typeof text === 'string' ? text : '').toString('base64'),
  ]);
  const data = isJsonObject(secret['data']) ? secret['data'] : {};
  return without({ ...secret, data: { ...data, ...Object.fromEntries(encoded) } }, 'stringData');
}

const IMMUTABLE = 'field is immutable';

function refuseImmutable(object: KubeObject, before: KubeObject, fields: readonly string[]): KubeObject {
  const isSealed = before['immutable'] === true;
  const changed = fields.filter((field) => !isSameJson(object[field], before[field]));
  const refused = changed.filter((field) => isSealed || field === 'type');
  if (refused.length === 0) return object;
  const errors = refused.map((field) => ({
    field,
    reason: isSealed ? ('FieldValueForbidden' as const) : ('FieldValueInvalid' as const),
    detail: isSealed
      ? 'Forbidden: field is immutable when `immutable` is set'
      : `Invalid value: ${JSON.stringify(object[field])}: ${IMMUTABLE}`,
  }));
  throw invalid({ group: '', kind: object.kind }, object.metadata.name ?? '', errors);
}

/** The one default of OCM's ManagedCluster CRD. */
const LEASE_DURATION_SECONDS = 60;

function defaultCluster(cluster: KubeObject): KubeObject {
  const spec = isJsonObject(cluster['spec']) ? cluster['spec'] : {};
  const leaseDurationSeconds = spec['leaseDurationSeconds'] ?? LEASE_DURATION_SECONDS;
  return { ...cluster, spec: { hubAcceptsClient: false, ...spec, leaseDurationSeconds } };
}
