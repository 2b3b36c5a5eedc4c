// The composition root: builds the parts in the order in which they need each other and takes them apart in the reverse. Nothing else wires.

import type { AddressInfo } from 'node:net';
import { openAudit } from './audit.ts';
import type { Audit } from './audit.ts';
import { startCaSync } from './ca-sync/ca-sync.ts';
import type { CaSync, Signer } from './ca-sync/ca-sync.ts';
import type { Clock } from './clock.ts';
import type { Log } from './events.ts';
import { startProxy } from './proxy/proxy.ts';
import type { Proxy, ProxyCounts } from './proxy/proxy.ts';
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
 * @throws Error naming the setting, when a file or the address cannot be used
 */
export async function startCountersign(settings: Settings, around: { clock: Clock; log: Log }): Promise<Countersign> {
  const { clock, log } = around;
  const audit = await openAudit(settings.audit, { clock, log });
  const sync = await startCaSync(settings.caSync, { clock, log });
  const stopAuditingSigners = auditSigners(sync, audit);
  const stopped = async (): Promise<void> => {
    stopAuditingSigners();
    await sync.close();
    await audit.close();
  };
  try {
    const resync = (): void => void sync.reread();
    const proxy = await startProxy({ settings, signer: sync.signer, trust: sync.trust, resync, clock, log, audit });
    return assemble(proxy, { sync, audit, settings, log, stopped });
  } catch (error) {
    await stopped();
    throw error;
  }
}

interface Assembled {
  readonly sync: CaSync;
  readonly audit: Audit;
  readonly settings: Settings;
  readonly log: Log;
  readonly stopped: () => Promise<void>;
}

function assemble(proxy: Proxy, { sync, audit, settings, log, stopped }: Assembled): Countersign {
  return {
    address: proxy.address,
    sync,
    counts: () => proxy.counts(),
    reread: async () => {
      await Promise.all([proxy.reread(), sync.reread(), audit.reopen()]);
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
