// The decision on one request: which rules of all loaded policies admit its head, and what they ask of its body. Pure: the same request of the same
// identity under the same policies has the same answer, whenever and wherever it is asked.

import type { Refusal } from '../../errors.ts';
import type { Identity } from '../../identity.ts';
import { type JudgedBody, readMediaType } from '../body/body.ts';
import type { RequestInfo } from '../request-info.ts';
import { judgeBody, type PolicyBodyDecision } from './body-judgement.ts';
import type { CompiledRule } from './compiled-rule.ts';
import type { CompiledPolicy } from './policy-compiler.ts';
import { admits, type AskedRequest, findMismatch, sayIdentity } from './rule-match.ts';

/** Whom a request comes from. Everything that a rule binds to it comes from the verified identity, never from the request. */
export interface Subject {
  readonly identity: Identity;
}

export interface ClosestRule {
  readonly rule: string;
  /** Which attribute of the request it does not admit. */
  readonly because: string;
}

/** What has to happen to the body before any of it may go on. */
export type BodyDemand =
  | { readonly kind: 'none' }
  | { readonly kind: 'count'; readonly mostBytes: number }
  | { readonly kind: 'judge'; readonly mostBytes: number; readonly judge: (body: JudgedBody) => PolicyBodyDecision };

export interface PolicyDecision {
  readonly allowed: boolean;
  /** `policy/rule`, or `default-deny`. Where the body is still to be judged, the first rule that admits the head. */
  readonly rule: string;
  readonly demand: BodyDemand;
  /** Of a denial: the rule that came closest, if any rule is for such a request. */
  readonly closest: ClosestRule | null;
  /** Of a denial. */
  readonly refusal: Refusal | null;
}

export interface CompiledPolicies {
  readonly policies: readonly CompiledPolicy[];
  /** `contentType` as sent; it matters where a body has to follow. */
  readonly decide: (info: RequestInfo, subject: Subject, contentType?: string | null) => PolicyDecision;
}

/** Rules by the resource they are for, so that a decision looks at a handful whatever is loaded. */
export function indexPolicies(policies: readonly CompiledPolicy[]): CompiledPolicies {
  const byResource = new Map<string, readonly CompiledRule[]>();
  const byPath: CompiledRule[] = [];
  for (const rule of policies.flatMap(({ rules }) => rules)) {
    if (rule.target.kind === 'path') byPath.push(rule);
    else
      for (const resource of new Set([...rule.target.resources].map(nameOf)))
        byResource.set(resource, [...(byResource.get(resource) ?? []), rule]);
  }
  const rulesFor = (info: RequestInfo): readonly CompiledRule[] => (info.isResource ? (byResource.get(info.resource) ?? []) : byPath);
  return {
    policies,
    decide: (info, { identity }, contentType = null) => {
      const asked: AskedRequest = { info, identity, mediaType: readMediaType(contentType) };
      return isSelfSubjectReview(info) ? always : decide(rulesFor(info), asked);
    },
  };
}

function nameOf(resource: string): string {
  return resource.split('/', 1)[0] ?? '';
}

/** "Who am I": tells a peer nothing but what its own certificate says. */
function isSelfSubjectReview(info: RequestInfo): boolean {
  const isReview = info.apiGroup === 'authentication.k8s.io' && info.resource === 'selfsubjectreviews' && info.verb === 'create';
  return isReview && info.namespace === '' && info.parts.length === 1 && !info.isVerbInPath;
}

/** Bytes: the object has no spec. */
const MAX_SELF_SUBJECT_REVIEW_BYTES = 4096;

const always: PolicyDecision = {
  allowed: true,
  rule: 'always/self-subject-review',
  demand: { kind: 'count', mostBytes: MAX_SELF_SUBJECT_REVIEW_BYTES },
  closest: null,
  refusal: null,
};

function decide(rules: readonly CompiledRule[], asked: AskedRequest): PolicyDecision {
  if (asked.info.isVerbInPath) return deny(null, 'the deprecated form of path that has its verb in it');
  const admitting = rules.filter((rule) => admits(rule, asked));
  const [first] = admitting;
  if (first !== undefined) {
    return { allowed: true, rule: first.id, demand: demandOf(admitting, asked), closest: null, refusal: null };
  }
  const closest = findClosest(rules, asked);
  const none = `no rule for ${asked.info.isResource ? 'this resource' : 'this path'}, asked for by ${sayIdentity(asked.identity)}`;
  return deny(closest, closest === null ? none : `${closest.rule} comes closest: ${closest.because}`);
}

function deny(closest: ClosestRule | null, detail: string): PolicyDecision {
  return { allowed: false, rule: 'default-deny', demand: { kind: 'none' }, closest, refusal: { rule: 'policy-denied', detail } };
}

function findClosest(rules: readonly CompiledRule[], asked: AskedRequest): ClosestRule | null {
  let best = { rank: -1, rule: '', because: '' };
  for (const rule of rules) {
    const mismatch = findMismatch(rule, asked);
    if (mismatch !== null && mismatch.rank > best.rank) best = { ...mismatch, rule: rule.id };
  }
  return best.rank < 0 ? null : { rule: best.rule, because: best.because };
}

const verbsWithBody: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection', 'post', 'put']);

/** A rule without conditions on the body is content with any up to its bound; else all that admit the head have a say. */
function demandOf(rules: readonly CompiledRule[], asked: AskedRequest): BodyDemand {
  if (!verbsWithBody.has(asked.info.verb)) return { kind: 'none' };
  const content = rules.filter(({ body }) => body.names === null && body.validations.length === 0);
  if (content.length > 0) return { kind: 'count', mostBytes: mostOf(content) };
  return { kind: 'judge', mostBytes: mostOf(rules), judge: (body) => judgeBody(rules, asked, body) };
}

function mostOf(rules: readonly CompiledRule[]): number {
  return Math.max(...rules.map(({ body }) => body.mostBytes));
}
