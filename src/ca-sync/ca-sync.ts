// The front door of ca-sync: follows the hub's signer, its trust bundle and its token keys and publishes each as one immutable value. Whatever
// the source does, the last good value stays; why the newest one is not in use stands in `state`, `jwksState` and in the log.

import type { Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import { Live } from '../live.ts';
import type { ReadonlyLive } from '../live.ts';
import type { AlertSettings, BootstrapSettings, CaSyncSettings, HubSettings, QuarantineSettings } from '../settings.ts';
import type { ProbeAnswer, SyncView } from '../sync-view.ts';
import type { HubAccount } from './hub-account.ts';
import type { HubEvents } from './hub-events.ts';
import { followJwks } from './jwks-following.ts';
import type { JwksFollowing, JwksState } from './jwks-following.ts';
import { openFileJwksSource } from './jwks-source-file.ts';
import type { Jwks } from './jwks.ts';
import type { HubQuarantine } from './quarantine-following.ts';
import type { Signer } from './signer.ts';
import { openFilesSource } from './source-files.ts';
import type { Source } from './source.ts';
import { SyncRunner } from './sync-runner.ts';
import type { TrustBundle } from './trust-bundle.ts';
import { openTrustProbe } from './trust-probe.ts';
import type { ProbeTarget, TrustProbe } from './trust-probe.ts';

export type { HubEvents } from './hub-events.ts';
export type { HubQuarantine } from './quarantine-following.ts';
export type { JwksState } from './jwks-following.ts';
export type { Jwks, TokenKey } from './jwks.ts';
export type { Signer } from './signer.ts';
export { readTrustBundle } from './trust-bundle.ts';
export type { TrustBundle } from './trust-bundle.ts';
export type { TrustProbe } from './trust-probe.ts';

export interface CaSync {
  /**
   * null until a first good one was read and, where the hub is asked, accepted. A signer stays after its own end, for want of a better: look at
   * notAfterMs before issuing.
   */
  readonly signer: ReadonlyLive<Signer | null>;
  /** null until a first good one was read. When both change in one read, this one changes first. */
  readonly trust: ReadonlyLive<TrustBundle | null>;
  /**
   * Generations whose leaves the hub is held to accept: the current one, and those before it that have neither ended nor been withdrawn. Has a new
   * generation before `signer` does, and loses a withdrawn one after it.
   */
  readonly usable: ReadonlyLive<ReadonlySet<number>>;
  /** Swapped after each read, each answer and each tick. */
  readonly state: ReadonlyLive<SyncView>;
  /** null until first good ones were read, and for good where bootstrap is off. */
  readonly jwks: ReadonlyLive<Jwks | null>;
  /** Swapped after each read of the token keys; null where bootstrap is off. */
  readonly jwksState: ReadonlyLive<JwksState | null>;
  /**
   * A token names a key that is not among `jwks`: reads them again, unless that was done a moment ago. Resolves to whether the source could be
   * read: where it could not, the key may well be there. Never rejects.
   */
  refreshJwks(): Promise<boolean>;
  /** The hub answered 401 to a leaf of this generation that is held to be valid: reads again, and asks the hub about that generation, sparingly. */
  hubRefused(generation: number): void;
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
  /** Left out: the hub is not asked before a signer is used, whatever the settings say. */
  readonly hub?: HubSettings;
  /** In place of asking the hub itself. */
  readonly probe?: TrustProbe;
}

/**
 * Resolves after a first attempt to read the source and to ask the hub about the signer there, within seconds also when they are away: then with null
 * values, and it keeps trying.
 */
export async function startCaSync(settings: CaSyncSettings, around: CaSyncSurroundings): Promise<CaSync> {
  const surroundings = { random: Math.random, ...around };
  const source = await openSource(settings, surroundings);
  const probe = await openProbe(settings, surroundings);
  const runner = new SyncRunner(source, { ...surroundings, probe, kind: settings.source, schedule: settings.schedule });
  const [following] = await Promise.all([startJwks(settings, surroundings), runner.start()]);
  return {
    signer: runner.signer,
    trust: runner.trust,
    usable: runner.usable,
    state: runner.state,
    jwks: following?.jwks ?? new Live(null),
    jwksState: following?.state ?? new Live(null),
    refreshJwks: () => following?.refresh() ?? Promise.resolve(true),
    hubRefused: (generation) => runner.hubRefused(generation),
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

async function openProbe(settings: CaSyncSettings, { hub, probe, clock }: Surroundings): Promise<TrustProbe | null> {
  if (!settings.probe.enabled) return null;
  return probe ?? (hub === undefined ? null : openTrustProbe({ hub, caSync: settings }, clock));
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

/** Shows the hub a leaf of this signer, once, as the following does before a signer is used. One answer for each endpoint. */
export async function askHub(signer: Signer, target: ProbeTarget, clock: Clock): Promise<readonly ProbeAnswer[]> {
  const probe = await openTrustProbe(target, clock);
  try {
    return await probe.ask(signer, new AbortController().signal);
  } finally {
    await probe.close();
  }
}

/** Writes alerts as Events on the hub, with the account of source kubernetes; null where the settings ask for none. */
export async function openAlertEvents(
  { caSync, alerts }: { readonly caSync: CaSyncSettings; readonly alerts: AlertSettings },
  { clock, instance }: { readonly clock: Clock; readonly instance: string },
): Promise<HubEvents | null> {
  if (caSync.source === 'files' || alerts.kubernetesEvents === null) return null;
  const { openHubEvents } = await import('./hub-events.ts');
  const { kubeconfigFile, signer } = caSync;
  return openHubEvents({ kubeconfigFile, signer, instance, clock, namespace: alerts.kubernetesEvents.namespace });
}
