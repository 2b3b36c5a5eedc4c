// A hub, Countersign in front of it and one agent at work, on clocks that a test moves: for tests of what the rotation of the hub's signer survives.
// Each ends with the same question: is the agent still served, under its own name?

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { startCountersign } from '../../../src/countersign.ts';
import type { Countersign } from '../../../src/countersign.ts';
import { SimulatedKlusterlet } from '../../../src/demo/demo.ts';
import { startEmbeddedHub } from '../../../src/demo/hub/embedded-hub.ts';
import type { EmbeddedHub, EmbeddedHubOptions, SeenRequest } from '../../../src/demo/hub/embedded-hub.ts';
import { loadSettings, sayProblem } from '../../../src/settings.ts';
import type { SyncView } from '../../../src/sync-view.ts';
import { keepLog, until, untilTrue } from '../../ca-sync/waiting.ts';
import type { KeptLog } from '../../ca-sync/waiting.ts';
import { SteppedClock } from '../../proxy/stepped-clock.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS: number = 24 * HOUR_MS;
const SECRET = '/api/v1/namespaces/openshift-kube-controller-manager/secrets/csr-signer';
const BUNDLE = '/api/v1/namespaces/openshift-config-managed/configmaps/csr-controller-ca';

/** What repeats does so ten times as often: a candidate that waits for its hour is looked at each half second instead of each five. */
const HASTE = 10;

export interface SurvivalPlan {
  readonly hub?: EmbeddedHubOptions;
  /** How old the hub's first signer is, and the agent's certificate with it. */
  readonly ageMs?: number;
  /** caSync.schedule. Default: never, so that nothing but a watch or a test reads. */
  readonly schedule?: string;
  /** Before Countersign starts. */
  readonly prepare?: (hub: EmbeddedHub) => void | Promise<void>;
  readonly moreSettings?: string;
  /** Default: one in a folder of its own. */
  readonly auditFile?: string;
}

export interface Survival {
  readonly hub: EmbeddedHub;
  readonly hubClock: SteppedClock;
  readonly countersign: Countersign;
  /** Countersign's own; set apart from the hub's by advancing only one. */
  readonly clock: SteppedClock;
  readonly agent: SimulatedKlusterlet;
  readonly log: KeptLog;
  readonly adminUrl: string;
}

