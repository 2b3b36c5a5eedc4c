// What policies decide by the body of a request, and when they want to see it at all.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, askBody, klusterlet, policyOf } from './policy-asking.ts';

const CREATE = `
- name: one
  apiGroups: [example.com]
  resources: [widgets]
  verbs: [create]
  namespaces: ["{{cluster}}"]
`;
const POST = 'POST /apis/example.com/v1/namespaces/cluster1/widgets';
const JSON_TYPE = { type: 'application/json' };

test('a body is looked at only where a rule has something to say about it', () => {
  const counted = policyOf(`${CREATE}  body: { maxBytes: 2KiB }\n`);
  assert.deepEqual(ask(counted, POST, JSON_TYPE).demand, { kind: 'count', mostBytes: 2048 });
  assert.deepEqual(ask(policyOf(CREATE), POST, JSON_TYPE).demand, { kind: 'count', mostBytes: 3 * 1024 * 1024 });
  const judged = policyOf(`${CREATE}  body: { maxBytes: 2KiB }\n  validations: [{ expression: "true", message: m }]\n`);
  const { demand } = ask(judged, POST, JSON_TYPE);
  assert.equal(demand.kind, 'judge');
  assert.equal(demand.kind === 'judge' ? demand.mostBytes : 0, 2048);
});

test('the type of a body is asked for before there is a body', () => {
  const policy = policyOf(`${CREATE}  body: { contentTypes: [application/json] }\n`);
  const allowed = (type?: string): boolean => ask(policy, POST, type === undefined ? {} : { type }).allowed;
  assert.equal(allowed('application/json'), true);
  assert.equal(allowed('Application/JSON; charset=utf-8'), true);
  assert.equal(allowed(), true, 'none is JSON, as for kube-apiserver');
  for (const type of ['application/vnd.kubernetes.protobuf', 'application/yaml', 'text/plain', 'application/json-patch+json'])
    assert.equal(allowed(type), false, type);
  assert.match(
    ask(policy, POST, { type: 'application/yaml' }).closest?.because ?? '',
    /none that can be judged, the rule has application\/json/,
  );
});

test('a create is bound to the names that a rule has, and a generated name is none', () => {
  const policy = policyOf(`${CREATE}  bodyNames: ["{{cluster}}", fixed]\n`);
  const allowed = (metadata: Record<string, string>): boolean => askBody(policy, POST, { body: { metadata } }).allowed;
  assert.equal(allowed({ name: 'cluster1' }), true);
  assert.equal(allowed({ name: 'fixed' }), true);
  for (const metadata of [{ name: 'cluster2' }, {}, { name: '' }, { generateName: 'cluster1' }])
    assert.equal(allowed(metadata), false, JSON.stringify(metadata));
});

const validations = (...expressions: readonly string[]): ReturnType<typeof policyOf> =>
  policyOf(
    `${CREATE}  validations:\n${expressions.map((text, at) => `    - { expression: ${JSON.stringify(text)}, message: m${at} }\n`).join('')}`,
  );

test('all validations have to hold; those that do not are named', () => {
  const policy = validations('object.spec.a == 1', "object.spec.b == 'x'", 'has(object.spec.c)');
  assert.deepEqual(askBody(policy, POST, { body: { spec: { a: 1, b: 'x', c: null } } }), {
    allowed: true,
    rule: 'p/one',
    refusal: null,
    reported: null,
    failures: [],
  });
  const denied = askBody(policy, POST, { body: { spec: { a: 2, b: 'x' } } });
  assert.equal(denied.allowed, false);
  assert.deepEqual(denied.refusal, { rule: 'policy-body', detail: 'p/one: m0; m2' });
  assert.deepEqual(
    denied.failures.map(({ message }) => message),
    ['m0', 'm2'],
  );
});

test('what cannot be evaluated does not hold', () => {
  const cases = [
    ['object.missing == 1', 'field not found: missing'],
    ['object.spec', 'the expression is neither true nor false'],
    ['object.spec + 1 == 2', 'found no matching overload'],
    ['object.list[7] == 1', 'index 7 out of bounds'],
    ["csr.user == 'x'", 'field not found: user'],
    ['int(object.text) == 1', 'form that the expression expects'],
    ['object.list.all(x, x)', 'type mismatch'],
  ] as const;
  for (const [expression, why] of cases) {
    const { allowed, failures } = askBody(validations(expression), POST, { body: { spec: {}, list: [1], text: 'secret-text' } });
    assert.equal(allowed, false, expression);
    assert.ok(failures[0]?.detail?.includes(why), `${expression}: ${failures[0]?.detail}`);
    assert.doesNotMatch(failures[0]?.detail ?? '', /secret/, expression);
  }
});

