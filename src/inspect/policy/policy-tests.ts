// The tests that are written beside a policy, run against that policy alone: who asks for what, and whether it is to be allowed. Says for each
// whether it came out as written, and for each rule whether an allowed and a refused request show what it does.

import type { Refusal } from '../../errors.ts';
import type { Identity } from '../../identity.ts';
import { type ReadBody, readBody } from '../body/body.ts';
import type { RequestInfo } from '../request-info.ts';
import { readRequestTarget } from '../request-target.ts';
import type { CompiledPolicy, PlacedTest } from './policy-compiler.ts';
import { type CompiledPolicies, indexPolicies } from './policy-decision.ts';
import type { PolicyTestDocument } from './policy-document.ts';
import { makeTestRequest } from './policy-test-csr.ts';

export interface PolicyTestResult {
  readonly file: string;
  readonly line: number;
  readonly policy: string;
  readonly name: string;
  readonly passed: boolean;
  /** What was written, and what came out. */
  readonly expected: string;
  readonly got: string;
}

export interface PolicyTestReport {
  readonly results: readonly PolicyTestResult[];
  /** Rules that lack a test of one kind; `policy/rule`. */
  readonly untested: readonly { readonly rule: string; readonly lacks: 'allow' | 'deny' }[];
}

export function runPolicyTests({ policies }: Pick<CompiledPolicies, 'policies'>): PolicyTestReport {
  return { results: policies.flatMap(runTests), untested: policies.flatMap(findUntested) };
}

function runTests(policy: CompiledPolicy): readonly PolicyTestResult[] {
  const alone = indexPolicies([policy]);
  return policy.tests.map(({ test, line }) => {
    const outcome = runTest(alone, test);
    const expectedRule = test.rule === undefined ? null : `${policy.name}/${test.rule}`;
    const passed =
      outcome.allowed === (test.expect === 'allow') &&
      (expectedRule === null || outcome.rule === expectedRule) &&
      (test.because === undefined || outcome.reason.includes(test.because));
    const because = test.because === undefined ? '' : `, because ${JSON.stringify(test.because)}`;
    const expected = `${test.expect}${expectedRule === null ? '' : ` by ${expectedRule}`}${because}`;
    const got = `${outcome.allowed ? 'allow' : 'deny'} by ${outcome.rule ?? 'default-deny'}${outcome.allowed ? '' : `: ${outcome.reason}`}`;
    return { file: policy.file, line, policy: policy.name, name: test.name, passed, expected, got };
  });
}

function findUntested({ name, rules, tests }: CompiledPolicy): PolicyTestReport['untested'] {
  const isTested = (rule: string, expect: 'allow' | 'deny'): boolean =>
    tests.some(({ test }: PlacedTest) => test.expect === expect && `${name}/${test.rule}` === rule);
  return rules.flatMap(({ id }) =>
    (['allow', 'deny'] as const).filter((expect) => !isTested(id, expect)).map((lacks) => ({ rule: id, lacks })),
  );
}

interface TestOutcome {
  readonly allowed: boolean;
  /** The rule that allows, or the one that comes closest. */
  readonly rule: string | null;
  readonly reason: string;
}

function runTest(policies: CompiledPolicies, test: PolicyTestDocument): TestOutcome {
  const [method = '', target = ''] = test.request.split(' ', 2);
  const read = readRequestTarget(method, target);
  if (!read.ok) return refused(read.refusal);
  const { info } = read;
  const identity = identityOf(test);
  const decision = policies.decide(info, { identity }, contentTypeOf(test));
  if (decision.refusal !== null) return refused(decision.refusal, decision.closest?.rule);
  const { demand, rule } = decision;
  if (demand.kind === 'none') return { allowed: true, rule, reason: '' };
  const bytes = bytesOf(test);
  if (bytes.length > demand.mostBytes) return refused({ rule: 'body-limit', detail: `${bytes.length} bytes` }, rule);
  if (demand.kind === 'count') return { allowed: true, rule, reason: '' };
  const body = bodyOf(test, bytes, { info, method, identity });
  if (!body.ok) return refused(body.refusal, rule);
  const verdict = demand.judge(body.body);
  return verdict.refusal === null ? { allowed: true, rule: verdict.rule, reason: '' } : refused(verdict.refusal, verdict.rule);
}

function refused({ rule, detail }: Refusal, closest: string | null = null): TestOutcome {
  return { allowed: false, rule: closest, reason: `${rule}: ${detail}` };
}

function contentTypeOf({ contentType, body, csr }: PolicyTestDocument): string | null {
  return contentType ?? (body === undefined && csr === undefined ? null : 'application/json');
}

function bytesOf({ body, bodyBase64 }: PolicyTestDocument): Buffer {
  if (bodyBase64 !== undefined) return Buffer.from(bodyBase64, 'base64');
  return body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body));
}

interface Received {
  readonly info: RequestInfo;
  readonly method: string;
  readonly identity: Identity;
}

/** The body's own reading; or, where the test says what its certificate request holds, a body that says so. */
function bodyOf(test: PolicyTestDocument, bytes: Buffer, { info, method, identity }: Received): ReadBody {
  if (test.csr === undefined) return readBody(bytes, { info, method, contentType: contentTypeOf(test) });
  // Read as a body of no known kind, for there is no PKCS#10 in it.
  const plain = readBody(bytes, { info: { ...info, resource: '' }, method, contentType: 'application/json' });
  if (!plain.ok) return plain;
  const { csr, object } = makeTestRequest(identity, test.csr, plain.body.object);
  return { ok: true, body: { ...plain.body, kind: 'object', csr, object } };
}

const PREFIX = 'system:open-cluster-management';

/** The names that such an identity has (facts/klusterlet-traffic.md §1), where the test does not say others. */
function identityOf({ subject }: PolicyTestDocument): Identity {
  const { kind } = subject;
  const cluster = subject.cluster === undefined ? 'cluster1' : subject.cluster;
  const addon = subject.addon ?? null;
  const own = `${PREFIX}:cluster:${cluster}:addon:${addon}`;
  const usual: Readonly<Record<Identity['kind'], { readonly user: string; readonly groups: readonly string[] }>> = {
    klusterlet: { user: `${PREFIX}:${cluster}:agent1`, groups: [`${PREFIX}:${cluster}`, `${PREFIX}:managed-clusters`] },
    addon: { user: `${own}:agent:${addon}`, groups: [own, `${PREFIX}:addon:${addon}`] },
    bootstrap: {
      user: `system:serviceaccount:${cluster}:${cluster}-bootstrap-sa`,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${cluster}`],
    },
  };
  return { kind, cluster, addon, uid: null, user: subject.user ?? usual[kind].user, groups: subject.groups ?? usual[kind].groups };
}
