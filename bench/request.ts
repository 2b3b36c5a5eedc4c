// CPU of the proxy's process for a small HTTP/2 request to an HTTP/2 hub, against a bare relay in the same run.

import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { median, sayMedian } from './median.ts';
import { openBed } from './processes.ts';
import type { BenchBed, BenchProcess } from './processes.ts';

const ROUNDS = 7;
const REQUESTS_A_ROUND = 4_000;
const WARM_UP = 3_000;
const CLIENTS = 8;
const STREAMS = 4;

const PATH = '/apis/coordination.k8s.io/v1/namespaces/cluster1/leases/managed-cluster-lease';

export async function benchRequest(): Promise<readonly string[]> {
  const bed = await openBed();
  try {
    const [countersign, relay] = [await bed.startProxy('countersign-process.ts'), await bed.startProxy('relay-process.ts')];
    const measured = new Map<BenchProcess, { cpu: number[]; wall: number[] }>();
    for (const proxy of [countersign, relay]) {
      measured.set(proxy, { cpu: [], wall: [] });
      await load(bed, proxy, WARM_UP);
    }
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [proxy, { cpu, wall }] of measured) {
        const [before, startedMs] = [await proxy.usage(), performance.now()];
        await load(bed, proxy, REQUESTS_A_ROUND);
        wall.push(((performance.now() - startedMs) * 1_000) / REQUESTS_A_ROUND);
        cpu.push(((await proxy.usage()).cpuMicroseconds - before.cpuMicroseconds) / REQUESTS_A_ROUND);
      }
    }
    const [ours, bare] = [measured.get(countersign), measured.get(relay)];
    return [
      `${CLIENTS} clients with ${STREAMS} streams each, ${REQUESTS_A_ROUND} requests a round, ${ROUNDS} rounds`,
      `CPU per request, Countersign ${sayMedian(ours?.cpu ?? [], 'µs')}`,
      `CPU per request, bare relay  ${sayMedian(bare?.cpu ?? [], 'µs')}`,
      `ratio                        ${(median(ours?.cpu ?? []) / median(bare?.cpu ?? [])).toFixed(2)}`,
      `wall per request             ${median(ours?.wall ?? []).toFixed(1)} µs, bare relay ${median(bare?.wall ?? []).toFixed(1)} µs`,
    ];
  } finally {
    await bed.close();
  }
}

async function load(bed: BenchBed, proxy: BenchProcess, requests: number): Promise<void> {
  const sessions = Array.from({ length: CLIENTS }, () =>
    connect(`https://127.0.0.1:${proxy.port}`, { ca: bed.caPem, cert: bed.client.pem, key: bed.client.keyPem }),
  );
  let left = requests;
  const lane = async (session: ClientHttp2Session): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await get(session);
    }
  };
  await Promise.all(sessions.flatMap((session) => Array.from({ length: STREAMS }, () => lane(session))));
  for (const session of sessions) session.destroy();
}

function get(session: ClientHttp2Session): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stream = session.request({ ':path': PATH, accept: 'application/json', 'user-agent': 'bench' });
  stream.on('response', (headers) => {
    if (headers[':status'] !== 200) reject(new Error(`answered ${headers[':status']}`));
  });
  stream.resume();
  stream.on('end', resolve);
  stream.on('error', reject);
  return promise;
}
