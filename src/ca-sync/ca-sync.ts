// The front door of ca-sync: follows the hub's signer, its trust bundle and its token keys and publishes each as one immutable value. Whatever
// the source does, the last good value stays; why the newest one is not in use stands in `state`, `jwksState` and in the log.

import type { Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import { Live } from '../live.ts';
import type { ReadonlyLive } from '../live.ts';
import type { BootstrapSettings, CaSyncSettings, QuarantineSettings } from '../settings.ts';
import type { HubAccount } from './hub-account.ts';
import { followJwks } from './jwks-following.ts';
import type { JwksFollowing, JwksState } from './jwks-following.ts';
import { openFileJwksSource } from './jwks-source-file.ts';
import type { Jwks } from './jwks.ts';
import type { HubQuarantine } from './quarantine-following.ts';
import type { Signer } from './signer.ts';
import { openFilesSource } from './source-files.ts';
import type { Source } from './source.ts';
import { SyncRunner } from './sync-runner.ts';
import type { SyncState } from './sync-state.ts';
import type { TrustBundle } from './trust-bundle.ts';

export type { HubQuarantine } from './quarantine-following.ts';
export type { JwksState } from './jwks-following.ts';
export type { Jwks, TokenKey } from './jwks.ts';
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
  /** null until first good ones were read, and for good where bootstrap is off. */
  readonly jwks: ReadonlyLive<Jwks | null>;
  /** Swapped after each read of the token keys; null where bootstrap is off. */
  readonly jwksState: ReadonlyLive<JwksState | null>;
  /**
   * A token names a key that is not among `jwks`: reads them again, unless that was done a moment ago. Resolves to whether the source could be
   * read: where it could not, the key may well be there. Never rejects.
   */
  refreshJwks(): Promise<boolean>;
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
  /** Left out, or not enabled: nobody asks for the hub's token keys. */
  readonly bootstrap?: BootstrapSettings;
}

/** Resolves after a first attempt to read the source, within seconds also when it is away: then with null values, and it keeps trying. */
export async function startCaSync(settings: CaSyncSettings, around: CaSyncSurroundings): Promise<CaSync> {
  const surroundings = { random: Math.random, ...around };
  const source = await openSource(settings, surroundings);
  const runner = new SyncRunner(source, { ...surroundings, kind: settings.source, schedule: settings.schedule });
  const [following] = await Promise.all([startJwks(settings, surroundings), runner.start()]);
  return {
    signer: runner.signer,
    trust: runner.trust,
    state: runner.state,
    jwks: following?.jwks ?? new Live(null),
    jwksState: following?.state ?? new Live(null),
    refreshJwks: () => following?.refresh() ?? Promise.resolve(true),
    reread: async () => {
      await Promise.all([runner.reread(), following?.reread()]);
    },
    close: async () => {
      await Promise.all([runner.close(), following?.close()]);
    },
  };
}

type Surroundings = CaSyncSurroundings & Required<Pick<CaSyncSurroundings, 'random'>>;

/** A file of keys goes before the hub: it was named on purpose. */
async function startJwks(settings: CaSyncSettings, around: Surroundings): Promise<JwksFollowing | null> {
  const { bootstrap, clock } = around;
  if (bootstrap?.enabled !== true) return null;
  const { schedule } = settings;
  if (bootstrap.jwksFile !== null) return followJwks(openFileJwksSource(bootstrap.jwksFile, clock), { ...around, schedule });
  // The settings do not let this happen: nothing but the hub and a file has such keys
  if (settings.source === 'files') return null;
  const { openHubJwksSource } = await import('./jwks-source-hub.ts');
  return followJwks(openHubJwksSource(settings.kubeconfigFile, clock), { ...around, schedule });
}

async function openSource(settings: CaSyncSettings, around: Surroundings): Promise<Source> {
  if (settings.source === 'files') return openFilesSource(settings.files, around.clock);
  // Loaded only when needed: the Kubernetes client costs about a second and 80 MB
  const { openKubernetesSource } = await import('./source-kubernetes.ts');
  return openKubernetesSource(settings, around);
}

/** What the hub says of quarantine, followed with the account of source kubernetes; null where the settings ask for nothing of the kind. */
export async function followQuarantine(
  settings: { readonly caSync: CaSyncSettings; readonly quarantine: QuarantineSettings },
  around: Pick<CaSyncSurroundings, 'clock' | 'log' | 'random'>,
): Promise<HubQuarantine | null> {
  const { caSync, quarantine } = settings;
  if (caSync.source === 'files' || (quarantine.configMap === null && !quarantine.followHub)) return null;
  const { followHubQuarantine } = await import('./quarantine-following.ts');
  return followHubQuarantine(quarantine, { random: Math.random, ...around, kubeconfigFile: caSync.kubeconfigFile });
}

/** The account of source kubernetes, as it reads with it. Rejects with an Error whose message names the file and what to do. */
export async function openHubAccount(kubeconfigFile: string | null): Promise<HubAccount> {
  const { readHubAccount } = await import('./hub-account.ts');
  return readHubAccount(kubeconfigFile);
}
