// Where cases are played: an embedded hub, and Countersign before it as a process of its own with settings in a temporary folder. Owns both, and takes
// everything away again. Judges nothing.

import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedHub, startOpeningProxy } from '../demo/demo.ts';
import type { EmbeddedHub, OpeningProxy, SeenRequest } from '../demo/demo.ts';
import type { CaseGiven, HubMisbehaviour } from './case.ts';
import { makeCredentials } from './credentials.ts';
import type { Credentials } from './credentials.ts';
import type { WhoAmI } from './oracle.ts';
import { Program } from './program.ts';
import type { ProgramCommand } from './program.ts';
import { Sentinel } from './sentinel.ts';
import { STAGE_FILES, writeStageSettings } from './stage-settings.ts';
import { startStandIn } from './stand-in.ts';
import { askWhoAmI, WHO_AM_I } from './who-am-i.ts';

export type StagePlan = Pick<CaseGiven, 'packs' | 'settings' | 'files' | 'hub'>;

/** RBAC is not asked: everybody is an administrator of this hub. */
const EVERYBODY_MAY_EVERYTHING = `
kind: ClusterRoleBinding
metadata: { name: everybody }
roleRef: { kind: ClusterRole, name: cluster-admin }
subjects: [{ kind: Group, name: system:authenticated }, { kind: Group, name: system:unauthenticated }]
`;

/** Reads signer, trust bundle and token keys; its requests are no agent's. */
const CA_SYNC_USER = 'system:serviceaccount:countersign:ca-sync';
/** Asks the hub whether a signer is accepted (design.md §5 "Rotation"). */
const CANARY_USER = 'system:open-cluster-management:countersign-probe:canary';

/** For openssl to judge behind a group of cases. */
const MOST_LEAVES = 2_000;

interface StageParts {
  readonly hub: EmbeddedHub;
  readonly folder: string;
  readonly program: Program;
  readonly port: number;
  readonly sentinel: Sentinel;
  readonly plan: StagePlan;
  readonly hubUrl: string;
  readonly closing: readonly (() => Promise<unknown>)[];
}

/** Also where the hub does not know its signer yet, and takes it for nobody. */
function isCanary({ certificates }: SeenRequest): boolean {
  const [leaf] = certificates;
  return leaf !== undefined && new X509Certificate(leaf).subject.split('\n').includes(`CN=${CANARY_USER}`);
}

export class Stage {
  readonly hub: EmbeddedHub;
  readonly folder: string;
  readonly program: Program;
  readonly port: number;
  readonly sentinel: Sentinel;
  readonly #parts: StageParts;
  /** PEM of every signer and signer's issuer that the hub has had. */
  readonly #authorities = new Set<string>();
  readonly #accounted = new WeakSet<SeenRequest>();
  readonly #leaves = new Set<string>();
  /** The hub is asked directly, and has to answer. */
  #isAsking = false;
  #openingProxy: OpeningProxy | null = null;

  /** Use openStage. */
  constructor(parts: StageParts) {
    this.hub = parts.hub;
    this.folder = parts.folder;
    this.program = parts.program;
    this.port = parts.port;
    this.sentinel = parts.sentinel;
    this.#parts = parts;
    this.noteAuthorities();
  }

  /** After each rotation. */
  noteAuthorities(): void {
    const { signer, root } = this.hub.signer();
    for (const { certificate } of [signer, root]) this.#authorities.add(certificate.toString());
  }

