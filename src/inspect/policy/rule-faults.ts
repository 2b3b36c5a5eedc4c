// What the keys of one rule must not say together: contradictions, and grants that could never match. Each fault names the key that is to blame and
// what to write; the shape of each key is policy-schema.ts's.

import type { Identity } from '../../identity.ts';
import { isPatchType } from '../body/media-type.ts';
import { scopeOf } from '../resource-scope.ts';
import type { RuleDocument, SubjectsDocument } from './policy-document.ts';

export interface RuleFault {
  /** Below the rule. */
  readonly path: readonly PropertyKey[];
  /** Where the value as it stands does not show it. */
  readonly found?: string;
  readonly expected: string;
}

const resourceVerbs: ReadonlySet<string> = new Set(['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection']);
const pathVerbs: ReadonlySet<string> = new Set(['get', 'head', 'options', 'post', 'put', 'patch', 'delete']);
const verbsWithSelectors: ReadonlySet<string> = new Set(['list', 'watch', 'deletecollection']);
const verbsWithBody: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

export function findRuleFaults(rule: RuleDocument, subjects: SubjectsDocument): readonly RuleFault[] {
  return [
    ...(rule.nonResourceURLs === undefined ? [...findTargetFaults(rule), ...findScopeFaults(rule)] : findPathFaults(rule)),
    ...findNameFaults(rule),
    ...findBodyFaults(rule),
    ...findVariableFaults(rule, subjects),
  ];
}

export function findSubjectFaults(subjects: SubjectsDocument): readonly RuleFault[] {
  if (subjects.addons === undefined || subjects.kinds.includes('addon')) return [];
  return [{ path: ['addons'], expected: 'nothing, where kinds does not name addon' }];
}

const resourceKeys = [
  'apiGroups',
  'resources',
  'subresourcePath',
  'namespaces',
  'clusterScope',
  'resourceNames',
  'requiredSelectors',
] as const;
const bodyKeys = ['bodyNames', 'body', 'variables', 'validations'] as const;

function findPathFaults(rule: RuleDocument): readonly RuleFault[] {
  const strange = [...resourceKeys, ...bodyKeys].filter((key) => rule[key] !== undefined);
  return [
    ...strange.map((key) => ({ path: [key], expected: 'nothing beside nonResourceURLs' })),
    ...findStrangeVerbs(rule, pathVerbs, 'a method in lower case: what is no resource has no other verb'),
  ];
}

function findTargetFaults(rule: RuleDocument): readonly RuleFault[] {
  const missing = (['apiGroups', 'resources'] as const).filter((key) => rule[key] === undefined);
  const faults: RuleFault[] = missing.map((key) => ({ path: [key], expected: 'apiGroups and resources, or nonResourceURLs' }));
  const hasSubresources = rule.resources?.every((resource) => resource.includes('/')) ?? true;
  if (rule.subresourcePath !== undefined && !hasSubresources) {
    faults.push({ path: ['subresourcePath'], expected: 'nothing, where a resource has no subresource' });
  }
  if (rule.requiredSelectors !== undefined) {
    const { labels, fields } = rule.requiredSelectors;
    if (labels === undefined && fields === undefined) faults.push({ path: ['requiredSelectors'], expected: 'labels or fields' });
    faults.push(...findStrangeVerbs(rule, verbsWithSelectors, 'list, watch or deletecollection: no other verb takes a selector'));
  }
  return [...faults, ...findStrangeVerbs(rule, resourceVerbs, 'a verb of resources')];
}

function findStrangeVerbs(rule: RuleDocument, known: ReadonlySet<string>, expected: string): readonly RuleFault[] {
  return rule.verbs.flatMap((verb, at) => (known.has(verb) ? [] : [{ path: ['verbs', at], expected }]));
}

