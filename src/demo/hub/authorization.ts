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

/** Of one namespace, in the order in which they are asked, and where in it those of each subject are: a fleet's hub has thousands. */
interface Bindings {
  readonly inOrder: readonly RbacObject[];
  readonly bySubject: ReadonlyMap<string, readonly number[]>;
}

const KINDS = new Set(['ClusterRole', 'Role', 'ClusterRoleBinding', 'RoleBinding']);
const PRIVILEGED = 'system:masters';

export class Rbac {
  readonly #objects = new Map<string, RbacObject>();
  /** By namespace ('': of the cluster); null until somebody asks after a change. */
  #bindings: ReadonlyMap<string, Bindings> | null = null;

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
    const keys = keysOf(user);
    for (const binding of this.#bindingsOf(keys, namespace)) {
      const subject = binding.subjects?.find((candidate) => keys.has(subjectKey(candidate, binding.metadata.namespace ?? '')));
      if (subject === undefined || !this.#rulesOf(binding).some((rule) => allows(rule, attributes))) continue;
      return { allowed: true, reason: `RBAC: allowed by ${describe(binding, subject)}` };
    }
    return { allowed: false, reason: '' };
  }

  #bindingsOf(keys: ReadonlySet<string>, namespace: string): readonly RbacObject[] {
    this.#bindings ??= indexBindings([...this.#objects.values()]);
    const ofCluster = chooseBindings(this.#bindings.get(''), keys);
    return namespace === '' ? ofCluster : [...ofCluster, ...chooseBindings(this.#bindings.get(namespace), keys)];
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

function indexBindings(objects: readonly RbacObject[]): ReadonlyMap<string, Bindings> {
  const bindings = objects.filter(({ roleRef }) => roleRef !== undefined).toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const byNamespace = Map.groupBy(bindings, ({ metadata }) => metadata.namespace ?? '');
  return new Map([...byNamespace].map(([namespace, inOrder]) => [namespace, { inOrder, bySubject: indexSubjects(inOrder) }]));
}

function indexSubjects(inOrder: readonly RbacObject[]): Bindings['bySubject'] {
  const bySubject = new Map<string, number[]>();
  for (const [at, { subjects = [], metadata }] of inOrder.entries()) {
    for (const key of new Set(subjects.map((subject) => subjectKey(subject, metadata.namespace ?? '')))) {
      const known = bySubject.get(key);
      if (known === undefined) bySubject.set(key, [at]);
      else known.push(at);
    }
  }
  return bySubject;
}

/** Those that name the user or one of his groups, in order. */
function chooseBindings(bindings: Bindings | undefined, keys: ReadonlySet<string>): readonly RbacObject[] {
  if (bindings === undefined) return [];
  const found = new Set([...keys].flatMap((key) => bindings.bySubject.get(key) ?? []));
  return [...found].toSorted((a, b) => a - b).flatMap((at) => bindings.inOrder[at] ?? []);
}

/** rule.go appliesToUser: whom a binding can name to mean this user. */
function keysOf(user: UserInfo): ReadonlySet<string> {
  return new Set([`User/${user.username}`, ...user.groups.map((group) => `Group/${group}`)]);
}

/** A service account is the user of its name. */
function subjectKey({ kind, name, namespace }: Subject, bindingNamespace: string): string {
  return kind === 'ServiceAccount' ? `User/system:serviceaccount:${namespace ?? bindingNamespace}:${name}` : `${kind}/${name}`;
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
