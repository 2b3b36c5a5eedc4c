// A small world of refused requests for the tests of `suggest`: as the audit has them, and as the policies see them.

import assert from 'node:assert/strict';
import type { RequestLine } from '../../src/audit.ts';
import { identityOfUser } from '../../src/identity.ts';
import { compilePolicies, readRequestTarget } from '../../src/inspect/inspect.ts';
import type { CompiledPolicies } from '../../src/inspect/inspect.ts';

const OCM = 'system:open-cluster-management';
export const klusterlet1: string = `${OCM}:cluster1:abcde`;
export const klusterlet2: string = `${OCM}:cluster2:fghij`;
export const workManager1: string = `${OCM}:cluster:cluster1:addon:work-manager:agent:work-manager`;

/** One request of the world that these tests live in. */
export interface Asked {
  readonly user: string;
  readonly verb: string;
  readonly group: string;
  /** With its subresource. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly contentType?: string;
}

const methods: Readonly<Record<string, string>> = {
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETE',
};
/** The name of these does not stand in the path. */
export const nameless: ReadonlySet<string> = new Set(['list', 'watch', 'create', 'deletecollection']);

function pathOf({ verb, group, resource, namespace, name }: Asked): string {
  const [main = '', sub = ''] = resource.split('/');
  const parts = [group === '' ? 'api/v1' : `apis/${group}/v1`, ...(namespace === '' ? [] : ['namespaces', namespace]), main];
  if (!nameless.has(verb)) parts.push(name, ...(sub === '' ? [] : [sub]));
  return `/${parts.join('/')}`;
}

export function clusterOf(user: string): string {
  return identityOfUser(user)?.cluster ?? assert.fail(user);
}

export function lineOf(asked: Asked, more: Partial<RequestLine> = {}): string {
  const [main = '', sub = ''] = asked.resource.split('/');
  const { user, verb, group, namespace, name, contentType } = asked;
  const read = { verb, apiGroup: group, resource: main, subresource: sub, namespace, name };
  return `${JSON.stringify({
    ...{ time: '2026-11-23T12:00:00.000Z', event: 'request', auditID: 'x', user, cluster: clusterOf(user) },
    ...{ method: methods[verb] ?? 'GET', path: pathOf(asked), ...read, contentType: contentType ?? null },
    ...{ verdict: 'deny', rule: 'policy-denied', code: 403, durationMs: 1, detail: 'no rule for this resource', ...more },
  })}\n`;
}

export function compile(policy: string | null): CompiledPolicies {
  assert.ok(policy !== null);
  const compiled = compilePolicies([{ name: 'suggested.yaml', text: policy }]);
  assert.ok(compiled.ok, compiled.ok ? '' : `${policy}\n${JSON.stringify(compiled.problems)}`);
  return compiled.policies;
}

export function isAllowed(policies: CompiledPolicies, asked: Asked): boolean {
  const method = methods[asked.verb] ?? 'GET';
  const selectors = `${asked.verb === 'watch' ? 'watch=true' : 'limit=500'}${asked.name === '' ? '' : `&fieldSelector=metadata.name%3D${asked.name}`}`;
  const read = readRequestTarget(method, method === 'GET' && nameless.has(asked.verb) ? `${pathOf(asked)}?${selectors}` : pathOf(asked));
  assert.ok(read.ok);
  assert.deepEqual([read.info.verb, read.info.name], [asked.verb, asked.name]);
  const identity = identityOfUser(asked.user) ?? assert.fail();
  return policies.decide(read.info, { identity }, asked.contentType ?? null).allowed;
}
