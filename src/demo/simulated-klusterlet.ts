// A klusterlet as the hub sees it: keeps its lease, keeps its watches open, counts what it sent and what failed. Traffic as recorded
// (facts/recorded-traffic.md "Steady state"), only faster.

import type { Clock } from '../clock.ts';
import { AgentConnection } from './agent-connection.ts';
import type { AgentAnswer, AgentCredentials, AgentRequest, AgentTarget } from './agent-connection.ts';
import { accessReview, clusterRead, clusterWatch, leaseRead, leaseRenewal, statusChange, worksWatch } from './klusterlet-requests.ts';

/** Who the server says the agent is: SelfSubjectReview of authentication.k8s.io/v1. */
export interface WhoAmI {
  readonly status: number;
  readonly user: string;
  readonly groups: readonly string[];
  /** `X509SHA256=` and the SHA-256 of the certificate that the hub saw; null where it saw none. */
  readonly credentialId: string | null;
  /** The Status message of a refusal. */
  readonly message: string | null;
}

export interface KlusterletCounts {
  /** Requests and watches. */
  readonly sent: number;
  /** Answered with anything but success, or not at all. */
  readonly failed: number;
  /** Ended by anything but their own timeout, or fallen silent. */
  readonly watchesCut: number;
  readonly watchEvents: number;
  /** The first few failures, for people. */
  readonly failures: readonly string[];
}

export interface KlusterletWork {
  /** timeoutSeconds of its watches. Default: 300, the least that client-go asks for. */
  readonly watchSeconds?: number;
  /** Besides the lease and the watch of its ManifestWorks: a read, a review or a change of its status a beat, and the watch that tells of these. */
  readonly doesMore?: boolean;
  /** Told of each answered request. */
  readonly onAnswer?: (tookMs: number) => void;
}

const MOST_FAILURES_KEPT = 5;
const WATCH_SECONDS = 300;
/** Between a broken watch and the next try. */
const WATCH_RETRY_MS = 500;
/** Timers fire on whole milliseconds, here and at the server. */
const WATCH_END_TOLERANCE_MS = 100;
/** A change of its own that a watch has not told of by then is lost to it. */
const WATCH_SILENCE_MS = 15_000;

export class SimulatedKlusterlet {
  readonly cluster: string;
  readonly #target: AgentTarget;
  readonly #clock: Clock;
  #connection: AgentConnection;
  #work: KlusterletWork = {};
  #sent = 0;
  #answered = 0;
  #failed = 0;
  #watchesCut = 0;
  #watchEvents = 0;
  readonly #failures: string[] = [];
  #stopBeating: (() => void) | null = null;
  #stopped = false;
  #isBeating = false;
  #beats = 0;
  /** resourceVersion of the last change of its own status, and when it was asked for. */
  #changed = { version: 0, atMs: 0 };
  /** The newest that the watch has told of. */
  #toldVersion = 0;

  constructor(cluster: string, target: AgentTarget, clock: Clock) {
    this.cluster = cluster;
    this.#target = target;
    this.#connection = new AgentConnection(target);
    this.#clock = clock;
  }

  get counts(): KlusterletCounts {
    return {
      sent: this.#sent,
      failed: this.#failed,
      watchesCut: this.#watchesCut,
      watchEvents: this.#watchEvents,
      failures: this.#failures,
    };
  }

  /** Requests that were answered with success, watches not among them. */
  get answered(): number {
    return this.#answered;
  }

