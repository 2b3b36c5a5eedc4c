// The shape of a policy: each key with what it may be. Finds every problem of shape at once; what keys mean together is policy-rule.ts's.

import { z } from 'zod';
import { bytes, oneOf, section, size, text } from '../../settings-values.ts';
import { MAX_JSON_DEPTH, type JsonValue } from '../body/json.ts';
import { mediaTypes } from '../body/media-type.ts';
import { csrFieldNames } from './bindings.ts';
import { isTemplate, sampleOf } from './identity-template.ts';
import type { PolicyDocument } from './policy-document.ts';

/** More than any of the built-in packs by an order of magnitude; what is beyond belongs into another policy. */
const MAX_RULES = 100;
const MAX_LIST = 100;
const MAX_TESTS = 1_000;
/** VAP has no such bound; each may read the ones before it. */
const MAX_VARIABLES = 16;

const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
/** A path segment as path.ts lets it through. */
const SEGMENT = /^[A-Za-z0-9](?:[A-Za-z0-9._:@~-]{0,251}[A-Za-z0-9])?$/;
const RESOURCE = /^[a-z][a-z0-9]{0,62}(?:\/[a-z]{1,63})?$/;
const SUBRESOURCE_PATH = /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/;
const URL_PATH = /^\/(?:[A-Za-z0-9._~-]+(?:\/[A-Za-z0-9._~-]+)*\/?)?\*?$/;
const VARIABLE = /^[a-zA-Z_][a-zA-Z0-9_]{0,62}$/;
const REQUEST = /^[A-Z]{1,16} \/[!-~]*$/;
const BASE64 = /^[A-Za-z0-9+/\s]*={0,2}\s*$/;

const label = text('a name in lower-case letters, digits and hyphens, at most 63 characters', (value) => LABEL.test(value));

/** Every list has something in it: an empty one would read as "none" to one and as "any" to another. */
function list<Item extends z.ZodType>(item: Item, expected: string): z.ZodArray<Item> {
  return z
    .array(item, { error: expected })
    .min(1, { error: expected })
    .max(MAX_LIST, { error: `at most ${MAX_LIST} entries` });
}

function templates(what: string, form: RegExp): z.ZodArray<z.ZodType<string, string>> {
  const expected = `${what}; {{cluster}}, {{addon}} and {{user}} stand for the caller's`;
  return list(
    text(expected, (value) => isTemplate(value) && form.test(sampleOf(value))),
    `a list of at least one: ${expected}`,
  );
}

const identityKind = oneOf(['klusterlet', 'addon', 'bootstrap']);
const addonName = text('the name of an add-on', (value) => SUBDOMAIN.test(value));

const subjects = section({
  kinds: list(identityKind, 'a list of klusterlet, addon, bootstrap'),
  addons: list(addonName, 'a list of names of add-ons').optional(),
  clusters: list(label, 'a list of names of clusters').optional(),
});

const verb = oneOf([
  ...(['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'] as const),
  ...(['head', 'options', 'post', 'put'] as const),
]);

const requirement = text("a value; {{cluster}}, {{addon}} and {{user}} stand for the caller's", isTemplate);
const requirements = z
  .record(z.string().max(317), requirement, { error: 'a mapping of keys to values' })
  .refine((map) => Object.keys(map).length > 0, { error: 'at least one requirement' });

const celText = text('an expression in CEL', (value) => value.trim() !== '');
const message = text('a sentence of at most 200 characters for the audit', (value) => /^[^\p{C}]{1,200}$/u.test(value));
const expression = section({ expression: celText, message });

/** The hub itself takes 3 MiB; aggregated APIs may take more (facts/klusterlet-traffic.md "sizes"). */
const maxBytes = size('1B', '256MiB');

