// Where the demo plays: an embedded hub, an ordinary TLS-opening proxy, Countersign with settings written to a temporary folder, all on 127.0.0.1.
// Takes everything away again.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { startCountersign } from '../countersign.ts';
import type { Countersign } from '../countersign.ts';
import { SimulatedKlusterlet, startEmbeddedHub, startOpeningProxy } from '../demo/demo.ts';
import type { EmbeddedHub, OpeningProxy } from '../demo/demo.ts';
import { openLog } from '../events.ts';
import { Live } from '../live.ts';
import { loadSettings, sayProblem } from '../settings.ts';
import type { Settings } from '../settings.ts';

export interface DemoStage {
  readonly hub: EmbeddedHub;
  readonly openingProxy: OpeningProxy;
  readonly countersign: Countersign;
  readonly countersignUrl: string;
  /** A klusterlet with a certificate of the hub's signer of this moment, talking to `server`. */
  klusterlet(cluster: string, server: string): Promise<SimulatedKlusterlet>;
  /** The same agent, the same certificate, talking to another server. */
  sameKlusterlet(klusterlet: SimulatedKlusterlet, server: string): SimulatedKlusterlet;
  /** What Countersign's audit says it has issued: SHA-256 of the leaf, as in the hub's credential-id, and the generation of the signer. */
  issued(): Promise<ReadonlyMap<string, number>>;
  /** As the setting quarantine.clusters does, which takes effect at once. */
  quarantine(clusters: readonly string[]): void;
  /** Of Countersign: every request, JSON lines. Gone with the stage. */
  readonly auditFile: string;
  close(): Promise<void>;
}

export interface StageOptions {
  /** Further settings of Countersign, as YAML: `inspect: { packs: [klusterlet, work-manager] }`. */
  readonly moreSettings?: string;
}

export async function setStage(clock: Clock, options: StageOptions = {}): Promise<DemoStage> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-demo-'));
  const closing: (() => Promise<void>)[] = [() => rm(directory, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const step of closing.toReversed()) await step();
  };
  try {
    const hub = await startEmbeddedHub({ clock });
    closing.push(() => hub.close());
    const serving = await hub.issueServingCertificate('127.0.0.1');
    const openingProxy = await startOpeningProxy({ hubUrl: hub.url, hubCaPem: hub.servingCaPem, ...serving });
    closing.push(() => openingProxy.close());
    const { countersign, inForce } = await startFromFiles(directory, { hub, serving, clock, ...options });
    closing.push(() => countersign.stop());
    const countersignUrl = `https://127.0.0.1:${countersign.address.port}`;
    return {
      ...{ hub, openingProxy, countersign, countersignUrl, close },
      ...cast(hub, clock),
      issued: () => readIssued(join(directory, AUDIT_FILE)),
      auditFile: join(directory, AUDIT_FILE),
      quarantine: (clusters) => inForce.swap({ ...inForce.current, quarantine: { ...inForce.current.quarantine, clusters } }),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const AUDIT_FILE = 'audit.jsonl';

async function readIssued(auditFile: string): Promise<ReadonlyMap<string, number>> {
  const lines = (await readFile(auditFile, 'utf8')).split('\n').filter((line) => line !== '');
  const events = lines.map((line) => JSON.parse(line) as { event: string; leafSHA256: string; generation: number });
  return new Map(events.filter(({ event }) => event === 'issue').map(({ leafSHA256, generation }) => [leafSHA256, generation]));
}

/** The way that an operator goes: files, settings, start. */
async function startFromFiles(
  directory: string,
  around: { hub: EmbeddedHub; serving: { certificatePem: string; keyPem: string }; clock: Clock } & StageOptions,
): Promise<{ countersign: Countersign; inForce: Live<Settings> }> {
  const { hub, serving, clock, moreSettings = '' } = around;
  const file = (name: string): string => join(directory, name);
  await writeFile(file('tls.crt'), serving.certificatePem);
  await writeFile(file('tls.key'), serving.keyPem, { mode: 0o600 });
  await writeFile(file('hub-ca.crt'), hub.servingCaPem);
  await writeFile(file('hub.kubeconfig'), hub.syncKubeconfig(), { mode: 0o600 });
  await writeFile(file('countersign.yaml'), settingsFor(hub.url) + moreSettings);
  const read = await loadSettings(file('countersign.yaml'));
  if (!read.ok) throw new Error(read.problems.map((problem) => sayProblem(file('countersign.yaml'), problem)).join('\n'));
  const inForce = new Live(read.settings);
  return { inForce, countersign: await startCountersign(read.settings, { clock, log: openLog(read.settings.log.level), inForce }) };
}

function settingsFor(hubUrl: string): string {
  return `listen: { address: 127.0.0.1, port: 0, certificateFile: tls.crt, keyFile: tls.key }
hub: { url: "${hubUrl}", caFile: hub-ca.crt }
caSync: { source: kubernetes, kubeconfigFile: hub.kubeconfig }
admin: { port: 0 }
audit: { file: ${AUDIT_FILE}, requests: all }
drainTimeout: 5s
log: { level: error }
`;
}

function cast(hub: EmbeddedHub, clock: Clock): Pick<DemoStage, 'klusterlet' | 'sameKlusterlet'> {
  const caPem = hub.servingCaPem;
  const credentialsOf = new WeakMap<SimulatedKlusterlet, { certificatePem: string; keyPem: string }>();
  const make = (cluster: string, server: string, credentials: { certificatePem: string; keyPem: string }): SimulatedKlusterlet => {
    const klusterlet = new SimulatedKlusterlet(cluster, { server, caPem, credentials }, clock);
    credentialsOf.set(klusterlet, credentials);
    return klusterlet;
  };
  return {
    klusterlet: async (cluster, server) => {
      await hub.addCluster(cluster);
      return make(cluster, server, await hub.issueClientCertificate({ subject: { kind: 'klusterlet', cluster } }));
    },
    sameKlusterlet: (klusterlet, server) => {
      const credentials = credentialsOf.get(klusterlet);
      if (credentials === undefined) throw new Error('not an agent of this stage');
      return make(klusterlet.cluster, server, credentials);
    },
  };
}
