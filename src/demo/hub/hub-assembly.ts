// Builds the embedded hub's parts in the order in which they need each other, and starts them. Knows every part; none knows it.

import { randomBytes, randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../../clock.ts';
import { doublesOf } from './acceptable-authorities.ts';
import { type Api, openApi } from './api/api.ts';
import type { UserInfo } from './api/exchange.ts';
import { AuditLog } from './audit-log.ts';
import { Rbac } from './authorization.ts';
import { ClientCa } from './client-ca.ts';
import { signRequest } from './controller-manager.ts';
import { HubHttpServer } from './http-server.ts';
import { Journal, type SeenRequest } from './journal.ts';
import { Loopback } from './loopback.ts';
import type { Misbehaviour } from './misbehaviour.ts';
import { CsrSigners, type Issued, makeAdministratorPki, makeServingPki, OPENSHIFT_LIFETIMES, type SignerLifetimes } from './pki.ts';
import { defaultRbac } from './rbac-defaults.ts';
import { RequestHandler } from './request-handler.ts';
import { openServiceAccounts, type ServiceAccount, type ServiceAccounts, serviceAccountUser } from './service-accounts.ts';
import { OPERATOR_NAMESPACE, SignerRotation, TARGET_NAMESPACE, TRUST_CONFIG_MAP, TRUST_KEY, TRUST_NAMESPACE } from './signer-rotation.ts';
import { type KeyType, privateKeyPem } from './x509.ts';

export interface EmbeddedHubOptions {
  /** Judges certificates, names signers, stamps objects and events. Default: the system's. */
  readonly clock?: Clock;
  /** Of csr-signer and csr-signer-signer. Default: rsa-2048, as OpenShift without the gate ConfigurablePKI. */
  readonly signerKeyType?: KeyType;
  /** Default: OpenShift's 30 and 60 days. */
  readonly signerLifetimes?: SignerLifetimes;
  /** Default 0: any that is free. */
  readonly port?: number;
  /** Default true. False: the hub speaks HTTP/1.1 alone. */
  readonly offersHttp2?: boolean;
  /** SETTINGS_MAX_CONCURRENT_STREAMS. Default: OpenShift's 2000. */
  readonly maxConcurrentStreams?: number;
  /** Chance of a GOAWAY with an answer over HTTP/2. Default 0; OpenShift's is 0.001. */
  readonly goawayChance?: number;
  /** In [0, 1). Default: Math.random. */
  readonly random?: () => number;
  /** Where audit events are also written, a line each. */
  readonly auditFile?: string;
  /** Further RBAC objects, as YAML. */
  readonly rbac?: string;
  /** Further bearer tokens and whose they are; `system:authenticated` need not be listed. */
  readonly tokens?: ReadonlyMap<string, UserInfo>;
}

/** The accounts that a hub has for ca-sync and for new clusters; the RBAC defaults name them. */
const CA_SYNC: ServiceAccount = { namespace: 'countersign', name: 'ca-sync', uid: randomUUID(), tokenId: randomUUID() };
const BOOTSTRAP = { namespace: 'open-cluster-management', name: 'agent-registration-bootstrap' };
const NAMESPACES = [
  'default',
  'kube-system',
  OPERATOR_NAMESPACE,
  TARGET_NAMESPACE,
  TRUST_NAMESPACE,
  BOOTSTRAP.namespace,
  CA_SYNC.namespace,
];
const OPENSHIFT_MAX_STREAMS = 2000;

export interface HubParts {
  readonly clock: Clock;
  readonly port: number;
  readonly server: HubHttpServer;
  readonly api: Api;
  readonly loopback: Loopback;
  readonly rbac: Rbac;
  readonly clientCa: ClientCa;
  readonly rotation: SignerRotation;
  readonly audit: AuditLog;
  readonly journal: Journal;
  readonly administrator: Issued;
  readonly servingCaPem: string;
  readonly issueServing: (commonName: string) => Promise<Issued>;
  readonly tokens: { readonly caSync: string; readonly bootstrap: string };
  readonly serviceAccounts: ServiceAccounts;
  readonly conduct: Conduct;
}

/** What tests may change about how the hub answers. */
export interface Conduct {
  latencyMs: number;
  misbehaviour: (seen: SeenRequest) => Misbehaviour | null;
}

export async function assembleHub(options: EmbeddedHubOptions): Promise<HubParts> {
  const { clock = systemClock } = options;
  const [administration, serving, serviceAccounts] = await Promise.all([
    makeAdministratorPki(),
    makeServingPki(),
    openServiceAccounts(clock),
  ]);
  const rbac = new Rbac();
  rbac.apply(defaultRbac);
  rbac.apply(options.rbac ?? '');
  const clientCa = new ClientCa(administration.caPem);
  const machinery = openMachinery({ clock, rbac, options, serviceAccounts, port: () => port });
  const tokens = { caSync: randomToken(), bootstrap: serviceAccounts.issue(BOOTSTRAP) };
  const conduct: Conduct = { latencyMs: 0, misbehaviour: () => null };
  const seen = { audit: new AuditLog(options.auditFile ?? null), journal: new Journal() };
  const handler = makeHandler(
    { clock, rbac, clientCa, ...seen, api: machinery.api, tokens: holdersOf(tokens, options), serviceAccounts, conduct },
    options,
  );
  const server = makeServer(await serving.issue('127.0.0.1'), handler, options);
  followTrust(machinery.api, clientCa, server);
  for (const name of NAMESPACES)
    await machinery.loopback.apply('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  await machinery.rotation.rotate({ order: 'trust-first', newRoot: true });
  await nameInHandshakes(clientCa, server);
  const port = await server.listen(options.port ?? 0);
  const issued = {
    administrator: administration.administrator,
    servingCaPem: serving.caPem,
    issueServing: (name: string) => serving.issue(name),
  };
  return { clock, port, server, rbac, clientCa, ...machinery, ...seen, ...issued, tokens, serviceAccounts, conduct };
}

/** 256 bits, as the tokens of service accounts of old had. */
function randomToken(): string {
  return randomBytes(32).toString('base64url');
}

function holdersOf(tokens: HubParts['tokens'], options: EmbeddedHubOptions): ReadonlyMap<string, UserInfo> {
  return new Map([[tokens.caSync, serviceAccountUser(CA_SYNC)], ...(options.tokens ?? [])]);
}

/** The rotation needs the API to write to, the API needs the rotation to sign with: signLeaf ties the knot. */
function openMachinery(around: {
  clock: Clock;
  rbac: Rbac;
  options: EmbeddedHubOptions;
  serviceAccounts: ServiceAccounts;
  port: () => number;
}): Pick<HubParts, 'api' | 'loopback' | 'rotation'> {
  const { clock, rbac, options, serviceAccounts } = around;
  const serverAddress = (): string => `127.0.0.1:${around.port()}`;
  const api: Api = openApi({
    clock,
    allows: (user, attributes) => rbac.authorize(user, attributes),
    signLeaf: (request) => signRequest(request, rotation.live.signer, clock.now()),
    serverAddress,
    otherPath: (path) => serviceAccounts.describe(path, serverAddress()),
  });
  const loopback = new Loopback(api);
  const signers = new CsrSigners(clock, options.signerKeyType ?? 'rsa-2048', options.signerLifetimes ?? OPENSHIFT_LIFETIMES);
  const rotation = new SignerRotation(clock, signers, loopback);
  return { api, loopback, rotation };
}

type Handled = Pick<HubParts, 'clock' | 'api' | 'rbac' | 'clientCa' | 'serviceAccounts' | 'audit' | 'journal' | 'conduct'> & {
  readonly tokens: ReadonlyMap<string, UserInfo>;
};

function makeHandler(handled: Handled, { goawayChance = 0, random = Math.random }: EmbeddedHubOptions): RequestHandler {
  const { conduct, ...parts } = handled;
  return new RequestHandler({
    ...parts,
    rollsGoAway: () => goawayChance > 0 && random() < goawayChance,
    misbehaviour: (seen) => conduct.misbehaviour(seen),
    latencyMs: () => conduct.latencyMs,
  });
}

function makeServer({ certificatePem, key }: Issued, handler: RequestHandler, options: EmbeddedHubOptions): HubHttpServer {
  const { offersHttp2 = true, maxConcurrentStreams = OPENSHIFT_MAX_STREAMS } = options;
  const settings = { certificatePem, keyPem: privateKeyPem(key), offersHttp2, maxConcurrentStreams };
  return new HubHttpServer(settings, (incoming) => handler.handle(incoming));
}

/** What is in the ConfigMap is what the hub trusts, from the next request on; what it names in handshakes follows a moment later. */
function followTrust(api: Api, clientCa: ClientCa, server: HubHttpServer): void {
  api.store.subscribe('configmaps', ({ type, object }) => {
    const { name, namespace } = object.metadata;
    if (type === 'DELETED' || name !== TRUST_CONFIG_MAP || namespace !== TRUST_NAMESPACE) return;
    const data = object['data'] as Readonly<Record<string, string>> | undefined;
    if (clientCa.publish(data?.[TRUST_KEY] ?? '')) void nameInHandshakes(clientCa, server);
  });
}

async function nameInHandshakes(clientCa: ClientCa, server: HubHttpServer): Promise<void> {
  const { authorities } = clientCa;
  const doubles = await doublesOf(authorities);
  // Another bundle may have been published meanwhile.
  if (authorities === clientCa.authorities) server.nameAuthorities(doubles);
}