const rule = section({
  name: label,
  subjects: subjects.optional(),
  verbs: list(verb, 'a list of verbs, each by its name'),
  nonResourceURLs: list(
    text('a path, which may end in *', (value) => URL_PATH.test(value)),
    'a list of paths',
  ).optional(),
  apiGroups: list(
    text('an API group by its name, "" for the core group', (value) => value === '' || SUBDOMAIN.test(value)),
    'a list of API groups',
  ).optional(),
  resources: list(
    text('a resource or resource/subresource by its name', (value) => RESOURCE.test(value)),
    'a list of resources',
  ).optional(),
  subresourcePath: text('what follows the subresource in the path', (value) => SUBRESOURCE_PATH.test(value)).optional(),
  namespaces: templates('the name of a namespace', LABEL).optional(),
  clusterScope: z.literal(true, { error: 'true, or nothing' }).optional(),
  resourceNames: templates('the name of an object', SEGMENT).optional(),
  bodyNames: templates('the name of an object', SEGMENT).optional(),
  requiredSelectors: section({ labels: requirements.optional(), fields: requirements.optional() }).optional(),
  matchConditions: list(expression, 'a list of expression and message').optional(),
  body: section({
    maxBytes: maxBytes.optional(),
    contentTypes: list(oneOf([...mediaTypes]), `a list of ${mediaTypes.join(', ')}`).optional(),
  }).optional(),
  variables: list(
    section({ name: text('a name of letters, digits and _', (value) => VARIABLE.test(value)), expression: celText }),
    'a list of name and expression',
  )
    .max(MAX_VARIABLES, { error: `at most ${MAX_VARIABLES} variables` })
    .optional(),
  validations: list(expression, 'a list of expression and message').optional(),
});

const action = oneOf(['Deny', 'Warn', 'Audit']);

const json: z.ZodType<JsonValue> = z.custom<JsonValue>((value) => isJson(value, 0), { error: 'a value that JSON has' });

function isJson(value: unknown, depth: number): boolean {
  if (depth > MAX_JSON_DEPTH) return false;
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value === 'object' && Object.values(value).every((one) => isJson(one, depth + 1));
}

const CSR_FIELDS = `a mapping of ${csrFieldNames.join(', ')}`;

const test = section({
  name: message,
  subject: section({
    kind: identityKind,
    cluster: label.nullable().optional(),
    addon: addonName.optional(),
    user: text('a user name', (value) => value !== '').optional(),
    groups: list(
      text('a group', (value) => value !== ''),
      'a list of groups',
    ).optional(),
  }),
  request: text('METHOD and target, such as GET /apis?limit=1', (value) => REQUEST.test(value)),
  contentType: text('a media type', (value) => value !== '').optional(),
  body: json.optional(),
  bodyBase64: text('base64', (value) => BASE64.test(value)).optional(),
  csr: z
    .record(z.string(), json, { error: CSR_FIELDS })
    .refine((said) => Object.keys(said).every((key) => csrFieldNames.includes(key)), { error: CSR_FIELDS })
    .optional(),
  expect: oneOf(['allow', 'deny']),
  rule: label.optional(),
  because: text('words of the reason', (value) => value !== '').optional(),
});

export const policySchema: z.ZodType<PolicyDocument> = section({
  apiVersion: z.literal('countersign.dev/v1alpha1', { error: 'countersign.dev/v1alpha1' }),
  kind: z.literal('Policy', { error: 'Policy' }),
  metadata: section({ name: label }),
  spec: section({
    subjects,
    validationActions: list(action, 'a list of Deny, Warn, Audit')
      .refine((actions) => !(actions.includes('Deny') && actions.includes('Warn')), { error: 'Deny or Warn, not both' })
      .default(['Deny']),
    rules: z.array(rule, { error: 'a list of rules' }).max(MAX_RULES, { error: `at most ${MAX_RULES} rules` }),
  }),
  tests: z
    .array(test, { error: 'a list of tests' })
    .max(MAX_TESTS, { error: `at most ${MAX_TESTS} tests` })
    .default([]),
});

/** For a rule that says nothing of it: what kube-apiserver itself takes (apiserver pkg/server/config.go MaxRequestBodyBytes). */
export const DEFAULT_BODY_BYTES: number = bytes('3MiB');
