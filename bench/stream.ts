// A 200 MB list through the proxy: how fast, at what CPU, and whether the proxy's memory stays flat while a slow hub and a fast client, or the other
// way round, do what they like.

import { connect } from 'node:http2';
import { median, sayMedian } from './median.ts';
import { openBed } from './processes.ts';
import type { BenchBed, BenchProcess } from './processes.ts';

const ROUNDS = 5;
const MEGABYTE = 1024 * 1024;
const LIST_BYTES = 200 * MEGABYTE;
const SAMPLE_MS = 50;
/** What the issue allows above the idle process. */
const MOST_ABOVE_IDLE_MB = 64;

export async function benchStream(): Promise<readonly string[]> {
  const bed = await openBed();
  try {
    const lines: string[] = [`${LIST_BYTES / MEGABYTE} MB a list, ${ROUNDS} lists`];
    for (const script of ['countersign-process.ts', 'relay-process.ts'] as const) {
      const proxy = await bed.startProxy(script);
      lines.push(...(await measure(bed, proxy, script === 'relay-process.ts' ? 'bare relay' : 'Countersign')));
    }
    return lines;
  } finally {
    await bed.close();
  }
}

async function measure(bed: BenchBed, proxy: BenchProcess, name: string): Promise<readonly string[]> {
  await readList(bed, proxy, 4 * MEGABYTE);
  const idle = (await proxy.usage(true)).rssBytes;
  const [speeds, cpus, peaks]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    const [before, startedMs] = [await proxy.usage(), performance.now()];
    const peak = await readList(bed, proxy, LIST_BYTES);
    speeds.push(LIST_BYTES / MEGABYTE / ((performance.now() - startedMs) / 1_000));
    cpus.push(((await proxy.usage()).cpuMicroseconds - before.cpuMicroseconds) / 1_000 / (LIST_BYTES / 1e9));
    peaks.push((peak - idle) / MEGABYTE);
  }
  const above = Math.max(...peaks);
  return [
    `${name}: ${sayMedian(speeds, 'MB/s', 0)}, CPU ${median(cpus).toFixed(0)} ms/GB`,
    `${name}: memory at most ${above.toFixed(0)} MB above idle (${(idle / MEGABYTE).toFixed(0)} MB); ${above < MOST_ABOVE_IDLE_MB ? 'within' : 'NOT within'} ${MOST_ABOVE_IDLE_MB} MB`,
  ];
}

/** Returns the most memory that the proxy was seen with meanwhile, bytes. */
async function readList(bed: BenchBed, proxy: BenchProcess, bytes: number): Promise<number> {
  const session = connect(`https://127.0.0.1:${proxy.port}`, {
    ca: bed.caPem,
    cert: bed.client.pem,
    key: bed.client.keyPem,
    settings: { initialWindowSize: 4 * MEGABYTE },
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  session.once('connect', () => session.setLocalWindowSize(4 * MEGABYTE));
  const stream = session.request({
    ':path': `/apis/work.open-cluster-management.io/v1/namespaces/cluster1/manifestworks?limit=${bytes}&resourceVersion=0`,
  });
  let received = 0;
  stream.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  stream.on('end', () => (received >= bytes ? resolve() : reject(new Error(`${received} of ${bytes} bytes`))));
  stream.on('error', reject);
  let peak = 0;
  for (let over = false; !over; ) {
    peak = Math.max(peak, (await proxy.usage()).rssBytes);
    over = await Promise.race([promise.then(() => true), new Promise<false>((wake) => setTimeout(wake, SAMPLE_MS, false))]);
  }
  session.destroy();
  return peak;
}
