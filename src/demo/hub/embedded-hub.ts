// The front door of the embedded hub: a stand-in for the kube-apiserver of an OCM hub on OpenShift, on 127.0.0.1, for the demo and for
// tests. Hard where the real one is. Independent of the product's certificate code, which it judges.

import type { Api } from './api/api.ts';
import type { AuditEvent } from './audit-log.ts';
import { type ClientCertificate, type ClientCertificatePlan, issueClientCertificate } from './client-certificates.ts';
import { assembleHub, type EmbeddedHubOptions, type HubParts } from './hub-assembly.ts';
import type { SeenRequest } from './journal.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import type { LoopbackAnswer } from './loopback.ts';
import { acceptCluster } from './managed-cluster.ts';
import type { Misbehaviour } from './misbehaviour.ts';
import type { SignerGeneration } from './pki.ts';
import { importRbac } from './rbac-defaults.ts';
import { importAccountOf, type TokenPlan } from './service-accounts.ts';
import type { RotationPlan } from './signer-rotation.ts';
import { privateKeyPem } from './x509.ts';

export type { AuditEvent } from './audit-log.ts';
export type { ClientCertificate, ClientCertificatePlan } from './client-certificates.ts';
export type { EmbeddedHubOptions } from './hub-assembly.ts';
export type { SeenRequest } from './journal.ts';
export type { Misbehaviour } from './misbehaviour.ts';
export type { SignerGeneration } from './pki.ts';
export type { TokenPlan } from './service-accounts.ts';
export type { RotationPlan } from './signer-rotation.ts';

export class EmbeddedHub {
  readonly #parts: HubParts;

  /** Use startEmbeddedHub. */
  constructor(parts: HubParts) {
    this.#parts = parts;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#parts.port}`;
  }

  get port(): number {
    return this.#parts.port;
  }

  /** What the hub's serving certificate verifies against. */
  get servingCaPem(): string {
    return this.#parts.servingCaPem;
  }

  /** All objects, without RBAC and admission: for tests that put there what no API would take. */
  get store(): Api['store'] {
    return this.#parts.api.store;
  }

  /** What kube-controller-manager signs with now. */
  signer(): SignerGeneration {
    return this.#parts.rotation.live;
  }

  /** PEM of the published trust bundle that the hub has taken over. */
  bundle(): string {
    return this.#parts.clientCa.pem;
  }

  /** system:admin of system:masters, by client certificate. */
  adminKubeconfig(server: string = this.url): string {
    const { administrator, servingCaPem: caPem } = this.#parts;
    const { certificatePem } = administrator;
    const user = { kind: 'certificate', certificatePem, keyPem: privateKeyPem(administrator.key) } as const;
    return writeKubeconfig({ server, caPem, name: 'admin', user });
  }

  /** The service account countersign/ca-sync, by token: may read the live signer and the trust bundle. */
  syncKubeconfig(server: string = this.url): string {
    const { servingCaPem: caPem, tokens } = this.#parts;
    return writeKubeconfig({ server, caPem, name: 'ca-sync', user: { kind: 'token', token: tokens.caSync } });
  }

  /** The shared bootstrap account of new clusters, by token. */
  bootstrapKubeconfig(server: string = this.url): string {
    const { servingCaPem: caPem, tokens } = this.#parts;
    return writeKubeconfig({ server, caPem, name: 'bootstrap', user: { kind: 'token', token: tokens.bootstrap } });
  }

  /** For a client certificate that this hub has issued. */
  kubeconfigFor({ certificatePem, keyPem }: ClientCertificate, server: string = this.url): string {
    const user = { kind: 'certificate', certificatePem, keyPem } as const;
    return writeKubeconfig({ server, caPem: this.servingCaPem, name: 'agent', user });
  }

  get bootstrapToken(): string {
    return this.#parts.tokens.bootstrap;
  }

