// `countersign suggest`: what it prints compiles, allows what was refused and nothing besides, and says what no policy can lift.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { RequestLine } from '../../src/audit.ts';
import { readRefusedRequests } from '../../src/cli/refused-requests.ts';
import { suggestPolicy } from '../../src/cli/suggestion.ts';
import type { Suggestion } from '../../src/cli/suggestion.ts';
import { identityOfUser } from '../../src/identity.ts';
import { runToEnd } from './command-line.ts';
import { clusterOf, compile, isAllowed, klusterlet1, klusterlet2, lineOf, nameless, workManager1 } from './refused-audit.ts';
import type { Asked } from './refused-audit.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-suggest-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function suggest(lines: readonly string[]): Promise<Suggestion> {
  const file = join(folder, 'audit.jsonl');
  await writeFile(file, lines.join(''));
  return suggestPolicy(await readRefusedRequests(file), 'audit.jsonl');
}

/** Everything that may be asked in this small world. */
const world: readonly Asked[] = [klusterlet1, klusterlet2, workManager1].flatMap((user) =>
  (
    [
      ['', 'secrets', ['cluster1', 'cluster2', 'shared']],
      ['', 'configmaps', ['cluster1', 'shared']],
      ['coordination.k8s.io', 'leases', ['cluster1', 'cluster2']],
      ['cluster.open-cluster-management.io', 'managedclusters', ['']],
      ['cluster.open-cluster-management.io', 'managedclusters/status', ['']],
    ] as const
  ).flatMap(([group, resource, namespaces]) =>
    namespaces.flatMap((namespace) =>
      ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection']
        .filter((verb) => !resource.includes('/') || !nameless.has(verb))
        .flatMap((verb) => {
          const names = nameless.has(verb)
            ? verb === 'list' || verb === 'watch'
              ? ['', 'cluster1', 'thing']
              : ['']
            : ['cluster1', 'thing'];
          const types = verb === 'patch' ? ['application/merge-patch+json', 'application/strategic-merge-patch+json'] : [null];
          return names.flatMap((name) =>
            types.map((type): Asked => ({ user, verb, group, resource, namespace, name, ...(type === null ? {} : { contentType: type }) })),
          );
        }),
    ),
  ),
);

/** Whether granting what `refused` asked grants `asked`: the same but for what stands for the caller's own cluster. A rule without a name admits any. */
function covers(refused: Asked, asked: Asked): boolean {
  const [cluster, other] = [clusterOf(refused.user), clusterOf(asked.user)];
  const same = (one: string, another: string): boolean => (one === cluster ? another === other : one === another);
  const whose = ({ user }: Asked): string => JSON.stringify([identityOfUser(user)?.kind, identityOfUser(user)?.addon]);
  return (
    whose(refused) === whose(asked) &&
    (['verb', 'group', 'resource', 'contentType'] as const).every((field) => refused[field] === asked[field]) &&
    same(refused.namespace, asked.namespace) &&
    (refused.name === '' || same(refused.name, asked.name))
  );
}

test('what was refused passes under the suggested policy, and of everything else nothing', async () => {
  assert.ok(world.length > 300);
  await fc.assert(
    fc.asyncProperty(fc.subarray([...world], { minLength: 1, maxLength: 30 }), async (refused) => {
      const { policy, notes } = await suggest(refused.map((asked) => lineOf(asked)));
      assert.deepEqual(notes, []);
      const policies = compile(policy);
      for (const asked of world) {
        const expected = refused.some((one) => covers(one, asked));
        assert.equal(isAllowed(policies, asked), expected, `${JSON.stringify(asked)}\n${policy}`);
      }
    }),
    { numRuns: 40 },
  );
});

