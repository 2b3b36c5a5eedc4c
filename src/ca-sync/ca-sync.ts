// The front door of ca-sync: follows the hub's signer and trust bundle and publishes each as one immutable value. Whatever the source does,
// the last good value stays; why the newest one is not in use stands in `state` and in the log.

import type { Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import type { ReadonlyLive } from '../live.ts';
import type { CaSyncSettings } from '../settings.ts';
import type { HubAccount } from './hub-account.ts';
import type { Signer } from './signer.ts';
import { openFilesSource } from './source-files.ts';
import type { Source } from './source.ts';
import { SyncRunner } from './sync-runner.ts';
import type { SyncState } from './sync-state.ts';
import type { TrustBundle } from './trust-bundle.ts';

export type { Signer } from './signer.ts';
export type { SyncState } from './sync-state.ts';
export { readTrustBundle } from './trust-bundle.ts';
export type { TrustBundle } from './trust-bundle.ts';

export interface CaSync {
  /** null until a first good one was read. A signer stays after its own end, for want of a better: look at notAfterMs before issuing. */
  readonly signer: ReadonlyLive<Signer | null>;
  /** null until a first good one was read. When both change in one read, this one changes first. */
  readonly trust: ReadonlyLive<TrustBundle | null>;
  /** Swapped after each read and each tick. */
  readonly state: ReadonlyLive<SyncState>;
  /** Full re-read now. Resolves when a read that began after the call has ended, whatever came of it; never rejects. */
  reread(): Promise<void>;
  /** Stops following; resolves when no timer, socket or watcher is left. The values stay readable. */
  close(): Promise<void>;
}

export interface CaSyncSurroundings {
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1), for jitter. Left out: Math.random. */
  readonly random?: () => number;
}

/** Resolves after a first attempt to read the source, within seconds also when it is away: then with null values, and it keeps trying. */
export async function startCaSync(settings: CaSyncSettings, around: CaSyncSurroundings): Promise<CaSync> {
  const surroundings = { random: Math.random, ...around };
  const source = await openSource(settings, surroundings);
  const runner = new SyncRunner(source, { ...surroundings, kind: settings.source, schedule: settings.schedule });
  await runner.start();
  return runner;
}

async function openSource(settings: CaSyncSettings, around: Required<CaSyncSurroundings>): Promise<Source> {
  if (settings.source === 'files') return openFilesSource(settings.files, around.clock);
  // Loaded only when needed: the Kubernetes client costs about a second and 80 MB
  const { openKubernetesSource } = await import('./source-kubernetes.ts');
  return openKubernetesSource(settings, around);
}

/** The account of source kubernetes, as it reads with it. Rejects with an Error whose message names the file and what to do. */
export async function openHubAccount(kubeconfigFile: string | null): Promise<HubAccount> {
  const { readHubAccount } = await import('./hub-account.ts');
  return readHubAccount(kubeconfigFile);
}
