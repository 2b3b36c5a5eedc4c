// The embedded hub in a process of its own, for the rotation soak and bench. Given a folder, it also does kubelet's part there: the live signer and the
// trust bundle as mounted volumes.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { startEmbeddedHub } from '../src/demo/demo.ts';
import type { EmbeddedHub } from '../src/demo/demo.ts';
import type { AgentCredentials } from '../src/demo/agent-connection.ts';
import { serveCalls } from './child-calls.ts';
import type { HubCalls, Rotated } from './rotation-soak/hub-calls.ts';
import { MountedVolume } from './rotation-soak/mounted-volume.ts';

const SIGNER = { collection: 'secrets', namespace: 'openshift-kube-controller-manager', name: 'csr-signer' };
const TRUST = { collection: 'configmaps', namespace: 'openshift-config-managed', name: 'csr-controller-ca' };
/** kube-apiserver's --goaway-chance on OpenShift (kas bindata defaultconfig.yaml). */
const GOAWAY_CHANCE = 0.001;

const hub = await startEmbeddedHub({ goawayChance: GOAWAY_CHANCE });
const changedAtMs = { signer: 0, trust: 0 };
follow(SIGNER, () => {
  changedAtMs.signer = Date.now();
});
follow(TRUST, () => {
  changedAtMs.trust = Date.now();
});
const [folder] = process.argv.slice(2);
if (folder !== undefined) mountInto(folder);

const issue = (cluster: string): Promise<AgentCredentials> => hub.issueClientCertificate({ subject: { kind: 'klusterlet', cluster } });
const calls: HubCalls = {
  describe: async () => ({
    url: hub.url,
    servingCaPem: hub.servingCaPem,
    syncKubeconfig: hub.syncKubeconfig(),
    serving: await hub.issueServingCertificate('127.0.0.1'),
  }),
  addClusters: async (names) => {
    for (const name of names) await hub.addCluster(name);
    return Promise.all(names.map(issue));
  },
  renew: (names) => Promise.all(names.map(issue)),
  rotate: async (plan) => describeRotation(await hub.rotate(plan)),
  dropOthers: async (kept) => {
    await hub.forgetSignersBefore(hub.signer().number, kept);
    return null;
  },
};
serveCalls(process, calls);

function describeRotation({ number, signer }: ReturnType<EmbeddedHub['signer']>): Rotated {
  const signerSHA256 = createHash('sha256').update(signer.certificate.raw).digest('hex');
  return { number, signerSHA256, liveAtMs: changedAtMs.signer, trustedAtMs: changedAtMs.trust };
}

/** Calls `seen` with the decoded data of the object now, and at each change. */
function follow({ collection, namespace, name }: typeof SIGNER, seen: (data: Readonly<Record<string, string>>) => void): void {
  const dataOf = (object: unknown): Readonly<Record<string, string>> => (object as { data: Readonly<Record<string, string>> }).data;
  hub.store.subscribe(collection, ({ type, object }) => {
    const { metadata } = object;
    if (type !== 'DELETED' && metadata.name === name && metadata.namespace === namespace) seen(dataOf(object));
  });
  seen(dataOf(hub.store.get(collection, namespace, name)));
}

function mountInto(into: string): void {
  const [signer, trust] = [new MountedVolume(join(into, 'signer')), new MountedVolume(join(into, 'trust'))];
  const decoded = (text: string | undefined): string => Buffer.from(text ?? '', 'base64').toString();
  follow(SIGNER, (data) => signer.mount({ 'tls.crt': decoded(data['tls.crt']), 'tls.key': decoded(data['tls.key']) }));
  follow(TRUST, (data) => trust.mount({ 'ca-bundle.crt': data['ca-bundle.crt'] ?? '' }));
}
