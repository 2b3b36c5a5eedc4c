// The composition root: builds the parts in the order in which they need each other and takes them apart in the reverse. Nothing else wires.

import { hostname } from 'node:os';
import type { AddressInfo } from 'node:net';
import { openMeter, startAdmin } from './admin/admin.ts';
import type { Admin, AdminMeter, ProcessView } from './admin/admin.ts';
import { openAudit } from './audit.ts';
import type { Audit, OpenAudit } from './audit.ts';
import { followQuarantine, openAlertEvents, startCaSync } from './ca-sync/ca-sync.ts';
import type { CaSync, Signer } from './ca-sync/ca-sync.ts';
import type { Clock } from './clock.ts';
import type { Log } from './events.ts';
import { compilePolicies } from './inspect/inspect.ts';
import type { CompiledPolicies } from './inspect/inspect.ts';
import { Live } from './live.ts';
import type { ReadonlyLive } from './live.ts';
import { openPolicyFiles } from './policy-files.ts';
import type { PolicyFiles } from './policy-files.ts';
import { openQuarantine, startProxy } from './proxy/proxy.ts';
import type { Proxy, ProxyCounts, Quarantine } from './proxy/proxy.ts';
import type { Settings } from './settings.ts';

export interface Countersign {
  /** Where it really listens: `listen.port` may be 0. */
  readonly address: AddressInfo;
  /** Of the admin port: `admin.port` may be 0. */
  readonly adminAddress: AddressInfo;
  readonly sync: CaSync;
  counts(): ProxyCounts;
  /** Reads every file that the settings name and the hub's signer and trust bundle again, and opens the audit file anew (SIGHUP). */
  reread(): Promise<void>;
  /** No new connections, GOAWAY, `drainTimeout` for what is open, then an end. Resolves when nothing of it is left. */
  stop(): Promise<void>;
}

interface Surroundings {
  readonly clock: Clock;
  readonly log: Log;
  readonly inForce?: ReadonlyLive<Settings>;
}

/**
 * Starts the proxy. With the hub away it starts all the same and answers 503 until there are a signer and a trust bundle.
 * @param around `inForce`: the same settings, swapped where one that takes effect at once has changed; left out: none ever does
 * @throws Error naming the setting, when a file or an address cannot be used; then nothing is left of it
 */