test('an add-on in report mode becomes a policy of a few rules that a person can read', async () => {
  const own = { user: workManager1, namespace: 'cluster1', group: 'internal.open-cluster-management.io' };
  const lines = [
    ...['list', 'watch'].map((verb) => lineOf({ ...own, verb, resource: 'managedclusterinfos', name: '' }, { verdict: 'would-deny' })),
    lineOf({ ...own, verb: 'update', resource: 'managedclusterinfos/status', name: 'cluster1' }, { verdict: 'would-deny' }),
    lineOf({ ...own, verb: 'update', resource: 'managedclusterinfos/status', name: 'cluster1' }, {
      time: '2026-11-24T00:00:00.000Z',
    } as object),
    lineOf({ ...own, verb: 'get', group: '', resource: 'secrets', namespace: 'shared', name: 'token' }, { verdict: 'would-deny' }),
  ];
  const { policy } = await suggest(lines);
  assert.equal(
    policy?.replace(/^#.*\n#.*\n#.*\n\n/, ''),
    `apiVersion: countersign.dev/v1alpha1
kind: Policy
metadata:
  name: suggested
spec:
  subjects:
    kinds: [addon]
    addons: [work-manager]
  rules:
    # 2 refusals (cluster1), the last 2026-11-23T12:00:00.000Z: no rule for this resource
    - name: list-watch-managedclusterinfos
      apiGroups: [internal.open-cluster-management.io]
      resources: [managedclusterinfos]
      verbs: [list, watch]
      namespaces: ["{{cluster}}"]
    # 2 refusals (cluster1), the last 2026-11-24T00:00:00.000Z: no rule for this resource
    - name: update-managedclusterinfos-status
      apiGroups: [internal.open-cluster-management.io]
      resources: [managedclusterinfos/status]
      verbs: [update]
      namespaces: ["{{cluster}}"]
      resourceNames: ["{{cluster}}"]
    # 1 refusal (cluster1), the last 2026-11-23T12:00:00.000Z: no rule for this resource
    # Careful: this reaches into namespaces that are not the caller's own, for every cluster.
    - name: get-secrets
      apiGroups: [""]
      resources: [secrets]
      verbs: [get]
      namespaces: [shared]
      resourceNames: [token]
`,
  );
});

test("a name that begins with the cluster is the caller's in its own namespace only", async () => {
  const asked = { user: klusterlet1, verb: 'get', group: '', resource: 'secrets', name: 'cluster1-import' };
  const managed = {
    ...asked,
    group: 'cluster.open-cluster-management.io',
    resource: 'managedclusters',
    namespace: '',
    name: 'cluster1-test',
  };
  const { policy } = await suggest([
    lineOf({ ...asked, namespace: 'cluster1' }),
    lineOf({ ...asked, namespace: 'shared' }),
    lineOf(managed),
  ]);
  const names = [...(policy ?? '').matchAll(/^ +resourceNames: (.*)$/gm)].map(([, list]) => list);
  assert.deepEqual(names, ['["{{cluster}}-import"]', '[cluster1-import]', '[cluster1-test]']);
});

test('paths that are no resource, and what follows a subresource, are granted as they are', async () => {
  const line = (method: string, path: string, read: Partial<RequestLine>): string =>
    lineOf({ user: workManager1, verb: 'get', group: '', resource: 'x', namespace: 'cluster1', name: 'x' }, { method, path, ...read });
  const { policy } = await suggest([
    line('GET', '/version', { verb: 'get', resource: '', namespace: '', name: '' }),
    line('GET', '/openapi/v3', { verb: 'get', resource: '', namespace: '', name: '' }),
    line('POST', '/apis/proxy.open-cluster-management.io/v1beta1/namespaces/cluster1/clusterstatuses/cluster1/aggregator/sync', {
      verb: 'create',
      name: 'cluster1',
    }),
  ]);
  assert.match(policy ?? '', /nonResourceURLs: \[\/openapi\/v3, \/version\]/);
  assert.match(policy ?? '', /subresourcePath: sync/);
  compile(policy);
});

test('what no policy can or should lift is left out, with the reason', async () => {
  const asked: Asked = { user: klusterlet1, verb: 'create', group: '', resource: 'secrets', namespace: 'cluster1', name: '' };
  const { policy, notes } = await suggest([
    lineOf(asked, { rule: 'identity-header' }),
    lineOf(asked, { rule: 'identity-header' }),
    lineOf(asked, { rule: 'policy-body', detail: 'klusterlet/own-csr: not its own name' }),
    lineOf(asked, { rule: 'certificate-expired', user: null, cluster: null }),
    lineOf({ ...asked, verb: 'patch', name: 'a' }),
    lineOf(asked, { path: '/api/v1/watch/namespaces/cluster1/secrets', method: 'GET', verb: 'watch' }),
    lineOf(asked, { path: '/api/v1/namespaces/..%2fcluster2/secrets' }),
    lineOf(asked, { path: `/api/v1/namespaces/cluster1/secrets/${'a'.repeat(512)}`, verb: 'get' }),
    lineOf({ ...asked, verb: 'get', group: 'cluster.open-cluster-management.io', resource: 'managedclusters', name: 'cluster1' }),
    lineOf(asked, { verdict: 'allow' }),
    'not json\n',
    `{"event":"request","verdict":"deny","rule":"${'x'.repeat(200_000)}"}\n`,
    '{"event":"signer"}',
  ]);
  assert.equal(policy, null);
  const expected = [
    /^1 refusal left out: the rule certificate-expired is no policy's/,
    /^2 refusals left out: the rule identity-header is no policy's; docs\/answers\.md/,
    /^1 refusal left out: a rule admits the request but not its body \(policy-body\)/,
    /^1 refusal left out: a patch of which the audit does not say/,
    /^1 refusal left out: no policy allows this: the deprecated form of path/,
    /^1 refusal left out: a path that no policy can name \("\/api\/v1\/namespaces\/\.\.%2fcluster2\/secrets"\)/,
    /^1 refusal left out: a path that no policy can name/,
    /^1 refusal left out: no policy can say this: spec\.rules\.0\.resources\.0 .*cluster-scoped/,
    /^2 lines cannot be read as audit lines$/,
  ];
  assert.equal(notes.length, expected.length, notes.join('\n'));
  for (const [at, form] of expected.entries()) assert.match(notes[at] ?? '', form);
});

test('an audit that an attacker has filled stays a policy that can be loaded', async () => {
  const lines = Array.from({ length: 350 }, (_, at) =>
    lineOf({ user: klusterlet1, verb: 'get', group: '', resource: 'secrets', namespace: 'cluster1', name: `name-${at}` }),
  );
  for (let at = 0; at < 150; at += 1) {
    lines.push(
      lineOf({ user: klusterlet1, verb: 'get', group: `g${at}.io`, resource: `r${at}`, namespace: `n${at}`, name: `x\n# y${at}` }),
    );
    lines.push(
      lineOf(
        { user: klusterlet1, verb: 'get', group: `g${at}.io`, resource: `r${at}`, namespace: `n${at}`, name: `x${at}` },
        { detail: '\n- name: all\u2028' },
      ),
    );
  }
  const { policy, notes } = await suggest(lines);
  const policies = compile(policy);
  assert.ok(notes.some((note) => note.startsWith('only the 100 rules for most refusals are written, of ')));
  assert.equal(
    isAllowed(policies, { user: klusterlet1, verb: 'get', group: '', resource: 'secrets', namespace: 'cluster1', name: 'name-349' }),
    true,
  );
  await assert.rejects(
    suggest(
      Array.from({ length: 2_100 }, (_, at) =>
        lineOf({ user: klusterlet1, verb: 'get', group: '', resource: 'secrets', namespace: 'a', name: `n${at}` }),
      ),
    ),
    /more than 2000 different refusals/,
  );
});

test('the command prints the policy, says what it leaves out on standard error, and ends with 1 where nothing is to suggest', async () => {
  const asked: Asked = { user: klusterlet1, verb: 'list', group: '', resource: 'configmaps', namespace: 'cluster1', name: '' };
  const file = join(folder, 'command.jsonl');
  await writeFile(file, lineOf(asked) + lineOf(asked, { rule: 'framing' }));
  const printed = await runToEnd('suggest', '--audit', file);
  assert.equal(printed.code, 0, printed.err);
  assert.equal(isAllowed(compile(printed.out), asked), true);
  assert.match(printed.err, /^countersign suggest: 1 refusal left out: the rule framing is no policy's/);
  await writeFile(file, lineOf(asked, { rule: 'framing' }));
  const nothing = await runToEnd('suggest', '--audit', file);
  assert.deepEqual([nothing.code, nothing.out], [1, '']);
  assert.match(nothing.err, /has no refusal that a policy could lift/);
  const missing = await runToEnd('suggest', '--audit', join(folder, 'nowhere.jsonl'));
  assert.equal(missing.code, 64);
  assert.match(missing.err, /nowhere\.jsonl cannot be read \(ENOENT\)/);
});
