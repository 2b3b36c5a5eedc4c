// What the process with the embedded hub can be asked. Shared by that process and those who start it; runs nothing.

import type { AgentCredentials } from '../../src/demo/agent-connection.ts';
import type { RotationPlan } from '../../src/demo/hub/embedded-hub.ts';

/** All that a proxy beside the hub needs to be set up. */
export interface HubDescription {
  readonly url: string;
  readonly servingCaPem: string;
  readonly syncKubeconfig: string;
  /** For 127.0.0.1, under the same CA as the hub's. */
  readonly serving: { readonly certificatePem: string; readonly keyPem: string };
}

export interface Rotated {
  readonly number: number;
  /** Lower-case hex of SHA-256 over the signer certificate. */
  readonly signerSHA256: string;
  /** When the live Secret held it; epoch milliseconds. */
  readonly liveAtMs: number;
  /** When the hub trusted it or its issuer. */
  readonly trustedAtMs: number;
}

export type HubCalls = {
  readonly describe: (argument: null) => Promise<HubDescription>;
  /** Accepts the clusters and gives each a klusterlet's certificate of the live signer. */
  readonly addClusters: (names: readonly string[]) => Promise<readonly AgentCredentials[]>;
  /** A new certificate of the live signer for each. */
  readonly renew: (names: readonly string[]) => Promise<readonly AgentCredentials[]>;
  readonly rotate: (plan: RotationPlan) => Promise<Rotated>;
  /** Takes all signers but the live one and those of `kept` out of the bundle. */
  readonly dropOthers: (kept: readonly number[]) => Promise<null>;
};
