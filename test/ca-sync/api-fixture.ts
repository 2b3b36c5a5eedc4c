// A scripted API server with its kubeconfig, and ca-sync following it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { startCaSync } from '../../src/ca-sync/ca-sync.ts';
import type { CaSync } from '../../src/ca-sync/ca-sync.ts';
import { contextTag, encode, encodeSequence } from '../../src/der.ts';
import type { KubernetesCaSyncSettings } from '../../src/settings.ts';
import { makeAuthority, makeClient, subjectOf } from '../pki.ts';
import type { TestAuthority } from '../pki.ts';
import { extension, SERVER_AUTH } from '../pki-certificate.ts';
import { materialOf } from './mounted-files.ts';
import { ScriptedApi } from './scripted-api.ts';
import { keepLog, NEVER, testClock } from './waiting.ts';
import type { KeptLog } from './waiting.ts';
import { noProbe } from '../no-probe.ts';

const HOUR_MS = 3_600_000;

export interface HubFixture {
  readonly api: ScriptedApi;
  readonly port: number;
  /** Of the server's certificate. */
  readonly authority: TestAuthority;
  readonly folder: string;
  readonly settings: KubernetesCaSyncSettings;
}

export interface Running extends HubFixture {
  readonly sync: CaSync;
  readonly log: KeptLog;
}

/** TLS is judged by the machine's clock, which is not that of the test certificates. */
export async function startApi(t: TestContext, protocol: 'h2' | 'http/1.1' = 'h2'): Promise<HubFixture> {
  const window = { notBeforeMs: Date.now() - HOUR_MS, notAfterMs: Date.now() + HOUR_MS };
  const authority = makeAuthority('serving', window);
  const address = { oid: '2.5.29.17', value: encodeSequence(encode(contextTag(7, 'primitive'), Buffer.from([127, 0, 0, 1]))) };
  const serving = makeClient(subjectOf('api', []), authority, {
    ...window,
    extensions: [extension.extendedKeyUsage(SERVER_AUTH), address],
  });
  const api = new ScriptedApi({ cert: serving.pem, key: serving.keyPem }, protocol);
  const port = await api.listen();
  const folder = mkdtempSync(join(tmpdir(), 'countersign-ca-sync-'));
  t.after(async () => {
    await api.stop();
    rmSync(folder, { recursive: true });
  });
  const kubeconfigFile = join(folder, 'kubeconfig');
  writeKubeconfig(kubeconfigFile, port, authority);
  const settings = {
    source: 'kubernetes',
    kubeconfigFile,
    signer: { namespace: 'hub', secret: 'csr-signer' },
    trust: { namespace: 'hub', configMap: 'csr-controller-ca', key: 'ca-bundle.crt' },
    schedule: NEVER,
    probe: noProbe,
  } as const;
  return { api, port, authority, folder, settings };
}

export interface KubeconfigParts {
  readonly user?: object;
  readonly cluster?: object;
}

export function writeKubeconfig(file: string, port: number, authority: TestAuthority, parts: KubeconfigParts = {}): void {
  const data = Buffer.from(authority.pem).toString('base64');
  const cluster = { server: `https://127.0.0.1:${port}`, 'certificate-authority-data': data, ...parts.cluster };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'hub', cluster }],
    users: [{ name: 'me', user: parts.user ?? { token: 'first-token' } }],
    contexts: [{ name: 'here', context: { cluster: 'hub', user: 'me' } }],
    'current-context': 'here',
  };
  // JSON is YAML
  writeFileSync(file, JSON.stringify(config));
}

export function putSigner(api: ScriptedApi, signer: TestAuthority): void {
  api.put('secrets', 'csr-signer', encodeSecret(signer));
}

export function encodeSecret(signer: TestAuthority): Record<'tls.crt' | 'tls.key', string> {
  const material = materialOf(signer);
  const encode64 = (text: string): string => Buffer.from(text).toString('base64');
  return { 'tls.crt': encode64(material['tls.crt']), 'tls.key': encode64(material['tls.key']) };
}

export function putTrust(api: ScriptedApi, ...authorities: readonly TestAuthority[]): void {
  api.put('configmaps', 'csr-controller-ca', { 'ca-bundle.crt': authorities.map(({ pem }) => pem).join('') });
}

export async function follow(t: TestContext, hub: HubFixture, changes: Partial<KubernetesCaSyncSettings> = {}): Promise<Running> {
  const log = keepLog();
  const sync = await startCaSync({ ...hub.settings, ...changes }, { clock: testClock, log });
  t.after(() => sync.close());
  return { ...hub, sync, log };
}
