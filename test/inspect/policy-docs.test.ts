// docs/policy.md held to the program: its examples load and pass their own tests, and it leaves no key, function, field or pack unsaid.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bodyDeclarations } from '../../src/inspect/policy/bindings.ts';
import { celFunctionsByName } from '../../src/inspect/policy/cel-functions.ts';
import { compileExpression } from '../../src/inspect/policy/expression.ts';
import { compilePolicies, runPolicyTests } from '../../src/inspect/policy/policy.ts';
import { packNames } from '../packs/loading.ts';

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
const page = read('docs/policy.md');

interface Example {
  /** Its first line, as an editor counts. */
  readonly line: number;
  readonly text: string;
}

function examplesOf(language: string): readonly Example[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map((match) => ({
    line: page.slice(0, match.index).split('\n').length + 1,
    text: match[1] ?? '',
  }));
}

const examples = examplesOf('yaml');

test('every example is a policy that loads, and all of them load together', () => {
  assert.ok(examples.length >= 8);
  const verdict = compilePolicies(examples.map(({ line, text }) => ({ name: `docs/policy.md, the example at ${line}`, text })));
  assert.deepEqual(verdict.ok ? [] : verdict.problems, []);
});

for (const { line, text } of examples) {
  test(`the example at line ${line} does what it says`, () => {
    const verdict = compilePolicies([{ name: `docs/policy.md:${line}`, text }]);
    assert.ok(verdict.ok);
    const { results, untested } = runPolicyTests(verdict.policies);
    assert.deepEqual(
      results.filter(({ passed }) => !passed),
      [],
    );
    assert.ok(results.some(({ expected }) => expected.startsWith('allow')));
    assert.ok(results.some(({ expected }) => expected.startsWith('deny')));
    assert.deepEqual(
      untested.filter(({ lacks }) => lacks === 'allow'),
      [],
    );
  });
}

test('every expression stands as it may', () => {
  const expressions = examplesOf('cel').flatMap(({ text }) => text.trim().split('\n'));
  assert.ok(expressions.length >= 5);
  for (const expression of expressions) {
    const compiled = compileExpression(expression, bodyDeclarations([]));
    assert.ok(compiled.ok, compiled.ok ? '' : `${expression}: ${compiled.found}`);
  }
});

test('every key, variable, field and function is on the page', () => {
  const keys = [...read('src/inspect/policy/policy-document.ts').matchAll(/readonly (\w+)\??:/g)].map((match) => match[1] ?? '');
  assert.ok(keys.includes('requiredSelectors') && keys.includes('bodyBase64'));
  const functions = [...celFunctionsByName.keys()].filter((name) => /^[a-z.]+$/i.test(name));
  const declared = [...bodyDeclarations(['x'])].flatMap(([name, fields]) => [name, ...(fields ?? [])]).filter((name) => name !== 'x');
  const said = new Set([...page.matchAll(/`([^`\n]+)`/g)].flatMap((match) => [...(match[1] ?? '').split('.'), match[1]]));
  assert.deepEqual(
    [...keys, ...functions, ...declared].filter((name) => !said.has(name)),
    [],
  );
});

test('every pack is in the table, once', () => {
  const rows = page.slice(page.indexOf('## The built-in packs')).matchAll(/^\| `([a-z-]+)` \|/gm);
  assert.deepEqual(
    [...rows].map((match) => match[1] ?? '').toSorted((a, b) => a.localeCompare(b)),
    packNames,
  );
});

test('what comments of packs refer to is there', () => {
  for (const name of packNames) {
    for (const [, heading = ''] of read(`packs/${name}.yaml`).matchAll(/docs\/policy\.md "([^"]+)"/g)) {
      assert.ok(page.includes(`\n## ${heading}\n`), `${name}: ${heading}`);
    }
  }
});
