// An agent of no case that asks who it is, on a connection of its own. Its answer is the sign that the proxy is at work, and that whatever it was
// given before has had its time: a request that was to be refused would have reached the hub by then.

import type { IdentityRecipe } from './case.ts';
import type { Credentials } from './credentials.ts';
import { openConnection } from './wire/connection.ts';
import type { Connection, Sender } from './wire/connection.ts';

const CLUSTER = 'compliance-sentinel';
const AGENT = 'agent1';
const REVIEW = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' });
const POLL_MS = 20;

export class Sentinel {
  static readonly identity: IdentityRecipe = { kind: 'klusterlet', cluster: CLUSTER, agent: AGENT };
  readonly user: string = `system:open-cluster-management:${CLUSTER}:${AGENT}`;
  readonly #sender: Sender;
  #connection: Connection | null = null;

  constructor({ certificate }: Credentials, to: Pick<Sender, 'port' | 'caPem'>) {
    this.#sender = { ...to, certificate };
  }

  /** The status of the answer; 0 where there was none. */
  async ask(): Promise<number> {
    this.#connection ??= openConnection(this.#sender, 'h2');
    const headers = [['content-type', 'application/json'] as const];
    const request = { method: 'POST', target: '/apis/authentication.k8s.io/v1/selfsubjectreviews', headers, trailers: null };
    try {
      const { status } = await this.#connection.send({ ...request, body: Buffer.from(REVIEW) });
      if (status === 0) this.close();
      return status;
    } catch {
      this.close();
      return 0;
    }
  }

  /** Resolves when the hub has answered it. */
  async isAnswered(signal: AbortSignal): Promise<void> {
    while ((await this.ask()) !== 201) {
      signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  close(): void {
    this.#connection?.close();
    this.#connection = null;
  }
}
