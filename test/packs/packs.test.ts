// The built-in packs as a whole: that each loads, passes the tests written beside it, and shows of every rule what it allows and what it does not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runPolicyTests } from '../../src/inspect/policy/policy.ts';
import { loadPacks, packNames, readPack } from './loading.ts';

const agents = [
  ...['addon-template', 'application-manager', 'bootstrap', 'cluster-proxy', 'config-policy-controller', 'governance-policy-framework'],
  ...[
    'hypershift-addon',
    'klusterlet',
    'managed-serviceaccount',
    'observability-controller',
    'search-collector',
    'submariner',
    'work-manager',
  ],
];

test('there is a pack for each agent', () => {
  assert.deepEqual(
    packNames.filter((name) => name !== 'cluster-proxy-user-tokens'),
    agents,
  );
});

test('all packs load together, each under the name of its file', () => {
  const { policies } = loadPacks();
  assert.deepEqual(
    policies.map(({ name }) => name),
    packNames,
  );
});

for (const name of packNames) {
  test(`the pack ${name} passes its own tests, and each of its rules has an allowed and a refused request`, () => {
    const { results, untested } = runPolicyTests(loadPacks(name));
    assert.deepEqual(
      results.filter(({ passed }) => !passed),
      [],
    );
    assert.ok(results.length >= 3);
    assert.deepEqual(untested, []);
    const titles = results.map((one) => one.name);
    assert.equal(new Set(titles).size, titles.length, 'two tests of one name');
  });
}

test('a pack grants no wildcard, no subresource that opens a stream, and no rule without a reason in front of it', () => {
  for (const name of packNames) {
    const { text } = readPack(name);
    const policy = text.split('\ntests:\n', 1)[0] ?? '';
    assert.doesNotMatch(policy, /[[ ]["']?\*["']?[\],]|\/\*"/, name);
    assert.doesNotMatch(policy, /\/(?:exec|attach|portforward|proxy|log)\b["\],]/, name);
    assert.match(text, /^#(?:.+\n#)+/, `${name} says at its beginning what the agent is`);
    const rules = policy.match(/^ {4}- name: /gm)?.length ?? 0;
    const reasons = policy.match(/^ {4}# .*$/gm)?.length ?? 0;
    assert.ok(reasons >= rules / 3, `${name}: ${reasons} comments for ${rules} rules`);
  }
});

test('no pack lets secrets be listed but the one that says so', () => {
  const { policies } = loadPacks();
  const lists = policies.flatMap(({ rules }) =>
    rules.filter(
      ({ target, verbs, matchConditions }) =>
        target.kind === 'resource' &&
        target.resources.has('secrets') &&
        target.names === null &&
        matchConditions.length === 0 &&
        (verbs.has('list') || verbs.has('watch')),
    ),
  );
  assert.deepEqual(
    lists.map(({ id }) => id),
    ['managed-serviceaccount/secrets'],
  );
});
