// The front door of the data path: puts listener, judgement, reissue and hub sessions together, and takes them apart again.

import type { AddressInfo } from 'node:net';
import type { Audit } from '../audit.ts';
import type { Jwks, Signer, TrustBundle } from '../ca-sync/ca-sync.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import type { ReadonlyLive } from '../live.ts';
import type { CompiledPolicies } from '../inspect/inspect.ts';
import type { Meter } from '../meter.ts';
import type { Settings } from '../settings.ts';
import { BootstrapGate } from './bootstrap-gate.ts';
import type { Credential } from './credential.ts';
import { FlowControl } from './flow-control.ts';
import type { FollowedFiles } from './followed-files.ts';
import { Forwarder } from './forward.ts';
import type { ForwarderParts } from './forward.ts';
import { followHubCa } from './hub-ca.ts';
import { HubSessions } from './hub-sessions.ts';
import { MemoryShare } from './memory-share.ts';
import { createIssuer } from './issuer.ts';
import { createLeafProfile } from '../leaf.ts';
import { Listener } from './listener.ts';
import type { Quarantine } from './quarantine.ts';
import { Reissuer } from './reissue.ts';
import { SessionMover } from './session-mover.ts';
import { followServingFiles } from './serving-certificate.ts';
import type { ServingCertificate } from './serving-certificate.ts';

// For the commands that explain and check: the same judgement and the same issuing, without a listener.
export { bootstrapAccountOf } from './bootstrap-token.ts';
export { createLeafProfile, reissueLeaf } from '../leaf.ts';
export { judgePeer } from './peer.ts';
export type { Peer } from './peer.ts';
export { openQuarantine, refuseQuarantined } from './quarantine.ts';
export type { Quarantine } from './quarantine.ts';

/** Bodies that wait for their judgement, all together, bytes: some 80 of the largest that kube-apiserver takes, thousands of usual ones. */
const MOST_JUDGED_BYTES = 256 * 1024 * 1024;

/** A refused leaf makes the sync look again, but not once for each request that meets it: so often for a generation. */
const TELL_AGAIN_MS = 5_000;

export interface ProxyParts {
  readonly settings: Settings;
  readonly signer: ReadonlyLive<Signer | null>;
  /** Generations whose leaves the hub is held to accept. On a publication it changes before `signer` does. */
  readonly usable: ReadonlyLive<ReadonlySet<number>>;
  readonly trust: ReadonlyLive<TrustBundle | null>;
  readonly quarantine: ReadonlyLive<Quarantine>;
  readonly policies: ReadonlyLive<CompiledPolicies>;
  /** The hub answered 401 to a leaf of this generation that we hold valid: what the sync has may be out of date. Called sparingly. */
  readonly hubRefused: (generation: number) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  readonly meter: Meter;
  /** In [0, 1), for jitter. Left out: Math.random. */
  readonly random?: () => number;
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
  /** Watches among the requests. */
  readonly watches: number;
  readonly hubSessions: number;
  /** Hub sessions that are being opened with a newer leaf, ahead of its first request. */
  readonly moves: number;
  readonly credentials: number;
}

export interface Proxy {
  readonly address: AddressInfo;
  counts(): ProxyCounts;
  /** When the certificate that agents see now is valid, in epoch milliseconds. */
  servingCertificate(): { readonly notBeforeMs: number; readonly notAfterMs: number };
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
    servingCertificate: () => {
      const { validFromDate, validToDate } = serving.live.current.certificate;
      return { notBeforeMs: validFromDate.getTime(), notAfterMs: validToDate.getTime() };
    },
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
  readonly mover: SessionMover;
  readonly flow: FlowControl;
  readonly clock: Clock;
}

