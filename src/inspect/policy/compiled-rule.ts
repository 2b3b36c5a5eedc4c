// One rule of a policy in the form in which requests are held against it: sets, templates and compiled expressions. Made when a policy is loaded,
// immutable afterwards.

import type { Identity } from '../../identity.ts';
import type { MediaType } from '../body/body.ts';
import { bodyDeclarations, headDeclarations } from './bindings.ts';
import { compileExpression, type Expression } from './expression.ts';
import type { Declarations } from './expression-syntax.ts';
import { type IdentityTemplate, parseTemplate } from './identity-template.ts';
import type { ExpressionDocument, RuleDocument, SubjectsDocument, ValidationAction } from './policy-document.ts';
import { DEFAULT_BODY_BYTES } from './policy-schema.ts';
import { findRuleFaults, findSubjectFaults, type RuleFault } from './rule-faults.ts';

export interface CompiledRule {
  /** `policy/rule`. */
  readonly id: string;
  readonly subjects: CompiledSubjects;
  readonly verbs: ReadonlySet<string>;
  readonly target: ResourceTarget | PathTarget;
  readonly matchConditions: readonly CompiledCheck[];
  readonly body: BodyRule;
}

export interface CompiledSubjects {
  readonly kinds: ReadonlySet<Identity['kind']>;
  /** null: any. */
  readonly addons: ReadonlySet<string> | null;
  readonly clusters: ReadonlySet<string> | null;
}

export interface ResourceTarget {
  readonly kind: 'resource';
  readonly apiGroups: ReadonlySet<string>;
  /** `resource` or `resource/subresource`. */
  readonly resources: ReadonlySet<string>;
  /** What has to follow the subresource in the path; '' for nothing. */
  readonly subresourcePath: string;
  /** null: cluster scope. */
  readonly namespaces: readonly IdentityTemplate[] | null;
  /** null: any. */
  readonly names: readonly IdentityTemplate[] | null;
  readonly labels: readonly Requirement[];
  readonly fields: readonly Requirement[];
}

export interface PathTarget {
  readonly kind: 'path';
  /** Each a path, or a beginning of one. */
  readonly paths: readonly { readonly text: string; readonly isPrefix: boolean }[];
}

export interface Requirement {
  readonly key: string;
  readonly value: IdentityTemplate;
}

export interface CompiledCheck {
  readonly expression: Expression;
  readonly message: string;
}

export interface BodyRule {
  readonly mostBytes: number;
  /** null: those of objects. */
  readonly contentTypes: ReadonlySet<MediaType>;
  readonly names: readonly IdentityTemplate[] | null;
  /** By name; each reads only those before it. */
  readonly variables: ReadonlyMap<string, Expression>;
  readonly validations: readonly CompiledCheck[];
  readonly actions: ReadonlySet<ValidationAction>;
}

export interface RuleContext {
  readonly policy: string;
  readonly subjects: SubjectsDocument;
  readonly actions: readonly ValidationAction[];
}

export type CompiledRuleVerdict =
  | { readonly ok: true; readonly rule: CompiledRule }
  | { readonly ok: false; readonly faults: readonly RuleFault[] };

export function compileRule(rule: RuleDocument, context: RuleContext): CompiledRuleVerdict {
  const subjects = rule.subjects ?? context.subjects;
  const faults: RuleFault[] = [...findRuleFaults(rule, subjects)];
  if (rule.subjects !== undefined)
    faults.push(...findSubjectFaults(rule.subjects).map((one) => ({ ...one, path: ['subjects', ...one.path] })));
  const compiled: CompiledRule = {
    id: `${context.policy}/${rule.name}`,
    subjects: compileSubjects(subjects),
    verbs: new Set(rule.verbs),
    target: compileTarget(rule),
    matchConditions: compileChecks(rule.matchConditions, 'matchConditions', headDeclarations, faults),
    body: compileBody(rule, context.actions, faults),
  };
  return faults.length > 0 ? { ok: false, faults } : { ok: true, rule: compiled };
}

function compileSubjects({ kinds, addons, clusters }: SubjectsDocument): CompiledSubjects {
  return {
    kinds: new Set(kinds),
    addons: addons === undefined ? null : new Set(addons),
    clusters: clusters === undefined ? null : new Set(clusters),
  };
}

function compileTarget(rule: RuleDocument): ResourceTarget | PathTarget {
  if (rule.nonResourceURLs !== undefined) {
    const paths = rule.nonResourceURLs.map((url) => ({ text: url.replace(/\*$/, ''), isPrefix: url.endsWith('*') }));
    return { kind: 'path', paths };
  }
  return {
    kind: 'resource',
    apiGroups: new Set(rule.apiGroups),
    resources: new Set(rule.resources),
    subresourcePath: rule.subresourcePath ?? '',
    namespaces: parseTemplates(rule.namespaces),
    names: parseTemplates(rule.resourceNames),
    labels: parseRequirements(rule.requiredSelectors?.labels),
    fields: parseRequirements(rule.requiredSelectors?.fields),
  };
}

function parseTemplates(texts: readonly string[] | undefined): readonly IdentityTemplate[] | null {
  return texts === undefined ? null : texts.map(parseTemplate);
}

function parseRequirements(requirements: Readonly<Record<string, string>> | undefined): readonly Requirement[] {
  return Object.entries(requirements ?? {}).map(([key, value]) => ({ key, value: parseTemplate(value) }));
}

const objectTypes: readonly MediaType[] = ['application/json', 'application/vnd.kubernetes.protobuf'];

function compileBody(rule: RuleDocument, actions: readonly ValidationAction[], faults: RuleFault[]): BodyRule {
  const variables = new Map<string, Expression>();
  rule.variables?.forEach(({ name, expression }, at) => {
    if (variables.has(name)) faults.push({ path: ['variables', at, 'name'], expected: 'a name that no variable before it has' });
    const compiled = compileAt(expression, ['variables', at, 'expression'], bodyDeclarations([...variables.keys()]), faults);
    if (compiled !== null) variables.set(name, compiled);
  });
  const declarations = bodyDeclarations((rule.variables ?? []).map(({ name }) => name));
  return {
    mostBytes: rule.body?.maxBytes ?? DEFAULT_BODY_BYTES,
    contentTypes: new Set(rule.body?.contentTypes ?? objectTypes),
    names: parseTemplates(rule.bodyNames),
    variables,
    validations: compileChecks(rule.validations, 'validations', declarations, faults),
    actions: new Set(actions),
  };
}

function compileChecks(
  checks: readonly ExpressionDocument[] | undefined,
  key: string,
  declarations: Declarations,
  faults: RuleFault[],
): readonly CompiledCheck[] {
  return (checks ?? []).flatMap(({ expression, message }, at) => {
    const compiled = compileAt(expression, [key, at, 'expression'], declarations, faults);
    return compiled === null ? [] : [{ expression: compiled, message }];
  });
}

function compileAt(text: string, path: readonly PropertyKey[], declarations: Declarations, faults: RuleFault[]): Expression | null {
  const compiled = compileExpression(text, declarations);
  if (compiled.ok) return compiled.expression;
  faults.push({ path, found: compiled.found, expected: compiled.expected });
  return null;
}