export async function startCountersign(settings: Settings, around: Surroundings): Promise<Countersign> {
  const closing: (() => Promise<void> | void)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const step of closing.splice(0).toReversed()) await closeOne(step, around.log);
  };
  try {
    return await build(settings, { inForce: new Live(settings), ...around }, { closing, closeAll });
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** What cannot be taken away must not keep the rest: an open port would keep the process. */
async function closeOne(step: () => Promise<void> | void, log: Log): Promise<void> {
  try {
    await step();
  } catch (error) {
    log.event('internal-error', { where: 'closing', error: error instanceof Error ? error.message : String(error) });
  }
}

interface Undoing {
  /** What takes each part away again, in the order in which they were built. */
  readonly closing: (() => Promise<void> | void)[];
  readonly closeAll: () => Promise<void>;
}

async function build(settings: Settings, around: Required<Surroundings>, { closing, closeAll }: Undoing): Promise<Countersign> {
  const { clock, log } = around;
  const audit = await openAudit(settings.audit, { clock, log });
  closing.push(() => audit.close());
  const policies = await openPolicyFiles(settings.inspect, { clock, log, compile: compilePolicies });
  closing.push(() => policies.close());
  const meter = openMeter(clock);
  closing.push(() => meter.close());
  const sync = await startCaSync(settings.caSync, { clock, log, bootstrap: settings.bootstrap, hub: settings.hub });
  closing.push(() => sync.close(), auditSigners(sync, audit));
  const quarantine = await startQuarantine(settings, { ...around, audit });
  closing.push(() => quarantine.close());
  const proxy = await openProxy(settings, { ...around, sync, quarantine, policies, meter, audit });
  const state = { draining: false };
  // A start that fails says so at once: agents that were quick come back to the next one
  closing.push(() => proxy.drain(state.draining ? settings.drainTimeoutMs : 0));
  const parts = { settings, proxy, sync, quarantine, policies, audit, log, closeAll };
  const admin = await openAdmin({ ...parts, clock, meter, state });
  // The first to be built that way and the last to go: it says that the others are draining.
  closing.unshift(() => admin.close());
  return assemble({ ...parts, admin, state });
}

function openProxy(
  settings: Settings,
  parts: Required<Surroundings> & Omit<Parts, 'settings' | 'proxy' | 'closeAll'> & { meter: AdminMeter },
): Promise<Proxy> {
  const { sync, quarantine, policies, meter, clock, log, audit } = parts;
  const { signer, trust, usable, jwks } = sync;
  const bootstrap = settings.bootstrap.enabled ? { jwks, refreshJwks: () => sync.refreshJwks() } : null;
  const follow = { signer, trust, usable, quarantine: quarantine.live, policies: policies.live };
  const hubRefused = (generation: number): void => sync.hubRefused(generation);
  return startProxy({ ...follow, settings, bootstrap, hubRefused, meter, clock, log, audit });
}

interface StartedQuarantine {
  readonly live: ReadonlyLive<Quarantine>;
  reread(): Promise<void>;
  close(): Promise<void>;
}

/** From the settings in force and, where they ask for it, from the hub. */
async function startQuarantine(settings: Settings, around: Required<Surroundings> & { audit: Audit }): Promise<StartedQuarantine> {
  const { inForce, clock, log, audit } = around;
  const hub = await followQuarantine(settings, { clock, log });
  const named = new Live(inForce.current.quarantine.clusters);
  const stopNaming = inForce.subscribe((next) => named.swap(next.quarantine.clusters));
  const nobody = new Live<readonly string[]>([]);
  const lists = { settings: named, configMap: hub?.listed ?? nobody, hub: hub?.turnedOut ?? nobody };
  const quarantine = openQuarantine({ lists, log, audit });
  return {
    live: quarantine.live,
    reread: () => hub?.reread() ?? Promise.resolve(),
    close: async () => {
      stopNaming();
      quarantine.close();
      await hub?.close();
    },
  };
}

interface Parts {
  readonly settings: Settings;
  readonly proxy: Proxy;
  readonly sync: CaSync;
  readonly quarantine: StartedQuarantine;
  readonly policies: PolicyFiles<CompiledPolicies>;
  readonly audit: OpenAudit;
  readonly log: Log;
  readonly closeAll: () => Promise<void>;
}

interface State {
  draining: boolean;
}

async function openAdmin(parts: Parts & { clock: Clock; meter: AdminMeter; state: State }): Promise<Admin> {
  const { settings, proxy, sync, audit, clock, log, meter, state } = parts;
  const read = (): ProcessView => ({
    sync: sync.state.current,
    counts: proxy.counts(),
    servingCertificate: proxy.servingCertificate(),
    draining: state.draining,
    auditLinesLost: audit.linesLost,
  });
  const events = await openAlertEvents(settings, { clock, instance: hostname() });
  return startAdmin(settings, { meter, read, events, clock, log });
}

function assemble({
  settings,
  proxy,
  sync,
  quarantine,
  policies,
  audit,
  log,
  closeAll,
  admin,
  state,
}: Parts & { admin: Admin; state: State }): Countersign {
  return {
    address: proxy.address,
    adminAddress: admin.address,
    sync,
    counts: () => proxy.counts(),
    reread: async () => {
      await Promise.all([proxy.reread(), sync.reread(), quarantine.reread(), policies.reread(), audit.reopen()]);
      log.event('settings-reread');
    },
    stop: async () => {
      state.draining = true;
      const { connections, requests } = proxy.counts();
      log.event('process-draining', { connections, requests, drainTimeoutMs: settings.drainTimeoutMs });
      await closeAll();
      log.event('process-stopped');
    },
  };
}

function auditSigners(sync: CaSync, audit: Audit): () => void {
  const write = (signer: Signer | null): void => {
    if (signer === null) return;
    const { fingerprintSHA256, subject, notBeforeMs, notAfterMs } = signer.certificate;
    audit.write({
      event: 'signer',
      generation: signer.generation,
      signerSHA256: fingerprintSHA256,
      subject,
      notBefore: new Date(notBeforeMs).toISOString(),
      notAfter: new Date(notAfterMs).toISOString(),
    });
  };
  write(sync.signer.current);
  return sync.signer.subscribe(write);
}
