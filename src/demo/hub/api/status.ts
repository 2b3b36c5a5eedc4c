// Every way in which kube-apiserver refuses, as metav1.Status with its exact texts (apimachinery pkg/api/errors). An ApiError is thrown
// where a request fails and turned into an answer in one place: api.ts for what happens behind the seam, the network side before it.

import type { JsonObject } from './json.ts';
import type { Attributes } from './exchange.ts';

export interface StatusCause extends JsonObject {
  readonly reason: string;
  readonly message: string;
  readonly field?: string;
}

export interface StatusDetails extends JsonObject {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

export interface Status extends JsonObject {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: JsonObject;
  readonly status: 'Failure' | 'Success';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code?: number;
}

export class ApiError extends Error {
  readonly status: Status;
  readonly code: number;
  /** What goes out beside content-type and cache-control. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(failure: { code: number; reason: string; message: string; details?: StatusDetails; headers?: Record<string, string> }) {
    const { code, reason, message, details } = failure;
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.headers = failure.headers ?? {};
    const base = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message } as const;
    this.status = { ...base, ...(reason === '' ? {} : { reason }), ...(details === undefined ? {} : { details }), code };
  }
}

/** schema.GroupResource. */
export interface GroupResource {
  readonly group: string;
  readonly resource: string;
}

function groupResourceText({ group, resource }: GroupResource): string {
  return group === '' ? resource : `${resource}.${group}`;
}

function detailsOf(of: GroupResource, name: string): StatusDetails {
  return { ...(name === '' ? {} : { name }), ...(of.group === '' ? {} : { group: of.group }), kind: of.resource };
}

export function unauthorized(): ApiError {
  return new ApiError({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' });
}

/** What the authorizer refused (endpoints/handlers/responsewriters/errors.go). `reason` is the authorizer's, usually empty. */
export function forbidden(username: string, attributes: Attributes, reason = ''): ApiError {
  const why = (reason === '' ? forbiddenText(username, attributes) : `${forbiddenText(username, attributes)}: ${reason}`)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
  const headers = { 'x-content-type-options': 'nosniff' };
  if (attributes.kind === 'path')
    return new ApiError({ code: 403, reason: 'Forbidden', message: `forbidden: ${why}`, details: {}, headers });
  return forbiddenBecause(attributes, attributes.name, why, headers);
}

function forbiddenText(username: string, attributes: Attributes): string {
  const who = `User ${JSON.stringify(username)}`;
  if (attributes.kind === 'path') return `${who} cannot ${attributes.verb} path ${JSON.stringify(attributes.path)}`;
  const resource = attributes.subresource === '' ? attributes.resource : `${attributes.resource}/${attributes.subresource}`;
  const what = `${attributes.verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(attributes.group)}`;
  const where = attributes.namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(attributes.namespace)}`;
  return `${who} cannot ${what} ${where}`;
}

/** What admission refused. */
export function forbiddenBecause(of: GroupResource, name: string, why: string, headers: Record<string, string> = {}): ApiError {
  const object = name === '' ? groupResourceText(of) : `${groupResourceText(of)} ${JSON.stringify(name)}`;
  return new ApiError({ code: 403, reason: 'Forbidden', message: `${object} is forbidden: ${why}`, details: detailsOf(of, name), headers });
}

export function notFound(of: GroupResource, name: string): ApiError {
  const message = `${groupResourceText(of)} ${JSON.stringify(name)} not found`;
  return new ApiError({ code: 404, reason: 'NotFound', message, details: detailsOf(of, name) });
}

export function alreadyExists(of: GroupResource, name: string): ApiError {
  const message = `${groupResourceText(of)} ${JSON.stringify(name)} already exists`;
  return new ApiError({ code: 409, reason: 'AlreadyExists', message, details: detailsOf(of, name) });
}

const MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again';

export function conflict(of: GroupResource, name: string, why: string = MODIFIED): ApiError {
  const message = `Operation cannot be fulfilled on ${groupResourceText(of)} ${JSON.stringify(name)}: ${why}`;
  return new ApiError({ code: 409, reason: 'Conflict', message, details: detailsOf(of, name) });
}

export function badRequest(message: string): ApiError {
  return new ApiError({ code: 400, reason: 'BadRequest', message });
}

/** field.Error of apimachinery pkg/util/validation/field; `detail` is the text behind the field's name. */
export interface FieldError {
  readonly field: string;
  readonly reason: 'FieldValueRequired' | 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueNotSupported' | 'FieldValueDuplicate';
  readonly detail: string;
}

export function invalid(of: { readonly group: string; readonly kind: string }, name: string, errors: readonly FieldError[]): ApiError {
  const texts = errors.map((error) => `${error.field}: ${error.detail}`);
  const all = texts.length === 1 ? texts.join() : `[${texts.join(', ')}]`;
  const what = of.group === '' ? of.kind : `${of.kind}.${of.group}`;
  const causes = errors.map(({ field, reason, detail }) => ({ reason, message: detail, field }));
  const details = { ...detailsOf({ group: of.group, resource: of.kind }, name), causes };
  return new ApiError({ code: 422, reason: 'Invalid', message: `${what} ${JSON.stringify(name)} is invalid: ${all}`, details });
}

/** What go-restful refuses for a path that exists (NewGenericServerResponse: the details are there and empty). */
export function methodNotAllowed(): ApiError {
  const message = 'the server does not allow this method on the requested resource';
  return new ApiError({ code: 405, reason: 'MethodNotAllowed', message, details: {} });
}

export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`;
  return new ApiError({ code: 415, reason: 'UnsupportedMediaType', message });
}

export function notAcceptable(accepted: readonly string[]): ApiError {
  const message = `only the following media types are accepted: ${accepted.join(', ')}`;
  return new ApiError({ code: 406, reason: 'NotAcceptable', message });
}

export function unprocessable(message: string): ApiError {
  return new ApiError({ code: 422, reason: 'Invalid', message, details: {} });
}

export function tooLarge(message: string): ApiError {
  return new ApiError({ code: 413, reason: 'RequestEntityTooLarge', message: `Request entity too large: ${message}` });
}

export function expired(message: string): ApiError {
  return new ApiError({ code: 410, reason: 'Expired', message });
}

/** NewTooLargeResourceVersionError: client-go waits a second and asks again. */
export function tooNewResourceVersion(asked: number, current: number): ApiError {
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }];
  return new ApiError({
    code: 504,
    reason: 'Timeout',
    message: `Timeout: Too large resource version: ${asked}, current: ${current}`,
    details: { causes, retryAfterSeconds: 1 },
    headers: { 'retry-after': '1' },
  });
}

export function tooManyRequests(message: string): ApiError {
  return new ApiError({
    code: 429,
    reason: 'TooManyRequests',
    message,
    details: { retryAfterSeconds: 1 },
    headers: { 'retry-after': '1' },
  });
}

export function internalError(why: string): ApiError {
  const message = `Internal error occurred: ${why}`;
  return new ApiError({ code: 500, reason: 'InternalError', message, details: { causes: [{ reason: '', message: why }] } });
}

/** The answer to a deletion that is complete. */
export function deleted(of: GroupResource, name: string, uid: string): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details: { ...detailsOf(of, name), uid } };
}
