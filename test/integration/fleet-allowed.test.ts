// Whoever runs an honest klusterlet with the usual add-ons never notices: everything that its agents send, old releases and new ones, passes in enforce
// mode and reaches the hub.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { readRefusedRequests } from '../../src/cli/refused-requests.ts';
import { suggestPolicy } from '../../src/cli/suggestion.ts';
import type { Suggestion } from '../../src/cli/suggestion.ts';
import { packNames } from '../../src/pack-names.ts';
import { addonAgents } from '../requests/addon-traffic.ts';
import { FixtureStage } from '../requests/fixture-stage.ts';
import { importTraffic, klusterletTraffic } from '../requests/klusterlet-traffic.ts';
import { openConnection } from '../requests/sending.ts';
import type { SentRequest, Wire } from '../requests/sending.ts';
import type { FixtureIdentity } from '../requests/request-fixture.ts';

const OCM = 'system:open-cluster-management';
const wires: readonly Wire[] = ['h2', 'http/1.1'];

async function openStage(t: TestContext): Promise<FixtureStage> {
  const stage = await FixtureStage.open({ packs: packNames, settings: { bootstrap: { enabled: true } } });
  t.after(() => stage.close());
  return stage;
}

async function assertAllowed(stage: FixtureStage, identity: FixtureIdentity, traffic: readonly SentRequest[]): Promise<void> {
  for (const wire of wires) {
    await stage.settled();
    const connection = openConnection(await stage.senderOf(identity), wire);
    stage.stage.hub.clearRequests();
    for (const request of traffic) {
      const { body } = await connection.send(request);
      assert.doesNotMatch(body, /"message":"countersign: /, `${request.method} ${request.target} over ${wire}`);
    }
    connection.close();
    await stage.settled();
    assert.equal(stage.seen().length, traffic.length, `of ${traffic.length} requests the hub has seen another number over ${wire}`);
  }
}

test('everything that a klusterlet sends passes', async (t) => {
  const stage = await openStage(t);
  const traffic = klusterletTraffic('cluster1', 'abcde');
  assert.ok(traffic.length > 100);
  await assertAllowed(stage, { kind: 'klusterlet', cluster: 'cluster1', agent: 'abcde' }, traffic);
});

test('everything that a klusterlet without the shared group sends passes', async (t) => {
  const stage = await openStage(t);
  const agent = '3f2b8a70-4c1d-4e6f-9b0a-1c2d3e4f5a6b';
  const user = `${OCM}:cluster1:${agent}`;
  const identity = { kind: 'certificate', user, groups: [`${OCM}:cluster1`], signedBy: 'csr-signer' } as const;
  await assertAllowed(stage, identity, klusterletTraffic('cluster1', agent));
});

test('everything that a cluster sends until it is imported passes, with its own account and with the shared one', async (t) => {
  const stage = await openStage(t);
  await assertAllowed(stage, { kind: 'bootstrap', cluster: 'cluster7' }, importTraffic('cluster7'));
  const shared = { kind: 'service-account', namespace: 'open-cluster-management', name: 'agent-registration-bootstrap' } as const;
  await assertAllowed(stage, shared, importTraffic('cluster8'));
});

test('everything that each add-on sends passes, with two groups and with the third of old frameworks', async (t) => {
  const stage = await openStage(t);
  for (const { addon, traffic } of Object.values(addonAgents)) {
    const own = `${OCM}:cluster:cluster1:addon:${addon}`;
    const two = [own, `${OCM}:addon:${addon}`];
    for (const groups of [two, [...two, 'system:authenticated']]) {
      const identity = { kind: 'certificate', user: `${own}:agent:${addon}-agent`, groups, signedBy: 'csr-signer' } as const;
      await t.test(`${addon} with ${groups.length} groups`, () => assertAllowed(stage, identity, traffic('cluster1')));
    }
  }
});

test('what add-ons are refused without their packs becomes, by suggest, a policy under which they pass and other clusters do not', async (t) => {
  const agents = Object.values(addonAgents);
  const folder = await mkdtemp(join(tmpdir(), 'countersign-suggested-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const reported = await FixtureStage.open({ packs: ['klusterlet'], settings: { inspect: { mode: 'report' } } });
  t.after(() => reported.close());
  for (const { addon, traffic } of agents)
    await assertAllowed(reported, { kind: 'addon', cluster: 'cluster1', addon }, traffic('cluster1'));
  const suggestion = await suggestFrom(reported.stage.auditFile, agents.length);
  assert.deepEqual(suggestion.notes, []);
  await writeFile(join(folder, 'suggested.yaml'), suggestion.policy ?? '');

  const settings = { inspect: { policyFiles: [join(folder, 'suggested.yaml')] } };
  const enforced = await FixtureStage.open({ packs: ['klusterlet'], settings });
  t.after(() => enforced.close());
  for (const { addon, traffic } of agents) {
    await assertAllowed(enforced, { kind: 'addon', cluster: 'cluster2', addon }, traffic('cluster2'));
    const connection = openConnection(await enforced.senderOf({ kind: 'addon', cluster: 'cluster2', addon }), 'h2');
    for (const request of traffic('cluster1').filter(({ target }) => target.includes('cluster1'))) {
      assert.match((await connection.send(request)).body, /rule policy-denied/, `${request.method} ${request.target}`);
    }
    connection.close();
  }
});

/** The audit is written behind the answers: reads until it has something of each agent. */
async function suggestFrom(auditFile: string, agents: number): Promise<Suggestion> {
  for (;;) {
    const reading = await readRefusedRequests(auditFile);
    if (new Set(reading.refused.map(({ identity }) => identity.addon)).size === agents) return suggestPolicy(reading, 'audit.jsonl');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('every pack is for an agent whose traffic is known here', () => {
  const others = ['klusterlet', 'bootstrap', 'cluster-proxy', 'cluster-proxy-user-tokens', 'config-policy-controller'];
  assert.deepEqual([...Object.keys(addonAgents), ...others].toSorted(), [...packNames].toSorted());
});
