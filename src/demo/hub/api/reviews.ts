// SelfSubjectReview and SelfSubjectAccessReview: questions that come as objects and are answered at once; nothing is stored.

import { answerRendering, offerOf } from './answer.ts';
import type { Allows, ApiAnswer, ApiRequest, Attributes } from './exchange.ts';
import { managerNameOf } from './form.ts';
import { type JsonObject, isJsonObject } from './json.ts';
import { textAt } from './json-path.ts';
import { trackManager } from './managed-fields.ts';
import { negotiate } from './negotiation.ts';
import { type KubeObject, formatTime, withMetadata } from './object.ts';
import { render } from './rendering.ts';
import { readObject } from './request-body.ts';
import { type Resource, apiVersionOf } from './resources.ts';
import { invalid } from './status.ts';

export function review(request: ApiRequest, resource: Resource, around: { allows: Allows; nowMs: number }): ApiAnswer {
  const output = negotiate(request, offerOf(resource));
  const asked = readObject(request, resource);
  const now = formatTime(around.nowMs);
  const answered =
    resource.kind === 'SelfSubjectReview' ? whoAmI(request, asked, now) : canI(request, asked, { allows: around.allows, now });
  return answerRendering(201, render(answered, resource), output);
}

function whoAmI({ user }: ApiRequest, asked: KubeObject, now: string): KubeObject {
  const { username, uid, groups, extra } = user;
  const userInfo = { username, ...(uid === undefined ? {} : { uid }), groups, extra };
  return { ...asked, metadata: { creationTimestamp: now }, status: { userInfo } };
}

function canI(request: ApiRequest, asked: KubeObject, around: { allows: Allows; now: string }): KubeObject {
  const spec = isJsonObject(asked['spec']) ? asked['spec'] : {};
  const { allowed, reason } = around.allows(request.user, attributesOf(spec));
  const answered = { ...asked, status: { allowed, ...(reason === '' ? {} : { reason }) } };
  const apiVersion = apiVersionOf({ group: 'authorization.k8s.io', version: 'v1' });
  const manager = { name: managerNameOf(request), subresource: '', apiVersion, time: around.now, isCustom: false };
  return withMetadata(answered, { managedFields: trackManager(null, { ...asked, metadata: {}, status: {} }, manager) });
}

/** pkg/apis/authorization/validation: exactly one of the two. */
function attributesOf(spec: JsonObject): Attributes {
  const resource = spec['resourceAttributes'];
  const path = spec['nonResourceAttributes'];
  if (isJsonObject(resource) === isJsonObject(path)) {
    const detail = 'Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified';
    throw invalid({ group: 'authorization.k8s.io', kind: 'SelfSubjectAccessReview' }, '', [
      { field: 'spec.resourceAttributes', reason: 'FieldValueInvalid', detail },
    ]);
  }
  if (isJsonObject(path)) return { kind: 'path', verb: textAt(path, 'verb'), path: textAt(path, 'path') };
  const of = isJsonObject(resource) ? resource : {};
  return {
    kind: 'resource',
    verb: textAt(of, 'verb'),
    group: textAt(of, 'group'),
    version: textAt(of, 'version'),
    resource: textAt(of, 'resource'),
    subresource: textAt(of, 'subresource'),
    namespace: textAt(of, 'namespace'),
    name: textAt(of, 'name'),
  };
}
