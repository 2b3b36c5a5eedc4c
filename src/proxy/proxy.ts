// The front door of the data path: puts listener, judgement, reissue and hub sessions together, and takes them apart again.

import type { AddressInfo } from 'node:net';
import type { Audit } from '../audit.ts';
import type { Signer, TrustBundle } from '../ca-sync/ca-sync.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import type { ReadonlyLive } from '../live.ts';
import type { Settings } from '../settings.ts';
import { Forwarder } from './forward.ts';
import { followHubCa } from './hub-ca.ts';
import { HubSessions } from './hub-sessions.ts';
import { createIssuer } from './issuer.ts';
import { createLeafProfile } from './leaf.ts';
import { Listener } from './listener.ts';
import { Reissuer } from './reissue.ts';
import { followServingFiles } from './serving-certificate.ts';
import type { ServingCertificate } from './serving-certificate.ts';

// For the commands that explain and check: the same judgement and the same issuing, without a listener.
export { createLeafProfile, reissueLeaf } from './leaf.ts';
export { judgePeer } from './peer.ts';
export type { Peer } from './peer.ts';

/** A refused leaf makes the sync read again, but not once for each request that meets it. */
const REREAD_AFTER_REFUSAL_MS = 5_000;

export interface ProxyParts {
  readonly settings: Settings;
  readonly signer: ReadonlyLive<Signer | null>;
  readonly trust: ReadonlyLive<TrustBundle | null>;
  /** Asks the sync to read its source again: what it has may be out of date. */
  readonly resync: () => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
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
  const sessions = new HubSessions({
    hub: () => ({ url: settings.hub.url, caPem: hubCa.live.current, connectTimeoutMs: settings.hub.connectTimeoutMs }),
    clock,
    idleTimeoutMs: settings.limits.hubSessionIdleTimeoutMs,
  });
  const reissuer = openReissuer(parts);
  const forwarder = new Forwarder({
    ...{ reissuer, sessions, clock, log },
    audit: parts.audit,
    hub: settings.hub,
    limits: settings.limits,
    onLeafRefused: resyncSparingly(parts),
  });
  const listener = openListener(parts, { serving, forwarder, sessions });
  const open: Open = { listener, forwarder, sessions, reissuer, files: [serving, hubCa], clock };
  const address = await listener.listen().catch(async (error: unknown) => {
    await close(open);
    throw error;
  });
  log.event('listener-ready', { address: address.address, port: address.port });
  return {
    address,
    counts: () => countOpen(open),
    reread: async () => {
      await Promise.all(open.files.map((files) => files.reread()));
    },
    drain: (timeoutMs) => drain(open, timeoutMs),
  };
}

function openListener(
  { settings, trust, clock, log }: ProxyParts,
  {
    serving,
    forwarder,
    sessions,
  }: { serving: { readonly live: ReadonlyLive<ServingCertificate> }; forwarder: Forwarder; sessions: HubSessions },
): Listener {
  return new Listener({
    ...{ clock, log, trust, limits: settings.limits, listen: settings.listen, serving: serving.live },
    handle: (exchange, connection) => void forwarder.handle(exchange, connection),
    refuse: (refusal, connection, seen) => forwarder.refuse(refusal, connection, seen),
    onCertificateGone: (clientCertificateSHA256) => sessions.release(clientCertificateSHA256),
  });
}

function countOpen({ listener, forwarder, sessions, reissuer }: Open): ProxyCounts {
  return { connections: listener.connections, requests: forwarder.open, hubSessions: sessions.count, credentials: reissuer.size };
}

interface Open {
  readonly listener: Listener;
  readonly forwarder: Forwarder;
  readonly sessions: HubSessions;
  readonly reissuer: Reissuer;
  readonly files: readonly { reread(): Promise<void>; close(): void }[];
  readonly clock: Clock;
}

function openReissuer(parts: ProxyParts): Reissuer {
  const { signer, trust, clock, audit, settings } = parts;
  const issuer = createIssuer({ signer, trust, clock, audit, profile: createLeafProfile(settings.reissue) });
  return new Reissuer({ issuer, signer, clock, mostCredentials: settings.limits.leafCacheEntries });
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

function close({ listener, sessions, files }: Open): Promise<void> {
  listener.destroy();
  for (const followed of files) followed.close();
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
