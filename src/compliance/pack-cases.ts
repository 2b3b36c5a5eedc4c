// The tests that are written beside the packs, as cases over real sockets: what a pack's test says is allowed reaches the hub under the identity that
// it names, and what it says is refused does not.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { packNames } from '../pack-names.ts';
import type { PackName } from '../pack-names.ts';
import { readSettingsYaml } from '../settings-yaml.ts';
import type { CaseGiven, CaseRequest, ComplianceCase, Expectation, IdentityRecipe } from './case.ts';
import { caseDocument } from './case-schema.ts';
import { signingRequestOf } from './pack-signing-request.ts';

const PACKS_FOLDER = fileURLToPath(new URL('../../packs/', import.meta.url));

/** What of a pack's test a case is made of; src/inspect/policy/policy-schema.ts says more of its form. */
export interface PackTest {
  readonly name: string;
  readonly subject: {
    readonly kind: 'klusterlet' | 'addon' | 'bootstrap';
    readonly cluster: string | null;
    readonly addon?: string | undefined;
    readonly user?: string | undefined;
    readonly groups?: readonly string[] | undefined;
  };
  /** `METHOD target`. */
  readonly request: string;
  readonly contentType?: string | undefined;
  readonly body?: unknown;
  readonly bodyBase64?: string | undefined;
  readonly csr?: Readonly<Record<string, unknown>> | undefined;
  readonly expect: 'allow' | 'deny';
}

const packTest: z.ZodType<PackTest> = z.looseObject({
  name: z.string(),
  subject: z.object({
    kind: z.enum(['klusterlet', 'addon', 'bootstrap']),
    cluster: z.string().nullable().default('cluster1'),
    addon: z.string().optional(),
    user: z.string().optional(),
    groups: z.array(z.string()).optional(),
  }),
  request: z.string(),
  contentType: z.string().optional(),
  body: z.unknown().optional(),
  bodyBase64: z.string().optional(),
  csr: z.record(z.string(), z.unknown()).optional(),
  expect: z.enum(['allow', 'deny']),
});

const packFile = z.looseObject({ tests: z.array(packTest).default([]) });

/** @throws Error where a pack that came with this program cannot be read */
export async function readPackCases(): Promise<readonly ComplianceCase[]> {
  const all = await Promise.all(packNames.map(readPack));
  return all.flat();
}

async function readPack(pack: PackName): Promise<readonly ComplianceCase[]> {
  const yaml = readSettingsYaml(await readFile(`${PACKS_FOLDER}${pack}.yaml`, 'utf8'));
  if (!yaml.ok) throw new Error(`packs/${pack}.yaml does not read`);
  const { value, lineOf } = yaml.source;
  const { tests } = packFile.parse(value);
  const taken = new Set<string>();
  return tests.map((test, at) => {
    const id = `pack/${pack}/${slugOf(test.name)}`;
    if (taken.has(id)) throw new Error(`packs/${pack}.yaml: two tests are called ${test.name}`);
    taken.add(id);
    return caseOf(test, { id, pack, source: `packs/${pack}.yaml:${lineOf(['tests', at])}` });
  });
}

/** Words of the test's name: changes with it, as the test does. */
function slugOf(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}

const THREAT = /\b(T(?:1\d|2[0-3]|[1-9]))\b/;
const DEFAULTS = caseDocument.parse({
  ...{ id: 'defaults', promise: 'needs-only', shows: 'what a case has that says nothing of it' },
  ...{ given: { identity: { kind: 'none' } }, steps: [{ secrets: 'nowhere' }] },
});

function caseOf(test: PackTest, { id, pack, source }: { id: string; pack: PackName; source: string }): ComplianceCase {
  const given: CaseGiven = {
    ...DEFAULTS.given,
    ...{ identity: identityOf(test), packs: [pack] },
    // What no account is known of in any test's settings: those of the default.
    settings: pack === 'bootstrap' ? { bootstrap: { enabled: true } } : { bootstrap: { enabled: false } },
  };
  return {
    ...{ id, source, given, neighbour: null, deadlineMs: DEFAULTS.deadlineMs },
    promise: pack === 'bootstrap' ? 'bootstrap' : 'needs-only',
    threat: THREAT.exec(test.name)?.[1] ?? null,
    shows: `${test.expect === 'allow' ? 'may: ' : 'may not: '}${test.name}`,
    when: { kind: 'request', request: requestOf(test), expected: expectationOf(test) },
    notApplicable: notApplicable(test),
  };
}

/** A shared bootstrap account has no cluster only as long as it has named none, which its first request does. */
function notApplicable({ subject }: PackTest): string | null {
  return subject.kind === 'bootstrap' && subject.cluster === null
    ? 'over a connection, a shared account belongs to the cluster that its first request names'
    : null;
}

const PREFIX = 'system:open-cluster-management';

function identityOf({ subject }: PackTest): IdentityRecipe {
  const { kind, cluster, addon = '' } = subject;
  if (kind === 'bootstrap') return { kind: 'bootstrap', cluster: cluster ?? '' };
  const own = `${PREFIX}:cluster:${cluster}:addon:${addon}`;
  const usual =
    kind === 'klusterlet'
      ? { user: `${PREFIX}:${cluster}:agent1`, groups: [`${PREFIX}:${cluster}`, `${PREFIX}:managed-clusters`] }
      : { user: `${own}:agent:${addon}`, groups: [own, `${PREFIX}:addon:${addon}`] };
  return { kind: 'certificate', user: subject.user ?? usual.user, groups: subject.groups ?? usual.groups, signedBy: 'csr-signer' };
}

function requestOf(test: PackTest): CaseRequest {
  const { request, contentType, body, bodyBase64, csr } = test;
  const plain = {
    headers: contentType === undefined ? {} : { 'content-type': contentType },
    as: 'json',
    afterwards: 'wait',
    times: 1,
  } as const;
  if (csr !== undefined) return { ...plain, csr: { ...signingRequestOf(test, csr), as: 'json' } };
  return { ...plain, request, ...(body === undefined ? {} : { body }), ...(bodyBase64 === undefined ? {} : { base64: bodyBase64 }) };
}

/** By the policy, or by a judgement before it that leaves the policy nothing to decide on. */
const REFUSED_BY: Expectation['rules'] = ['policy-denied', 'policy-body', 'path-form', 'body-form', 'bootstrap-other-cluster'];

function expectationOf({ expect }: PackTest): Expectation {
  const nothing = { hubReceives: 1, answerHeaders: {}, hubHeaders: {}, hubBodyComplete: true };
  return expect === 'allow' ? { ...nothing, reachesHub: true } : { ...nothing, reachesHub: false, rules: REFUSED_BY };
}
