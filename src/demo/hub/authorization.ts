// RBAC as kube-apiserver evaluates it (pkg/registry/rbac/validation rule.go, plugin/pkg/auth/authorizer/rbac): over ClusterRoles, Roles,
// ClusterRoleBindings and RoleBindings that are given as YAML. Knows nothing of requests beyond their attributes.

import { parseAllDocuments } from 'yaml';
import type { Attributes, UserInfo } from './api/exchange.ts';

export interface Decision {
  readonly allowed: boolean;
  /** As in the audit annotation authorization.k8s.io/reason; empty on a refusal. */
  readonly reason: string;
}

interface Rule {
  readonly verbs?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

interface RbacObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly Rule[];
  readonly subjects?: readonly Subject[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
}

const KINDS = new Set(['ClusterRole', 'Role', 'ClusterRoleBinding', 'RoleBinding']);
const PRIVILEGED = 'system:masters';

export class Rbac {
  readonly #objects = new Map<string, RbacObject>();
  /** Bindings by namespace ('': of the cluster) and by name; null until somebody asks after a change. */
  #bindings: ReadonlyMap<string, readonly RbacObject[]> | null = null;

  /** Adds or replaces every object of a multi-document YAML text. Throws on anything that is not an RBAC object. */
  apply(yamlText: string): void {
    for (const document of parseAllDocuments(yamlText)) {
      const [parseError] = document.errors;
      if (parseError !== undefined) throw parseError;
      const value = document.toJS() as RbacObject | null;
      if (value === null) continue;
      if (!KINDS.has(value.kind)) throw new Error(`not an RBAC object: kind ${value.kind}`);
      this.#objects.set(keyOf(value), value);
    }
    this.#bindings = null;
  }

  remove(yamlText: string): void {
    for (const document of parseAllDocuments(yamlText)) this.#objects.delete(keyOf(document.toJS() as RbacObject));
    this.#bindings = null;
  }

  /** ClusterRoleBindings first, then the RoleBindings of the namespace; the first rule that allows decides. */
  authorize(user: UserInfo, attributes: Attributes): Decision {
    // The authorizer for the privileged group stands before RBAC and gives no reason.
    if (user.groups.includes(PRIVILEGED)) return { allowed: true, reason: '' };
    const namespace = attributes.kind === 'resource' ? attributes.namespace : '';
    for (const binding of this.#bindingsFor(namespace)) {
      const subject = binding.subjects?.find((candidate) => appliesTo(candidate, user, binding.metadata.namespace ?? ''));
      if (subject === undefined || !this.#rulesOf(binding).some((rule) => allows(rule, attributes))) continue;
      return { allowed: true, reason: `RBAC: allowed by ${describe(binding, subject)}` };
    }
    return { allowed: false, reason: '' };
  }

  #bindingsFor(namespace: string): readonly RbacObject[] {
    this.#bindings ??= Map.groupBy(
      [...this.#objects.values()].filter(({ roleRef }) => roleRef !== undefined).toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)),
      ({ metadata }) => metadata.namespace ?? '',
    );
    const ofCluster = this.#bindings.get('') ?? [];
    return namespace === '' ? ofCluster : [...ofCluster, ...(this.#bindings.get(namespace) ?? [])];
  }

  #rulesOf(binding: RbacObject): readonly Rule[] {
    const { kind = '', name = '' } = binding.roleRef ?? {};
    const namespace = kind === 'Role' ? binding.metadata.namespace : undefined;
    return this.#objects.get(keyOf({ kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) } }))?.rules ?? [];
  }
}

function keyOf({ kind, metadata }: RbacObject): string {
  return `${kind}/${metadata.namespace ?? ''}/${metadata.name}`;
}

/** rule.go appliesToUser. */
function appliesTo(subject: Subject, user: UserInfo, bindingNamespace: string): boolean {
  switch (subject.kind) {
    case 'User':
      return user.username === subject.name;
    case 'Group':
      return user.groups.includes(subject.name);
    case 'ServiceAccount':
      return user.username === `system:serviceaccount:${subject.namespace ?? bindingNamespace}:${subject.name}`;
    default:
      return false;
  }
}

/** rbac.go RuleAllows, evaluation_helpers.go. */
function allows(rule: Rule, attributes: Attributes): boolean {
  if (!includesOrAll(rule.verbs, attributes.verb)) return false;
  if (attributes.kind === 'path') return (rule.nonResourceURLs ?? []).some((pattern) => matchesPath(pattern, attributes.path));
  const { group, resource, subresource, name } = attributes;
  const combined = subresource === '' ? resource : `${resource}/${subresource}`;
  const matchesResource = (rule.resources ?? []).some(
    (candidate) => candidate === '*' || candidate === combined || (subresource !== '' && candidate === `*/${subresource}`),
  );
  const names = rule.resourceNames ?? [];
  return includesOrAll(rule.apiGroups, group) && matchesResource && (names.length === 0 || names.includes(name));
}

function includesOrAll(list: readonly string[] = [], value: string): boolean {
  return list.includes('*') || list.includes(value);
}

function matchesPath(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true;
  return pattern.endsWith('*') && path.startsWith(pattern.replace(/\*+$/, ''));
}

/** rule.go clusterRoleBindingDescriber, roleBindingDescriber, describeSubject. */
function describe(binding: RbacObject, subject: Subject): string {
  const { name, namespace } = binding.metadata;
  const of = binding.kind === 'RoleBinding' ? `${name}/${namespace ?? ''}` : name;
  const to = subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace ?? namespace ?? ''}` : subject.name;
  return `${binding.kind} "${of}" of ${binding.roleRef?.kind ?? ''} "${binding.roleRef?.name ?? ''}" to ${subject.kind} "${to}"`;
}
