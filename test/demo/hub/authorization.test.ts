// The RBAC evaluator beside the decisions and reasons that a real hub wrote into its audit log.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readRequestInfo } from '../../../src/demo/hub/api/request-info.ts';
import type { AuditEvent } from '../../../src/demo/hub/audit-log.ts';
import { Rbac } from '../../../src/demo/hub/authorization.ts';
import { acceptedClusterRbac, defaultRbac } from '../../../src/demo/hub/rbac-defaults.ts';
import { attributesOf, readTarget } from '../../../src/demo/hub/request-target.ts';

const events = readFileSync(new URL('../../../fixtures/recorded/hub-audit.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as AuditEvent);

const methods: Readonly<Record<string, string>> = { create: 'POST', update: 'PUT', patch: 'PATCH', '': 'OPTIONS' };

function hubRbac(): Rbac {
  const rbac = new Rbac();
  rbac.apply(defaultRbac);
  rbac.apply(acceptedClusterRbac('cluster1'));
  return rbac;
}

function user(username: string, ...groups: readonly string[]): { username: string; groups: readonly string[]; extra: {} } {
  return { username, groups, extra: {} };
}

const secret = { kind: 'resource', verb: 'get', group: '', version: 'v1', resource: 'secrets', subresource: '' } as const;

test('decides every recorded request as the real hub did, with the same reason', () => {
  const rbac = hubRbac();
  const judged = events.filter(({ annotations }) => annotations !== undefined);
  assert.ok(judged.length > 30);
  for (const event of judged) {
    const target = readTarget(event.requestURI);
    assert.ok(target);
    const info = readRequestInfo(methods[event.verb] ?? 'GET', target.path, target.query);
    assert.equal(info.verb, event.verb);
    const { username = '', groups = [], extra = {} } = event.user;
    const { allowed, reason } = rbac.authorize({ username, groups, extra }, attributesOf(info));
    assert.equal(allowed ? 'allow' : 'forbid', event.annotations?.['authorization.k8s.io/decision'], event.requestURI);
    assert.equal(reason, event.annotations?.['authorization.k8s.io/reason'], event.requestURI);
  }
});

test('limits ca-sync to the live signer and the trust bundle', () => {
  const rbac = hubRbac();
  const caSync = user('system:serviceaccount:countersign:ca-sync', 'system:serviceaccounts');
  const target = 'openshift-kube-controller-manager';
  const may = (namespace: string, name: string, verb = 'get'): boolean =>
    rbac.authorize(caSync, { ...secret, namespace, name, verb }).allowed;
  assert.equal(may(target, 'csr-signer'), true);
  assert.equal(may(target, 'csr-signer', 'watch'), true);
  assert.equal(may(target, ''), false, 'a list without a field selector');
  assert.equal(may(target, 'csr-signer', 'update'), false);
  assert.equal(may(`${target}-operator`, 'csr-signer'), false);
  const trust = { ...secret, resource: 'configmaps', namespace: 'openshift-config-managed', name: 'csr-controller-ca' };
  assert.equal(rbac.authorize(caSync, trust).allowed, true);
  assert.equal(rbac.authorize(caSync, { ...trust, name: 'other' }).allowed, false);
});

test('lets system:masters do everything and gives no reason', () => {
  const decision = hubRbac().authorize(user('system:admin', 'system:masters'), { ...secret, verb: 'delete', namespace: 'x', name: 'y' });
  assert.deepEqual(decision, { allowed: true, reason: '' });
});

test('matches subresources, wildcards and paths as Kubernetes does', () => {
  const rbac = new Rbac();
  rbac.apply(`
kind: ClusterRole
metadata: { name: r }
rules:
- { apiGroups: [apps], resources: ['*/scale', pods/log], verbs: [get] }
- { nonResourceURLs: [/metrics/*, /exact], verbs: [get] }
---
kind: ClusterRoleBinding
metadata: { name: b }
roleRef: { kind: ClusterRole, name: r }
subjects: [{ kind: User, name: u }]
`);
  const of = (resource: string, subresource: string): boolean =>
    rbac.authorize(user('u'), { ...secret, group: 'apps', resource, subresource, namespace: '', name: '' }).allowed;
  assert.deepEqual([of('deployments', 'scale'), of('pods', 'log'), of('pods', ''), of('deployments', '')], [true, true, false, false]);
  const path = (name: string): boolean => rbac.authorize(user('u'), { kind: 'path', verb: 'get', path: name }).allowed;
  assert.deepEqual([path('/metrics/a/b'), path('/exact'), path('/exact/'), path('/metrics')], [true, true, false, false]);
});

test('grants of a RoleBinding end at its namespace', () => {
  const rbac = hubRbac();
  const agent = user('agent', 'system:open-cluster-management:cluster1');
  const lease = { ...secret, group: 'coordination.k8s.io', resource: 'leases', name: 'managed-cluster-lease' };
  assert.equal(rbac.authorize(agent, { ...lease, namespace: 'cluster1' }).allowed, true);
  assert.equal(rbac.authorize(agent, { ...lease, namespace: 'cluster2' }).allowed, false);
  assert.equal(rbac.authorize(agent, { ...lease, namespace: '' }).allowed, false);
});
