// What is said of a policy that does not load: every problem at once, each with its file, line and path, and nothing of such a file is used.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePolicies, type PolicyProblem } from '../../src/inspect/policy/policy.ts';

function problemsOf(text: string, name: string = 'mine.yaml'): readonly PolicyProblem[] {
  const verdict = compilePolicies([{ name, text }]);
  return verdict.ok ? [] : verdict.problems;
}

/** `line path: found X, expected Y`, as check prints it. */
function say({ line, path, found, expected }: PolicyProblem): string {
  return `${line} ${path}: found ${found}, expected ${expected}`;
}

const head = `apiVersion: countersign.dev/v1alpha1
kind: Policy
metadata: { name: mine }
spec:
  subjects: { kinds: [klusterlet] }
  rules:
`;
/** The first line of a rule that follows the head. */
const FIRST = 7;

function rule(...lines: readonly string[]): string {
  return `${head}    - name: one\n${lines.map((line) => `      ${line}\n`).join('')}`;
}

/** A rule that is sound but for the given lines. */
function leases(...lines: readonly string[]): string {
  return rule('apiGroups: [coordination.k8s.io]', 'resources: [leases]', ...lines);
}

test('a sound policy has no problems', () => {
  assert.deepEqual(problemsOf(leases('verbs: [get]', 'namespaces: ["{{cluster}}"]')), []);
});

test('every problem of shape is reported at once, in the order of the file', () => {
  const text = `apiVersion: countersign.dev/v2
kind: Role
metadata: { name: Mine }
spec:
  subjects: { kinds: [klusterlet, people], addon: [x] }
  validationActions: [Deny, Warn]
  rules:
    - name: one
      apiGroups: ["*"]
      resources: [leases, "*"]
      verbs: ["*"]
      namespaces: ["{{tenant}}", "prod-*"]
      resourceNames: []
      extra: 1
tests:
  - { name: t, subject: { kind: klusterlet }, request: "GET", expect: maybe }
`;
  const found = problemsOf(text).map(({ line, path }) => `${line} ${path}`);
  assert.deepEqual(found, [
    '1 apiVersion',
    '2 kind',
    '3 metadata.name',
    '5 spec.subjects.kinds.1',
    '5 spec.subjects.addon',
    '6 spec.validationActions',
    '9 spec.rules.0.apiGroups.0',
    '10 spec.rules.0.resources.1',
    '11 spec.rules.0.verbs.0',
    '12 spec.rules.0.namespaces.0',
    '12 spec.rules.0.namespaces.1',
    '13 spec.rules.0.resourceNames',
    '14 spec.rules.0.extra',
    '16 tests.0.request',
    '16 tests.0.expect',
  ]);
});

test('a problem says what stands there and what may', () => {
  const [problem] = problemsOf(leases('verbs: [read]', 'namespaces: ["{{cluster}}"]'));
  assert.ok(problem !== undefined);
  assert.equal(problem.file, 'mine.yaml');
  assert.match(say(problem), /^10 spec\.rules\.0\.verbs\.0: found "read", expected one of get, list, watch, /);
});

test('YAML that could mean something else than it shows is not read', () => {
  assert.match(problemsOf('')[0]?.expected ?? '', /a policy/);
  assert.match(problemsOf(`${head}    - &a { name: x }\n`)[0]?.found ?? '', /anchor/);
  assert.match(problemsOf('kind: Policy\nkind: Policy\n')[0]?.found ?? '', /repeated/);
  assert.match(problemsOf('a: 1\n---\nb: 2\n')[0]?.found ?? '', /second document/);
  assert.match(problemsOf(`x: ${'['.repeat(30_000)}`)[0]?.found ?? '', /too deep|not YAML/);
  assert.match(problemsOf('x'.repeat(2 ** 20 + 1))[0]?.expected ?? '', /at most/);
});

