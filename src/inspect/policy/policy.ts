// The front of this folder: policies as text in, compiled policies out, which decide. A policy only ever grants; what no rule grants is denied.

import { type CompiledPolicy, compilePolicy, type PolicyProblem, type PolicySource } from './policy-compiler.ts';
import { type CompiledPolicies, indexPolicies } from './policy-decision.ts';

export type { PolicyBodyDecision } from './body-judgement.ts';
export type { PolicyProblem, PolicySource } from './policy-compiler.ts';
export type { BodyDemand, ClosestRule, CompiledPolicies, PolicyDecision } from './policy-decision.ts';
export { type PolicyTestReport, runPolicyTests } from './policy-tests.ts';

export type CompiledPoliciesVerdict =
  | { readonly ok: true; readonly policies: CompiledPolicies }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

/** More files than packs and add-ons that exist, by an order of magnitude. */
const MAX_POLICIES = 500;

/** All problems of all sources at once; one problem anywhere and none is used. */
export function compilePolicies(sources: readonly PolicySource[]): CompiledPoliciesVerdict {
  if (sources.length > MAX_POLICIES) {
    const problem = { file: '', line: null, path: '', found: `${sources.length} policies`, expected: `at most ${MAX_POLICIES}` };
    return { ok: false, problems: [problem] };
  }
  const problems: PolicyProblem[] = [];
  const policies: CompiledPolicy[] = [];
  for (const source of sources) {
    const verdict = compilePolicy(source);
    if (!verdict.ok) problems.push(...verdict.problems);
    else policies.push(verdict.policy);
  }
  problems.push(...findRepeatedNames(policies));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, policies: indexPolicies(policies) };
}

function findRepeatedNames(policies: readonly CompiledPolicy[]): readonly PolicyProblem[] {
  return policies.flatMap(({ file, line, name }, at) => {
    const first = policies.findIndex((one) => one.name === name);
    if (first === at) return [];
    const expected = `a name that no other policy has; ${policies[first]?.file ?? ''} has it`;
    return [{ file, line, path: 'metadata.name', found: JSON.stringify(name), expected }];
  });
}
