// The story that the demo tells, and the judgement over whether it came out as told: the problem, the answer to it, two rotations of the hub's signer
// under agents at work, and a captured cluster (demo-capture.ts).

import type { Clock } from '../clock.ts';
import type { KlusterletCounts, SimulatedKlusterlet, WhoAmI } from '../demo/demo.ts';
import { tellCapture } from './demo-capture.ts';
import type { DemoStage } from './demo-stage.ts';

/** Agents at work during the rotations, and how often each renews its lease: a real one does so each minute. */
const AGENTS = 12;
const BEAT_MS = 100;
/** Of undisturbed work before, between and after the rotations. */
const WORK_MS = 1_500;
/** How long the hub trusts the new signer later than it uses it, when the Secret changes first. */
const TRUST_DELAY_MS = 2_000;
/** For a published signer to be in use: a watch event away, unless the machine is very busy. */
const FOLLOW_MS = 15_000;

/** For twelve agents to be on leaves of a new signer, at reissue.movesPerSecond of them a second. */
const MOVE_MS = 15_000;

type Say = (line: string) => void;

/** Returns what did not come out as it should; empty when all did. */
export async function tellStory(stage: DemoStage, clock: Clock, say: Say): Promise<readonly string[]> {
  return [...(await tellIdentities(stage, say)), ...(await tellRotations(stage, clock, say)), ...(await tellCapture(stage, clock, say))];
}

async function tellIdentities(stage: DemoStage, say: Say): Promise<readonly string[]> {
  const { hub, openingProxy, countersignUrl } = stage;
  const agent = await stage.klusterlet('cluster1', hub.url);
  say('A klusterlet asks for its own ManagedCluster, and who the hub takes it for, over mutual TLS:\n');
  const direct = await ask('1. straight to the hub', agent, say);
  const opened = await ask(
    '2. through a proxy that opens TLS and has no certificate to show',
    stage.sameKlusterlet(agent, openingProxy.url),
    say,
  );
  const resigned = await ask('3. through Countersign', stage.sameKlusterlet(agent, countersignUrl), say);
  const wrong: string[] = [];
  const expect = (holds: boolean, what: string): void => {
    if (!holds) wrong.push(what);
  };
  expect(direct.status === 200, `straight to the hub: ${direct.status} instead of 200`);
  expect(
    opened.status === 403 && opened.message.includes('"system:anonymous"'),
    `through the opening proxy: ${opened.status} instead of 403 as system:anonymous`,
  );
  expect(resigned.status === 200, `through Countersign: ${resigned.status} instead of 200`);
  expect(resigned.who.user === direct.who.user, `through Countersign another user: ${resigned.who.user}`);
  expect(resigned.who.groups.join() === direct.who.groups.join(), `through Countersign other groups: ${resigned.who.groups.join(', ')}`);
  expect(resigned.who.credentialId !== direct.who.credentialId, 'through Countersign the same credential-id: nothing was reissued');
  if (wrong.length === 0)
    say("   The same user and the same groups, by another certificate: same subject, new key, signed by the hub's own signer.\n");
  return wrong;
}

interface Asked {
  readonly status: number;
  readonly message: string;
  readonly who: WhoAmI;
}

async function ask(title: string, agent: SimulatedKlusterlet, say: Say): Promise<Asked> {
  const [answer, who] = [await agent.getManagedCluster(), await agent.whoAmI()];
  agent.stop();
  say(title);
  say(`   GET managedclusters/${agent.cluster}: ${answer.status}`);
  const message = answer.status === 200 ? '' : (JSON.parse(answer.body) as { message: string }).message;
  if (message !== '') say(`   ${message}`);
  if (who.credentialId !== null) {
    say(`   user           ${who.user}`);
    say(`   groups         ${who.groups.join('\n                  ')}`);
    say(`   credential-id  ${who.credentialId}`);
  }
  say('');
  return { status: answer.status, message, who };
}

