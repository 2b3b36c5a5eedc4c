// The orders in which a hub's signer can be rotated, each as one rotation that is repeated. Data only.

import type { RotationPlan } from '../../src/demo/hub/embedded-hub.ts';

export interface Order {
  readonly says: string;
  /** Whether trust follows the Secret by the lag that was asked for. */
  readonly lags: boolean;
  readonly plan: Pick<RotationPlan, 'order' | 'newRoot'>;
  /** When the hub stops to trust every signer but the new one: never, once all agents are served by the new one, or as soon as that is published. */
  readonly drops: 'never' | 'after-move' | 'at-once';
}

export const orders: Readonly<Record<string, Order>> = {
  'trust-first': {
    says: 'the bundle, then the Secret, as the operators do it',
    ...{ lags: false, plan: { order: 'trust-first' }, drops: 'never' },
  },
  'secret-first': {
    says: 'the Secret, and the bundle later; the issuer of both signers is trusted all the while',
    ...{ lags: true, plan: { order: 'secret-first' }, drops: 'never' },
  },
  'new-root': {
    says: 'a new csr-signer-signer too; trust of both first',
    ...{ lags: false, plan: { order: 'trust-first', newRoot: true }, drops: 'never' },
  },
  'new-root-secret-first': {
    says: 'a new csr-signer-signer too; the Secret, and trust of either later',
    ...{ lags: true, plan: { order: 'secret-first', newRoot: true }, drops: 'never' },
  },
  dropped: {
    says: 'a new csr-signer-signer too; the old ones leave the bundle when all agents have moved',
    ...{ lags: false, plan: { order: 'trust-first', newRoot: true }, drops: 'after-move' },
  },
  'dropped-at-once': {
    says: 'a new csr-signer-signer too; the old ones leave the bundle before the agents have moved',
    ...{ lags: false, plan: { order: 'trust-first', newRoot: true }, drops: 'at-once' },
  },
};

export const sources = ['kubernetes', 'files'] as const;
export type Source = (typeof sources)[number];
