// The embedded hub for trying things by hand: everything that kubectl, curl and `countersign run` need, as files in one folder. Keeps
// running until it is closed; never deletes a file.

import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Clock } from '../clock.ts';
import { type EmbeddedHub, startEmbeddedHub } from './hub/embedded-hub.ts';

export interface ServedHub {
  readonly hub: EmbeddedHub;
  readonly directory: string;
  /** What a person can type now, one line each; empty lines between subjects. */
  readonly hints: readonly string[];
  close(): Promise<void>;
}

export interface ServedHubOptions {
  readonly clock: Clock;
  /** Where the proxy in countersign.yaml is to listen, on 127.0.0.1. */
  readonly proxyPort: number;
  /** Called after each rotation with the generation that is live now. */
  readonly onRotation?: (generation: number) => void;
}

const CLUSTER = 'cluster1';
const ADDON = 'work-manager';
const PRIVATE = { mode: 0o600 };
const OPERATOR_NAMESPACE = 'openshift-kube-controller-manager-operator';

/** Rejects when the folder cannot be written. The hub listens on a free port of 127.0.0.1. */
export async function serveEmbeddedHub(directory: string, options: ServedHubOptions): Promise<ServedHub> {
  const folder = resolve(directory);
  await mkdir(folder, { recursive: true });
  const hub = await startEmbeddedHub({ clock: options.clock, auditFile: join(folder, 'hub-audit.jsonl') });
  try {
    await hub.addCluster(CLUSTER);
    await writeFiles(hub, folder, options.proxyPort);
  } catch (error) {
    await hub.close();
    throw error;
  }
  const stop = rotateOnDeletion(hub, options.onRotation ?? (() => undefined));
  const close = async (): Promise<void> => {
    stop();
    await hub.close();
  };
  return { hub, directory: folder, hints: hintsFor(hub, folder, options.proxyPort), close };
}

async function writeFiles(hub: EmbeddedHub, folder: string, proxyPort: number): Promise<void> {
  const proxyUrl = `https://127.0.0.1:${proxyPort}`;
  const serving = await hub.issueServingCertificate('127.0.0.1');
  const klusterlet = await hub.issueClientCertificate({ subject: { kind: 'klusterlet', cluster: CLUSTER } });
  const addon = await hub.issueClientCertificate({ subject: { kind: 'addon', cluster: CLUSTER, addon: ADDON } });
  const files: Readonly<Record<string, string>> = {
    'ca.crt': hub.servingCaPem,
    'admin.kubeconfig': hub.adminKubeconfig(),
    'ca-sync.kubeconfig': hub.syncKubeconfig(),
    'bootstrap.kubeconfig': hub.bootstrapKubeconfig(),
    'klusterlet.crt': klusterlet.certificatePem,
    'klusterlet.key': klusterlet.keyPem,
    'klusterlet.kubeconfig': hub.kubeconfigFor(klusterlet),
    'klusterlet-by-proxy.kubeconfig': hub.kubeconfigFor(klusterlet, proxyUrl),
    'addon.crt': addon.certificatePem,
    'addon.key': addon.keyPem,
    'proxy.crt': serving.certificatePem,
    'proxy.key': serving.keyPem,
    'countersign.yaml': settingsFor(hub, proxyPort),
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content, PRIVATE);
}

function settingsFor(hub: EmbeddedHub, proxyPort: number): string {
  return `# For the embedded hub that wrote this file; countersign.example.yaml explains every key.
listen: { address: 127.0.0.1, port: ${proxyPort}, certificateFile: proxy.crt, keyFile: proxy.key }
hub: { url: "${hub.url}", caFile: ca.crt }
caSync: { source: kubernetes, kubeconfigFile: ca-sync.kubeconfig }
audit: { file: countersign-audit.jsonl, requests: all }
`;
}

/** The operator makes a new signer when its Secret is deleted: how rotations are forced on real hubs (facts/csr-signer.md §3). */
function rotateOnDeletion(hub: EmbeddedHub, onRotation: (generation: number) => void): () => void {
  return hub.store.subscribe('secrets', ({ type, object }) => {
    const { name, namespace } = object.metadata;
    if (type !== 'DELETED' || name !== 'csr-signer' || namespace !== OPERATOR_NAMESPACE) return;
    void hub.rotate({ order: 'trust-first' }).then(({ number }) => onRotation(number));
  });
}

function hintsFor(hub: EmbeddedHub, folder: string, proxyPort: number): readonly string[] {
  const proxyUrl = `https://127.0.0.1:${proxyPort}`;
  const curl = `curl --cacert ${join(folder, 'ca.crt')} --cert ${join(folder, 'klusterlet.crt')} --key ${join(folder, 'klusterlet.key')}`;
  const kubectl = (name: string): string => `kubectl --kubeconfig ${join(folder, name)}`;
  const lease = `/apis/coordination.k8s.io/v1/namespaces/${CLUSTER}/leases/managed-cluster-lease`;
  return [
    `The hub listens on ${hub.url}; its files are in ${folder}.`,
    '',
    'The proxy, in another terminal:',
    `  npm run -s countersign -- run --config ${join(folder, 'countersign.yaml')}`,
    '',
    'The same question straight to the hub and through the proxy:',
    `  ${kubectl('klusterlet.kubeconfig')} auth whoami`,
    `  ${kubectl('klusterlet-by-proxy.kubeconfig')} auth whoami`,
    `  ${curl} --http1.1 ${proxyUrl}${lease}`,
    `  ${curl} --http2 ${proxyUrl}${lease}`,
    '',
    'A watch that stays open while the hub rotates its signer, and an event after it:',
    `  ${kubectl('klusterlet-by-proxy.kubeconfig')} get leases -n ${CLUSTER} -w`,
    `  ${kubectl('admin.kubeconfig')} delete secret csr-signer -n ${OPERATOR_NAMESPACE}`,
    `  ${kubectl('admin.kubeconfig')} annotate lease managed-cluster-lease -n ${CLUSTER} --overwrite seen=$(date +%s)`,
  ];
}
