// For the tests of the hub's API machinery: a clock that is moved by hand, requests as the network side would hand them in, and a
// reader of watches that can be told to lag.

import type { Clock } from '../../../../src/clock.ts';
import { openApi, type Api, type ApiSurroundings } from '../../../../src/demo/hub/api/api.ts';
import type { ApiAnswer, StreamSink, UserInfo } from '../../../../src/demo/hub/api/exchange.ts';
import { readRequestInfo } from '../../../../src/demo/hub/api/request-info.ts';

export const START_MS: number = Date.parse('2026-11-23T19:14:09Z');

export class ManualClock implements Clock {
  #nowMs = START_MS;
  #timers: { atMs: number; periodMs: number | null; run: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  elapsed(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    return this.#add({ atMs: this.#nowMs + delayMs, periodMs: null, run });
  }

  every(periodMs: number, run: () => void): () => void {
    return this.#add({ atMs: this.#nowMs + periodMs, periodMs, run });
  }

  #add(timer: { atMs: number; periodMs: number | null; run: () => void }): () => void {
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  get pending(): number {
    return this.#timers.length;
  }

  advance(durationMs: number): void {
    const end = this.#nowMs + durationMs;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.atMs <= end).toSorted((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      if (due.periodMs === null) this.#timers = this.#timers.filter((timer) => timer !== due);
      else due.atMs += due.periodMs;
      due.run();
    }
    this.#nowMs = end;
  }
}

export const admin: UserInfo = { username: 'admin', groups: ['system:masters', 'system:authenticated'], extra: {} };

export const klusterlet: UserInfo = {
  username: 'system:open-cluster-management:cluster1:khnxf',
  groups: ['system:open-cluster-management:cluster1', 'system:open-cluster-management:managed-clusters', 'system:authenticated'],
  extra: { 'authentication.kubernetes.io/credential-id': ['X509SHA256=688baab9dc8e652995eb61bc8af8482b01201c7975ff7af24e99cfa7faf21cd3'] },
};

export interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly user?: UserInfo;
}

/** JSON as a test reads it: whatever it asks for is there or the assertion fails. */
export type Loose = ReturnType<typeof JSON.parse>;

/** An answer read as JSON or as text. */
export interface Read {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly json: Loose;
  readonly body: Buffer;
}

export class TestApi {
  readonly clock: ManualClock = new ManualClock();
  readonly api: Api;

  constructor(around: Partial<ApiSurroundings> = {}) {
    this.api = openApi({
      clock: this.clock,
      signLeaf: () => Promise.reject(new Error('this hub has no signer')),
      allows: () => ({ allowed: true, reason: '' }),
      ...around,
    });
  }

  serve(target: string, call: Call = {}): Promise<ApiAnswer> {
    const { method = 'GET', headers = {}, body, user = admin } = call;
    const url = new URL(`http://hub${target}`);
    const path = decodeURIComponent(url.pathname);
    return this.api.serve({
      method,
      target,
      path,
      query: url.searchParams,
      headers: new Map(Object.entries(headers)),
      body: bytesOf(body),
      user,
      info: readRequestInfo(method, path, url.searchParams),
    });
  }

  async call(target: string, call: Call = {}): Promise<Read> {
    const answer = await this.serve(target, call);
    const body = answer.body ?? Buffer.alloc(0);
    const text = body.toString('utf8');
    return { status: answer.status, headers: answer.headers, body, text, json: text.startsWith('{') ? JSON.parse(text) : null };
  }

  post(target: string, body: unknown, user: UserInfo = admin): Promise<Read> {
    return this.call(target, { method: 'POST', body, user, headers: { 'content-type': 'application/json', 'user-agent': 'test/1' } });
  }

  put(target: string, body: unknown): Promise<Read> {
    return this.call(target, { method: 'PUT', body, headers: { 'content-type': 'application/json', 'user-agent': 'test/1' } });
  }

  patch(target: string, body: unknown, type = 'application/merge-patch+json'): Promise<Read> {
    return this.call(target, { method: 'PATCH', body, headers: { 'content-type': type, 'user-agent': 'test/1' } });
  }

  async watch(target: string, call: Call = {}): Promise<TestSink> {
    const answer = await this.serve(target, call);
    const sink = new TestSink(answer);
    answer.stream?.(sink);
    return sink;
  }

  async withNamespace(name: string): Promise<this> {
    await this.post('/api/v1/namespaces', { metadata: { name } });
    return this;
  }
}

function bytesOf(body: unknown): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

export class TestSink implements StreamSink {
  readonly answer: ApiAnswer;
  readonly #abort = new AbortController();
  #drain: (() => void) | null = null;
  #isFull = false;
  chunks: Buffer[] = [];
  isEnded = false;

  constructor(answer: ApiAnswer) {
    this.answer = answer;
  }

  get closed(): AbortSignal {
    return this.#abort.signal;
  }

  /** From now on nothing more is taken. */
  fill(): void {
    this.#isFull = true;
  }

  drain(): void {
    this.#isFull = false;
    const run = this.#drain;
    this.#drain = null;
    run?.();
  }

  leave(): void {
    this.#abort.abort();
  }

  write(chunk: Uint8Array): boolean {
    this.chunks.push(Buffer.from(chunk));
    return !this.#isFull;
  }

  onDrain(run: () => void): void {
    this.#drain = run;
  }

  end(): void {
    this.isEnded = true;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** Of a JSON watch. */
  get events(): { type: string; object: Loose }[] {
    const lines = this.bytes.toString('utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
  }

  /** "ADDED a", "BOOKMARK" and so on. */
  get story(): string[] {
    return this.events.map(({ type, object }) => [type, object.metadata.name].filter(Boolean).join(' '));
  }
}
