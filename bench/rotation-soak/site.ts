// One place of the soak: a hub, Countersign before it, each in its own process, and agents at work in this one; all in a temporary folder on 127.0.0.1.
// Sets up and takes away; who rotates what, and when, is not decided here.

import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../src/clock.ts';
import type { AgentCredentials } from '../../src/demo/agent-connection.ts';
import { SimulatedKlusterlet } from '../../src/demo/demo.ts';
import { CallableChild } from '../child-calls.ts';
import { AuditTrailReader } from './audit-trail-reader.ts';
import type { HubCalls, HubDescription } from './hub-calls.ts';
import type { Source } from './orders.ts';
import { ProxyProcess } from './proxy-process.ts';

const HUB_SCRIPT = join(import.meta.dirname, '../rotation-hub-process.ts');

export interface Site {
  readonly hub: CallableChild<HubCalls>;
  readonly proxy: ProxyProcess;
  readonly description: HubDescription;
  readonly audit: AuditTrailReader;
  /** Ends hub and proxy and removes the folder. Returns what was not in order about that. */
  close(): Promise<readonly string[]>;
}

export async function openSite(source: Source): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-soak-'));
  const closing: (() => Promise<string | null>)[] = [() => rm(folder, { recursive: true, force: true }).then(() => null)];
  const close = async (): Promise<readonly string[]> => {
    const wrong: string[] = [];
    for (const step of closing.splice(0).toReversed()) {
      const found = await step();
      if (found !== null) wrong.push(found);
    }
    return wrong;
  };
  try {
    const mounts = join(folder, 'mounts');
    await mkdir(mounts);
    const hub = await CallableChild.start<HubCalls>(HUB_SCRIPT, source === 'files' ? [mounts] : []);
    closing.push(() => hub.stop().then(() => null));
    const description = await hub.call('describe', null);
    const proxy = await ProxyProcess.start(await writeSettings(folder, description, source));
    closing.push(async () => {
      const code = await proxy.stop();
      return code === 0 ? null : `countersign run ended with ${code ?? 'SIGKILL'} instead of 0`;
    });
    return { hub, proxy, description, audit: new AuditTrailReader(join(folder, AUDIT_FILE)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

const AUDIT_FILE = 'audit.jsonl';

async function writeSettings(folder: string, hub: HubDescription, source: Source): Promise<string> {
  const files: Readonly<Record<string, string>> = {
    'tls.crt': hub.serving.certificatePem,
    'tls.key': hub.serving.keyPem,
    'hub-ca.crt': hub.servingCaPem,
    'hub.kubeconfig': hub.syncKubeconfig,
    'countersign.yaml': settingsFor(hub.url, source),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o600 });
  return join(folder, 'countersign.yaml');
}

/** What is not named is at its default, the probe among it: this is how an operator runs it. */
function settingsFor(hubUrl: string, source: Source): string {
  const mounted = '{ certificateFile: mounts/signer/tls.crt, keyFile: mounts/signer/tls.key, trustBundleFile: mounts/trust/ca-bundle.crt }';
  const fromFiles = `{ source: files, files: ${mounted} }\nbootstrap: { enabled: false }`;
  return `listen: { address: 127.0.0.1, port: 0, certificateFile: tls.crt, keyFile: tls.key }
hub: { url: "${hubUrl}", caFile: hub-ca.crt }
caSync: ${source === 'files' ? fromFiles : '{ source: kubernetes, kubeconfigFile: hub.kubeconfig }'}
admin: { port: 0 }
audit: { file: ${AUDIT_FILE}, requests: denied }
drainTimeout: 5s
log: { level: info }
`;
}

export interface Agent {
  readonly klusterlet: SimulatedKlusterlet;
  /** Lower-case hex, of the certificate that it shows now. */
  certificateSHA256: string;
}

/** Agents of the hub, each with a certificate of its live signer, that talk to the proxy; not started yet. */
export async function hireAgents(site: Site, names: readonly string[], clock: Clock): Promise<readonly Agent[]> {
  const { servingCaPem: caPem } = site.description;
  const all = await site.hub.call('addClusters', names);
  return all.map((credentials, n) => ({
    klusterlet: new SimulatedKlusterlet(names[n] ?? '', { server: site.proxy.url, caPem, credentials }, clock),
    certificateSHA256: fingerprintOf(credentials),
  }));
}

/** New certificates of the live signer, as by a CSR. */
export async function renewAgents(site: Site, agents: readonly Agent[]): Promise<void> {
  const names = agents.map(({ klusterlet }) => klusterlet.cluster);
  const renewed = await site.hub.call('renew', names);
  for (const [n, agent] of agents.entries()) {
    const credentials = renewed[n];
    if (credentials === undefined) throw new Error(`the hub gave ${renewed.length} of ${agents.length} certificates`);
    agent.klusterlet.renew(credentials);
    agent.certificateSHA256 = fingerprintOf(credentials);
  }
}

function fingerprintOf({ certificatePem }: AgentCredentials): string {
  return new X509Certificate(certificatePem).fingerprint256.replaceAll(':', '').toLowerCase();
}
