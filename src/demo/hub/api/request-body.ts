// Reads the object that a request carries, in JSON or protobuf, as the type that its path names. Refuses what kube-apiserver refuses,
// in its words (endpoints/handlers/create.go and rest.go); changes nothing in it.

import { type Json, type JsonObject, JsonSyntaxError, isJsonObject, parseJson } from './json.ts';
import type { ApiRequest } from './exchange.ts';
import { JSON_TYPE, PROTOBUF_TYPE } from './negotiation.ts';
import type { KubeObject } from './object.ts';
import { ProtobufError, decodeMessage, openEnvelope } from './protobuf.ts';
import { type Resource, apiVersionOf } from './resources.ts';
import { type ApiError, badRequest, tooLarge, unsupportedMediaType } from './status.ts';
import { TypeMismatch, shape } from './typed.ts';

/** MaxRequestBodyBytes of kube-apiserver (pkg/server/config.go). */
export const MAX_BODY_BYTES: number = 3 * 1024 * 1024;

export function bodyTooLarge(): ApiError {
  return tooLarge(`limit is ${MAX_BODY_BYTES}`);
}

/** Media types are case-insensitive and their parameters say nothing here; none means JSON. */
export function mediaTypeOf(request: ApiRequest): string {
  return (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

export function readObject(request: ApiRequest, resource: Resource): KubeObject {
  if (request.body.length > MAX_BODY_BYTES) throw bodyTooLarge();
  const mediaType = mediaTypeOf(request);
  const isBuiltin = resource.family.kind === 'builtin';
  if (mediaType === PROTOBUF_TYPE && isBuiltin) return readProtobuf(request.body, resource);
  if (mediaType === '' || mediaType === JSON_TYPE) return readJson(request, resource);
  throw unsupportedMediaType(isBuiltin ? [JSON_TYPE, PROTOBUF_TYPE] : [JSON_TYPE]);
}

function readJson(request: ApiRequest, resource: Resource): KubeObject {
  const text = request.body.toString('utf8');
  const parsed = parseOr(text, (why) => unrecognized(request.body, resource, `couldn't get version/kind; json parse error: ${why}`));
  if (!isJsonObject(parsed))
    throw unrecognized(request.body, resource, `couldn't get version/kind; json parse error: json: cannot unmarshal`);
  checkType(parsed, resource);
  return asObject(parsed, resource, isStrict(request));
}

/** Calls `refuse` with Go's words for what is wrong with the text. */
export function parseOr(text: string, refuse: (why: string) => ApiError): Json {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw refuse(error.message);
    throw error;
  }
}

/** fieldValidation=Strict: unknown fields are errors. kubectl asks for it, agents do not. */
function isStrict(request: ApiRequest): boolean {
  return request.query.get('fieldValidation') === 'Strict';
}

function readProtobuf(body: Buffer, resource: Resource): KubeObject {
  try {
    const envelope = openEnvelope(body);
    checkType({ apiVersion: envelope.apiVersion, kind: envelope.kind }, resource);
    const message = resource.family.kind === 'builtin' ? resource.family.message : '';
    return asObject(decodeMessage(message, envelope.raw), resource, false);
  } catch (error) {
    if (error instanceof ProtobufError || error instanceof JsonSyntaxError) throw badRequest(error.message);
    throw error;
  }
}

/** Absent in a built-in kind: taken from the path. Another one: refused. */
function checkType(found: JsonObject, resource: Resource): void {
  const expected = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  const kind = typeof found['kind'] === 'string' ? found['kind'] : '';
  const apiVersion = typeof found['apiVersion'] === 'string' ? found['apiVersion'] : '';
  const mayBeAbsent = resource.family.kind === 'builtin';
  if (kind === '' && !mayBeAbsent) throw badRequest(`Object 'Kind' is missing in '${JSON.stringify(found).slice(0, 120)}'`);
  if (apiVersion !== expected.apiVersion && !(mayBeAbsent && apiVersion === '')) {
    throw badRequest(`the API version in the data (${apiVersion}) does not match the expected API version (${expected.apiVersion})`);
  }
  if (kind !== expected.kind && !(mayBeAbsent && kind === '')) {
    throw badRequest(
      `${kind} in version ${JSON.stringify(resource.version)} cannot be handled as a ${expected.kind}: converting (${kind}) to (${expected.kind}): unknown conversion`,
    );
  }
}

/** Any JSON as an object of the resource: shaped, if it has a Go type. The way in for bodies and for the results of patches. */
export function asObject(source: JsonObject, resource: Resource, strict: boolean): KubeObject {
  const type = { kind: resource.kind, apiVersion: apiVersionOf(resource) };
  const unknownFields: string[] = [];
  try {
    const metadata = shape('ObjectMeta', isJsonObject(source['metadata']) ? source['metadata'] : {});
    if (resource.family.kind === 'custom') return { ...source, ...type, metadata };
    const object = { ...type, ...shape(resource.family.message, source, unknownFields), metadata };
    if (strict && unknownFields.length > 0) throw strictError(unknownFields, resource);
    return object;
  } catch (error) {
    if (!(error instanceof TypeMismatch)) throw error;
    throw badRequest(
      `${resource.kind} in version ${JSON.stringify(resource.version)} cannot be handled as a ${resource.kind}: ${error.message}`,
    );
  }
}

function strictError(unknownFields: readonly string[], resource: Resource): ApiError {
  const list = unknownFields.map((field) => `unknown field ${JSON.stringify(field)}`).join(', ');
  return badRequest(
    `${resource.kind} in version ${JSON.stringify(resource.version)} cannot be handled as a ${resource.kind}: strict decoding error: ${list}`,
  );
}

/** transformDecodeError of endpoints/handlers/rest.go. */
function unrecognized(body: Buffer, resource: Resource, why: string): ApiError {
  return badRequest(`the object provided is unrecognized (must be of type ${resource.kind}): ${why} (${summarize(body)})`);
}

const SUMMARY_BYTES = 30;

/** summarizeData: text where it looks like JSON, else hexadecimal digits. */
function summarize(body: Buffer): string {
  if (body.length === 0) return '<empty>';
  const head = body.subarray(0, SUMMARY_BYTES);
  const suffix = body.length > SUMMARY_BYTES ? ' ...' : '';
  return body[0] === 0x7b ? `${head.toString('utf8')}${suffix}` : `${head.toString('hex')}${suffix}`;
}

export interface DeleteOptions {
  readonly uid: string | null;
  readonly resourceVersion: string | null;
  readonly isDryRun: boolean;
}

/** metav1.DeleteOptions: from the body, or from the query when there is none. */
export function readDeleteOptions(request: ApiRequest): DeleteOptions {
  const options = request.body.length === 0 ? {} : readOptionsBody(request);
  const preconditions = isJsonObject(options['preconditions']) ? options['preconditions'] : {};
  const text = (value: Json | undefined): string | null => (typeof value === 'string' ? value : null);
  const dryRun = Array.isArray(options['dryRun']) ? options['dryRun'] : request.query.getAll('dryRun');
  return { uid: text(preconditions['uid']), resourceVersion: text(preconditions['resourceVersion']), isDryRun: isDryRun(dryRun) };
}

function readOptionsBody(request: ApiRequest): JsonObject {
  if (request.body.length > MAX_BODY_BYTES) throw bodyTooLarge();
  const mediaType = mediaTypeOf(request);
  try {
    if (mediaType === PROTOBUF_TYPE) return decodeMessage('DeleteOptions', openEnvelope(request.body).raw);
  } catch (error) {
    throw badRequest(error instanceof Error ? error.message : String(error));
  }
  if (mediaType !== '' && mediaType !== JSON_TYPE) throw unsupportedMediaType([JSON_TYPE, PROTOBUF_TYPE]);
  const parsed = parseOr(request.body.toString('utf8'), (why) => badRequest(`couldn't get version/kind; json parse error: ${why}`));
  return isJsonObject(parsed) ? parsed : {};
}

export function isDryRun(values: readonly unknown[]): boolean {
  if (values.length === 0) return false;
  if (values.every((value) => value === 'All')) return true;
  throw badRequest(`dryRun: Unsupported value: ${JSON.stringify(values)}: supported values: "All"`);
}
