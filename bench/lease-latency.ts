// How long a lease waits while large status patches go through the same proxy: latency of lease renewals at a steady rate, alternately without patches, with
// some, and with one always in flight. The same through a bare relay says how much of it the machine, the hub and TLS take by themselves.

import { type ClientHttp2Session, connect } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, sayMedian } from './median.ts';
import { type BenchBed, type BenchProcess, openBed } from './processes.ts';

const ROUNDS = 5;
const PHASE_MS = 4_000;
/** A fleet of 3,500 clusters renews 3,500 leases each 60 to 75 s, each with a GET and a PUT: some 100 requests a second. */
const LEASES_A_SECOND = 100;
const CONNECTIONS = 8;
/** What the issue allows. */
const MOST_RATIO = 2;

/**
 * A work agent writes on change, at most once each 10 s for a work: two a second are the largest work of each of 20 clusters, all of them changing all the
 * time. At two a second a stall of 5 ms hits 1 % of the leases, and so the 99th percentile; at fewer it would not show. One always in flight is what one
 * work agent can do to all others, as it is bound by the answers alone.
 */
const phases = [
  { name: 'no patches         ', everyMs: null },
  { name: '2 patches a second', everyMs: 500 },
  { name: 'always one patch  ', everyMs: 0 },
] as const;

const scripts = ['countersign-process.ts', 'relay-process.ts'] as const;

export async function benchLease(): Promise<readonly string[]> {
  const bed = await openBed();
  try {
    const sites: Site[] = [];
    for (const script of scripts) sites.push(await openSite(bed, script));
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [at, { everyMs }] of phases.entries()) {
        for (const site of sites) await runPhase(site, everyMs, site.measured[at]);
      }
    }
    for (const { session } of sites.flatMap(({ leases }) => leases)) session.destroy();
    const [rate, phase] = [
      `${LEASES_A_SECOND} leases a second of ${CONNECTIONS} clusters`,
      `${ROUNDS} rounds of ${PHASE_MS / 1_000} s each way`,
    ];
    return [`${rate}, ${phase}; patches of 350 KiB`, ...sites.flatMap(report)];
  } finally {
    await bed.close();
  }
}

interface Site {
  readonly name: string;
  readonly proxy: BenchProcess;
  readonly agent: BenchProcess;
  readonly leases: readonly LeaseSession[];
  readonly measured: readonly Phase[];
}

/** One entry a round. */
interface Phase {
  readonly p50: number[];
  readonly p99: number[];
  readonly stalls: number[];
  readonly cpuMs: number[];
  readonly patches: number[];
}

const noPhase = (): Phase => ({ p50: [], p99: [], stalls: [], cpuMs: [], patches: [] });

async function openSite(bed: BenchBed, script: (typeof scripts)[number]): Promise<Site> {
  const proxy = await bed.startProxy(script);
  const agent = await bed.startStatusAgent(proxy);
  const leases = Array.from({ length: CONNECTIONS }, (_, at) => openLeaseSession(bed, proxy, `cluster${at + 1}`));
  const name = script === 'relay-process.ts' ? 'bare relay ' : 'Countersign';
  const site: Site = { name, proxy, agent, leases, measured: phases.map(noPhase) };
  // Once before it counts: connections to the hub, and code that is compiled.
  await runPhase(site, 0, undefined);
  return site;
}

async function runPhase({ proxy, agent, leases }: Site, everyMs: number | null, found: Phase | undefined): Promise<void> {
  await agent.order({ everyMs });
  await proxy.stall();
  const before = await proxy.usage();
  const latencies = await sendLeases(leases);
  const after = await proxy.usage();
  found?.stalls.push((await proxy.stall()).longestMs);
  found?.patches.push((await agent.order({ everyMs: null })).patches);
  found?.cpuMs.push((after.cpuMicroseconds - before.cpuMicroseconds) / 1_000);
  found?.p50.push(quantile(latencies, 0.5));
  found?.p99.push(quantile(latencies, 0.99));
}

function report({ name, measured }: Site): readonly string[] {
  const without = measured[0] ?? noPhase();
  return phases.map((phase, at) => {
    const { p50, p99, stalls, cpuMs, patches } = measured[at] ?? noPhase();
    const latency = `${name}, ${phase.name}: p50 ${median(p50).toFixed(1)} ms, p99 ${sayMedian(p99, 'ms')}`;
    const stalled = `longest stall by the clock ${sayMedian(stalls, 'ms')}`;
    if (phase.everyMs === null) return `${latency}; ${stalled}`;
    const ratio = median(p99) / median(without.p99);
    const cost = (median(cpuMs) - median(without.cpuMs)) / median(patches);
    return [
      `${latency}, ratio ${ratio.toFixed(2)}, ${ratio <= MOST_RATIO ? 'within' : 'NOT within'} ${MOST_RATIO}; ${stalled}`,
      `CPU per patch ${cost.toFixed(1)} ms, ${((median(patches) * 1_000) / PHASE_MS).toFixed(1)} patches a second`,
    ].join('; ');
  });
}

interface LeaseSession {
  readonly session: ClientHttp2Session;
  readonly path: string;
  readonly body: Buffer;
}

function openLeaseSession(bed: BenchBed, proxy: BenchProcess, cluster: string): LeaseSession {
  const { pem, keyPem } = bed.makeClient(cluster);
  const name = 'managed-cluster-lease';
  const lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: cluster, resourceVersion: '1', uid: '3c403619-5ed5-4dc4-b8a2-58b1a1a4a3a5' },
    spec: { holderIdentity: name, leaseDurationSeconds: 60, renewTime: '2026-11-23T19:10:07.000000Z' },
  };
  return {
    session: connect(`https://127.0.0.1:${proxy.port}`, { ca: bed.caPem, cert: pem, key: keyPem }),
    path: `/apis/coordination.k8s.io/v1/namespaces/${cluster}/leases/${name}`,
    body: Buffer.from(JSON.stringify(lease)),
  };
}

/** Each at its time, whether those before are answered or not; connections in turn. Returns what each waited, milliseconds. */
async function sendLeases(sessions: readonly LeaseSession[]): Promise<readonly number[]> {
  const waits: Promise<number>[] = [];
  const startedMs = performance.now();
  const count = (PHASE_MS / 1_000) * LEASES_A_SECOND;
  while (waits.length < count) {
    const dueMs = startedMs + (waits.length * 1_000) / LEASES_A_SECOND;
    const early = dueMs - performance.now();
    if (early > 0) await sleep(early);
    const session = sessions[waits.length % sessions.length];
    if (session !== undefined) waits.push(renew(session));
  }
  return Promise.all(waits);
}

function renew({ session, path, body }: LeaseSession): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const startedMs = performance.now();
  const stream = session.request({ ':method': 'PUT', ':path': path, 'content-type': 'application/json', 'content-length': body.length });
  stream.on('response', (headers) => {
    if (headers[':status'] !== 200) reject(new Error(`a lease was answered ${headers[':status']}`));
  });
  stream.on('error', reject);
  stream.on('end', () => resolve(performance.now() - startedMs));
  stream.resume();
  stream.end(body);
  return promise;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
