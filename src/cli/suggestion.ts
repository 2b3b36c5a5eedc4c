// The smallest policy that would have allowed what an audit says was refused: the text of it, and what no policy can or should allow, with the
// reason. Pure. Everything in the text has been tried: it compiles, and it allows the requests that it is for.

import { Document, isScalar, isSeq, visit } from 'yaml';
import type { YAMLMap } from 'yaml';
import { compilePolicies, readRequestTarget } from '../inspect/inspect.ts';
import type { RequestInfo } from '../inspect/inspect.ts';
import { grantFor, joinGrants } from './grant.ts';
import type { Grant } from './grant.ts';
import type { AuditReading, RefusedRequest } from './refused-requests.ts';

export interface Suggestion {
  /** A policy file; null where there is nothing to suggest. */
  readonly policy: string | null;
  /** One sentence each: what the policy leaves out, and why. */
  readonly notes: readonly string[];
}

/** The bound of a policy (policy-schema.ts MAX_RULES); the rules for most refusals stay. */
const MAX_RULES = 100;
/** The bound of each of its lists. */
const MAX_LIST = 100;

export function suggestPolicy({ refused, unread, unreadableLines }: AuditReading, source: string): Suggestion {
  const notes = new Map<string, number>();
  const note = (sentence: string, count: number): void => void notes.set(sentence, (notes.get(sentence) ?? 0) + count);
  for (const [rule, count] of unread) note(sayNoPolicy(rule), count);
  const grants = refused.flatMap((request) => {
    const tried = tryGrant(request);
    if (typeof tried !== 'string') return [tried];
    note(tried, request.count);
    return [];
  });
  const rules = joinGrants(grants)
    .toSorted((one, other) => countOf(other) - countOf(one))
    .flatMap(splitLists);
  const said = [...notes].map(([sentence, count]) => `${count} ${count === 1 ? 'refusal' : 'refusals'} left out: ${sentence}`);
  if (unreadableLines > 0) said.push(`${unreadableLines} lines cannot be read as audit lines`);
  if (rules.length > MAX_RULES) said.push(`only the ${MAX_RULES} rules for most refusals are written, of ${rules.length}`);
  return { policy: rules.length === 0 ? null : writePolicy(rules.slice(0, MAX_RULES), source), notes: said };
}

/** What is left out says why. */
function tryGrant(request: RefusedRequest): Grant | string {
  const { rule, path, identity, contentType } = request;
  if (rule !== 'policy-denied') return sayNoPolicy(rule);
  const info = readInfo(request);
  if (info === null) return `a path that no policy can name (${JSON.stringify(path.slice(0, 80))})`;
  if (info.verb === 'patch' && contentType === null) return 'a patch of which the audit does not say what kind it was';
  const grant = grantFor(request, info);
  const compiled = compilePolicies([{ name: 'suggested', text: writePolicy([grant], '') }]);
  if (!compiled.ok) {
    const [problem] = compiled.problems;
    return `no policy can say this: ${problem?.path ?? ''} ${problem?.found ?? ''}; expected ${problem?.expected ?? ''}`;
  }
  const decision = compiled.policies.decide(info, { identity }, contentType);
  return decision.allowed ? grant : `no policy allows this: ${decision.closest?.because ?? decision.refusal?.detail ?? ''}`;
}

function sayNoPolicy(rule: string): string {
  if (rule === 'policy-body') {
    return 'a rule admits the request but not its body (policy-body); the audit holds no bodies, and a rule without the condition would let every body pass';
  }
  return `the rule ${rule === '' ? 'is not said' : rule} is no policy's; docs/answers.md says what to do`;
}

/** What an audit line keeps of a path (forward.ts); a longer one has been cut. */
const MOST_PATH_CHARACTERS = 512;

/** The query is not in the audit, but what it makes of the request is: verb and name. */
function readInfo({ method, path, verb, name }: RefusedRequest): RequestInfo | null {
  if (path.length >= MOST_PATH_CHARACTERS) return null;
  const read = readRequestTarget(method, path);
  return read.ok ? { ...read.info, verb, name } : null;
}

function splitLists(grant: Grant): readonly Grant[] {
  const field = (['names', 'paths', 'resources', 'namespaces', 'groups', 'addons'] as const).find((one) => grant[one].length > MAX_LIST);
  if (field === undefined) return [grant];
  const [first, rest] = [grant[field].slice(0, MAX_LIST), grant[field].slice(MAX_LIST)];
  return [{ ...grant, [field]: first }, ...splitLists({ ...grant, [field]: rest, requests: [] })];
}

