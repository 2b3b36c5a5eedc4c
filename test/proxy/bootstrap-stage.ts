// A proxy that takes bootstrap tokens, before a hub whose answers the test decides, with keys that the test holds.

import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import type { Jwks } from '../../src/ca-sync/ca-sync.ts';
import { compilePolicies } from '../../src/inspect/inspect.ts';
import type { CompiledPolicies } from '../../src/inspect/inspect.ts';
import { Live } from '../../src/live.ts';
import { claimsOf, jwksOf, makeTokenKey, signToken } from './bootstrap-tokens.ts';
import type { TestKey } from './bootstrap-tokens.ts';
import { SteppedClock } from './stepped-clock.ts';
import { openH2, requestH2 } from './test-client.ts';
import type { Answer } from './test-client.ts';
import { startTestHub, startTestProxy } from './test-proxy.ts';
import { allowAll } from './test-settings.ts';
import type { TestHub, TestProxy } from './test-proxy.ts';

/** The hub's. */
export const key: TestKey = makeTokenKey();
export const CLUSTERS = '/apis/cluster.open-cluster-management.io/v1/managedclusters';
export const shared: { namespace: string; name: string } = { namespace: 'open-cluster-management', name: 'agent-registration-bootstrap' };

/** The pack as it comes with Countersign. */
export function bootstrapPack(): CompiledPolicies {
  const file = 'packs/bootstrap.yaml';
  const compiled = compilePolicies([{ name: file, text: readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8') }]);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.policies;
}

export interface Stage {
  readonly hub: TestHub;
  readonly proxy: TestProxy;
  readonly jwks: Live<Jwks | null>;
  readonly clock: SteppedClock;
  /** What asking for newer keys does. */
  refresh: () => Promise<boolean>;
  refreshes: number;
  /** Authorization of each request that came to the hub. */
  readonly authorizations: (string | undefined)[];
}

export async function setStage(t: TestContext, change: { policies?: CompiledPolicies; http2?: boolean } = {}): Promise<Stage> {
  const hub = await startTestHub(t, { http2: change.http2 ?? true });
  const authorizations: (string | undefined)[] = [];
  hub.handler = (request, response) => {
    authorizations.push(request.headers.authorization);
    request.resume();
    request.once('end', () => (response as ServerResponse).writeHead(200, { 'content-type': 'application/json' }).end('{}'));
  };
  const [jwks, clock] = [new Live<Jwks | null>(jwksOf([key])), new SteppedClock(20)];
  const stage = { hub, jwks, clock, authorizations, refreshes: 0, refresh: () => Promise.resolve(true) };
  const refreshJwks = (): Promise<boolean> => {
    stage.refreshes += 1;
    return stage.refresh();
  };
  const bootstrap = { jwks, refreshJwks };
  const proxy = await startTestProxy(t, { hubUrl: hub.url, clock, bootstrap, policies: change.policies ?? allowAll });
  return Object.assign(stage, { proxy });
}

export const tokenOf = (namespace: string, name: string): string => signToken(key, { claims: claimsOf(namespace, name) });
/** Of the account of cluster1. */
export const own: string = tokenOf('cluster1', 'cluster1-bootstrap-sa');
export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

/** One request on a connection of its own. */
export async function ask(
  t: TestContext,
  { proxy }: Stage,
  headers: Record<string, string | string[]>,
  path = `${CLUSTERS}/cluster1`,
): Promise<Answer> {
  const session = openH2(t, proxy.port, null);
  try {
    return await requestH2(session, { path, headers });
  } finally {
    session.close();
  }
}

/** The rule of a refusal, the cause of a fault. */
export const ruleOf = ({ body }: Answer): string => /\((?:rule|cause) ([a-z-]+),/.exec(body)?.[1] ?? body;
