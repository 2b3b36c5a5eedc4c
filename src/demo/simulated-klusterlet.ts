// A klusterlet as the hub sees it: keeps its lease, keeps its watches open, counts what it sent and what failed. Traffic as recorded
// (facts/recorded-traffic.md "Steady state"), only faster.

import type { Clock } from '../clock.ts';
import { AgentConnection } from './agent-connection.ts';
import type { AgentAnswer, AgentRequest, AgentTarget } from './agent-connection.ts';

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
  readonly sent: number;
  readonly failed: number;
  readonly watchesCut: number;
  readonly watchEvents: number;
  /** The first few failures, for people. */
  readonly failures: readonly string[];
}

const MOST_FAILURES_KEPT = 5;
/** Between a broken watch and the next try. */
const WATCH_RETRY_MS = 500;

export class SimulatedKlusterlet {
  readonly cluster: string;
  readonly #connection: AgentConnection;
  readonly #clock: Clock;
  #sent = 0;
  #failed = 0;
  #watchesCut = 0;
  #watchEvents = 0;
  readonly #failures: string[] = [];
  #stopBeating: (() => void) | null = null;
  #stopped = false;

  constructor(cluster: string, target: AgentTarget, clock: Clock) {
    this.cluster = cluster;
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

  async whoAmI(): Promise<WhoAmI> {
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    return readWhoAmI(await this.#connection.request({ method: 'POST', path, body }));
  }

  /** Its own ManagedCluster: the first thing that a klusterlet asks for. */
  getManagedCluster(): Promise<AgentAnswer> {
    return this.#connection.request({ method: 'GET', path: `/apis/cluster.open-cluster-management.io/v1/managedclusters/${this.cluster}` });
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
  start(periodMs: number): void {
    this.#stopBeating = this.#clock.every(periodMs, () => void this.#beat());
    void this.#keepWatching();
  }

  stop(): void {
    this.#stopped = true;
    this.#stopBeating?.();
    this.#connection.close();
  }

  async #beat(): Promise<void> {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${this.cluster}/leases/managed-cluster-lease`;
    const read = await this.#counted({ method: 'GET', path });
    if (read === null) return;
    const lease = JSON.parse(read.body) as { spec: Record<string, unknown> };
    lease.spec = { ...lease.spec, renewTime: new Date(this.#clock.now()).toISOString().replace('Z', '000Z') };
    await this.#counted({ method: 'PUT', path, body: lease });
  }

  async #counted(request: { method: string; path: string; body?: unknown }): Promise<AgentAnswer | null> {
    this.#sent += 1;
    try {
      const answer = await this.#connection.request(request);
      if (answer.status < 400) return answer;
      // Two beats that overlap race for the same lease: the hub's answer, and no failure of the way to it.
      if (answer.status === 409) return null;
      this.#fail(`${request.method} ${request.path}: ${answer.status} ${answer.body.slice(0, 300)}`);
    } catch (error) {
      if (!this.#stopped) this.#fail(`${request.method} ${request.path}: ${error instanceof Error ? error.message : String(error)}`);
      else this.#sent -= 1;
    }
    return null;
  }

  async #keepWatching(): Promise<void> {
    const path = `/apis/work.open-cluster-management.io/v1/namespaces/${this.cluster}/manifestworks?allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&timeoutSeconds=300&watch=true`;
    while (!this.#stopped) {
      this.#sent += 1;
      try {
        await this.#connection.watch(path, () => {
          this.#watchEvents += 1;
        });
      } catch (error) {
        if (this.#stopped) return;
        this.#watchesCut += 1;
        this.#fail(`watch of manifestworks: ${error instanceof Error ? error.message : String(error)}`);
        await new Promise<void>((resolve) => void this.#clock.after(WATCH_RETRY_MS, resolve));
      }
    }
  }

  #fail(what: string): void {
    this.#failed += 1;
    if (this.#failures.length < MOST_FAILURES_KEPT) this.#failures.push(what);
  }
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
