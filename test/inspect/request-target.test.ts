// Paths and queries: what is refused, and that what is sent says to the embedded hub, which reads as Go does, exactly what was judged.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { readRequestInfo as readAsHub } from '../../src/demo/hub/api/request-info.ts';
import { readTarget as readTargetAsHub } from '../../src/demo/hub/request-target.ts';
import { readPath, writePath } from '../../src/inspect/path.ts';
import { readQuery, writeQuery } from '../../src/inspect/query.ts';
import { readRequestTarget } from '../../src/inspect/request-target.ts';

const MOST = 32;

/** What would be sent for a target; null where it is refused. */
function rebuild(target: string): string | null {
  const [path = '', ...rest] = target.split('?');
  const readOfPath = readPath(path);
  const readOfQuery = readQuery(rest.length === 0 ? null : rest.join('?'), MOST);
  if (!readOfPath.ok || !readOfQuery.ok) return null;
  const query = readOfQuery.parameters.length === 0 ? '' : `?${writeQuery(readOfQuery.parameters)}`;
  return writePath(readOfPath.segments) + query;
}

test('every recorded target is built anew as it was sent', () => {
  const lines = readFileSync(new URL('../../fixtures/recorded/recorded-requests.jsonl', import.meta.url), 'utf8').split('\n');
  const targets = lines.filter((line) => line !== '').map((line) => (JSON.parse(line) as { target: string }).target);
  assert.ok(targets.length > 90);
  for (const target of targets) assert.equal(rebuild(target), target);
});

const refusedPaths = [
  ['an empty segment', '/apis//v1'],
  ['a slash at the end', '/api/v1/'],
  ['a dot', '/api/./v1'],
  ['two dots', '/api/v1/namespaces/../secrets'],
  ['two dots, escaped', '/api/v1/%2e%2e/secrets'],
  ['two dots, half escaped', '/api/v1/.%2E/secrets'],
  ['an escaped slash', '/api/v1/namespaces/a%2Fsecrets'],
  ['an escaped backslash', '/api/v1/a%5Cb'],
  ['an escaped percent sign', '/api/v1/a%252e'],
  ['an escaped NUL', '/api/v1/a%00'],
  ['an escaped question mark', '/api/v1/a%3Fwatch=1'],
  ['an escaped number sign', '/api/v1/a%23'],
  ['a broken escape', '/api/v1/a%2'],
  ['an escape of UTF-8', '/api/v1/%C3%A9'],
  ['a semicolon', '/api/v1/namespaces;a=b/x'],
  ['a space, escaped', '/api/v1/a%20b'],
  ['api in upper case', '/API/v1/secrets'],
  ['a name that is too long', `/api/v1/${'a'.repeat(254)}`],
  ['too many segments', `/api${'/a'.repeat(16)}`],
] as const;

for (const [name, path] of refusedPaths) {
  test(`a path with ${name} is refused, and not mended`, () => {
    const read = readPath(path);
    assert.ok(!read.ok);
    assert.equal(read.refusal.rule, 'path-form');
  });
}

test('a name that a JavaScript client has escaped is decoded once and sent plainly', () => {
  assert.equal(
    rebuild('/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Abasic-user'),
    '/apis/rbac.authorization.k8s.io/v1/clusterroles/system:basic-user',
  );
});

const refusedQueries = [
  ['query-form', ''],
  ['query-form', 'watch'],
  ['query-form', 'watch=1&'],
  ['query-form', 'watch=1;limit=5'],
  ['query-form', '=1'],
  ['query-form', 'limit=%zz'],
  ['query-form', 'fieldManager=%00'],
  ['query-form', 'labelSelector=%C3%A9'],
  ['query-form', Array.from({ length: MOST + 1 }, (_, n) => `a${n}=1`).join('&')],
  ['query-repeated', 'watch=0&watch=1'],
  ['query-repeated', 'fieldSelector=metadata.name%3Da&field%53elector=metadata.name%3Db'],
  ['query-type', 'watch='],
  ['query-type', 'watch=TRUE'],
  ['query-type', 'limit=-1'],
  ['query-type', 'limit=1 UNION SELECT'],
  ['query-type', 'timeoutSeconds=1e9'],
  ['query-type', 'dryRun=None'],
  ['query-type', 'resourceVersionMatch=exact'],
  ['query-type', 'labelSelector=a%3Db%0A'],
] as const;