/** A rule's lines, and what its one problem is: place and words. */
const contradictions: readonly (readonly [string, readonly string[], string])[] = [
  ['neither namespaces nor cluster scope', ['verbs: [get]'], '7 spec.rules.0: found neither namespaces nor clusterScope'],
  ['both', ['verbs: [list]', 'namespaces: [a]', 'clusterScope: true'], '7 spec.rules.0: found both namespaces and clusterScope'],
  ['one object of all namespaces', ['verbs: [get]', 'clusterScope: true'], '11 spec.rules.0.clusterScope'],
  ['a create that is told its name', ['verbs: [create]', 'namespaces: [a]', 'resourceNames: [x]'], '12 spec.rules.0.resourceNames'],
  [
    'a deletion of all that is told a name',
    ['verbs: [deletecollection]', 'namespaces: [a]', 'resourceNames: [x]'],
    '12 spec.rules.0.resourceNames',
  ],
  ['a name in the body of an update', ['verbs: [update]', 'namespaces: [a]', 'bodyNames: [x]'], '12 spec.rules.0.bodyNames'],
  ['a selector of a get', ['verbs: [get]', 'namespaces: [a]', 'requiredSelectors: { labels: { a: b } }'], '10 spec.rules.0.verbs.0'],
  ['an empty selector', ['verbs: [list]', 'namespaces: [a]', 'requiredSelectors: {}'], '12 spec.rules.0.requiredSelectors'],
  ['a body of a get', ['verbs: [get]', 'namespaces: [a]', 'body: { maxBytes: 1KiB }'], '12 spec.rules.0.body'],
  ['a patch of no kind', ['verbs: [patch]', 'namespaces: [a]'], '7 spec.rules.0.body.contentTypes'],
  [
    'a patch of the wrong kind',
    ['verbs: [patch]', 'namespaces: [a]', 'body: { contentTypes: [application/json] }'],
    '12 spec.rules.0.body.contentTypes.0',
  ],
  [
    'a patch among others',
    ['verbs: [update, patch]', 'namespaces: [a]', 'body: { contentTypes: [application/merge-patch+json] }'],
    '10 spec.rules.0.verbs',
  ],
  ["an add-on's name in a rule for klusterlets", ['verbs: [get]', 'namespaces: ["{{addon}}"]'], '11 spec.rules.0.namespaces'],
  [
    'add-ons among klusterlets',
    ['verbs: [get]', 'namespaces: [a]', 'subjects: { kinds: [klusterlet], addons: [x] }'],
    'spec.rules.0.subjects.addons',
  ],
  ['a path behind no subresource', ['verbs: [get]', 'namespaces: [a]', 'subresourcePath: sync'], '12 spec.rules.0.subresourcePath'],
  [
    'variables that nothing reads',
    ['verbs: [create]', 'namespaces: [a]', 'variables: [{ name: x, expression: "1" }]'],
    '12 spec.rules.0.variables',
  ],
  ['a verb of paths', ['verbs: [post]', 'namespaces: [a]'], '10 spec.rules.0.verbs.0'],
];

test('a rule that contradicts itself, or could never match, is a problem', () => {
  for (const [title, lines, expected] of contradictions) {
    const problems = problemsOf(leases(...lines)).map(say);
    assert.ok(
      problems.some((one) => one.includes(expected)),
      `${title}: ${problems.join('\n')}`,
    );
  }
});

test('a rule lies where its resource can lie', () => {
  const cluster = rule(
    'apiGroups: [cluster.open-cluster-management.io]',
    'resources: [managedclusters]',
    'verbs: [get]',
    'namespaces: ["{{cluster}}"]',
  );
  assert.match(problemsOf(cluster).map(say).join('\n'), /9 spec\.rules\.0\.resources\.0: .*cluster-scoped/);
  const unknown = rule('apiGroups: [example.com]', 'resources: [widgets]', 'verbs: [get]', 'clusterScope: true');
  assert.deepEqual(problemsOf(unknown), []);
});

