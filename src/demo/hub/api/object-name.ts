// Names: what may be one, and how generateName makes one (apimachinery pkg/api/validation, apiserver pkg/storage/names).

import { type KubeObject, nameOf, withMetadata } from './object.ts';
import type { Randomness } from './registry.ts';
import type { Resource } from './resources.ts';
import { type FieldError, invalid } from './status.ts';

/** Without vowels and look-alikes, so that no word comes out (apimachinery pkg/util/rand). */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
/** names.maxNameLength (63) less the suffix. */
const MAX_PREFIX_LENGTH = 58;

export function generateName(object: KubeObject, random: Randomness): KubeObject {
  const prefix = object.metadata.generateName ?? '';
  if (nameOf(object) !== '' || prefix === '') return object;
  const suffix = Array.from({ length: SUFFIX_LENGTH }, () => ALPHABET.charAt(random.below(ALPHABET.length))).join('');
  return withMetadata(object, { name: `${prefix.slice(0, MAX_PREFIX_LENGTH)}${suffix}` });
}

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = new RegExp(String.raw`^${LABEL}(\.${LABEL})*$`);
const MAX_SUBDOMAIN_LENGTH = 253;
const MAX_LABEL_LENGTH = 63;

export function validateName(object: KubeObject, resource: Resource): void {
  const name = nameOf(object);
  const error = name === '' ? REQUIRED : findFault(name, resource);
  if (error !== null) throw invalid(resource, name, [error]);
}

const REQUIRED: FieldError = {
  field: 'metadata.name',
  reason: 'FieldValueRequired',
  detail: 'Required value: name or generateName is required',
};

function findFault(name: string, resource: Resource): FieldError | null {
  const wrong = (why: string): FieldError => ({
    field: 'metadata.name',
    reason: 'FieldValueInvalid',
    detail: `Invalid value: ${JSON.stringify(name)}: ${why}`,
  });
  // A CSR's name has only to fit into a path (certificates validation: IsValidPathSegmentName).
  if (resource.resource === 'certificatesigningrequests')
    return /[/%]/.test(name) || name === '.' || name === '..' ? wrong(`may not contain '/'`) : null;
  const limit = resource.resource === 'namespaces' ? MAX_LABEL_LENGTH : MAX_SUBDOMAIN_LENGTH;
  if (name.length > limit) return wrong(`must be no more than ${limit} characters`);
  if (SUBDOMAIN.test(name) && !(limit === MAX_LABEL_LENGTH && name.includes('.'))) return null;
  return wrong(
    String.raw`a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
  );
}