  get authorities(): readonly string[] {
    return [...this.#authorities];
  }

  /** Of agents and of nobody, in the order in which the hub came to know who they are from; without what was accounted for. */
  seen(): readonly SeenRequest[] {
    const own = [CA_SYNC_USER, CANARY_USER, this.sentinel.user];
    return this.hub.requests.filter((one) => !this.#accounted.has(one) && (one.user === null ? !isCanary(one) : !own.includes(one.user)));
  }

  /** What a play has judged. */
  account(seen: readonly SeenRequest[]): void {
    for (const one of seen) this.#accounted.add(one);
  }

  /** What no play has answered for: it came when nobody waited for it any more. Told once. */
  takeUnaccounted(): readonly string[] {
    const stray = this.seen();
    this.account(stray);
    return stray.map(({ method, target, user }) => `${method} ${target} by ${user}`);
  }

  /** Keeps leaves that the hub received, for openssl to judge. */
  noteLeaves(seen: readonly SeenRequest[]): void {
    for (const { certificates } of seen) {
      const [leaf] = certificates;
      if (leaf !== undefined && this.#leaves.size < MOST_LEAVES) this.#leaves.add(leaf.toString('base64'));
    }
  }

  get leaves(): readonly Buffer[] {
    return [...this.#leaves].map((base64) => Buffer.from(base64, 'base64'));
  }

  /** Who the hub takes a credential for. The question itself is no case's. */
  async askDirectly(credentials: Credentials): Promise<WhoAmI | null> {
    const { port, servingCaPem: caPem } = this.hub;
    const wire = this.#parts.plan.hub.http2 ? 'h2' : 'http/1.1';
    this.#isAsking = true;
    const who = await askWhoAmI(credentials, { port, caPem, wire }).finally(() => {
      this.#isAsking = false;
    });
    const { certificate } = credentials;
    const own = certificate === null ? null : new X509Certificate(certificate.certificatePem).raw;
    const isOwn = ([leaf]: SeenRequest['certificates']): boolean => (leaf === undefined ? own === null : own?.equals(leaf) === true);
    this.account(this.seen().filter(({ target, certificates }) => target === WHO_AM_I && isOwn(certificates)));
    return who;
  }

  /** False: nothing that is sent can come to an answer of the hub. */
  get hasHub(): boolean {
    return this.#parts.plan.hub.behind === 'hub';
  }

  /** In place of an answer to an agent; what Countersign itself asks is answered. */
  misbehave(how: HubMisbehaviour | null): void {
    if (how === null) return this.hub.behave();
    const spared = [CA_SYNC_USER, CANARY_USER, this.sentinel.user];
    if (how !== null) this.hub.misbehave(({ user }) => (this.#isAsking || (user !== null && spared.includes(user)) ? null : how));
  }

  async rewriteSettings(settings: Readonly<Record<string, unknown>>): Promise<void> {
    const { plan, hubUrl } = this.#parts;
    const text = writeStageSettings(hubUrl, { packs: plan.packs, settings: { ...plan.settings, ...settings } });
    await writeFile(join(this.folder, STAGE_FILES.settings), text);
  }

  /** An ordinary proxy that opens TLS and has no certificate to show. */
  async openingProxyPort(): Promise<number> {
    const { hub } = this;
    this.#openingProxy ??= await startOpeningProxy({
      hubUrl: hub.url,
      hubCaPem: hub.servingCaPem,
      ...(await hub.issueServingCertificate('127.0.0.1')),
    });
    return Number(new URL(this.#openingProxy.url).port);
  }

  audit(): Promise<string> {
    return readFile(join(this.folder, STAGE_FILES.audit), 'utf8').catch(() => '');
  }

  async close(): Promise<void> {
    this.sentinel.close();
    await this.#openingProxy?.close();
    for (const step of this.#parts.closing.toReversed()) await step();
  }
}

/** @throws Error where the proxy does not come up; then nothing is left of it. */
export async function openStage(plan: StagePlan, command: ProgramCommand, signal: AbortSignal): Promise<Stage> {
  const closing: (() => Promise<unknown>)[] = [];
  try {
    return await build(plan, command, { closing, signal });
  } catch (error) {
    for (const step of closing.toReversed()) await step();
    throw error;
  }
}

async function build(
  plan: StagePlan,
  command: ProgramCommand,
  { closing, signal }: { readonly closing: (() => Promise<unknown>)[]; readonly signal: AbortSignal },
): Promise<Stage> {
  const { rbac, signerKey, http2, maxStreams, clusters, behind } = plan.hub;
  const hub = await startEmbeddedHub({ signerKeyType: signerKey, offersHttp2: http2, maxConcurrentStreams: maxStreams });
  closing.push(() => hub.close());
  if (rbac === 'everybody') hub.applyRbac(EVERYBODY_MAY_EVERYTHING);
  for (const cluster of clusters) await hub.addCluster(cluster);
  await takeAway(hub, plan.hub.without);
  const serving = await hub.issueServingCertificate('127.0.0.1');
  const standIn = behind === 'hub' ? null : await startStandIn(behind, serving);
  if (standIn !== null) closing.push(() => standIn.close());
  const hubUrl = standIn?.url ?? hub.url;
  const folder = await mkdtemp(join(tmpdir(), 'countersign-compliance-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(plan.files)) await writeFile(join(folder, name), content);
  await writeFiles(folder, { hub, serving, settings: writeStageSettings(hubUrl, plan) });
  const program = new Program(command, join(folder, STAGE_FILES.settings));
  closing.push(() => program.stop());
  const ready = await program.waitFor(({ event }) => event === 'listener-ready', signal);
  const port = Number(ready['port']);
  const sentinel = new Sentinel(await makeCredentials(Sentinel.identity, hub, new Map()), { port, caPem: hub.servingCaPem });
  const stage = new Stage({ hub, folder, program, port, sentinel, plan, hubUrl, closing });
  await waitUntilServing(stage, plan, signal);
  stage.misbehave(plan.hub.misbehaves);
  return stage;
}

async function takeAway(hub: EmbeddedHub, without: StagePlan['hub']['without']): Promise<void> {
  if (without.includes('signer')) await hub.request('DELETE', '/api/v1/namespaces/openshift-kube-controller-manager/secrets/csr-signer');
  if (without.includes('trust')) await hub.request('DELETE', '/api/v1/namespaces/openshift-config-managed/configmaps/csr-controller-ca');
  const unavailable = { kind: 'answer', status: 500, headers: {}, body: '' } as const;
  if (without.includes('token-keys')) hub.misbehave(({ target }) => (target.startsWith('/openid/') ? unavailable : null));
}

async function writeFiles(
  folder: string,
  { hub, serving, settings }: { hub: EmbeddedHub; serving: { certificatePem: string; keyPem: string }; settings: string },
): Promise<void> {
  const write = (name: string, content: string): Promise<void> => writeFile(join(folder, name), content, { mode: 0o600 });
  await write(STAGE_FILES.servingCertificate, serving.certificatePem);
  await write(STAGE_FILES.servingKey, serving.keyPem);
  await write(STAGE_FILES.hubCa, hub.servingCaPem);
  await write(STAGE_FILES.kubeconfig, hub.syncKubeconfig());
  await write(STAGE_FILES.settings, settings);
}

/** Has read what it needs of the hub; where a case takes some of that away, what is left of it. */
async function waitUntilServing({ program, sentinel }: Stage, { hub, settings, packs }: StagePlan, signal: AbortSignal): Promise<void> {
  const happened = (event: string): Promise<unknown> => program.waitFor((line) => line.event === event, signal);
  const { bootstrap } = settings as { bootstrap?: { enabled?: boolean } };
  const isBootstrapping = bootstrap?.enabled ?? packs.includes('bootstrap');
  await happened(hub.without.includes('signer') ? 'signer-missing' : 'signer-published');
  await happened(hub.without.includes('trust') ? 'trust-missing' : 'trust-published');
  if (isBootstrapping) await happened(hub.without.includes('token-keys') ? 'jwks-failed' : 'jwks-published');
  if (hub.behind === 'hub' && hub.without.length === 0) await sentinel.isAnswered(signal);
}