test('a rule for paths has nothing of a rule for resources', () => {
  assert.deepEqual(problemsOf(rule('verbs: [get]', 'nonResourceURLs: [/version, "/healthz/*"]')), []);
  const problems = problemsOf(
    rule('verbs: [get, list]', 'nonResourceURLs: [/version, "/h*z", x]', 'namespaces: [a]', 'body: { maxBytes: 1KiB }'),
  );
  const places = problems.map(({ path }) => path);
  assert.deepEqual(places, ['spec.rules.0.nonResourceURLs.1', 'spec.rules.0.nonResourceURLs.2']);
  const contradictory = problemsOf(
    rule('verbs: [get, list]', 'nonResourceURLs: [/version]', 'namespaces: [a]', 'body: { maxBytes: 1KiB }'),
  );
  assert.deepEqual(contradictory.map(({ path }) => path).toSorted(), [
    'spec.rules.0.body',
    'spec.rules.0.namespaces',
    'spec.rules.0.verbs.1',
  ]);
});

test('an expression that does not compile is a problem at its line', () => {
  const text = leases(
    'verbs: [create]',
    'namespaces: ["{{cluster}}"]',
    'matchConditions:',
    '  - { expression: "object.spec == 1", message: no body yet }',
    'validations:',
    '  - { expression: "identity.tenant == \'a\'", message: m }',
    '  - expression: "objekt.spec"',
    '    message: m',
    '  - { expression: "object.spec.launch()", message: m }',
    '  - { expression: "object.a &&", message: m }',
    '  - { expression: "true", message: fine }',
  );
  assert.deepEqual(
    problemsOf(text).map(({ line, path, found }) => `${line} ${path}: ${found}`),
    [
      `${FIRST + 6} spec.rules.0.matchConditions.0.expression: variable "object"`,
      `${FIRST + 8} spec.rules.0.validations.0.expression: field "identity.tenant"`,
      `${FIRST + 9} spec.rules.0.validations.1.expression: variable "objekt"`,
      `${FIRST + 11} spec.rules.0.validations.2.expression: function "launch"`,
      `${FIRST + 12} spec.rules.0.validations.3.expression: at 1:10: found & but expecting end of input`,
    ],
  );
});

test('names are said once', () => {
  const twice = `${leases('verbs: [get]', 'namespaces: [a]')}    - name: one
      apiGroups: [""]
      resources: [pods]
      verbs: [get]
      namespaces: [a]
`;
  assert.deepEqual(
    problemsOf(twice).map(({ path }) => path),
    ['spec.rules.1.name'],
  );
  const policy = leases('verbs: [get]', 'namespaces: [a]');
  const verdict = compilePolicies([
    { name: 'a.yaml', text: policy },
    { name: 'b.yaml', text: policy },
  ]);
  assert.ok(!verdict.ok);
  assert.deepEqual(verdict.problems, [
    { file: 'b.yaml', line: 3, path: 'metadata.name', found: '"mine"', expected: 'a name that no other policy has; a.yaml has it' },
  ]);
});

test('a test names a rule that there is', () => {
  const text = `${leases('verbs: [get]', 'namespaces: [a]')}tests:
  - { name: t, subject: { kind: klusterlet }, request: GET /apis, expect: deny, rule: two }
  - { name: t, subject: { kind: klusterlet }, request: POST /apis, expect: deny, body: {}, bodyBase64: e30= }
  - { name: t, subject: { kind: klusterlet }, request: POST /apis, expect: deny, csr: { colour: red } }
`;
  assert.deepEqual(
    problemsOf(text).map(({ line, path }) => `${line} ${path}`),
    ['15 tests.2.csr'],
  );
  assert.deepEqual(
    problemsOf(text.replace(/\n.*colour: red.*\n/, '\n')).map(({ line, path }) => `${line} ${path}`),
    ['13 tests.0.rule', '14 tests.1.bodyBase64'],
  );
});

test('one problem anywhere and no policy is loaded', () => {
  const verdict = compilePolicies([
    { name: 'good.yaml', text: leases('verbs: [get]', 'namespaces: [a]') },
    { name: 'bad.yaml', text: 'kind: Policy' },
  ]);
  assert.ok(!verdict.ok);
  assert.ok(verdict.problems.every(({ file }) => file === 'bad.yaml'));
});
