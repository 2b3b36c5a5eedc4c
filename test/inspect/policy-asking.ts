// Asking policies in tests: policies from text, requests from a line, identities from a name. No test of its own.

import assert from 'node:assert/strict';
import type { Identity } from '../../src/identity.ts';
import { type JsonValue, type JudgedBody, readBody } from '../../src/inspect/body/body.ts';
import { readPath } from '../../src/inspect/path.ts';
import { type CompiledPolicies, compilePolicies, type PolicyBodyDecision, type PolicyDecision } from '../../src/inspect/policy/policy.ts';
import { readQuery } from '../../src/inspect/query.ts';
import { readRequestInfo, type RequestInfo } from '../../src/inspect/request-info.ts';

const PREFIX = 'system:open-cluster-management';

export function klusterlet(cluster: string, agent: string = 'khnxf'): Identity {
  const groups = [`${PREFIX}:${cluster}`, `${PREFIX}:managed-clusters`];
  return { user: `${PREFIX}:${cluster}:${agent}`, groups, uid: null, kind: 'klusterlet', cluster, addon: null };
}

export function addon(cluster: string, name: string): Identity {
  const own = `${PREFIX}:cluster:${cluster}:addon:${name}`;
  return { user: `${own}:agent:${name}`, groups: [own, `${PREFIX}:addon:${name}`], uid: null, kind: 'addon', cluster, addon: name };
}

export function bootstrap(cluster: string): Identity {
  const user = `system:serviceaccount:${cluster}:${cluster}-bootstrap-sa`;
  return { user, groups: ['system:serviceaccounts'], uid: null, kind: 'bootstrap', cluster, addon: null };
}

/** One policy named `p` around these rules, in YAML. */
export function policyOf(rules: string, spec: string = 'subjects: { kinds: [klusterlet] }'): CompiledPolicies {
  const indented = rules.replace(/^/gm, '    ');
  const text = `apiVersion: countersign.dev/v1alpha1\nkind: Policy\nmetadata: { name: p }\nspec:\n  ${spec}\n  rules:\n${indented}\n`;
  return mustCompile([{ name: 'p.yaml', text }]);
}

export function mustCompile(sources: readonly { readonly name: string; readonly text: string }[]): CompiledPolicies {
  const verdict = compilePolicies(sources);
  assert.ok(verdict.ok, verdict.ok ? '' : JSON.stringify(verdict.problems, null, 1));
  return verdict.policies;
}

export function infoOf(request: string): RequestInfo {
  const [method = '', target = ''] = request.split(' ');
  const [path = '', query] = target.split('?');
  const segments = readPath(path);
  const parameters = readQuery(query ?? null, 32);
  assert.ok(segments.ok && parameters.ok, request);
  return readRequestInfo(method, segments.segments, parameters.parameters);
}

export interface Asked {
  readonly as?: Identity;
  readonly type?: string;
  readonly body?: JsonValue | Buffer;
}

export function ask(policies: CompiledPolicies, request: string, { as = klusterlet('cluster1'), type }: Asked = {}): PolicyDecision {
  return policies.decide(infoOf(request), { identity: as }, type ?? null);
}

/** With a body that the policy wants to see. */
export function askBody(policies: CompiledPolicies, request: string, asked: Asked): PolicyBodyDecision {
  const { demand, refusal } = ask(policies, request, asked);
  assert.equal(refusal, null, refusal?.detail);
  assert.ok(demand.kind === 'judge', demand.kind);
  return demand.judge(bodyOf(request, asked));
}

export function bodyOf(request: string, { type = 'application/json', body = null }: Asked): JudgedBody {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  const read = readBody(bytes, { info: infoOf(request), contentType: type, method: request.split(' ')[0] ?? '' });
  assert.ok(read.ok, read.ok ? '' : read.refusal.detail);
  return read.body;
}