export async function setSurvivalStage(t: TestContext, plan: SurvivalPlan = {}): Promise<Survival> {
  const [hubClock, clock] = [new SteppedClock(HASTE), new SteppedClock(HASTE)];
  const ageMs = plan.ageMs ?? 0;
  hubClock.advance(-ageMs);
  const hub = await startEmbeddedHub({ clock: hubClock, ...plan.hub });
  t.after(() => hub.close());
  await hub.addCluster('cluster1');
  const credentials = await hub.issueClientCertificate({ subject: { kind: 'klusterlet', cluster: 'cluster1' } });
  hubClock.advance(ageMs);
  await plan.prepare?.(hub);
  const folder = mkdtempSync(join(tmpdir(), 'countersign-survives-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const log = keepLog();
  const countersign = await startFromFiles(folder, hub, { plan, clock, log });
  t.after(() => countersign.stop());
  const server = `https://127.0.0.1:${countersign.address.port}`;
  const agent = new SimulatedKlusterlet('cluster1', { server, caPem: hub.servingCaPem, credentials }, clock);
  t.after(() => agent.stop());
  const ready = log.events.find(({ name }) => name === 'admin-ready');
  return { hub, hubClock, countersign, clock, agent, log, adminUrl: `http://127.0.0.1:${String(ready?.fields['port'])}` };
}

async function startFromFiles(
  folder: string,
  hub: EmbeddedHub,
  { plan, clock, log }: { plan: SurvivalPlan; clock: SteppedClock; log: KeptLog },
): Promise<Countersign> {
  const serving = await hub.issueServingCertificate('127.0.0.1');
  const put = (name: string, content: string): void => writeFileSync(join(folder, name), content, { mode: 0o600 });
  put('tls.crt', serving.certificatePem);
  put('tls.key', serving.keyPem);
  put('hub-ca.crt', hub.servingCaPem);
  put('hub.kubeconfig', hub.syncKubeconfig());
  put(
    'countersign.yaml',
    `listen: { address: 127.0.0.1, port: 0, certificateFile: tls.crt, keyFile: tls.key }
hub: { url: "${hub.url}", caFile: hub-ca.crt }
caSync: { source: kubernetes, kubeconfigFile: hub.kubeconfig, schedule: "${plan.schedule ?? '0 0 1 1 *'}" }
admin: { port: 0 }
audit: { file: ${plan.auditFile ?? 'audit.jsonl'}, requests: all }
drainTimeout: 1s
${plan.moreSettings ?? ''}`,
  );
  const read = await loadSettings(join(folder, 'countersign.yaml'));
  assert.ok(read.ok, read.ok ? '' : read.problems.map((problem) => sayProblem('settings', problem)).join('\n'));
  return startCountersign(read.settings, { clock, log });
}

/** The agent asks who it is, through Countersign, and the hub knows it by its name. */
export async function assertServed({ agent }: Survival): Promise<void> {
  const { status, user, message } = await agent.whoAmI();
  assert.equal(status, 201, message ?? '');
  assert.match(user, /^system:open-cluster-management:cluster1:/);
}

export function generationOf({ countersign }: Survival): number {
  return countersign.sync.signer.current?.generation ?? 0;
}

export async function untilGeneration({ countersign }: Survival, generation: number): Promise<void> {
  await until(countersign.sync.signer, (signer) => signer?.generation === generation);
}

export function untilView({ countersign }: Survival, holds: (view: SyncView) => boolean): Promise<SyncView> {
  return until(countersign.sync.state, holds);
}

/** PEM of the two keys of the Secret. */
export interface SignerPem {
  readonly crt: string;
  readonly key: string;
}

export async function readSecret({ hub }: Survival): Promise<SignerPem> {
  const { object } = await ask(hub, 'GET', SECRET);
  const data = (object as { data: Readonly<Record<string, string>> }).data;
  const decode = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString();
  return { crt: decode('tls.crt'), key: decode('tls.key') };
}

/** Writes only what is given, as a hand that edits the Secret would. */
export async function writeSecret({ hub }: Survival, { crt, key }: Partial<SignerPem>): Promise<void> {
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  const data = { ...(crt === undefined ? {} : { 'tls.crt': encode(crt) }), ...(key === undefined ? {} : { 'tls.key': encode(key) }) };
  await ask(hub, 'PATCH', SECRET, { data });
}

export async function deleteSecret({ hub }: Survival): Promise<void> {
  await ask(hub, 'DELETE', SECRET);
}

export async function createSecret({ hub }: Survival, { crt, key }: SignerPem): Promise<void> {
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  const metadata = { name: 'csr-signer', namespace: 'openshift-kube-controller-manager' };
  const data = { 'tls.crt': encode(crt), 'tls.key': encode(key) };
  await ask(hub, 'POST', SECRET.replace(/\/csr-signer$/, ''), {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata,
    data,
  });
}

export async function writeBundle({ hub }: Survival, bundle: string): Promise<void> {
  await ask(hub, 'PATCH', BUNDLE, { data: { 'ca-bundle.crt': bundle } });
}

/** The hub trusts this besides what it trusts. */
export async function addToBundle(survival: Survival, pem: string): Promise<void> {
  const before = survival.hub.bundle();
  await writeBundle(survival, before + pem);
  await untilTrue(() => survival.hub.bundle() !== before);
}

async function ask(hub: EmbeddedHub, method: string, path: string, object?: unknown): Promise<{ readonly object: unknown }> {
  const answer = await hub.request(method, path, object);
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status}`);
  return answer;
}

/** The account of ca-sync gets this, everybody else is answered. */
export function troubleCaSync(hub: EmbeddedHub, trouble: Parameters<EmbeddedHub['misbehave']>[0]): void {
  hub.misbehave((seen: SeenRequest) => (seen.user === 'system:serviceaccount:countersign:ca-sync' ? trouble(seen) : null));
}

export async function readiness({ adminUrl }: Survival): Promise<number> {
  return (await fetch(`${adminUrl}/readyz`)).status;
}

/** Names of the alerts that fire. */
export async function alertsOf({ adminUrl }: Survival): Promise<readonly string[]> {
  const status = (await (await fetch(`${adminUrl}/status`)).json()) as { readonly alerts: readonly { readonly name: string }[] };
  return status.alerts.map(({ name }) => name);
}

/** Time passes meanwhile, a minute at a look: an alert that has to last has lasted then. */
export async function untilAlert(survival: Survival, name: string): Promise<void> {
  const endMs = performance.now() + 30_000;
  while (!(await alertsOf(survival)).includes(name)) {
    if (performance.now() > endMs) assert.fail(`${name} did not fire; firing: ${(await alertsOf(survival)).join(', ')}`);
    for (const clock of [survival.clock, survival.hubClock]) clock.advance(60_000);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
