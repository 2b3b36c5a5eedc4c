// ca-sync with its trust probe, between an embedded hub and a way to it that a test can cut or turn.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createTlsServer, request } from 'node:https';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { startCaSync } from '../../src/ca-sync/ca-sync.ts';
import type { CaSync } from '../../src/ca-sync/ca-sync.ts';
import { startEmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';
import type { EmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';
import type { HubSettings, KubernetesCaSyncSettings } from '../../src/settings.ts';
import { SteppedClock } from '../proxy/stepped-clock.ts';
import { keepLog, NEVER } from './waiting.ts';
import type { KeptLog } from './waiting.ts';

export const CANARY = 'system:open-cluster-management:countersign-probe:canary';
const BUNDLE = '/api/v1/namespaces/openshift-config-managed/configmaps/csr-controller-ca';

export interface ProbedHub {
  readonly hub: EmbeddedHub;
  /** Of ca-sync and of the hub alike. */
  readonly clock: SteppedClock;
  readonly settings: KubernetesCaSyncSettings;
  /** As the probe dials it. */
  readonly hubSettings: HubSettings;
  readonly folder: string;
  readonly log: KeptLog;
  start(): Promise<CaSync>;
}

export interface Differently {
  /** Where the probe finds the hub; left out: the hub itself. */
  readonly url?: (hub: EmbeddedHub) => Promise<string> | string;
  readonly endpoints?: 'url' | 'all';
  /** Left out: 5 s. */
  readonly connectTimeoutMs?: number;
}

/** Repeats come ten times as often: ticks each half second, a check of the current signer each half minute. */
const HASTE = 10;

export async function openProbedHub(
  t: TestContext,
  { url = (hub) => hub.url, endpoints = 'url', connectTimeoutMs = 5_000 }: Differently = {},
): Promise<ProbedHub> {
  const clock = new SteppedClock(HASTE);
  const hub = await startEmbeddedHub({ clock, signerKeyType: 'ec-p256' });
  t.after(() => hub.close());
  const folder = mkdtempSync(join(tmpdir(), 'countersign-probe-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const kubeconfigFile = join(folder, 'kubeconfig');
  const caFile = join(folder, 'hub-ca.crt');
  writeFileSync(kubeconfigFile, hub.syncKubeconfig());
  writeFileSync(caFile, hub.servingCaPem);
  const settings: KubernetesCaSyncSettings = {
    source: 'kubernetes',
    kubeconfigFile,
    signer: { namespace: 'openshift-kube-controller-manager', secret: 'csr-signer' },
    trust: { namespace: 'openshift-config-managed', configMap: 'csr-controller-ca', key: 'ca-bundle.crt' },
    schedule: NEVER,
    probe: { enabled: true, cluster: 'countersign-probe', endpoints },
  };
  const hubSettings: HubSettings = { url: new URL(await url(hub)), caFile, connectTimeoutMs, responseTimeoutMs: 60_000 };
  const log = keepLog();
  const start = async (): Promise<CaSync> => {
    const sync = await startCaSync(settings, { clock, log, hub: hubSettings, random: () => 0 });
    t.after(() => sync.close());
    return sync;
  };
  return { hub, clock, settings, hubSettings, folder, log, start };
}

/** The bundle that the hub publishes, and follows. */
export async function publishBundle(hub: EmbeddedHub, pem: string): Promise<void> {
  await hub.request('PATCH', BUNDLE, { data: { 'ca-bundle.crt': pem } });
}

export function canaries(hub: EmbeddedHub): EmbeddedHub['requests'] {
  return hub.requests.filter(({ target }) => target.includes('selfsubjectreviews'));
}

/** Octets to and from a hub, until it is cut; comes back at the same port. */
export class Relay {
  readonly #host: string;
  #port: number;
  readonly #toPort: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;

  constructor(toPort: number, host = '127.0.0.1', port = 0) {
    this.#toPort = toPort;
    this.#host = host;
    this.#port = port;
  }

  get url(): string {
    return `https://${this.#host}:${this.#port}`;
  }

  async open(): Promise<void> {
    this.#server = createServer((socket) => {
      const onward = connect(this.#toPort, '127.0.0.1');
      for (const [one, other] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        this.#sockets.add(one);
        one.pipe(other);
        one.on('error', () => other.destroy());
        one.once('close', () => this.#sockets.delete(one));
      }
    });
    this.#server.listen(this.#port, this.#host);
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Ends TLS with a certificate that the hub's CA has given it, and passes requests on without the client's. */
export async function startTerminator(t: TestContext, hub: EmbeddedHub): Promise<string> {
  const { certificatePem: cert, keyPem: key } = await hub.issueServingCertificate('load-balancer');
  const server = createTlsServer({ cert, key, requestCert: true, rejectUnauthorized: false }, (incoming, response) => {
    const { method, url, headers } = incoming;
    const onward = request(new URL(url ?? '/', hub.url), { method, headers, ca: hub.servingCaPem, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    incoming.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
