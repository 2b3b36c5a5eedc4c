// Whether a rule admits the head of a request, attribute by attribute in a fixed order. The same list decides and explains: the rule that gets
// furthest down the list is the closest, and the attribute it stops at is why.

import type { Identity } from '../../identity.ts';
import type { MediaType } from '../body/body.ts';
import type { RequestInfo } from '../request-info.ts';
import { demands, parseFieldSelector, parseLabelSelector, type SelectorRequirement } from '../selectors.ts';
import { bindHead } from './bindings.ts';
import type { CompiledRule, PathTarget, Requirement, ResourceTarget } from './compiled-rule.ts';
import { bindTemplate, type IdentityTemplate } from './identity-template.ts';

/** The head of a request, as rules see it. */
export interface AskedRequest {
  readonly info: RequestInfo;
  readonly identity: Identity;
  /** null: none of those that a body here can have. */
  readonly mediaType: MediaType | null;
}

interface Attribute {
  readonly holds: (rule: CompiledRule, asked: AskedRequest) => boolean;
  /** Why it does not hold; what the request says is quoted and cut. */
  readonly because: (rule: CompiledRule, asked: AskedRequest) => string;
}

export function admits(rule: CompiledRule, asked: AskedRequest): boolean {
  for (const attribute of attributes) if (!attribute.holds(rule, asked)) return false;
  return true;
}

export interface Mismatch {
  /** How many attributes hold before it. */
  readonly rank: number;
  readonly because: string;
}

/** Null where the rule admits the request. */
export function findMismatch(rule: CompiledRule, asked: AskedRequest): Mismatch | null {
  const rank = attributes.findIndex(({ holds }) => !holds(rule, asked));
  const attribute = attributes[rank];
  return attribute === undefined ? null : { rank, because: attribute.because(rule, asked) };
}

/** What a request is for and who sends it come first: rules for something else, or for someone else, are never close. */
const attributes: readonly Attribute[] = [
  { holds: isTarget, because: (rule, { info }) => `the request is for ${sayTarget(info)}, the rule for ${sayTargets(rule)}` },
  { holds: isSubject, because: (rule, { identity }) => `the caller is ${sayIdentity(identity)}, the rule is for ${saySubjects(rule)}` },
  {
    holds: (rule, { info }) => rule.verbs.has(info.verb),
    because: (rule, { info }) => `the verb is ${info.verb === '' ? 'none' : info.verb}, the rule has ${[...rule.verbs].join(', ')}`,
  },
  { holds: isSubresourcePath, because: (_rule, { info }) => `${quote(restOf(info))} follows the subresource` },
  { holds: isPlace, because: sayPlace },
  {
    holds: isName,
    because: (rule, { info, identity }) =>
      `the name is ${info.name === '' ? 'not given' : quote(info.name)}, the rule has ${sayTemplates(resourceOf(rule)?.names, identity)}`,
  },
  {
    holds: (rule, { info, identity }) => isSelected(resourceOf(rule)?.labels, () => parseLabelSelector(info.labelSelector ?? ''), identity),
    because: (rule, { identity }) => `labelSelector has to demand ${sayRequirements(resourceOf(rule)?.labels, identity)}`,
  },
  {
    holds: (rule, { info, identity }) => isSelected(resourceOf(rule)?.fields, () => parseFieldSelector(info.fieldSelector ?? ''), identity),
    because: (rule, { identity }) => `fieldSelector has to demand ${sayRequirements(resourceOf(rule)?.fields, identity)}`,
  },
  {
    holds: (rule, { info, mediaType }) => !takesMediaType(info) || (mediaType !== null && rule.body.contentTypes.has(mediaType)),
    because: (rule, { mediaType }) =>
      `the content type is ${mediaType ?? 'none that can be judged'}, the rule has ${[...rule.body.contentTypes].join(', ')}`,
  },
  {
    holds: (rule, asked) => findFailedCondition(rule, asked) === null,
    because: (rule, asked) => `not given: ${findFailedCondition(rule, asked) ?? ''}`,
  },
];

/** The options that a delete may send are the hub's to refuse. */
function takesMediaType({ isResource, verb }: RequestInfo): boolean {
  return isResource && (verb === 'create' || verb === 'update' || verb === 'patch');
}

function resourceOf({ target }: CompiledRule): ResourceTarget | null {
  return target.kind === 'resource' ? target : null;
}

function isTarget({ target }: CompiledRule, { info }: AskedRequest): boolean {
  if (target.kind === 'path') return !info.isResource && isPath(target, info.path);
  return info.isResource && target.apiGroups.has(info.apiGroup) && target.resources.has(sayResource(info));
}

function isPath({ paths }: PathTarget, path: string): boolean {
  return paths.some(({ text, isPrefix }) => (isPrefix ? path.startsWith(text) : path === text));
}