function assemble(parts: ProxyParts, files: Files): Open {
  const { settings, clock, log, audit, trust, quarantine, policies, meter } = parts;
  const { hub, limits, listen } = settings;
  const reissuer = openReissuer(parts);
  const sessions = new HubSessions({
    hub: () => ({ url: hub.url, caPem: files.hubCa.live.current, connectTimeoutMs: hub.connectTimeoutMs }),
    clock,
    idleTimeoutMs: limits.hubSessionIdleTimeoutMs,
    serves: ({ id, holder, tls }) => tls === null || reissuer.keptFor(holder)?.serving.id === id,
  });
  const bootstrap = openBootstrap(parts, sessions);
  const flow = new FlowControl({ limits, clock, log, audit });
  const onLeafRefused: LeafRefusal = (credential, seen) => leafRefused(credential, seen);
  const forwarder = new Forwarder({
    ...{ reissuer, sessions, bootstrap, flow, hub, limits, clock, log, audit, meter, onLeafRefused },
    inspection: () => ({ policies: policies.current, mode: settings.inspect.mode }),
    judged: new MemoryShare(MOST_JUDGED_BYTES),
  });
  const listener = new Listener({
    ...{ clock, log, meter, limits, listen, trust, quarantine, flow, serving: files.serving.live },
    handle: (exchange, connection) => void forwarder.handle(exchange, connection),
    refuse: (refusal, connection, seen) => forwarder.refuse(refusal, connection, seen),
    onCertificateGone: (clientCertificateSHA256) => sessions.release(clientCertificateSHA256),
  });
  const mover = openMover(parts, { reissuer, sessions, listener, onLeafRefused });
  const leafRefused = disown(parts, { reissuer, sessions, mover });
  return { ...files, listener, forwarder, sessions, reissuer, mover, flow, clock };
}

type LeafRefusal = ForwarderParts['onLeafRefused'];

/** What becomes of a leaf that the hub has refused: it serves no more, nobody else moves to its signer for a while, and the sync hears of it. */
function disown(parts: ProxyParts, { reissuer, sessions, mover }: Pick<Open, 'reissuer' | 'sessions' | 'mover'>): LeafRefusal {
  const tellSync = tellSparingly(parts);
  return (credential: Credential, seen) => {
    const { leafSHA256, generation } = credential;
    parts.log.event('hub-refused-leaf', { leafSHA256, generation, ...seen });
    parts.meter.hubRejected();
    reissuer.discard(credential);
    sessions.retire(credential);
    mover.doubt(credential);
    tellSync(generation);
  };
}

function openMover(
  { signer, usable, settings, clock, log, random = Math.random }: ProxyParts,
  { listener, onLeafRefused, ...own }: Pick<Open, 'reissuer' | 'sessions' | 'listener'> & { onLeafRefused: LeafRefusal },
): SessionMover {
  return new SessionMover({
    ...{ ...own, signer, usable, clock, log, random, movesPerSecond: settings.reissue.movesPerSecond },
    isConnected: (clientCertificateSHA256) => listener.isConnected(clientCertificateSHA256),
    onLeafRefused: (credential, detail) => onLeafRefused(credential, { auditID: null, detail }),
  });
}

function openBootstrap({ bootstrap, settings, clock }: ProxyParts, sessions: HubSessions): ForwarderParts['bootstrap'] {
  if (bootstrap === null) return null;
  const { jwks, refreshJwks } = bootstrap;
  const { sharedServiceAccounts } = settings.bootstrap;
  return new BootstrapGate({ jwks, refreshJwks, sharedServiceAccounts, clock, onGone: (holder) => sessions.release(holder) });
}

function openReissuer({ signer, usable, trust, quarantine, clock, audit, meter, settings, random = Math.random }: ProxyParts): Reissuer {
  const issuer = createIssuer({ signer, trust, quarantine, clock, audit, meter, profile: createLeafProfile(settings.reissue) });
  return new Reissuer({ issuer, signer, usable, clock, random, mostCredentials: settings.limits.leafCacheEntries });
}

function countOpen({ listener, forwarder, sessions, mover, reissuer }: Open): ProxyCounts {
  const requests = { requests: forwarder.open, watches: forwarder.watches };
  return { connections: listener.connections, ...requests, hubSessions: sessions.count, moves: mover.underWay, credentials: reissuer.size };
}

async function drain(open: Open, timeoutMs: number): Promise<void> {
  void open.mover.close();
  const drained = open.listener.drain();
  const cancel = open.clock.after(timeoutMs, () => open.listener.cut());
  await drained;
  cancel();
  await close(open);
  await open.forwarder.idle();
  open.reissuer.clear();
}

async function close({ listener, sessions, mover, flow, hubCa, serving }: Open): Promise<void> {
  const stopped = mover.close();
  listener.destroy();
  flow.close();
  hubCa.close();
  serving.close();
  await sessions.close();
  await stopped;
}

function tellSparingly({ clock, hubRefused }: ProxyParts): (generation: number) => void {
  const toldMs = new Map<number, number>();
  return (generation) => {
    const now = clock.elapsed();
    for (const [told, atMs] of toldMs) if (now - atMs >= TELL_AGAIN_MS) toldMs.delete(told);
    if (toldMs.has(generation)) return;
    toldMs.set(generation, now);
    hubRefused(generation);
  };
}