test('null in a body is something, not nothing', () => {
  const holds = (expression: string): boolean =>
    askBody(validations(expression), POST, { body: { spec: null, labels: { a: null } } }).allowed;
  assert.equal(holds('has(object.spec)'), true);
  assert.equal(holds("'spec' in object"), true);
  assert.equal(holds("object.all(k, k in ['spec', 'labels'])"), true);
  assert.equal(holds('object.spec == null'), true);
  assert.equal(holds("'a' in object.labels && !('b' in object.labels) && !has(object.labels.b)"), true);
  assert.equal(holds("valueAt(object, '/spec', 'default') == 'default'"), true);
});

test('whole numbers are integers, however large', () => {
  const body = Buffer.from('{"a": 1, "b": 9007199254740993, "c": 1.5, "d": -2}');
  const holds = (expression: string): boolean => askBody(validations(expression), POST, { body }).allowed;
  assert.equal(holds('object.a + 1 == 2 && object.d < 0 && object.c > 1.0'), true);
  assert.equal(holds('object.b == 9007199254740993 && object.b != 9007199254740992'), true);
});

test('variables are read from each other in their order', () => {
  const policy = policyOf(`${CREATE}  variables:
    - { name: a, expression: "valueAt(object, '/spec/a', 0)" }
    - { name: b, expression: "variables.a + 1" }
    - { name: broken, expression: "object.never" }
  validations:
    - { expression: "variables.b == 3", message: m }
    - { expression: "variables.a == 2", message: n }
`);
  assert.equal(askBody(policy, POST, { body: { spec: { a: 2 } } }).allowed, true);
  assert.equal(askBody(policy, POST, { body: { spec: { a: 3 } } }).allowed, false);
  const forward = () =>
    policyOf(`${CREATE}  variables:
    - { name: a, expression: "variables.b" }
    - { name: b, expression: "1" }
  validations: [{ expression: "variables.a == 1", message: m }]
`);
  assert.throws(forward, /variable \\"variables\\"/);
});

test('a patch is judged by what it touches, in whatever form it comes', () => {
  const policy = policyOf(`
- name: status
  apiGroups: [example.com]
  resources: [widgets]
  verbs: [patch]
  namespaces: ["{{cluster}}"]
  body:
    contentTypes:
      [application/merge-patch+json, application/json-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml]
  validations:
    - { expression: "touched.within(['/status', '/metadata/uid'])", message: only the status }
`);
  const request = 'PATCH /apis/example.com/v1/namespaces/cluster1/widgets/x';
  const allowed = (type: string, body: never): boolean => askBody(policy, request, { type: `application/${type}`, body }).allowed;
  const yes = [
    ['merge-patch+json', { status: { a: 1 }, metadata: { uid: 'x' } }],
    ['merge-patch+json', { status: null }],
    ['json-patch+json', [{ op: 'add', path: '/status/a', value: 1 }]],
    ['strategic-merge-patch+json', { status: { a: [1] } }],
  ] as const;
  const no = [
    ['merge-patch+json', { status: {}, spec: {} }],
    ['merge-patch+json', { statusx: {} }],
    ['merge-patch+json', { metadata: { uid: { a: 1 }, name: 'x' } }],
    ['merge-patch+json', { metadata: { uid: 'x', labels: {} } }],
    ['json-patch+json', [{ op: 'move', from: '/spec/a', path: '/status/a' }]],
    ['json-patch+json', [{ op: 'replace', path: '', value: {} }]],
    ['strategic-merge-patch+json', { status: {}, $patch: 'replace' }],
    ['apply-patch+yaml', { status: {} }],
  ] as const;
  for (const [type, body] of yes) assert.equal(allowed(type, body as never), true, `${type} ${JSON.stringify(body)}`);
  for (const [type, body] of no) assert.equal(allowed(type, body as never), false, `${type} ${JSON.stringify(body)}`);
});

