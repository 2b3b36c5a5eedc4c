// The policies in `countersign check`: every problem with its file and line, and the tests that are written beside them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runToEnd } from './command-line.ts';
import type { Ended } from './command-line.ts';
import { GOOD_SETTINGS, makeSite } from './site.ts';
import type { Site } from './site.ts';

let site: Site;
before(async () => {
  site = await makeSite(Date.now());
});
after(() => site.remove());

const POLICY = `apiVersion: countersign.dev/v1alpha1
kind: Policy
metadata: { name: own }
spec:
  subjects: { kinds: [klusterlet] }
  rules:
    - { name: pods, apiGroups: [""], resources: [pods], verbs: [get], namespaces: ["{{cluster}}"] }
tests:
  - { name: reads its pods, subject: { kind: klusterlet }, request: GET /api/v1/namespaces/cluster1/pods/a, expect: allow, rule: pods }
  - { name: does not read others', subject: { kind: klusterlet }, request: GET /api/v1/namespaces/cluster2/pods/a, expect: deny, rule: pods }
`;

async function check(inspect: string): Promise<Ended> {
  return runToEnd('check', '--config', await site.put('checked.yaml', `${GOOD_SETTINGS}inspect: ${inspect}\n`), '--offline');
}

test('passes the packs and counts their rules and tests', async () => {
  const { code, out } = await check('{ packs: [klusterlet, work-manager] }');
  assert.equal(code, 0, out);
  assert.match(out, /^ok {4}policies: \d+ rules in 2: klusterlet, work-manager$/m);
  assert.match(out, /^ok {4}policy tests: \d+ come out as written$/m);
});

test('reports every problem of every policy file, each with its line, and what cannot be read', async () => {
  await site.put('one.yaml', POLICY.replace('verbs: [get]', 'verbs: [fetch]').replace('kind: Policy', 'kind: Polizy'));
  await site.put('two.yaml', POLICY.replace('name: own', 'name: two').replace('GET /api/v1/namespaces/cluster1/pods/a', 'nonsense'));
  const { code, out } = await check('{ policyFiles: [one.yaml, two.yaml] }');
  assert.equal(code, 1);
  assert.match(out, /^fail {2}policies: .*one\.yaml:2: kind: found "Polizy"; expected Policy$/m);
  assert.match(out, /^fail {2}policies: .*one\.yaml:7: spec\.rules\.0\.verbs\.0: found "fetch"; expected one of get/m);
  assert.match(out, /^fail {2}policies: .*two\.yaml:9: tests\.0\.request: found "nonsense"/m);
  const missing = await check('{ policyFiles: [nowhere.yaml] }');
  assert.equal(missing.code, 1);
  assert.match(missing.out, /^fail {2}policies: .*nowhere\.yaml: found ENOENT/m);
});

test('runs the tests beside a policy, and names with file and line the one that does not come out as written', async () => {
  await site.put('own.yaml', POLICY);
  assert.equal((await check('{ policyFiles: [own.yaml] }')).code, 0);
  await site.put('own.yaml', POLICY.replace('cluster2', 'cluster1'));
  const { code, out } = await check('{ policyFiles: [own.yaml] }');
  assert.equal(code, 1);
  assert.match(out, /^fail {2}policy tests: .*own\.yaml:10: does not read others': expected deny by own\/pods; got allow by own\/pods$/m);
});

test('names the rules of own policies that no test shows, but not those of the packs', async () => {
  await site.put('own.yaml', POLICY.replace(/tests:[^]*$/, ''));
  const { code, out } = await check('{ packs: [klusterlet], policyFiles: [own.yaml] }');
  assert.equal(code, 0);
  assert.match(out, /^warn {2}policy tests: missing: own\/pods \(allow\), own\/pods \(deny\)\n +-> write a test/m);
});

test('says that report mode enforces nothing, and that no policy allows nothing', async () => {
  const { code, out } = await check('{ mode: report, packs: [] }');
  assert.equal(code, 0);
  assert.match(out, /^warn {2}inspect\.mode: report: what policies refuse is only logged$/m);
  assert.match(out, /^warn {2}policies: there are none: every request but the question who one is gets refused$/m);
});
