// The process metrics that Prometheus clients have by convention, under their usual names. Not prom-client's own set: its event-loop monitor and its
// observer of garbage collection cannot be stopped, and the names are what dashboards look for.

import { readdirSync, readFileSync } from 'node:fs';
import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

/** Milliseconds between two looks at the event loop: late by ten of them is what a request notices. */
const LOOK_MS = 20;

const gcKinds: ReadonlyMap<number, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
]);

export class ProcessMetrics {
  readonly #registry: Registry;
  readonly #delay: ReturnType<typeof monitorEventLoopDelay> = monitorEventLoopDelay({ resolution: LOOK_MS });
  readonly #collections: PerformanceObserver;
  readonly #gauges: ReadonlyMap<string, Gauge>;
  readonly #resources: Gauge;
  readonly #cpu: readonly (readonly [Counter, (usage: NodeJS.CpuUsage) => number])[];

  constructor(registry: Registry) {
    this.#registry = registry;
    const registers = [registry];
    this.#gauges = new Map(Object.entries(gaugeHelp).map(([name, help]) => [name, new Gauge({ name, help, registers })]));
    this.#resources = new Gauge({
      name: 'nodejs_active_resources',
      help: 'What keeps the process alive.',
      labelNames: ['type'],
      registers,
    });
    this.#cpu = [
      [this.#cpuCounter('process_cpu_user_seconds_total', 'User CPU time.'), ({ user }) => user],
      [this.#cpuCounter('process_cpu_system_seconds_total', 'System CPU time.'), ({ system }) => system],
      [this.#cpuCounter('process_cpu_seconds_total', 'User and system CPU time.'), ({ user, system }) => user + system],
    ];
    new Gauge({ name: 'nodejs_version_info', help: 'Version of Node.js.', labelNames: ['version'], registers }).set(
      { version: process.version },
      1,
    );
    this.#collections = this.#observeCollections();
    this.#delay.enable();
  }

  take(): void {
    const usage = process.cpuUsage();
    for (const [counter, pick] of this.#cpu) {
      counter.reset();
      counter.inc(pick(usage) / 1e6);
    }
    const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
    const values: Readonly<Record<keyof typeof gaugeHelp, number | null>> = {
      process_start_time_seconds: Date.now() / 1_000 - process.uptime(),
      process_resident_memory_bytes: rss,
      process_open_fds: countOpenFiles(),
      process_max_fds: readMostFiles(),
      nodejs_heap_size_total_bytes: heapTotal,
      nodejs_heap_size_used_bytes: heapUsed,
      nodejs_external_memory_bytes: external,
      nodejs_eventloop_lag_mean_seconds: this.#lag(this.#delay.mean),
      nodejs_eventloop_lag_max_seconds: this.#lag(this.#delay.max),
      nodejs_eventloop_lag_p50_seconds: this.#lag(this.#delay.percentile(50)),
      nodejs_eventloop_lag_p99_seconds: this.#lag(this.#delay.percentile(99)),
    };
    for (const [name, value] of Object.entries(values)) {
      if (value !== null) this.#gauges.get(name)?.set(value);
    }
    this.#delay.reset();
    this.#takeResources();
  }

  /** Nothing of the process is watched any more. */
  close(): void {
    this.#delay.disable();
    this.#collections.disconnect();
  }

  /** The monitor counts the whole time between two looks, in nanoseconds; nothing where it has not looked since the last scrape. */
  #lag(nanoseconds: number): number | null {
    return this.#delay.count === 0 ? null : Math.max(0, nanoseconds / 1e9 - LOOK_MS / 1_000);
  }

  #takeResources(): void {
    this.#resources.reset();
    for (const type of process.getActiveResourcesInfo()) this.#resources.inc({ type });
  }

  #cpuCounter(name: string, help: string): Counter {
    return new Counter({ name, help, registers: [this.#registry] });
  }

  #observeCollections(): PerformanceObserver {
    const duration = new Histogram({
      name: 'nodejs_gc_duration_seconds',
      help: 'Time of garbage collections.',
      labelNames: ['kind'],
      buckets: [0.001, 0.01, 0.1, 1, 2, 5],
      registers: [this.#registry],
    });
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) duration.observe({ kind: readKind(entry) }, entry.duration / 1_000);
    });
    observer.observe({ entryTypes: ['gc'] });
    return observer;
  }
}

const gaugeHelp = {
  process_start_time_seconds: 'When the process started.',
  process_resident_memory_bytes: 'Resident memory.',
  process_open_fds: 'Open file descriptors.',
  process_max_fds: 'Most file descriptors that may be open.',
  nodejs_heap_size_total_bytes: 'Heap that V8 has taken.',
  nodejs_heap_size_used_bytes: 'Heap that is in use.',
  nodejs_external_memory_bytes: 'Memory outside of the heap that V8 knows of.',
  nodejs_eventloop_lag_mean_seconds: 'How late the event loop was since the last scrape.',
  nodejs_eventloop_lag_max_seconds: 'How late the event loop was at worst since the last scrape.',
  nodejs_eventloop_lag_p50_seconds: 'Median lateness of the event loop since the last scrape.',
  nodejs_eventloop_lag_p99_seconds: '99th percentile of the lateness of the event loop since the last scrape.',
} as const;

function readKind(entry: object): string {
  const detail: unknown = 'detail' in entry ? entry.detail : null;
  const kind = typeof detail === 'object' && detail !== null && 'kind' in detail ? gcKinds.get(Number(detail.kind)) : undefined;
  return kind ?? 'other';
}

/** null off Linux. */
function countOpenFiles(): number | null {
  try {
    // One of them is the listing itself
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return null;
  }
}

function readMostFiles(): number | null {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}
