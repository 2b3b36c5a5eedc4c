// Settings and policies of a proxy under test: the defaults, but fast, and nothing forbidden.

import { join } from 'node:path';
import type { CompiledPolicies } from '../../src/inspect/inspect.ts';
import type { LimitSettings, Settings } from '../../src/settings.ts';
import { noProbe } from '../no-probe.ts';

/** Tests ask as fast as they can; those of the rates take the defaults. */
const PLENTY = { sustainedPerSecond: 100_000, burst: 100_000 };

/** The defaults of settings-schema.ts, with deadlines that a test can wait for where it sets them. */
const TEST_LIMITS: LimitSettings = {
  maxConnections: 1_000,
  maxStreamsPerConnection: 100,
  maxHeaderBytes: 16 * 1024,
  maxHeaders: 64,
  maxTargetBytes: 8 * 1024,
  maxQueryParameters: 32,
  maxRequestBodyBytes: 3 * 1024 * 1024,
  maxPingsPerSecond: 100,
  maxSettingsPerSecond: 20,
  maxResetsPerSecond: 100,
  handshakeTimeoutMs: 10_000,
  headersTimeoutMs: 10_000,
  bodyIdleTimeoutMs: 15_000,
  connectionIdleTimeoutMs: 180_000,
  hubSessionIdleTimeoutMs: 80_000,
  leafCacheEntries: 1_000,
  maxHeaderBytesPerSecond: 1024 * 1024,
  maxConnectionsPerIdentity: 128,
  maxRequestsPerIdentity: 256,
  lockoutMs: 30_000,
  rates: {
    klusterlet: PLENTY,
    addon: PLENTY,
    mutating: PLENTY,
    list: PLENTY,
    watchStarts: PLENTY,
    csrCreates: PLENTY,
    refused: PLENTY,
  },
};

/** Allows everything that hygiene lets through: what is tested here is the way, not the policy. */
export const allowAll: CompiledPolicies = {
  policies: [],
  decide: () => ({
    allowed: true,
    rule: 'test/everything',
    demand: { kind: 'count', mostBytes: Number.MAX_SAFE_INTEGER },
    closest: null,
    refusal: null,
  }),
};

/** What a test may want otherwise. */
export interface SettingsPlan {
  readonly hubUrl: URL;
  readonly limits?: Partial<LimitSettings>;
  readonly hub?: Partial<Settings['hub']>;
  readonly reissue?: Settings['reissue'];
  /** Whether tokens are admitted at all; what they are judged by is handed in beside the settings. */
  readonly bootstrap?: unknown;
}

export function toSettings(directory: string, options: SettingsPlan): Settings {
  return {
    listen: { address: '127.0.0.1', port: 0, certificateFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') },
    hub: { url: options.hubUrl, caFile: join(directory, 'hub-ca.crt'), connectTimeoutMs: 5_000, responseTimeoutMs: 60_000, ...options.hub },
    caSync: { source: 'files', files: { certificateFile: '', keyFile: '', trustBundleFile: '' }, schedule: '* * * * *', probe: noProbe },
    reissue: options.reissue ?? { lifetimeMs: 'match', movesPerSecond: 1_000 },
    bootstrap: {
      enabled: options.bootstrap !== undefined,
      jwksFile: null,
      sharedServiceAccounts: [{ namespace: 'open-cluster-management', name: 'agent-registration-bootstrap' }],
    },
    inspect: { mode: 'enforce', packs: [], policyFiles: [] },
    quarantine: { clusters: [], configMap: null, followHub: false },
    admin: { address: '127.0.0.1', port: 0 },
    alerts: { webhook: null, kubernetesEvents: null },
    audit: { file: '-', requests: 'all' },
    drainTimeoutMs: 1_000,
    processes: 'single',
    log: { level: 'info' },
    limits: { ...TEST_LIMITS, ...options.limits },
  };
}
