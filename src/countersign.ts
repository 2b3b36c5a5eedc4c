// The composition root: builds the parts in the order in which they need each other and takes them apart in the reverse. Nothing else wires.

import type { AddressInfo } from 'node:net';
import { openAudit } from './audit.ts';
import type { Audit } from './audit.ts';
import { followQuarantine, startCaSync } from './ca-sync/ca-sync.ts';
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
  readonly sync: CaSync;
  counts(): ProxyCounts;
  /** Reads every file that the settings name and the hub's signer and trust bundle again, and opens the audit file anew (SIGHUP). */
  reread(): Promise<void>;
  /** No new connections, GOAWAY, `drainTimeout` for what is open, then an end. Resolves when nothing of it is left. */
  stop(): Promise<void>;
}

/**
 * Starts the proxy. With the hub away it starts all the same and answers 503 until there are a signer and a trust bundle.
 * @param around `inForce`: the same settings, swapped where one that takes effect at once has changed; left out: none ever does
 * @throws Error naming the setting, when a file or the address cannot be used
 */
export async function startCountersign(settings: Settings, around: Surroundings): Promise<Countersign> {
  const { clock, log } = around;
  const audit = await openAudit(settings.audit, { clock, log });
  const policies = await openPolicies(settings, { clock, log });
  const [sync, quarantine] = await Promise.all([
    startCaSync(settings.caSync, { clock, log, bootstrap: settings.bootstrap }),
    startQuarantine(settings, { inForce: new Live(settings), ...around, audit }),
  ]);
  const stopAuditingSigners = auditSigners(sync, audit);
  const stopped = async (): Promise<void> => {
    stopAuditingSigners();
    policies.close();
    await Promise.all([sync.close(), quarantine.close()]);
    await audit.close();
  };
  try {
    const resync = (): void => void sync.reread();
    const { signer, trust, jwks } = sync;
    const bootstrap = settings.bootstrap.enabled ? { jwks, refreshJwks: () => sync.refreshJwks() } : null;
    const follow = { signer, trust, quarantine: quarantine.live, policies: policies.live };
    const proxy = await startProxy({ ...follow, settings, bootstrap, resync, clock, log, audit });
    return assemble(proxy, { sync, quarantine, policies, audit, settings, log, stopped });
  } catch (error) {
    await stopped();
    throw error;
  }
}

interface Surroundings {
  readonly clock: Clock;
  readonly log: Log;
  readonly inForce?: ReadonlyLive<Settings>;
}

function openPolicies({ inspect }: Settings, around: { clock: Clock; log: Log }): Promise<PolicyFiles<CompiledPolicies>> {
  return openPolicyFiles(inspect, { ...around, compile: compilePolicies });
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

interface Assembled {
  readonly sync: CaSync;
  readonly quarantine: StartedQuarantine;
  readonly policies: PolicyFiles<CompiledPolicies>;
  readonly audit: Audit;
  readonly settings: Settings;
  readonly log: Log;
  readonly stopped: () => Promise<void>;
}

function assemble(proxy: Proxy, { sync, quarantine, policies, audit, settings, log, stopped }: Assembled): Countersign {
  return {
    address: proxy.address,
    sync,
    counts: () => proxy.counts(),
    reread: async () => {
      await Promise.all([proxy.reread(), sync.reread(), quarantine.reread(), policies.reread(), audit.reopen()]);
      log.event('settings-reread');
    },
    stop: async () => {
      const { connections, requests } = proxy.counts();
      log.event('process-draining', { connections, requests, drainTimeoutMs: settings.drainTimeoutMs });
      await proxy.drain(settings.drainTimeoutMs);
      await stopped();
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
