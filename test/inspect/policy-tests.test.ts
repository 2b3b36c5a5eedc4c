// The tests that are written beside policies: what their runner says of those that hold, of those that do not, and of rules that nobody shows.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PolicyTestReport, runPolicyTests } from '../../src/inspect/policy/policy.ts';
import { mustCompile } from './policy-asking.ts';

const HEAD = `apiVersion: countersign.dev/v1alpha1
kind: Policy
metadata: { name: mine }
spec:
  subjects: { kinds: [klusterlet, bootstrap] }
  rules:
    - name: lease
      apiGroups: [coordination.k8s.io]
      resources: [leases]
      verbs: [get]
      namespaces: ["{{cluster}}"]
      resourceNames: [managed-cluster-lease]
    - name: csrs
      apiGroups: [certificates.k8s.io]
      resources: [certificatesigningrequests]
      verbs: [create]
      clusterScope: true
      body: { maxBytes: 1KiB }
      validations:
        - expression: csr.cluster == identity.cluster && csr.user == identity.user
          message: the request is for the caller
    - name: widgets
      apiGroups: [example.com]
      resources: [widgets]
      verbs: [create]
      namespaces: ["{{cluster}}"]
      body: { maxBytes: 1KiB }
      validations:
        - { expression: object.spec.size < 10, message: widgets are small }
tests:
`;
/** The line of the first test. */
const FIRST = HEAD.split('\n').length;

const LEASE = '/apis/coordination.k8s.io/v1/namespaces/cluster1/leases/managed-cluster-lease';
const WIDGETS = 'POST /apis/example.com/v1/namespaces/cluster1/widgets';
const CSRS = 'POST /apis/certificates.k8s.io/v1/certificatesigningrequests';

function report(...tests: readonly string[]): PolicyTestReport {
  const text = `${HEAD}${tests.map((one, at) => `  - { name: t${at}, ${one} }\n`).join('')}`;
  return runPolicyTests(mustCompile([{ name: 'mine.yaml', text: tests.length === 0 ? `${HEAD}  []\n` : text }]));
}

/** What is said of one test. */
function outcome(one: string): string {
  const [result] = report(one).results;
  assert.ok(result !== undefined);
  return result.passed ? 'passed' : `expected ${result.expected}; got ${result.got}`;
}

const asKlusterlet = 'subject: { kind: klusterlet }';

test('a test that holds has passed', () => {
  assert.equal(outcome(`${asKlusterlet}, request: GET ${LEASE}, expect: allow, rule: lease`), 'passed');
  assert.equal(outcome(`${asKlusterlet}, request: DELETE ${LEASE}, expect: deny, rule: lease, because: the verb is delete`), 'passed');
  assert.equal(outcome(`subject: { kind: klusterlet, cluster: cluster2 }, request: GET ${LEASE}, expect: deny, rule: lease`), 'passed');
});

test('a test that does not hold says what was written and what came out', () => {
  assert.equal(
    outcome(`${asKlusterlet}, request: GET ${LEASE}, expect: deny, rule: lease`),
    'expected deny by mine/lease; got allow by mine/lease',
  );
  assert.equal(
    outcome(`${asKlusterlet}, request: GET ${LEASE}, expect: allow, rule: widgets`),
    'expected allow by mine/widgets; got allow by mine/lease',
  );
  assert.equal(
    outcome(`${asKlusterlet}, request: GET ${LEASE}x, expect: allow`),
    'expected allow; got deny by mine/lease: policy-denied: mine/lease comes closest: ' +
      'the name is "managed-cluster-leasex", the rule has "managed-cluster-lease"',
  );
  assert.match(
    outcome(`${asKlusterlet}, request: GET ${LEASE}x, expect: deny, because: the moon`),
    /^expected deny, because "the moon"; got deny by/,
  );
});

test('each result has its file, its line and its policy', () => {
  const { results } = report(
    `${asKlusterlet}, request: GET ${LEASE}, expect: allow`,
    `${asKlusterlet}, request: GET ${LEASE}, expect: deny`,
  );
  assert.deepEqual(
    results.map(({ file, line, policy, name, passed }) => [file, line, policy, name, passed]),
    [
      ['mine.yaml', FIRST, 'mine', 't0', true],
      ['mine.yaml', FIRST + 1, 'mine', 't1', false],
    ],
  );
});