function countOf({ requests }: Grant): number {
  return requests.reduce((sum, { count }) => sum + count, 0);
}

function writePolicy(grants: readonly Grant[], source: string): string {
  const policy = { apiVersion: 'countersign.dev/v1alpha1', kind: 'Policy', metadata: { name: 'suggested' }, spec: writeSpec(grants) };
  // Anchors make a file mean something else than it shows; the compiler refuses them.
  const document = new Document(policy, { aliasDuplicateObjects: false });
  visit(document, {
    Seq: (_key, node) => {
      if (node.items.every((item) => isScalar(item))) node.flow = true;
    },
  });
  const rules = document.getIn(['spec', 'rules'], true);
  if (isSeq<YAMLMap>(rules)) for (const [at, rule] of rules.items.entries()) rule.commentBefore = explainGrant(grants[at]);
  document.commentBefore = [
    ` Suggested by countersign suggest from ${oneLine(source)}.`,
    ' Refused requests are attacks, too: read each rule, take out what no agent of yours needs, add validations where a body matters,',
    ' give the policy a name, and try it with inspect.mode: report. {{cluster}} is the cluster of whoever asks.',
  ].join('\n');
  return document.toString({ lineWidth: 140, flowCollectionPadding: false });
}

function writeSpec(grants: readonly Grant[]): Readonly<Record<string, unknown>> {
  const names = nameRules(grants);
  const subjects = grants.map(({ kind, addons }) => ({ kinds: [kind], ...(addons.length === 0 ? {} : { addons }) }));
  const isOneSubject = new Set(subjects.map((one) => JSON.stringify(one))).size === 1;
  return {
    subjects: isOneSubject ? subjects[0] : { kinds: [...new Set(grants.map(({ kind }) => kind))] },
    rules: grants.map((grant, at) => ({
      name: names[at],
      ...(isOneSubject ? {} : { subjects: subjects[at] }),
      ...writeTarget(grant),
    })),
  };
}

function writeTarget({
  verbs,
  paths,
  groups,
  resources,
  subresourcePath,
  namespaces,
  names,
  contentTypes,
}: Grant): Readonly<Record<string, unknown>> {
  if (paths.length > 0) return { nonResourceURLs: paths, verbs };
  return {
    ...{ apiGroups: groups, resources, verbs },
    ...(subresourcePath === '' ? {} : { subresourcePath }),
    ...(namespaces.length === 0 ? { clusterScope: true } : { namespaces }),
    ...(names.length === 0 ? {} : { resourceNames: names }),
    ...(contentTypes.length === 0 ? {} : { body: { contentTypes } }),
  };
}

/** `get-update-leases`; a number behind it where two would be the same. */
function nameRules(grants: readonly Grant[]): readonly string[] {
  const used = new Map<string, number>();
  return grants.map(({ verbs, resources, paths }) => {
    const words = [...verbs, ...(paths.length > 0 ? ['paths'] : resources)].join('-').replaceAll(/[^a-z0-9-]+/g, '-');
    const name = words.slice(0, MOST_NAME_CHARACTERS).replaceAll(/^-+|-+$/g, '');
    const times = (used.get(name) ?? 0) + 1;
    used.set(name, times);
    return times === 1 ? name : `${name}-${times}`;
  });
}

/** Of a rule's name 63 are allowed; the rest is for the number. */
const MOST_NAME_CHARACTERS = 58;

const MOST_CLUSTERS_SHOWN = 3;

function explainGrant(grant: Grant | undefined): string {
  const { requests = [], namespaces = [] } = grant ?? {};
  if (grant === undefined || requests.length === 0) return ' The one above goes on: a list has an end.';
  const count = countOf(grant);
  const clusters = [...new Set(requests.map(({ identity }) => identity.cluster ?? 'no cluster'))];
  const shown = clusters.length > MOST_CLUSTERS_SHOWN ? `${clusters.length} clusters` : clusters.join(', ');
  const last =
    requests
      .map((request) => request.last)
      .toSorted()
      .at(-1) ?? '';
  const foreign = namespaces.filter((namespace) => namespace !== '{{cluster}}');
  return [
    ` ${count} ${count === 1 ? 'refusal' : 'refusals'} (${shown}), the last ${oneLine(last)}: ${oneLine(requests[0]?.detail ?? '')}`,
    ...(foreign.length === 0 ? [] : [` Careful: this reaches into namespaces that are not the caller's own, for every cluster.`]),
  ].join('\n');
}

/** Characters of the audit's words in a comment. */
const MOST_SHOWN_CHARACTERS = 240;

/** What an agent has sent must not end a comment. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, MOST_SHOWN_CHARACTERS);
}