async function tellRotations(stage: DemoStage, clock: Clock, say: Say): Promise<readonly string[]> {
  const agents = await Promise.all(Array.from({ length: AGENTS }, (_, n) => stage.klusterlet(`edge-${n + 1}`, stage.countersignUrl)));
  say(
    `4. ${AGENTS} agents work through Countersign, each with a watch and a lease that it renews every ${BEAT_MS} ms; the hub rotates its signer under them`,
  );
  for (const agent of agents) agent.start(BEAT_MS);
  const before = generationOf(stage);
  const wrong: string[] = [];
  await pause(clock, WORK_MS);
  wrong.push(...(await rotateAndFollow(stage, clock, say, { order: 'trust-first' })));
  await pause(clock, WORK_MS);
  wrong.push(...(await rotateAndFollow(stage, clock, say, { order: 'secret-first', trustDelayMs: TRUST_DELAY_MS })));
  await pause(clock, WORK_MS);
  const served = await generationsServed(stage, agents, clock);
  for (const agent of agents) agent.stop();
  const total = sum(agents.map((agent) => agent.counts));
  say(`   requests sent      ${total.sent}`);
  say(`   failed             ${total.failed}`);
  say(`   watches cut        ${total.watchesCut}`);
  say(`   generation before  ${before}`);
  say(`   generation after   ${generationOf(stage)}, which all ${served} of ${AGENTS} agents are served with now\n`);
  if (total.failed > 0) wrong.push(`${total.failed} requests failed; the first: ${total.failures.join('; ')}`);
  if (total.watchesCut > 0) wrong.push(`${total.watchesCut} watches were cut`);
  if (served !== AGENTS) wrong.push(`${AGENTS - served} agents are not served with a leaf of the new generation`);
  if (generationOf(stage) !== before + 2) wrong.push(`the generation is ${generationOf(stage)} instead of ${before + 2}`);
  return wrong;
}

function generationOf(stage: DemoStage): number {
  return stage.countersign.sync.signer.current?.generation ?? 0;
}

async function rotateAndFollow(
  stage: DemoStage,
  clock: Clock,
  say: Say,
  plan: { order: 'trust-first' | 'secret-first'; trustDelayMs?: number },
): Promise<readonly string[]> {
  const from = generationOf(stage);
  const startedMs = clock.elapsed();
  const rotating = stage.hub.rotate(plan);
  while (generationOf(stage) === from && clock.elapsed() - startedMs < FOLLOW_MS) await pause(clock, 20);
  const followedMs = Math.round(clock.elapsed() - startedMs);
  const to = await rotating;
  if (generationOf(stage) === from) return [`the rotation (${plan.order}) was not followed within ${FOLLOW_MS} ms`];
  const how =
    plan.order === 'trust-first' ? 'trust bundle first, then the Secret' : `the Secret first, trusted ${plan.trustDelayMs} ms later`;
  say(`   rotated (${how}): ${subjectOf(stage)} in use after ${followedMs} ms, generation ${from} → ${generationOf(stage)}`);
  return to.number > 0 ? [] : ['the hub did not rotate'];
}

function subjectOf(stage: DemoStage): string {
  return stage.countersign.sync.signer.current?.certificate.subject ?? '';
}

/** How many agents the hub sees under a leaf that the signer of this moment has issued. They move to it one by one: asked until all have, or too long. */
async function generationsServed(stage: DemoStage, agents: readonly SimulatedKlusterlet[], clock: Clock): Promise<number> {
  const current = generationOf(stage);
  const startedMs = clock.elapsed();
  for (;;) {
    const answers = await Promise.all(agents.map((agent) => agent.whoAmI()));
    const issued = await stage.issued();
    const served = answers.filter(({ credentialId }) => issued.get(credentialId?.replace('X509SHA256=', '') ?? '') === current).length;
    if (served === agents.length || clock.elapsed() - startedMs > MOVE_MS) return served;
    await pause(clock, WORK_MS / 5);
  }
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}

function sum(counts: readonly KlusterletCounts[]): KlusterletCounts {
  return counts.reduce((total, one) => ({
    sent: total.sent + one.sent,
    failed: total.failed + one.failed,
    watchesCut: total.watchesCut + one.watchesCut,
    watchEvents: total.watchEvents + one.watchEvents,
    failures: [...total.failures, ...one.failures],
  }));
}
