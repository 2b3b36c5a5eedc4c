// The load of the rotation bench: simulated agents in a process of their own, so that what they cost is not taken for the proxy's. Measures how long
// each request takes, from the agent's side.

import { systemClock } from '../src/clock.ts';
import type { AgentCredentials } from '../src/demo/agent-connection.ts';
import { SimulatedKlusterlet } from '../src/demo/demo.ts';
import { serveCalls } from './child-calls.ts';
import type { AgentCalls, Window } from './rotation-soak/agent-calls.ts';

/** Connections that are being opened at a time: each costs the three processes some 10 ms, and what waits would time out. */
const OPENING_AT_ONCE = 8;
/** No watch ends by itself while the bench runs. */
const WATCH_SECONDS = 600;
const MOST_FAILURES_TOLD = 5;

const agents: SimulatedKlusterlet[] = [];
let tookMs: number[] = [];
let before = { sent: 0, failed: 0, watchesCut: 0 };

const calls: AgentCalls = {
  connect: async ({ server, caPem, beatMs, clusters }) => {
    const left = clusters.values();
    const lane = async (): Promise<void> => {
      for (const { name, credentials } of left) await open(name, { server, caPem, credentials }, beatMs);
    };
    await Promise.all(Array.from({ length: OPENING_AT_ONCE }, lane));
    return null;
  },
  takeWindow: () => Promise.resolve(takeWindow()),
};
serveCalls(process, calls);

async function open(name: string, target: { server: string; caPem: string; credentials: AgentCredentials }, beatMs: number): Promise<void> {
  const agent = new SimulatedKlusterlet(name, target, systemClock);
  const { status, body } = await agent.getManagedCluster();
  if (status !== 200) throw new Error(`${name} was answered ${status} ${body.slice(0, 300)}`);
  agents.push(agent);
  agent.start(beatMs, { watchSeconds: WATCH_SECONDS, onAnswer: (ms) => void tookMs.push(ms) });
}

function takeWindow(): Window {
  const now = { sent: 0, failed: 0, watchesCut: 0 };
  const failures: string[] = [];
  for (const { counts } of agents) {
    now.sent += counts.sent;
    now.failed += counts.failed;
    now.watchesCut += counts.watchesCut;
    failures.push(...counts.failures);
  }
  const sorted = Float64Array.from(tookMs).toSorted();
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
  const window = {
    sent: now.sent - before.sent,
    failed: now.failed - before.failed,
    watchesCut: now.watchesCut - before.watchesCut,
    failures: failures.slice(0, MOST_FAILURES_TOLD),
    answered: sorted.length,
    medianMs: at(0.5),
    p99Ms: at(0.99),
    longestMs: at(1),
  };
  before = now;
  tookMs = [];
  return window;
}
