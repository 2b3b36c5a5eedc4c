// The text of one policy file in, a compiled policy out, or every problem that it has, each with its line. Nothing of a file with a problem is used.

import { describeFound, describePath } from '../../settings-found.ts';
import { readSettingsYaml, type SettingsSource } from '../../settings-yaml.ts';
import { compileRule, type CompiledRule } from './compiled-rule.ts';
import type { PolicyDocument, PolicyTestDocument } from './policy-document.ts';
import { policySchema } from './policy-schema.ts';
import { findSubjectFaults, type RuleFault } from './rule-faults.ts';

export interface PolicySource {
  /** How messages name it: the file. */
  readonly name: string;
  readonly text: string;
}

export interface PolicyProblem {
  readonly file: string;
  /** From 1; null where the problem has no place of its own. */
  readonly line: number | null;
  /** `spec.rules.2.verbs`; '' for the file as a whole. */
  readonly path: string;
  readonly found: string;
  readonly expected: string;
}

export interface CompiledPolicy {
  readonly file: string;
  readonly name: string;
  readonly line: number;
  readonly rules: readonly CompiledRule[];
  readonly tests: readonly PlacedTest[];
}

export interface PlacedTest {
  readonly line: number;
  readonly test: PolicyTestDocument;
}

export type PolicyVerdict =
  | { readonly ok: true; readonly policy: CompiledPolicy }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

/** Characters: ten times the largest of the built-in packs. */
const MAX_POLICY_CHARACTERS = 1024 * 1024;

export function compilePolicy(source: PolicySource): PolicyVerdict {
  if (source.text.length > MAX_POLICY_CHARACTERS) {
    return refuse(source, { found: `${source.text.length} characters`, expected: `at most ${MAX_POLICY_CHARACTERS} characters` });
  }
  const read = readSettingsYaml(source.text);
  if (!read.ok) {
    const problems = read.problems.map(({ found, expected, line, path }) => {
      return { file: source.name, line, path, found, expected: found === 'an empty file' ? 'a policy, as in docs/policy.md' : expected };
    });
    return { ok: false, problems };
  }
  return compileDocument(source, read.source);
}

function refuse({ name }: PolicySource, { found, expected }: Pick<PolicyProblem, 'found' | 'expected'>): PolicyVerdict {
  return { ok: false, problems: [{ file: name, line: null, path: '', found, expected }] };
}

function compileDocument({ name: file }: PolicySource, source: SettingsSource): PolicyVerdict {
  const parsed = policySchema.safeParse(source.value);
  if (!parsed.success) {
    const faults = parsed.error.issues.flatMap((issue): RuleFault[] =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({ path: [...issue.path, key], found: UNKNOWN_KEY, expected: issue.message }))
        : [{ path: issue.path, expected: issue.message }],
    );
    return { ok: false, problems: placeFaults(file, source, faults) };
  }
  const document = parsed.data;
  const { rules, faults } = compileRules(document);
  if (faults.length > 0) return { ok: false, problems: placeFaults(file, source, faults) };
  const tests = document.tests.map((test, at) => ({ test, line: source.lineOf(['tests', at]) }));
  return { ok: true, policy: { file, name: document.metadata.name, line: source.lineOf(['metadata', 'name']), rules, tests } };
}

function compileRules({ metadata, spec, tests }: PolicyDocument): { rules: readonly CompiledRule[]; faults: readonly RuleFault[] } {
  const faults: RuleFault[] = findSubjectFaults(spec.subjects).map((one) => ({ ...one, path: ['spec', 'subjects', ...one.path] }));
  const names = new Set<string>();
  const rules = spec.rules.flatMap((rule, at) => {
    const place = ['spec', 'rules', at];
    if (names.has(rule.name)) faults.push({ path: [...place, 'name'], expected: 'a name that no rule before it has' });
    names.add(rule.name);
    const compiled = compileRule(rule, { policy: metadata.name, subjects: spec.subjects, actions: spec.validationActions });
    if (compiled.ok) return [compiled.rule];
    faults.push(...compiled.faults.map((one) => ({ ...one, path: [...place, ...one.path] })));
    return [];
  });
  tests.forEach(({ rule, body, bodyBase64 }, at) => {
    if (rule !== undefined && !names.has(rule)) faults.push({ path: ['tests', at, 'rule'], expected: 'the name of a rule of this policy' });
    if (body !== undefined && bodyBase64 !== undefined) faults.push({ path: ['tests', at, 'bodyBase64'], expected: 'nothing beside body' });
  });
  return { rules, faults };
}

const UNKNOWN_KEY = 'an unknown key';

/** The path itself, or as much of it as is there: what is missing is missing from that. */
function nearest(root: unknown, path: readonly PropertyKey[]): readonly PropertyKey[] {
  let value = root;
  for (const [at, key] of path.entries()) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return path.slice(0, at);
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return path;
}

/** In the order of the file. */
function placeFaults(file: string, source: SettingsSource, faults: readonly RuleFault[]): readonly PolicyProblem[] {
  return faults
    .map(({ path, found, expected }) => ({
      file,
      line: found === UNKNOWN_KEY ? source.lineOfKey(path) : source.lineOf(nearest(source.value, path)),
      path: describePath(path),
      found: found ?? describeFound(source.value, path),
      expected,
    }))
    .toSorted((a, b) => a.line - b.line);
}