test('one rule that is content is enough: rules only ever grant', () => {
  const policy = policyOf(`${CREATE}  validations: [{ expression: "object.a == 1", message: m }]
${CREATE.replace('one', 'two')}  validations: [{ expression: "object.b == 1", message: n }, { expression: "object.c == 1", message: o }]
`);
  assert.equal(askBody(policy, POST, { body: { a: 1, b: 0, c: 0 } }).rule, 'p/one');
  assert.equal(askBody(policy, POST, { body: { a: 0, b: 1, c: 1 } }).rule, 'p/two');
  const denied = askBody(policy, POST, { body: { a: 0, b: 0, c: 0 } });
  assert.equal(denied.refusal?.detail, 'p/one: m', 'the one with the fewest failures');
  const free = policyOf(
    `${CREATE}  validations: [{ expression: "false", message: m }]\n${CREATE.replace('one', 'two')}  body: { maxBytes: 1KiB }\n`,
  );
  assert.deepEqual(ask(free, POST, JSON_TYPE).demand, { kind: 'count', mostBytes: 1024 });
});

test('a policy that only warns or audits grants what does not hold, and says so', () => {
  const audited = policyOf(
    `${CREATE}  validations: [{ expression: "object.a == 1", message: m }]\n`,
    'validationActions: [Audit, Warn]\n  subjects: { kinds: [klusterlet] }',
  );
  const decision = askBody(audited, POST, { body: { a: 2 } });
  assert.equal(decision.allowed, true);
  assert.equal(decision.refusal, null);
  assert.deepEqual(decision.reported, { rule: 'policy-body', detail: 'p/one: m' });
  assert.deepEqual(decision.failures, [{ rule: 'p/one', message: 'm', detail: null, actions: ['Audit', 'Warn'] }]);
});

test('an expression that would cost too much is not evaluated', () => {
  const many = Array.from({ length: 200 }, (_, at) => at);
  const squared = validations('object.list.all(x, object.list.exists(y, x == y))');
  assert.equal(askBody(squared, POST, { body: { list: many.slice(0, 50) } }).allowed, true);
  const denied = askBody(squared, POST, { body: { list: many } });
  assert.equal(denied.failures[0]?.detail, 'too costly for a body with 202 values');
  const linear = validations('object.list.all(x, x >= 0)');
  assert.equal(askBody(linear, POST, { body: { list: many } }).allowed, true);
  assert.equal(askBody(linear, POST, { body: { list: Array.from({ length: 20_000 }, () => 1) } }).allowed, false);
});

test('what a patch touches is cheap to judge, however much it says', () => {
  const policy = policyOf(`
- name: status
  apiGroups: [example.com]
  resources: [widgets]
  verbs: [patch]
  namespaces: ["{{cluster}}"]
  body: { contentTypes: [application/merge-patch+json] }
  validations: [{ expression: "touched.within(['/status'])", message: m }]
`);
  const body = { status: Object.fromEntries(Array.from({ length: 4_000 }, (_, at) => [`k${at}`, [1, 2, 3]])) };
  assert.equal(
    askBody(policy, 'PATCH /apis/example.com/v1/namespaces/cluster1/widgets/x', { type: 'application/merge-patch+json', body }).allowed,
    true,
  );
});

test('no pattern takes long over any text', () => {
  const policy = validations("object.text.matches('^(a+)+$')");
  const before = performance.now();
  assert.equal(askBody(policy, POST, { body: { text: `${'a'.repeat(10_000)}!` } }).allowed, false);
  assert.ok(performance.now() - before < 10_000, 'backtracking would take longer than the machine lasts');
});

test('expressions see who asks and for what', () => {
  const policy = validations(
    "identity.cluster == 'cluster1' && identity.kind == 'klusterlet' && identity.addon == null && identity.groups.size() == 2",
    "identity.user == 'system:open-cluster-management:cluster1:khnxf'",
    "request.verb == 'create' && request.resource == 'widgets' && request.namespace == identity.cluster && request.apiGroup == 'example.com'",
    "request.name == '' && request.subresource == '' && request.apiVersion == 'v1' && request.path.endsWith('/widgets')",
    'touched == [] && patch == null && csr == null',
  );
  assert.deepEqual(askBody(policy, POST, { as: klusterlet('cluster1'), body: {} }).failures, []);
});
