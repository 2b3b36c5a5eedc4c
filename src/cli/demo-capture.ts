// The chapter of the demo on a captured cluster: somebody has a klusterlet's key and certificate and tries what they are good for, until an administrator
// cuts the cluster off.

import type { Clock } from '../clock.ts';
import type { AgentRequest, SimulatedKlusterlet } from '../demo/demo.ts';
import type { DemoStage } from './demo-stage.ts';

const CAPTURED = 'shop-17';
const NEIGHBOUR = 'shop-18';
/** The issue's own promise is a second; a very busy machine gets more before the demo calls it broken. */
const CUT_OFF_MS = 10_000;

interface Attack {
  readonly says: string;
  readonly request: AgentRequest;
  readonly rule: string;
}

const attacks: readonly Attack[] = [
  {
    says: "read another cluster's lease",
    request: { method: 'GET', path: `/apis/coordination.k8s.io/v1/namespaces/${NEIGHBOUR}/leases/managed-cluster-lease` },
    rule: 'policy-denied',
  },
  {
    says: 'list the secrets of its own namespace, where its import token lies',
    request: { method: 'GET', path: `/api/v1/namespaces/${CAPTURED}/secrets` },
    rule: 'policy-denied',
  },
  {
    says: "list the whole fleet's certificate requests, which the hub's RBAC allows",
    request: { method: 'GET', path: '/apis/certificates.k8s.io/v1/certificatesigningrequests' },
    rule: 'policy-denied',
  },
  {
    says: 'claim to be an administrator by a header',
    request: {
      method: 'GET',
      path: `/apis/cluster.open-cluster-management.io/v1/managedclusters/${CAPTURED}`,
      headers: { 'impersonate-user': 'system:admin', 'impersonate-group': 'system:masters' },
    },
    rule: 'identity-header',
  },
  {
    says: 'change what the hub deploys, in a ManifestWork of its own',
    request: {
      method: 'PATCH',
      path: `/apis/work.open-cluster-management.io/v1/namespaces/${CAPTURED}/manifestworks/hello`,
      contentType: 'application/merge-patch+json',
      body: { spec: { workload: { manifests: [] } } },
    },
    rule: 'policy-body',
  },
];

/** Returns what did not come out as it should. */
export async function tellCapture(stage: DemoStage, clock: Clock, say: (line: string) => void): Promise<readonly string[]> {
  say('5. a captured cluster: somebody has the key of a klusterlet and tries what it is good for');
  await stage.hub.addCluster(NEIGHBOUR);
  const captured = await stage.klusterlet(CAPTURED, stage.countersignUrl);
  const wrong: string[] = [];
  const own = await captured.getManagedCluster();
  if (own.status !== 200) wrong.push(`a klusterlet's own request is answered ${own.status}`);
  stage.hub.clearRequests();
  for (const attack of attacks) wrong.push(...(await tryAttack(captured, attack, say)));
  const reached = stage.hub.requests.filter(({ user }) => user?.includes(`:${CAPTURED}:`) === true).length;
  say(`   requests of it that reached the hub  ${reached}`);
  if (reached > 0) wrong.push(`${reached} refused requests reached the hub`);
  wrong.push(...(await tellQuarantine(stage, captured, clock, say)));
  captured.stop();
  return wrong;
}

async function tryAttack(
  captured: SimulatedKlusterlet,
  { says, request, rule }: Attack,
  say: (line: string) => void,
): Promise<readonly string[]> {
  const { status, body } = await captured.ask(request);
  const refusedBy = /\(rule ([a-z-]+),/.exec(body)?.[1] ?? null;
  say(`   ${says}: ${status}, ${refusedBy === null ? body.slice(0, 200) : `rule ${refusedBy}`}`);
  return refusedBy === rule ? [] : [`"${says}" was answered ${status} ${body.slice(0, 300)}, not refused by rule ${rule}`];
}

async function tellQuarantine(
  stage: DemoStage,
  captured: SimulatedKlusterlet,
  clock: Clock,
  say: (line: string) => void,
): Promise<readonly string[]> {
  captured.start(1_000);
  await captured.getManagedCluster();
  stage.quarantine([CAPTURED]);
  const startedMs = clock.elapsed();
  while (!captured.isCutOff && clock.elapsed() - startedMs < CUT_OFF_MS)
    await new Promise<void>((resolve) => void clock.after(20, resolve));
  const afterMs = Math.round(clock.elapsed() - startedMs);
  const again = await captured.getManagedCluster().catch((error: unknown) => ({ status: 0, body: String(error) }));
  const isRefused = again.status === 403 && again.body.includes('(rule quarantined,');
  say(
    `   quarantine.clusters: [${CAPTURED}]: its open watch ended after ${afterMs} ms; its next request: ${again.status}${isRefused ? ', rule quarantined' : ''}\n`,
  );
  const wrong: string[] = [];
  if (!captured.isCutOff) wrong.push(`the watch of a quarantined cluster is open after ${afterMs} ms`);
  if (!isRefused) wrong.push(`a quarantined cluster is answered ${again.status} ${again.body.slice(0, 200)}`);
  return wrong;
}
