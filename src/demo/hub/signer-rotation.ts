// OpenShift's rotation of csr-signer: makes the generations, writes the two Secrets and the trust bundle in the order asked for, and says
// which generation kube-controller-manager signs with. What the hub trusts follows from the ConfigMap, not from here.

import type { Clock } from '../../clock.ts';
import type { Loopback } from './loopback.ts';
import { type CsrSigners, mergeBundle, type SignerGeneration } from './pki.ts';
import { privateKeyPem } from './x509.ts';

export const OPERATOR_NAMESPACE = 'openshift-kube-controller-manager-operator';
export const TARGET_NAMESPACE = 'openshift-kube-controller-manager';
export const TRUST_NAMESPACE = 'openshift-config-managed';
const SIGNER_SECRET = 'csr-signer';
export const TRUST_CONFIG_MAP = 'csr-controller-ca';
export const TRUST_KEY = 'ca-bundle.crt';

export interface RotationPlan {
  /**
   * trust-first: the bundle, then the live Secret. secret-first: the live Secret, then the bundle, which is what happens when nothing waits
   * for trust (facts/csr-signer.md §2: the old signer has expired, or is gone). The operator's own Secret always changes at once.
   */
  readonly order: 'trust-first' | 'secret-first';
  /** Between the one and the other. */
  readonly trustDelayMs?: number;
  /** A new csr-signer-signer too. */
  readonly newRoot?: boolean;
}

export class SignerRotation {
  readonly #clock: Clock;
  readonly #signers: CsrSigners;
  readonly #loopback: Loopback;
  #generations: readonly SignerGeneration[] = [];
  #live: SignerGeneration | null = null;
  /** Rotations happen one after the other, as the operator's do. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock, signers: CsrSigners, loopback: Loopback) {
    this.#clock = clock;
    this.#signers = signers;
    this.#loopback = loopback;
  }

  /** What kube-controller-manager signs with: the generation in the Secret of the target namespace, whatever tests have done to it since. */
  get live(): SignerGeneration {
    if (this.#live === null) throw new Error('the first signer has not been made yet');
    return this.#live;
  }

  /** Every generation that is not forgotten, oldest first. */
  get generations(): readonly SignerGeneration[] {
    return this.#generations;
  }

  /** Resolves when both the live Secret and the bundle are written. */
  rotate(plan: RotationPlan): Promise<SignerGeneration> {
    const rotation = this.#last.then(() => this.#rotate(plan));
    this.#last = rotation.catch(() => undefined);
    return rotation;
  }

  /** Takes generations below `number` out of the bundle, except those in `kept`, as purging the operator's ConfigMaps would. */
  async forget(number: number, kept: readonly number[] = []): Promise<void> {
    this.#generations = this.#generations.filter((generation) => generation.number >= number || kept.includes(generation.number));
    await this.publishBundle();
  }

  /** Writes the bundle as the operator would now, without what has expired. */
  async publishBundle(): Promise<void> {
    const metadata = { name: TRUST_CONFIG_MAP, namespace: TRUST_NAMESPACE };
    const data = { [TRUST_KEY]: mergeBundle(this.#generations, this.#clock.now()) };
    await this.#loopback.apply(`/api/v1/namespaces/${TRUST_NAMESPACE}/configmaps`, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
  }

  async #rotate({ order, trustDelayMs = 0, newRoot = false }: RotationPlan): Promise<SignerGeneration> {
    const next = await this.#signers.next(newRoot);
    this.#generations = [...this.#generations, next];
    await this.#publishSecret(OPERATOR_NAMESPACE, next);
    if (order === 'trust-first') await this.publishBundle();
    else await this.#goLive(next);
    if (trustDelayMs > 0) await new Promise<void>((resolve) => this.#clock.after(trustDelayMs, resolve));
    if (order === 'trust-first') await this.#goLive(next);
    else await this.publishBundle();
    return next;
  }

  async #goLive(next: SignerGeneration): Promise<void> {
    await this.#publishSecret(TARGET_NAMESPACE, next);
    this.#live = next;
  }

  /** The operator's Secret holds csr-signer and its issuer, the one for kube-controller-manager csr-signer alone. */
  async #publishSecret(namespace: string, { signer, root }: SignerGeneration): Promise<void> {
    const isOperators = namespace === OPERATOR_NAMESPACE;
    const certificates = [signer, ...(isOperators ? [root] : [])].map(({ certificate }) => certificate.toString()).join('');
    const metadata = {
      name: SIGNER_SECRET,
      namespace,
      ...(isOperators ? { labels: { 'auth.openshift.io/managed-certificate-type': 'target' } } : {}),
      annotations: {
        'auth.openshift.io/certificate-issuer': root.commonName,
        'auth.openshift.io/certificate-not-after': rfc3339(signer.notAfterMs),
        'auth.openshift.io/certificate-not-before': rfc3339(signer.notBeforeMs),
        'openshift.io/owning-component': 'kube-controller-manager',
      },
    };
    const data = { 'tls.crt': base64(certificates), 'tls.key': base64(privateKeyPem(signer.key)) };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/tls', data };
    await this.#loopback.apply(`/api/v1/namespaces/${namespace}/secrets`, secret);
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function rfc3339(ms: number): string {
  return new Date(Math.floor(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}
