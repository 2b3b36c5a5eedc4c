// A rotation under a fleet: what it costs the requests of 2,000 connected agents, each with a watch and a lease. Latency as the agents see it, in the
// minute before against the minute after. On a small machine hub, proxy and load share the cores: figures scatter, the ratio less so.

import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { systemClock } from '../src/clock.ts';
import { CallableChild } from './child-calls.ts';
import type { AgentCalls, Window } from './rotation-soak/agent-calls.ts';
import type { Rotated } from './rotation-soak/hub-calls.ts';
import { openSite } from './rotation-soak/site.ts';
import type { Site } from './rotation-soak/site.ts';

export interface RotationBenchPlan {
  readonly agents: number;
  /** 2,000 agents with two requests each in this time: 400 requests a second. */
  readonly beatMs: number;
  readonly windowMs: number;
}

const FULL: RotationBenchPlan = { agents: 2_000, beatMs: 10_000, windowMs: 60_000 };
/** After the last connection, for the handshakes to be forgotten. */
const SETTLE_MS = 10_000;
/** For the last hub session to have moved: at 20 a second 2,000 take 100 s, and an agent that asks moves its own. */
const MOVE_MS = 240_000;
const LOOK_MS = 250;
/** What the issue allows. */
const MOST_RATIO = 2;

const AGENTS_SCRIPT = join(import.meta.dirname, 'rotation-agents-process.ts');

export async function benchRotation(plan: RotationBenchPlan = FULL): Promise<readonly string[]> {
  const site = await openSite('kubernetes');
  const load = await CallableChild.start<AgentCalls>(AGENTS_SCRIPT);
  try {
    const fingerprints = await connect(site, load, plan);
    await pause(SETTLE_MS);
    const before = await measure(site, load, plan.windowMs);
    say('rotating');
    const rotated = await site.hub.call('rotate', { order: 'trust-first' });
    const after = await measure(site, load, plan.windowMs);
    const movedMs = await followMoves(site, rotated, fingerprints);
    const rest = await load.call('takeWindow', null);
    return report(plan, { before, after, rest, movedMs, leaves: site.audit.leaves, warnings: site.proxy.warnings });
  } finally {
    await load.stop();
    await site.close();
  }
}

/** Returns SHA-256 of the agents' certificates. */
async function connect(site: Site, load: CallableChild<AgentCalls>, { agents, beatMs }: RotationBenchPlan): Promise<readonly string[]> {
  const names = Array.from({ length: agents }, (_, n) => `edge-${n + 1}`);
  say(`adding ${agents} clusters to the hub`);
  const credentials = await site.hub.call('addClusters', names);
  const clusters = credentials.map((of, n) => ({ name: names[n] ?? '', credentials: of }));
  say('connecting their agents');
  const startedMs = systemClock.elapsed();
  await load.call('connect', { server: site.proxy.url, caPem: site.description.servingCaPem, beatMs, clusters });
  say(`connected within ${seconds(systemClock.elapsed() - startedMs)}`);
  return credentials.map(({ certificatePem }) => new X509Certificate(certificatePem).fingerprint256.replaceAll(':', '').toLowerCase());
}

interface Measured extends Window {
  /** Of the proxy, as a part of one core; NaN where the system does not say. */
  readonly cpu: number;
}

async function measure(site: Site, load: CallableChild<AgentCalls>, windowMs: number): Promise<Measured> {
  await load.call('takeWindow', null);
  const [cpu, startedMs] = [site.proxy.cpuSeconds(), systemClock.elapsed()];
  say(`measuring for ${seconds(windowMs)}`);
  await pause(windowMs);
  const used = (site.proxy.cpuSeconds() ?? Number.NaN) - (cpu ?? Number.NaN);
  return { ...(await load.call('takeWindow', null)), cpu: (used * 1_000) / (systemClock.elapsed() - startedMs) };
}

/** Returns how long after the live Secret's change the last agent was served under the new signer; null where one is not yet. */
async function followMoves(site: Site, { signerSHA256, liveAtMs }: Rotated, fingerprints: readonly string[]): Promise<number | null> {
  const startedMs = systemClock.elapsed();
  say('waiting for the last hub session to move');
  for (;;) {
    site.audit.read();
    const generation = site.audit.published(signerSHA256)?.generation ?? Number.POSITIVE_INFINITY;
    if (fingerprints.every((of) => site.audit.servedGeneration(of) >= generation)) return Math.max(site.audit.lastIssueMs - liveAtMs, 0);
    if (systemClock.elapsed() - startedMs > MOVE_MS) return null;
    await pause(LOOK_MS);
  }
}

interface Results {
  readonly before: Measured;
  readonly after: Measured;
  readonly rest: Window;
  readonly movedMs: number | null;
  readonly leaves: number;
  readonly warnings: readonly string[];
}

function report(plan: RotationBenchPlan, { before, after, rest, movedMs, leaves, warnings }: Results): readonly string[] {
  const ratio = after.p99Ms / before.p99Ms;
  const failed = after.failed + rest.failed;
  const cut = after.watchesCut + rest.watchesCut;
  const asked = `each with a watch and a lease every ${seconds(plan.beatMs)}`;
  return [
    `${plan.agents} connected agents, ${asked}: ${(before.sent / (plan.windowMs / 1_000)).toFixed(0)} requests a second`,
    `${seconds(plan.windowMs)} before  ${sayLatency(before)}`,
    `${seconds(plan.windowMs)} after   ${sayLatency(after)}`,
    `p99 after / before  ${ratio.toFixed(2)}; ${ratio <= MOST_RATIO ? 'within' : 'NOT within'} ${MOST_RATIO}`,
    `requests since the rotation  ${after.sent + rest.sent}, failed ${failed}, watches cut ${cut}; ${failed + cut === 0 ? 'within' : 'NOT within'} 0`,
    movedMs === null
      ? `NOT all agents served under the new signer`
      : `all agents served under the new signer after ${seconds(movedMs)}, ${leaves} leaves issued in all`,
    ...[...before.failures, ...after.failures, ...rest.failures].slice(0, 3).map((what) => `failure: ${what}`),
    ...warnings.slice(0, 3).map((line) => `log of the proxy: ${line}`),
  ];
}

function sayLatency({ medianMs, p99Ms, longestMs, failed, cpu }: Measured): string {
  const latency = `p50 ${medianMs.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, longest ${longestMs.toFixed(0)} ms`;
  return `${latency}, failed ${failed}; CPU of the proxy ${(cpu * 100).toFixed(0)} % of a core`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(0)} s`;
}

/** What it is at: a run takes minutes. */
function say(what: string): void {
  process.stderr.write(`  rotation: ${what}\n`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void systemClock.after(ms, resolve));
}
