// Where fixtures are played: a real hub that would let everybody do everything, and the real proxy before it. What is refused here is refused by
// Countersign alone.

import { parse, stringify } from 'yaml';
import { setStage } from '../../src/cli/demo-stage.ts';
import type { DemoStage } from '../../src/cli/demo-stage.ts';
import { systemClock } from '../../src/clock.ts';
import type { SeenRequest } from '../../src/demo/hub/embedded-hub.ts';
import { makeAuthority, makeClient, subjectOf } from '../pki.ts';
import type { FixtureGiven, FixtureIdentity } from './request-fixture.ts';
import type { Sender } from './sending.ts';

/** RBAC is not asked: everybody is an administrator of this hub. */
const EVERYBODY_MAY_EVERYTHING = `
kind: ClusterRoleBinding
metadata: { name: everybody }
roleRef: { kind: ClusterRole, name: cluster-admin }
subjects: [{ kind: Group, name: system:authenticated }, { kind: Group, name: system:unauthenticated }]
`;

const DAY_MS = 86_400_000;
/** Its own requests are no agent's. */
const CA_SYNC_USER = 'system:serviceaccount:countersign:ca-sync';

export class FixtureStage {
  readonly stage: DemoStage;
  readonly #clusters = new Set<string>();

  private constructor(stage: DemoStage) {
    this.stage = stage;
  }

  static async open({ packs, settings }: Pick<FixtureGiven, 'packs' | 'settings'>): Promise<FixtureStage> {
    const stage = await setStage(systemClock, { moreSettings: writeSettings({ packs, settings }) });
    stage.hub.applyRbac(EVERYBODY_MAY_EVERYTHING);
    const opened = new FixtureStage(stage);
    await opened.addCluster('cluster1');
    await opened.addCluster('cluster2');
    return opened;
  }

  /** Of a cluster that is there already, nothing changes. */
  async addCluster(cluster: string): Promise<void> {
    if (this.#clusters.has(cluster)) return;
    this.#clusters.add(cluster);
    await this.stage.hub.addCluster(cluster);
  }

  /** With a certificate of its own: no session of the proxy is anybody's yet. */
  async senderOf(identity: FixtureIdentity): Promise<Sender> {
    const { countersign, hub } = this.stage;
    const [certificate, token] = [await this.#certificateOf(identity), await this.#tokenOf(identity)];
    return { port: countersign.address.port, caPem: hub.servingCaPem, certificate, token };
  }

  /** Of agents, in order. */
  seen(): readonly SeenRequest[] {
    return this.stage.hub.requests.filter(({ user }) => user !== CA_SYNC_USER);
  }

  /** Resolves when the proxy holds nothing for any client any more: whatever would have reached the hub has. */
  async settled(): Promise<void> {
    const endMs = performance.now() + SETTLING_DEADLINE_MS;
    for (;;) {
      const { connections, requests, hubSessions } = this.stage.countersign.counts();
      if (connections + requests + hubSessions === 0) return;
      if (performance.now() > endMs) throw new Error(`still open: ${JSON.stringify(this.stage.countersign.counts())}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  close(): Promise<void> {
    return this.stage.close();
  }

  async #tokenOf(identity: FixtureIdentity): Promise<string | null> {
    const { hub } = this.stage;
    if (identity.kind === 'bootstrap') return hub.prepareImport(identity.cluster);
    if (identity.kind === 'service-account') return hub.serviceAccountToken({ namespace: identity.namespace, name: identity.name });
    return identity.kind === 'token' ? identity.token.repeat(identity.times) : null;
  }

  async #certificateOf(identity: FixtureIdentity): Promise<Sender['certificate']> {
    const { hub } = this.stage;
    switch (identity.kind) {
      case 'klusterlet': {
        const { cluster, agent } = identity;
        await this.addCluster(cluster);
        return hub.issueClientCertificate({ subject: { kind: 'klusterlet', cluster, ...(agent === undefined ? {} : { agent }) } });
      }
      case 'addon':
        return this.#addonCertificate(identity);
      case 'certificate':
        return identity.signedBy === 'csr-signer' ? this.#signed(identity) : strangersCertificate(identity);
      case 'administrator':
        return administratorsCertificate(hub.adminKubeconfig());
      case 'bootstrap':
      case 'service-account':
      case 'token':
      case 'none':
        return null;
    }
  }

  #addonCertificate({ cluster, addon, agent }: FixtureIdentity & { kind: 'addon' }): Promise<Sender['certificate']> {
    // cluster-proxy pkg/common/constants.go: all its agents share one name.
    if (cluster === null)
      return this.#signed({ user: `open-cluster-management:${addon}:addon-agent`, groups: [`open-cluster-management:${addon}`] });
    return this.stage.hub.issueClientCertificate({ subject: { kind: 'addon', cluster, addon, agent: agent ?? addon } });
  }

  #signed({ user, groups }: { user: string; groups: readonly string[] }): Promise<Sender['certificate']> {
    return this.stage.hub.issueClientCertificate({ subject: { kind: 'der', der: subjectOf(user, groups) } });
  }
}

/** More than all cases together: rates are judged only where a case sets one. */
const UNBOUNDED = { sustained: '1000000/s', burst: 1_000_000 };
const RATES = ['klusterlet', 'addon', 'mutating', 'list', 'watchStarts', 'csrCreates', 'refused'];

function writeSettings({ packs, settings }: Pick<FixtureGiven, 'packs' | 'settings'>): string {
  const { inspect, limits, ...others } = settings as { inspect?: object; limits?: { rates?: object } };
  const rates = { ...Object.fromEntries(RATES.map((name) => [name, UNBOUNDED])), ...limits?.rates };
  return stringify({ inspect: { packs, ...inspect }, limits: { ...limits, rates }, ...others }, { aliasDuplicateObjects: false });
}

/** A slow machine's. */
const SETTLING_DEADLINE_MS = 30_000;

function strangersCertificate({ user, groups }: { user: string; groups: readonly string[] }): Sender['certificate'] {
  const window = { notBeforeMs: Date.now() - DAY_MS, notAfterMs: Date.now() + DAY_MS };
  const { pem, keyPem } = makeClient(subjectOf(user, groups), makeAuthority('stranger', window), window);
  return { certificatePem: pem, keyPem };
}

function administratorsCertificate(kubeconfig: string): Sender['certificate'] {
  const { users } = parse(kubeconfig) as { users: { user: Record<string, string> }[] };
  const pem = (name: string): string => Buffer.from(users[0]?.user[name] ?? '', 'base64').toString();
  return { certificatePem: pem('client-certificate-data'), keyPem: pem('client-key-data') };
}
