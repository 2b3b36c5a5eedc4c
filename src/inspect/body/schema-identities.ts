// The Kubernetes messages about identities and rights, as data: certificate requests, tokens, reviews. Same form and origin as schema-objects.ts.

import type { SchemaRow } from './schema-objects.ts';

export const identityMessages: Readonly<Record<string, readonly SchemaRow[]>> = {
  CertificateSigningRequest: [
    [1, 'metadata', 'ObjectMeta'],
    [2, 'spec', 'CertificateSigningRequestSpec'],
    [3, 'status', 'CertificateSigningRequestStatus'],
  ],
  CertificateSigningRequestSpec: [
    [1, 'request', 'bytes!'],
    [2, 'username', 'string'],
    [3, 'uid', 'string'],
    [4, 'groups', '[]string'],
    [5, 'usages', '[]string'],
    [6, 'extra', 'map ExtraValue'],
    [7, 'signerName', 'string!'],
    [8, 'expirationSeconds', '*int32'],
  ],
  CertificateSigningRequestStatus: [
    [1, 'conditions', '[]CertificateSigningRequestCondition'],
    [2, 'certificate', 'bytes'],
  ],
  CertificateSigningRequestCondition: [
    [1, 'type', 'string!'],
    [2, 'reason', 'string'],
    [3, 'message', 'string'],
    [4, 'lastUpdateTime', 'Time'],
    [5, 'lastTransitionTime', 'Time'],
    [6, 'status', 'string!'],
  ],
  SelfSubjectReview: [
    [1, 'metadata', 'ObjectMeta'],
    [2, 'status', 'SelfSubjectReviewStatus'],
  ],
  SelfSubjectReviewStatus: [[1, 'userInfo', 'UserInfo']],
  UserInfo: [
    [1, 'username', 'string'],
    [2, 'uid', 'string'],
    [3, 'groups', '[]string'],
    [4, 'extra', 'map ExtraValue'],
  ],
  TokenRequest: [
    [1, 'metadata', 'ObjectMeta'],
    [2, 'spec', 'TokenRequestSpec'],
    [3, 'status', 'TokenRequestStatus'],
  ],
  TokenRequestSpec: [
    [1, 'audiences', '[]string'],
    [3, 'boundObjectRef', '*BoundObjectReference'],
    [4, 'expirationSeconds', '*int64'],
  ],
  BoundObjectReference: [
    [1, 'kind', 'string'],
    [2, 'apiVersion', 'string'],
    [3, 'name', 'string'],
    [4, 'uid', 'string'],
  ],
  TokenRequestStatus: [
    [1, 'token', 'string!'],
    [2, 'expirationTimestamp', 'Time!'],
  ],
  TokenReview: [
    [1, 'metadata', 'ObjectMeta'],
    [2, 'spec', 'TokenReviewSpec'],
    [3, 'status', 'TokenReviewStatus'],
  ],
  TokenReviewSpec: [
    [1, 'token', 'string'],
    [2, 'audiences', '[]string'],
  ],
  TokenReviewStatus: [
    [1, 'authenticated', 'bool'],
    [2, 'user', 'UserInfo'],
    [3, 'error', 'string'],
    [4, 'audiences', '[]string'],
  ],
  SelfSubjectAccessReview: [
    [1, 'metadata', 'ObjectMeta'],
    [2, 'spec', 'SelfSubjectAccessReviewSpec'],
    [3, 'status', 'SubjectAccessReviewStatus'],
  ],
  SelfSubjectAccessReviewSpec: [
    [1, 'resourceAttributes', '*ResourceAttributes'],
    [2, 'nonResourceAttributes', '*NonResourceAttributes'],
  ],
  ResourceAttributes: [
    [1, 'namespace', 'string'],
    [2, 'verb', 'string'],
    [3, 'group', 'string'],
    [4, 'version', 'string'],
    [5, 'resource', 'string'],
    [6, 'subresource', 'string'],
    [7, 'name', 'string'],
    [8, 'fieldSelector', '*FieldSelectorAttributes'],
    [9, 'labelSelector', '*LabelSelectorAttributes'],
  ],
  FieldSelectorAttributes: [
    [1, 'rawSelector', 'string'],
    [2, 'requirements', '[]SelectorRequirement'],
  ],
  LabelSelectorAttributes: [
    [1, 'rawSelector', 'string'],
    [2, 'requirements', '[]SelectorRequirement'],
  ],
  SelectorRequirement: [
    [1, 'key', 'string!'],
    [2, 'operator', 'string!'],
    [3, 'values', '[]string'],
  ],
  NonResourceAttributes: [
    [1, 'path', 'string'],
    [2, 'verb', 'string'],
  ],
  SubjectAccessReviewStatus: [
    [1, 'allowed', 'bool!'],
    [2, 'reason', 'string'],
    [3, 'evaluationError', 'string'],
    [4, 'denied', 'bool'],
  ],
};
