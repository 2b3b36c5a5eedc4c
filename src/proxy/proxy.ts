// The front door of the data path: puts listener, judgement, reissue and hub sessions together, and takes them apart again.

import type { AddressInfo } from 'node:net';
import type { Audit } from '../audit.ts';
import type { Jwks, Signer, TrustBundle } from '../ca-sync/ca-sync.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import type { ReadonlyLive } from '../live.ts';
import type { CompiledPolicies } from '../inspect/inspect.ts';
import type { Settings } from '../settings.ts';
import { BootstrapGate } from './bootstrap-gate.ts';
import { FlowControl } from './flow-control.ts';
import type { FollowedFiles } from './followed-files.ts';
import { Forwarder } from './forward.ts';
import type { ForwarderParts } from './forward.ts';
import { followHubCa } from './hub-ca.ts';
import { HubSessions } from './hub-sessions.ts';
import { MemoryShare } from './memory-share.ts';
import { createIssuer } from './issuer.ts';
import { createLeafProfile } from './leaf.ts';
import { Listener } from './listener.ts';
import type { Quarantine } from './quarantine.ts';
import { Reissuer } from './reissue.ts';
import { followServingFiles } from './serving-certificate.ts';
import type { ServingCertificate } from './serving-certificate.ts';

// For the commands that explain and check: the same judgement and the same issuing, without a listener.
export { bootstrapAccountOf } from './bootstrap-token.ts';
export { createLeafProfile, reissueLeaf } from './leaf.ts';
export { judgePeer } from './peer.ts';
export type { Peer } from './peer.ts';
export { openQuarantine, refuseQuarantined } from './quarantine.ts';
export type { Quarantine } from './quarantine.ts';

/** Bodies that wait for their judgement, all together, bytes: some 80 of the largest that kube-apiserver takes, thousands of usual ones. */
const MOST_JUDGED_BYTES = 256 * 1024 * 1024;

/** A refused leaf makes the sync read again, but not once for each request that meets it. */
const REREAD_AFTER_REFUSAL_MS = 5_000;

export interface ProxyParts {
  readonly settings: Settings;
  readonly signer: ReadonlyLive<Signer | null>;
  readonly trust: ReadonlyLive<TrustBundle | null>;
  readonly quarantine: ReadonlyLive<Quarantine>;
  readonly policies: ReadonlyLive<CompiledPolicies>;
  /** Asks the sync to read its source again: what it has may be out of date. */
  readonly resync: () => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  /** null: bootstrap is off. */
  readonly bootstrap: BootstrapAccess | null;
}

/** For requests with a bearer token and no client certificate. */
export interface BootstrapAccess {
  readonly jwks: ReadonlyLive<Jwks | null>;
  /** Reads the keys again, sparingly; resolves to whether they could be read. */
  readonly refreshJwks: () => Promise<boolean>;
}

/** What is open at this moment; all zero after a drain. */
export interface ProxyCounts {
  readonly connections: number;
  readonly requests: number;
  readonly hubSessions: number;
  readonly credentials: number;
}

export interface Proxy {
  readonly address: AddressInfo;
  counts(): ProxyCounts;
  /** Reads the serving certificate and hub.caFile again. */
  reread(): Promise<void>;
  /** No new connections; open requests and watches have `timeoutMs`, then they are cut. */
  drain(timeoutMs: number): Promise<void>;
}

/** @throws Error naming the setting, when a file or the address cannot be used */
export async function startProxy(parts: ProxyParts): Promise<Proxy> {
  const { settings, clock, log } = parts;
  const hubCa = await followHubCa(settings.hub.caFile, { clock, log });
  const serving = await followServingFiles(settings.listen, { clock, log }).catch((error: unknown) => {
    hubCa.close();
    throw error;
  });
  const open = assemble(parts, { hubCa, serving });
  const address = await open.listener.listen().catch(async (error: unknown) => {
    await close(open);
    throw error;
  });
  log.event('listener-ready', { address: address.address, port: address.port });
  return {
    address,
    counts: () => countOpen(open),
    reread: async () => {
      await Promise.all([hubCa.reread(), serving.reread()]);
    },
    drain: (timeoutMs) => drain(open, timeoutMs),
  };
}

