// What the process with the bench's agents can be asked. Shared by that process and the one that starts it; runs nothing.

import type { AgentCredentials } from '../../src/demo/agent-connection.ts';

export interface AgentPlan {
  readonly server: string;
  readonly caPem: string;
  /** Between two renewals of a lease, each of which is a GET and a PUT. */
  readonly beatMs: number;
  readonly clusters: readonly { readonly name: string; readonly credentials: AgentCredentials }[];
}

/** What happened since the last time that it was asked for. */
export interface Window {
  readonly sent: number;
  readonly failed: number;
  readonly watchesCut: number;
  /** The first few, since the beginning. */
  readonly failures: readonly string[];
  readonly answered: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

export type AgentCalls = {
  /** Resolves when every agent has connected, was answered once, and works on. */
  readonly connect: (plan: AgentPlan) => Promise<null>;
  readonly takeWindow: (argument: null) => Promise<Window>;
};