/** Where the object lies has to be said, and has to be where such an object can lie (CVE-2019-11247). */
function findScopeFaults(rule: RuleDocument): readonly RuleFault[] {
  if ((rule.namespaces === undefined) === (rule.clusterScope === undefined)) {
    const found = rule.namespaces === undefined ? 'neither namespaces nor clusterScope' : 'both namespaces and clusterScope';
    return [{ path: [], found, expected: 'one of namespaces and clusterScope: true' }];
  }
  const names = (rule.resources ?? []).map((resource, at) => ({ at, name: resource.split('/', 1)[0] ?? '' }));
  return (rule.apiGroups ?? []).flatMap((group) =>
    names.flatMap(({ at, name }) => {
      const scope = scopeOf(group, name);
      if (scope === 'cluster' && rule.namespaces !== undefined) {
        return [{ path: ['resources', at], expected: 'a resource that lies in namespaces: this one is cluster-scoped' }];
      }
      const isWide = rule.verbs.every((verb) => verbsWithSelectors.has(verb));
      return scope === 'namespaced' && rule.clusterScope === true && !isWide
        ? [{ path: ['clusterScope'], expected: 'namespaces: across all of them there is only list, watch and deletecollection' }]
        : [];
    }),
  );
}

function findNameFaults(rule: RuleDocument): readonly RuleFault[] {
  const faults: RuleFault[] = [];
  const isWhole = rule.resources?.some((resource) => !resource.includes('/')) ?? false;
  const nameless = rule.verbs.find((verb) => verb === 'deletecollection' || (verb === 'create' && isWhole));
  if (rule.resourceNames !== undefined && nameless !== undefined) {
    const expected =
      nameless === 'create' ? 'a rule of its own for create, with bodyNames: its path has no name' : 'nothing beside deletecollection';
    faults.push({ path: ['resourceNames'], expected });
  }
  if (rule.bodyNames !== undefined && rule.verbs.some((verb) => verb !== 'create')) {
    faults.push({ path: ['bodyNames'], expected: 'resourceNames: only create has its name in the body alone' });
  }
  return faults;
}

function findBodyFaults(rule: RuleDocument): readonly RuleFault[] {
  if (rule.nonResourceURLs !== undefined) return [];
  const faults: RuleFault[] = [];
  const isPatch = rule.verbs.includes('patch');
  const used = bodyKeys.filter((key) => rule[key] !== undefined);
  if (used.length > 0 && rule.verbs.some((verb) => !verbsWithBody.has(verb))) {
    faults.push(...used.map((key) => ({ path: [key], expected: 'a rule of its own for the verbs that have a body' })));
  }
  if (isPatch && rule.verbs.length > 1)
    faults.push({ path: ['verbs'], expected: 'a rule of its own for patch: its bodies have other types' });
  if (isPatch && rule.body?.contentTypes === undefined) {
    faults.push({ path: ['body', 'contentTypes'], expected: 'the kinds of patch that are meant' });
  }
  rule.body?.contentTypes?.forEach((type, at) => {
    if (isPatchType(type) !== isPatch) {
      faults.push({ path: ['body', 'contentTypes', at], expected: isPatch ? 'a type of patches' : 'a type of objects' });
    }
  });
  if (rule.variables !== undefined && rule.validations === undefined) {
    faults.push({ path: ['variables'], expected: 'validations that read them' });
  }
  return faults;
}

/** What a kind of identity never has: a rule that asks for it would match none. */
const lacking: Readonly<Record<Identity['kind'], string | null>> = { klusterlet: 'addon', bootstrap: 'addon', addon: null };

function findVariableFaults(rule: RuleDocument, { kinds }: SubjectsDocument): readonly RuleFault[] {
  const { labels = {}, fields = {} } = rule.requiredSelectors ?? {};
  const places = [
    ...(['namespaces', 'resourceNames', 'bodyNames'] as const).map((key) => ({ path: [key], texts: rule[key] ?? [] })),
    { path: ['requiredSelectors', 'labels'], texts: Object.values(labels) },
    { path: ['requiredSelectors', 'fields'], texts: Object.values(fields) },
  ];
  return kinds.flatMap((kind) =>
    places
      .filter(({ texts }) => texts.some((text) => text.includes(`{{${lacking[kind] ?? ' '}}}`)))
      .map(({ path }) => ({ path, found: `{{${lacking[kind]}}}`, expected: `something that a ${kind} has` })),
  );
}