  /** A client certificate of the live signer, or of `generation`. */
  issueClientCertificate(plan: ClientCertificatePlan, generation: SignerGeneration = this.signer()): Promise<ClientCertificate> {
    return issueClientCertificate(plan, generation.signer, this.#parts.clock.now());
  }

  /** A serving certificate for localhost and 127.0.0.1 under the hub's serving CA: for a proxy that is tried beside the hub. */
  async issueServingCertificate(commonName: string): Promise<ClientCertificate> {
    const { certificatePem, key } = await this.#parts.issueServing(commonName);
    return { certificatePem, keyPem: privateKeyPem(key) };
  }

  /** Namespace, accepted ManagedCluster, lease and RBAC, as OCM's hub controllers make them. */
  addCluster(name: string): Promise<void> {
    return acceptCluster(name, this.#parts);
  }

  /** Namespace, bootstrap account and its rights for a cluster that is to be imported. Resolves to the account's token. */
  async prepareImport(cluster: string): Promise<string> {
    const name = importAccountOf(cluster);
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: cluster } };
    await this.#parts.loopback.apply('/api/v1/namespaces', namespace);
    this.applyRbac(importRbac(cluster, name));
    return this.serviceAccountToken({ namespace: cluster, name });
  }

  /** A token of any service account, which is made where there is none. */
  serviceAccountToken(plan: TokenPlan): string {
    return this.#parts.serviceAccounts.issue(plan);
  }

  removeServiceAccount(namespace: string, name: string): void {
    this.#parts.serviceAccounts.remove(namespace, name);
  }

  /** New tokens are signed with a new key. `forgetsOld`: those before it are not accepted any more, and not published. */
  async rotateTokenKey(forgetsOld: boolean): Promise<void> {
    await this.#parts.serviceAccounts.rotateKey();
    if (forgetsOld) this.#parts.serviceAccounts.forgetOldKeys();
  }

  /** Adds RBAC objects, as YAML. */
  applyRbac(yamlText: string): void {
    this.#parts.rbac.apply(yamlText);
  }

  /** A request of the hub's own, as system:masters, past TLS, audit and journal. PATCH sends a merge patch. */
  request(method: string, target: string, object?: unknown): Promise<LoopbackAnswer> {
    return this.#parts.loopback.request(method, target, object);
  }

  rotate(plan: RotationPlan): Promise<SignerGeneration> {
    return this.#parts.rotation.rotate(plan);
  }

  /** Takes signers and roots of generations below `number` out of the bundle, except those of the generations in `kept`. */
  forgetSignersBefore(number: number, kept: readonly number[] = []): Promise<void> {
    return this.#parts.rotation.forget(number, kept);
  }

  /** Writes the trust bundle anew, as the operator's resync would: repairs what a test has done to it, drops what has expired. */
  republishBundle(): Promise<void> {
    return this.#parts.rotation.publishBundle();
  }

  /** The hub stops following the published bundle, as an API server whose cert-syncer lags, until the returned function is called. */
  holdTrust(): () => void {
    return this.#parts.clientCa.hold();
  }

  get requests(): readonly SeenRequest[] {
    return this.#parts.journal.entries;
  }

  clearRequests(): void {
    this.#parts.journal.clear();
  }

  onRequest(listener: (seen: SeenRequest) => void): () => void {
    return this.#parts.journal.subscribe(listener);
  }

  auditEvents(): readonly AuditEvent[] {
    return this.#parts.audit.events;
  }

  connections(): number {
    return this.#parts.server.connections;
  }

  openStreams(): number {
    return this.#parts.server.openStreams;
  }

  /** GOAWAY (NO_ERROR) on every HTTP/2 connection; open streams go on. */
  goAwayAll(): void {
    this.#parts.server.goAwayAll();
  }

  destroyAllConnections(): void {
    this.#parts.server.destroyAllConnections();
  }

  /** Time between a request's admission and its handling. */
  setLatency(latencyMs: number): void {
    this.#parts.conduct.latencyMs = latencyMs;
  }

  /** Asked for each request that was admitted; what it gives back happens instead of an answer. */
  misbehave(decide: (seen: SeenRequest) => Misbehaviour | null): void {
    this.#parts.conduct.misbehaviour = decide;
  }

  behave(): void {
    this.#parts.conduct.misbehaviour = () => null;
  }

  async close(): Promise<void> {
    this.#parts.api.close();
    await this.#parts.server.close();
  }
}

export async function startEmbeddedHub(options: EmbeddedHubOptions = {}): Promise<EmbeddedHub> {
  return new EmbeddedHub(await assembleHub(options));
}
