// The part of `check` that reads the policies which settings name: that they can be read, that they compile, and that the tests written beside them
// come out as written.

import { compilePolicies, runPolicyTests } from '../inspect/inspect.ts';
import type { CompiledPolicies } from '../inspect/inspect.ts';
import { readPolicySources, sayPolicyProblem } from '../policy-files.ts';
import type { InspectSettings } from '../settings.ts';
import { fail, ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';

const item = 'policies';

export async function checkPolicies(inspect: InspectSettings): Promise<Finding[]> {
  const read = await readPolicySources(inspect);
  const compiled = read.ok ? compilePolicies(read.sources) : read;
  const mode = checkMode(inspect);
  if (!compiled.ok) {
    const advice = 'mend it; run does not start with it, and a running one goes on with the policies before it';
    return [...mode, ...compiled.problems.map((problem) => fail(item, sayPolicyProblem(problem), advice))];
  }
  return [...mode, countRules(compiled.policies), ...checkTests(compiled.policies, inspect)];
}

function checkMode({ mode, packs, policyFiles }: InspectSettings): Finding[] {
  const findings: Finding[] = [];
  if (mode === 'report') {
    findings.push(
      warn(
        'inspect.mode',
        'report: what policies refuse is only logged',
        'set it to enforce once the audit has no would-deny that you miss',
      ),
    );
  }
  if (packs.length + policyFiles.length === 0) {
    findings.push(
      warn(item, 'there are none: every request but the question who one is gets refused', 'list packs or policyFiles under inspect'),
    );
  }
  return findings;
}

function countRules({ policies }: CompiledPolicies): Finding {
  const rules = policies.reduce((sum, policy) => sum + policy.rules.length, 0);
  return ok(item, `${rules} rules in ${policies.length}: ${policies.map(({ name }) => name).join(', ')}`);
}

function checkTests(policies: CompiledPolicies, { policyFiles }: InspectSettings): Finding[] {
  const tests = 'policy tests';
  const { results, untested } = runPolicyTests(policies);
  const failed = results.filter(({ passed }) => !passed);
  const findings = failed.map(({ file, line, name, expected, got }) =>
    fail(tests, `${file}:${line}: ${name}: expected ${expected}; got ${got}`, 'mend the rule or the test'),
  );
  if (failed.length === 0) findings.push(ok(tests, `${results.length} come out as written`));
  const own = new Set(policies.policies.filter(({ file }) => policyFiles.includes(file)).map(({ name }) => name));
  const missing = untested.filter(({ rule }) => own.has(rule.split('/', 1)[0] ?? '')).map(({ rule, lacks }) => `${rule} (${lacks})`);
  if (missing.length === 0) return findings;
  return [...findings, warn(tests, `missing: ${missing.join(', ')}`, 'write a test of each kind for each rule (docs/policy.md)')];
}