interface Files {
  readonly hubCa: FollowedFiles<string>;
  readonly serving: FollowedFiles<ServingCertificate>;
}

interface Open extends Files {
  readonly listener: Listener;
  readonly forwarder: Forwarder;
  readonly sessions: HubSessions;
  readonly reissuer: Reissuer;
  readonly flow: FlowControl;
  readonly clock: Clock;
}

function assemble(parts: ProxyParts, files: Files): Open {
  const { settings, clock, log, audit, trust, quarantine, policies } = parts;
  const { hub, limits, listen } = settings;
  const sessions = new HubSessions({
    hub: () => ({ url: hub.url, caPem: files.hubCa.live.current, connectTimeoutMs: hub.connectTimeoutMs }),
    clock,
    idleTimeoutMs: limits.hubSessionIdleTimeoutMs,
  });
  const reissuer = openReissuer(parts);
  const bootstrap = openBootstrap(parts, sessions);
  const flow = new FlowControl({ limits, clock, log, audit });
  const forwarder = new Forwarder({
    ...{ reissuer, sessions, bootstrap, flow, hub, limits, clock, log, audit },
    inspection: () => ({ policies: policies.current, mode: settings.inspect.mode }),
    judged: new MemoryShare(MOST_JUDGED_BYTES),
    onLeafRefused: resyncSparingly(parts),
  });
  const listener = new Listener({
    ...{ clock, log, limits, listen, trust, quarantine, flow, serving: files.serving.live },
    handle: (exchange, connection) => void forwarder.handle(exchange, connection),
    refuse: (refusal, connection, seen) => forwarder.refuse(refusal, connection, seen),
    onCertificateGone: (clientCertificateSHA256) => sessions.release(clientCertificateSHA256),
  });
  return { ...files, listener, forwarder, sessions, reissuer, flow, clock };
}

function openBootstrap({ bootstrap, settings, clock }: ProxyParts, sessions: HubSessions): ForwarderParts['bootstrap'] {
  if (bootstrap === null) return null;
  const { jwks, refreshJwks } = bootstrap;
  const { sharedServiceAccounts } = settings.bootstrap;
  return new BootstrapGate({ jwks, refreshJwks, sharedServiceAccounts, clock, onGone: (holder) => sessions.release(holder) });
}

function openReissuer(parts: ProxyParts): Reissuer {
  const { signer, trust, quarantine, clock, audit, settings } = parts;
  const issuer = createIssuer({ signer, trust, quarantine, clock, audit, profile: createLeafProfile(settings.reissue) });
  return new Reissuer({ issuer, signer, clock, mostCredentials: settings.limits.leafCacheEntries });
}

function countOpen({ listener, forwarder, sessions, reissuer }: Open): ProxyCounts {
  return { connections: listener.connections, requests: forwarder.open, hubSessions: sessions.count, credentials: reissuer.size };
}

async function drain(open: Open, timeoutMs: number): Promise<void> {
  const drained = open.listener.drain();
  const cancel = open.clock.after(timeoutMs, () => open.listener.cut());
  await drained;
  cancel();
  await close(open);
  await open.forwarder.idle();
  open.reissuer.clear();
}

function close({ listener, sessions, flow, hubCa, serving }: Open): Promise<void> {
  listener.destroy();
  flow.close();
  hubCa.close();
  serving.close();
  return sessions.close();
}

function resyncSparingly(parts: ProxyParts): () => void {
  let lastMs = Number.NEGATIVE_INFINITY;
  return () => {
    const now = parts.clock.elapsed();
    if (now - lastMs < REREAD_AFTER_REFUSAL_MS) return;
    lastMs = now;
    parts.resync();
  };
}
