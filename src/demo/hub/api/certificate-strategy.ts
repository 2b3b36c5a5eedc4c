// CertificateSigningRequests on their way into the store: who asked is filled in by the API server, approval and denial are final
// (pkg/registry/certificates/certificates/strategy.go and pkg/apis/certificates/validation). Looks at no certificate.

import { isSameJson, isJsonArray, type JsonObject } from './json.ts';
import { objectAt, objectsAt, textAt } from './json-path.ts';
import type { UserInfo } from './exchange.ts';
import type { KubeObject } from './object.ts';
import { type FieldError, invalid } from './status.ts';

const TYPE = { group: 'certificates.k8s.io', kind: 'CertificateSigningRequest' };

/** Shortest lifetime that may be asked for (validation.go). */
const MIN_EXPIRATION_SECONDS = 600;

export function admitCertificateSigningRequest(object: KubeObject, user: UserInfo): KubeObject {
  const asked = objectAt(object, 'spec');
  const spec: JsonObject = {
    request: asked['request'] ?? '',
    signerName: asked['signerName'] ?? '',
    ...(asked['expirationSeconds'] === undefined ? {} : { expirationSeconds: asked['expirationSeconds'] }),
    usages: asked['usages'] ?? [],
    username: user.username,
    ...(user.uid === undefined ? {} : { uid: user.uid }),
    groups: user.groups,
    extra: user.extra,
  };
  const errors = validateSpec(spec);
  if (errors.length > 0) throw invalid(TYPE, object.metadata.name ?? '', errors);
  return { ...object, spec, status: {} };
}

function validateSpec(spec: JsonObject): readonly FieldError[] {
  const errors: FieldError[] = [];
  const pem = Buffer.from(textAt(spec, 'request'), 'base64').toString('latin1');
  if (!/-----BEGIN CERTIFICATE REQUEST-----[^-]+-----END CERTIFICATE REQUEST-----/.test(pem)) {
    const detail = `Invalid value: ${JSON.stringify(spec['request'])}: PEM block type must be CERTIFICATE REQUEST`;
    errors.push({ field: 'spec.request', reason: 'FieldValueInvalid', detail });
  }
  if (!isJsonArray(spec['usages']) || spec['usages'].length === 0) {
    errors.push({ field: 'spec.usages', reason: 'FieldValueRequired', detail: 'Required value' });
  }
  const signerName = textAt(spec, 'signerName');
  if (signerName === '') errors.push({ field: 'spec.signerName', reason: 'FieldValueRequired', detail: 'Required value' });
  else if (!/^[a-z0-9.-]+\.[a-z0-9.-]+\/[\w.-]+$/.test(signerName)) {
    const detail = `Invalid value: ${JSON.stringify(signerName)}: must be a fully qualified domain and path of the form "example.com/signer-name"`;
    errors.push({ field: 'spec.signerName', reason: 'FieldValueInvalid', detail });
  }
  const seconds = spec['expirationSeconds'];
  if (typeof seconds === 'number' && seconds < MIN_EXPIRATION_SECONDS) {
    const detail = `Invalid value: ${seconds}: may not specify a duration less than 600 seconds (10 minutes)`;
    errors.push({ field: 'spec.expirationSeconds', reason: 'FieldValueInvalid', detail });
  }
  return errors;
}

export interface Condition extends JsonObject {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastUpdateTime?: string | null;
  readonly lastTransitionTime?: string | null;
}

export function conditionsOf(csr: KubeObject): readonly Condition[] {
  return objectsAt(csr, 'status.conditions').map((condition) => condition as Condition);
}

const DECISIONS = new Set(['Approved', 'Denied']);

/** The approval subresource: only Approved and Denied change, and neither can be taken back. */
export function approveOrDeny(object: KubeObject, before: KubeObject, now: string): KubeObject {
  const asked = conditionsOf(object);
  const known = conditionsOf(before);
  const decided = asked.filter((condition) => DECISIONS.has(condition.type)).map((condition) => stampCondition(condition, known, now));
  refuseContradiction(before, decided, known);
  const others = known.filter((condition) => !DECISIONS.has(condition.type));
  return { ...before, status: { ...objectAt(before, 'status'), conditions: [...decided, ...others] } };
}

/** The status subresource: the signer's; approval and denial stay as they are. */
export function keepDecision(object: KubeObject, before: KubeObject, now: string): KubeObject {
  const known = conditionsOf(before);
  const decided = known.filter((condition) => DECISIONS.has(condition.type));
  const others = conditionsOf(object).filter((condition) => !DECISIONS.has(condition.type));
  const conditions = [...decided, ...others.map((condition) => stampCondition(condition, known, now))];
  const status = objectAt(object, 'status');
  const issued = objectAt(before, 'status')['certificate'];
  if (issued !== undefined && issued !== '' && !isSameJson(status['certificate'], issued)) {
    const detail = 'Forbidden: updates may not set certificate content';
    throw invalid(TYPE, before.metadata.name ?? '', [{ field: 'status.certificate', reason: 'FieldValueForbidden', detail }]);
  }
  return { ...object, status: { ...status, conditions } };
}

function stampCondition(condition: Condition, known: readonly Condition[], now: string): Condition {
  const old = known.find((other) => other.type === condition.type);
  const lastTransitionTime = condition.lastTransitionTime ?? (old?.status === condition.status ? old.lastTransitionTime : null) ?? now;
  return { ...condition, lastUpdateTime: condition.lastUpdateTime ?? old?.lastUpdateTime ?? now, lastTransitionTime };
}

function refuseContradiction(csr: KubeObject, decided: readonly Condition[], known: readonly Condition[]): void {
  const field = 'status.conditions';
  const name = csr.metadata.name ?? '';
  const removed = known.find((old) => DECISIONS.has(old.type) && !decided.some((condition) => condition.type === old.type));
  if (removed !== undefined) {
    const detail = `Forbidden: updates may not remove a condition of type ${JSON.stringify(removed.type)}`;
    throw invalid(TYPE, name, [{ field, reason: 'FieldValueForbidden', detail }]);
  }
  if (new Set(decided.map((condition) => condition.type)).size > 1) {
    const detail = 'Invalid value: "Denied": Approved and Denied conditions are mutually exclusive';
    throw invalid(TYPE, name, [{ field: `${field}[1].type`, reason: 'FieldValueInvalid', detail }]);
  }
  const unclear = decided.find((condition) => condition.status !== 'True');
  if (unclear !== undefined) {
    const detail = `Unsupported value: ${JSON.stringify(unclear.status)}: supported values: "True"`;
    throw invalid(TYPE, name, [{ field: `${field}[0].status`, reason: 'FieldValueNotSupported', detail }]);
  }
}