function isSubject({ subjects: { kinds, addons, clusters } }: CompiledRule, { identity }: AskedRequest): boolean {
  return (
    kinds.has(identity.kind) &&
    (addons === null || identity.kind !== 'addon' || (identity.addon !== null && addons.has(identity.addon))) &&
    (clusters === null || (identity.cluster !== null && clusters.has(identity.cluster)))
  );
}

/** Nobody but the handler knows what stands behind the subresource, so a rule has to name it. */
function isSubresourcePath(rule: CompiledRule, { info }: AskedRequest): boolean {
  const target = resourceOf(rule);
  return target === null || restOf(info) === target.subresourcePath;
}

function restOf({ parts }: RequestInfo): string {
  return parts.length > 3 ? parts.slice(3).join('/') : '';
}

/** Where a namespace is the object itself, it does not lie in one. */
function placeOf(info: RequestInfo): string {
  return info.resource === 'namespaces' && info.apiGroup === '' ? '' : info.namespace;
}

function isPlace(rule: CompiledRule, { info, identity }: AskedRequest): boolean {
  const target = resourceOf(rule);
  if (target === null) return true;
  const place = placeOf(info);
  if (target.namespaces === null) return place === '';
  // A cluster-scoped object below a namespace is reached by nobody honest (CVE-2019-11247).
  return place !== '' && info.scope !== 'cluster' && isOneOf(target.namespaces, identity, place);
}

function isName(rule: CompiledRule, { info, identity }: AskedRequest): boolean {
  const names = resourceOf(rule)?.names ?? null;
  return names === null || (info.name !== '' && isOneOf(names, identity, info.name));
}

export function isOneOf(templates: readonly IdentityTemplate[], identity: Identity, text: string): boolean {
  return templates.some((template) => bindTemplate(template, identity) === text);
}

function isSelected(
  requirements: readonly Requirement[] | undefined,
  parse: () => readonly SelectorRequirement[] | null,
  identity: Identity,
): boolean {
  if (requirements === undefined || requirements.length === 0) return true;
  const selector = parse();
  return (
    selector !== null &&
    requirements.every(({ key, value }) => {
      const bound = bindTemplate(value, identity);
      return bound !== null && demands(selector, key, bound);
    })
  );
}

/** Its message; null where all hold. An error is a failure. */
function findFailedCondition({ matchConditions }: CompiledRule, asked: AskedRequest): string | null {
  if (matchConditions.length === 0) return null;
  const bindings = bindHead(asked);
  const failed = matchConditions.find(({ expression }) => {
    const outcome = expression.evaluate(bindings);
    return !outcome.ok || outcome.value !== true;
  });
  return failed?.message ?? null;
}

function sayResource({ resource, subresource }: RequestInfo): string {
  return subresource === '' ? resource : `${resource}/${subresource}`;
}

function sayTarget(info: RequestInfo): string {
  if (!info.isResource) return `the path ${quote(info.path)}`;
  return info.apiGroup === '' ? quote(sayResource(info)) : quote(`${sayResource(info)} of ${info.apiGroup}`);
}

function sayTargets({ target }: CompiledRule): string {
  if (target.kind === 'path') return target.paths.map(({ text, isPrefix }) => (isPrefix ? `${text}*` : text)).join(', ');
  return [...target.resources].join(', ');
}

export function sayIdentity({ kind, cluster, addon }: Identity): string {
  const who = addon === null ? kind : `add-on ${addon}`;
  return cluster === null ? `${who} of no cluster` : `${who} of ${cluster}`;
}

function saySubjects({ subjects: { kinds, addons, clusters } }: CompiledRule): string {
  const whose = clusters === null ? '' : ` of ${[...clusters].join(', ')}`;
  return `${[...kinds].join(', ')}${addons === null ? '' : ` ${[...addons].join(', ')}`}${whose}`;
}

function sayPlace(rule: CompiledRule, { info, identity }: AskedRequest): string {
  const namespaces = resourceOf(rule)?.namespaces ?? null;
  const place = placeOf(info);
  if (namespaces === null) return `the namespace is ${quote(place)}, the rule is for cluster scope`;
  if (place !== '' && info.scope === 'cluster') return `${quote(info.resource)} is cluster-scoped and lies in no namespace`;
  return `the namespace is ${place === '' ? 'not given' : quote(place)}, the rule has ${sayTemplates(namespaces, identity)}`;
}

function sayTemplates(templates: readonly IdentityTemplate[] | null | undefined, identity: Identity): string {
  return (templates ?? []).map((one) => quote(bindTemplate(one, identity) ?? one.text)).join(', ');
}

function sayRequirements(requirements: readonly Requirement[] | undefined, identity: Identity): string {
  return (requirements ?? []).map(({ key, value }) => `${key}=${bindTemplate(value, identity) ?? value.text}`).join(',');
}

/** Characters of a value in a reason. */
const MAX_QUOTED_CHARACTERS = 120;

function quote(value: string): string {
  return JSON.stringify(value.length > MAX_QUOTED_CHARACTERS ? `${value.slice(0, MAX_QUOTED_CHARACTERS)}…` : value);
}