  async whoAmI(): Promise<WhoAmI> {
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    return readWhoAmI(await this.#connection.request({ method: 'POST', path, body }));
  }

  /** Its own ManagedCluster: the first thing that a klusterlet asks for. */
  getManagedCluster(): Promise<AgentAnswer> {
    return this.#connection.request(clusterRead(this.cluster));
  }

  /** Anything else, as one who has its key would ask. */
  ask(request: AgentRequest): Promise<AgentAnswer> {
    return this.#connection.request(request);
  }

  /** Its watch was ended from the other side and has not come back. */
  get isCutOff(): boolean {
    return this.#watchesCut > 0;
  }

  /** Updates its lease each `periodMs` and watches its ManifestWorks until `stop`. */
  start(periodMs: number, work: KlusterletWork = {}): void {
    this.#work = work;
    this.#stopBeating = this.#clock.every(periodMs, () => void this.#beat());
    const { watchSeconds = WATCH_SECONDS, doesMore = false } = work;
    void this.#keepWatching(worksWatch(this.cluster, watchSeconds), watchSeconds);
    if (doesMore) void this.#keepWatching(clusterWatch(this.cluster, watchSeconds), watchSeconds);
  }

  /** With a new certificate client-go opens new connections and ends the old ones itself (transport/cert_rotation.go). */
  renew(credentials: AgentCredentials): void {
    const old = this.#connection;
    this.#connection = new AgentConnection({ ...this.#target, credentials });
    old.retire();
  }

  stop(): void {
    this.#stopped = true;
    this.#stopBeating?.();
    this.#connection.close();
  }

  /** One at a time: an agent does not race with itself for its lease. */
  async #beat(): Promise<void> {
    if (this.#isBeating) return;
    this.#isBeating = true;
    try {
      const read = await this.#counted(leaseRead(this.cluster));
      if (read !== null) await this.#counted(leaseRenewal(this.cluster, read.body, this.#clock.now()));
      if (this.#work.doesMore === true) await this.#doMore();
    } catch (error) {
      this.#fail(`an answer cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#isBeating = false;
  }

  async #doMore(): Promise<void> {
    this.#beats += 1;
    if (this.#beats % 3 === 0) return void (await this.#counted(clusterRead(this.cluster)));
    if (this.#beats % 3 === 1) return void (await this.#counted(accessReview(this.cluster)));
    const atMs = this.#clock.elapsed();
    if (this.#toldVersion < this.#changed.version) return this.#missEvent(atMs);
    const changed = await this.#counted(statusChange(this.cluster, `${this.cluster}-${this.#beats}`));
    if (changed !== null) this.#changed = { version: versionOf(JSON.parse(changed.body)), atMs };
  }

  #missEvent(nowMs: number): void {
    const { version, atMs } = this.#changed;
    if (nowMs - atMs < WATCH_SILENCE_MS) return;
    this.#cut(`the watch of its ManagedCluster did not tell of version ${version} within ${WATCH_SILENCE_MS} ms`);
    this.#toldVersion = version;
  }

  async #counted(request: AgentRequest): Promise<AgentAnswer | null> {
    const startedMs = this.#clock.elapsed();
    this.#sent += 1;
    try {
      const answer = await this.#connection.request(request);
      if (answer.status < 300) {
        this.#answered += 1;
        this.#work.onAnswer?.(this.#clock.elapsed() - startedMs);
        return answer;
      }
      this.#fail(`${request.method} ${request.path}: ${answer.status} ${answer.body.trim().slice(0, 300)}`);
    } catch (error) {
      if (!this.#stopped) this.#fail(`${request.method} ${request.path}: ${error instanceof Error ? error.message : String(error)}`);
      else this.#sent -= 1;
    }
    return null;
  }

  async #keepWatching(path: string, seconds: number): Promise<void> {
    while (!this.#stopped) {
      this.#sent += 1;
      const startedMs = this.#clock.elapsed();
      const end = await this.#connection.watch(path, (line) => this.#see(line));
      const lastedMs = this.#clock.elapsed() - startedMs;
      if (this.#stopped) return;
      if (end.kind === 'given-up' || (end.kind === 'ended' && lastedMs >= seconds * 1_000 - WATCH_END_TOLERANCE_MS)) continue;
      const what = `watch ${path.split('?', 1)[0]} after ${Math.round(lastedMs)} of ${seconds * 1_000} ms: `;
      if (end.kind === 'ended') this.#cut(`${what}ended by the server`);
      else if (end.kind === 'refused') this.#fail(`${what}answered with ${end.status}`);
      else if (end.wasOpen) this.#cut(`${what}${end.detail}`);
      else this.#fail(`${what}${end.detail}`);
      await new Promise<void>((resolve) => void this.#clock.after(WATCH_RETRY_MS, resolve));
    }
  }

  #see(line: string): void {
    this.#watchEvents += 1;
    if (this.#work.doesMore !== true) return;
    const { object } = JSON.parse(line) as { object: { kind?: string } };
    if (object.kind === 'ManagedCluster') this.#toldVersion = Math.max(this.#toldVersion, versionOf(object));
  }

  #cut(what: string): void {
    this.#watchesCut += 1;
    this.#keep(what);
  }

  #fail(what: string): void {
    this.#failed += 1;
    this.#keep(what);
  }

  #keep(what: string): void {
    if (this.#failures.length < MOST_FAILURES_KEPT) this.#failures.push(what);
  }
}

function versionOf(object: unknown): number {
  return Number((object as { metadata?: { resourceVersion?: string } }).metadata?.resourceVersion);
}

function readWhoAmI(answer: AgentAnswer): WhoAmI {
  const parsed = JSON.parse(answer.body) as {
    message?: string;
    status?: { userInfo?: { username?: string; groups?: string[]; extra?: Record<string, string[]> } };
  };
  const info = answer.status === 201 ? parsed.status?.userInfo : undefined;
  return {
    status: answer.status,
    user: info?.username ?? '',
    groups: info?.groups ?? [],
    credentialId: info?.extra?.['authentication.kubernetes.io/credential-id']?.[0] ?? null,
    message: parsed.message ?? null,
  };
}