test('a target that never reaches a policy is refused here too', () => {
  for (const [target, rule] of [
    ['/apis/../api', 'path-form'],
    ['/apis//v1', 'path-form'],
    ['/api/v1/pods?limit=ten', 'query-type'],
    ['/api/v1/pods?limit=1&limit=2', 'query-repeated'],
  ] as const) {
    assert.equal(outcome(`${asKlusterlet}, request: "GET ${target}", expect: deny, because: ${rule}`), 'passed', target);
  }
});

test('a body is read as it would come, and held to its bounds', () => {
  const widget = (body: string, rest: string): string => outcome(`${asKlusterlet}, request: ${WIDGETS}, ${body}, ${rest}`);
  assert.equal(widget('body: { spec: { size: 9 } }', 'expect: allow, rule: widgets'), 'passed');
  assert.equal(widget('body: { spec: { size: 10 } }', 'expect: deny, rule: widgets, because: widgets are small'), 'passed');
  assert.equal(widget(`body: { spec: { size: 1, text: ${'x'.repeat(1024)} } }`, 'expect: deny, because: body-limit'), 'passed');
  const base64 = (text: string): string => `bodyBase64: ${Buffer.from(text).toString('base64')}`;
  assert.equal(widget(`${base64('{"spec":{"size":9}}')}, contentType: application/json`, 'expect: allow'), 'passed');
  assert.equal(widget(base64('{"spec":{"size":9}}'), 'expect: allow'), 'passed', 'as for kube-apiserver, none is JSON');
  assert.equal(
    widget(`${base64('{"spec":{"size":9,"size":10}}')}, contentType: application/json`, 'expect: deny, because: body-form'),
    'passed',
  );
  assert.equal(widget('body: { spec: { size: 9 } }, contentType: text/plain', 'expect: deny, because: content type'), 'passed');
});

test('a test says how its certificate request differs from an honest one', () => {
  const request = (subject: string, csr: string, rest: string): string =>
    outcome(`subject: ${subject}, request: ${CSRS}, csr: ${csr}, ${rest}`);
  assert.equal(request('{ kind: klusterlet }', '{}', 'expect: allow, rule: csrs'), 'passed');
  assert.equal(request('{ kind: klusterlet }', '{ cluster: cluster2 }', 'expect: deny, rule: csrs'), 'passed');
  assert.equal(request('{ kind: klusterlet }', '{ user: system:admin }', 'expect: deny, rule: csrs, because: for the caller'), 'passed');
  assert.equal(request('{ kind: klusterlet }', '{ addon: search-collector }', 'expect: deny, rule: csrs'), 'passed');
  assert.equal(request('{ kind: bootstrap }', '{}', 'expect: deny, rule: csrs'), 'passed', 'a bootstrap account asks for another name');
});

test('a rule without an allowed and a refused request is named', () => {
  assert.deepEqual(report().untested, [
    { rule: 'mine/lease', lacks: 'allow' },
    { rule: 'mine/lease', lacks: 'deny' },
    { rule: 'mine/csrs', lacks: 'allow' },
    { rule: 'mine/csrs', lacks: 'deny' },
    { rule: 'mine/widgets', lacks: 'allow' },
    { rule: 'mine/widgets', lacks: 'deny' },
  ]);
  const { untested } = report(
    `${asKlusterlet}, request: GET ${LEASE}, expect: allow, rule: lease`,
    `${asKlusterlet}, request: PUT ${LEASE}, expect: deny, rule: lease`,
    `${asKlusterlet}, request: ${WIDGETS}, expect: allow`,
  );
  assert.equal(untested.filter(({ rule }) => rule === 'mine/lease').length, 0);
  assert.equal(untested.filter(({ rule }) => rule === 'mine/widgets').length, 2, 'a test that names no rule shows none');
});

test('a policy is tested by itself, whatever else is loaded', () => {
  const other = `apiVersion: countersign.dev/v1alpha1
kind: Policy
metadata: { name: other }
spec:
  subjects: { kinds: [klusterlet] }
  rules:
    - { name: all-leases, apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get], namespaces: ["{{cluster}}"] }
`;
  const mine = `${HEAD}  - { name: t, ${asKlusterlet}, request: GET ${LEASE}x, expect: deny, rule: lease }\n`;
  const { results } = runPolicyTests(
    mustCompile([
      { name: 'mine.yaml', text: mine },
      { name: 'other.yaml', text: other },
    ]),
  );
  assert.deepEqual(
    results.map(({ passed }) => passed),
    [true],
  );
});