for (const [rule, query] of refusedQueries) {
  test(`the query ${JSON.stringify(query.slice(0, 60))} is refused by rule ${rule === 'query-type' && query.includes('%0A') ? 'query-form' : rule}`, () => {
    const read = readQuery(query, MOST);
    assert.ok(!read.ok);
    // A control character is refused before anyone asks for its type.
    assert.equal(read.refusal.rule, query.includes('%0A') ? 'query-form' : rule);
  });
}

test('a key that the Kubernetes API does not know is told, for the policy to decide', () => {
  const read = readQuery('watch=true&command=sh', MOST);
  assert.ok(read.ok);
  assert.equal(read.unknown, 'command');
});

const word = fc.constantFrom(
  'api',
  'apis',
  'v1',
  'namespaces',
  'cluster1',
  'secrets',
  'leases',
  'coordination.k8s.io',
  'watch',
  'proxy',
  'status',
  'a%3Ab',
  'x.y',
  '..',
  '',
);
const parameter = fc.constantFrom(
  'watch=true',
  'watch=0',
  'limit=500',
  'fieldSelector=metadata.name%3Dcluster1',
  'labelSelector=a%3Db%2Cc+in+%28d%29',
  'resourceVersion=12',
  'continue=ab%2Bc%3D',
  'unknown=1',
  'timeout=5m32s',
);
const anyTarget = fc.oneof(
  fc
    .tuple(fc.array(word, { maxLength: 9 }), fc.array(parameter, { maxLength: 4 }))
    .map(([path, query]) => `/${path.join('/')}${query.length > 0 ? `?${query.join('&')}` : ''}`),
  fc.string({ unit: 'binary-ascii', maxLength: 200 }).map((text) => `/${text}`),
);

test('what the hub reads from the target that is sent equals what was judged', () => {
  let judged = 0;
  fc.assert(
    fc.property(anyTarget, fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'), (target, method) => {
      const [read, sent] = [readRequestTarget(method, target), rebuild(target)];
      assert.equal(read.ok, sent !== null);
      // A verb in the path is never allowed, whatever stands behind it; upstream gives up where nothing does.
      if (!read.ok || sent === null || read.info.isVerbInPath) return;
      judged += 1;
      const seen = readTargetAsHub(sent);
      assert.ok(seen !== null, sent);
      const asHub = readAsHub(method, seen.path, seen.query);
      const { verb, apiGroup, apiVersion, namespace, resource, subresource, name, isResource } = read.info;
      assert.deepEqual(
        [verb, apiGroup, apiVersion, namespace, resource, subresource, name, isResource],
        [
          asHub.verb,
          asHub.apiGroup,
          asHub.apiVersion,
          asHub.namespace,
          asHub.resource,
          asHub.subresource,
          asHub.name,
          asHub.isResourceRequest,
        ],
        sent,
      );
    }),
    { numRuns: 3_000 },
  );
  assert.ok(judged > 300, `only ${judged} of the targets were judged`);
});

test('no target takes long or throws, however it is made', () => {
  for (const unit of ['%2e', '/', '&', 'a=1&', '%', '?', 'limit=', '../', '+']) {
    const target = `/${unit.repeat(Math.ceil((1024 * 1024) / unit.length))}`;
    const before = process.cpuUsage();
    readRequestTarget('GET', target);
    const { user, system } = process.cpuUsage(before);
    assert.ok((user + system) / 1_000 < 500, `${unit}: ${(user + system) / 1_000} ms of CPU`);
  }
});
