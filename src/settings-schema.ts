// The settings' shape: each key with what it may be, its default and the reason for it. Pure: makes a checked value out of a read one, and finds
// every problem at once; opens no file.

import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { z } from 'zod';
import { packNames } from './pack-names.ts';
import { caSync } from './settings-ca-sync.ts';
import { admin, alerts, hasEventAccount, NO_EVENT_ACCOUNT } from './settings-alarms.ts';
import { hasQuarantineAccount, NO_QUARANTINE_ACCOUNT, quarantine } from './settings-quarantine.ts';
import { rates } from './settings-rates.ts';
import type { Settings } from './settings.ts';
import {
  bytes,
  count,
  duration,
  isFilePath,
  milliseconds,
  namespaceName,
  objectName,
  oneOf,
  section,
  size,
  text,
} from './settings-values.ts';

export interface SchemaIssue {
  readonly path: readonly PropertyKey[];
  /** The path ends in a key that the schema does not know. */
  readonly unknownKey: boolean;
  readonly expected: string;
}

export type SchemaVerdict =
  | { readonly ok: true; readonly settings: Settings }
  | { readonly ok: false; readonly issues: readonly SchemaIssue[] };

/** Relative file names are resolved against `folder`, the settings file's own. */
export function checkSettings(value: unknown, folder: string): SchemaVerdict {
  const verdict = settingsSchema(folder).safeParse(value);
  if (verdict.success) return { ok: true, settings: verdict.data };
  const issues = verdict.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ path: [...issue.path, key], unknownKey: true, expected: issue.message }))
      : [{ path: issue.path, unknownKey: false, expected: issue.message }],
  );
  return { ok: false, issues };
}

const settingsSchema = (folder: string): z.ZodType<Settings> => {
  const path = z
    .string({ error: A_FILE })
    .refine(isFilePath, { error: A_FILE })
    .transform((name) => resolve(folder, name));
  return section({
    listen: section({
      address: text('an IP address', (address) => isIP(address) !== 0).default('0.0.0.0'),
      port: count(0, 65_535).default(6443),
      certificateFile: path,
      keyFile: path,
    }),
    hub: hub(path),
    caSync: caSync(path).prefault({}),
    reissue: reissue.prefault({}),
    inspect: inspect(path).prefault({}),
    bootstrap: bootstrap(path).prefault({}),
    quarantine,
    admin,
    alerts: alerts(path),
    audit: section({
      file: z.union([z.literal('-'), path], { error: "a file name, or '-' for standard output" }).default('-'),
      requests: oneOf(['denied', 'all']).default('denied'),
    }).prefault({}),
    drainTimeout: duration('0s', '24h').default(milliseconds('60s')),
    processes: oneOf(['single']).default('single'),
    log: section({ level: oneOf(['debug', 'info', 'warn', 'error']).default('info') }).prefault({}),
    limits: limits.prefault({}),
  })
    .refine(hasQuarantineAccount, { path: ['quarantine'], error: NO_QUARANTINE_ACCOUNT, when: () => true })
    .refine(hasEventAccount, { path: ['alerts', 'kubernetesEvents'], error: NO_EVENT_ACCOUNT, when: () => true })
    .refine(hasTokenKeys, { path: ['bootstrap', 'jwksFile'], error: NO_TOKEN_KEYS, when: () => true })
    .transform(({ drainTimeout, inspect: policies, ...rest }) => ({
      ...rest,
      inspect: withImpliedPack(policies, rest.bootstrap),
      drainTimeoutMs: drainTimeout,
    }));
};

const A_FILE = 'a file name, relative to the settings file or absolute (~ is not expanded)';
const LIFETIME = 'match, or a duration from 10m (the shortest that a hub issues: csr-signer.md §5) to 8760h';

/** Each move is a new key, a signature and a TLS handshake, some 5 ms: the default takes a tenth of one core, and 2,000 agents under two minutes. */
const reissue = section({
  lifetime: z.union([z.literal('match'), duration('10m', '8760h')], { error: LIFETIME }).default('match'),
  movesPerSecond: count(1, 10_000).default(20),
}).transform(({ lifetime, movesPerSecond }) => ({ lifetimeMs: lifetime, movesPerSecond }));

const hubUrl = z.string({ error: 'an https URL such as https://api.hub.example.com:6443' }).transform((value, context) => {
  const url = URL.canParse(value) ? new URL(value) : null;
  const isOrigin =
    url !== null && url.protocol === 'https:' && url.pathname === '/' && `${url.username}${url.password}${url.search}${url.hash}` === '';
  if (isOrigin) return url;
  context.addIssue({ code: 'custom', message: 'an https URL with host and port only: no path, user name, password, query or fragment' });
  return z.NEVER;
});

const hub = (path: z.ZodType<string, string>) =>
  section({
    url: hubUrl,
    caFile: path,
    connectTimeout: duration('100ms', '5m').default(milliseconds('5s')),
    responseTimeout: duration('100ms', '1h').default(milliseconds('60s')),
  }).transform(({ url, caFile, connectTimeout, responseTimeout }) => ({
    url,
    caFile,
    connectTimeoutMs: connectTimeout,
    responseTimeoutMs: responseTimeout,
  }));

/** A policy is a file that a person wrote; more than these are one file too many each. */
const MAX_POLICY_FILES = 64;

const inspect = (path: z.ZodType<string, string>) => {
  const onceEach = (names: readonly string[]): boolean => new Set(names).size === names.length;
  const packs = `a list of built-in policies, each once: ${packNames.join(', ')}`;
  const files = `a list of at most ${MAX_POLICY_FILES} file names, each once`;
  return section({
    mode: oneOf(['enforce', 'report']).default('enforce'),
    packs: z
      .array(z.enum(packNames, { error: packs }), { error: packs })
      .refine(onceEach, { error: packs })
      .default(['klusterlet']),
    policyFiles: z.array(path, { error: files }).max(MAX_POLICY_FILES, { error: files }).refine(onceEach, { error: files }).default([]),
  });
};

const NO_TOKEN_KEYS =
  "a file with the hub's token keys (kubectl get --raw /openid/v1/jwks), since caSync.source is files; or bootstrap: { enabled: false }";

/** More is a misunderstanding: a hub has one such account, or none. */
const MOST_SHARED_ACCOUNTS = 16;
const SHARED_ACCOUNTS = `a list of at most ${MOST_SHARED_ACCOUNTS} mappings of namespace and name`;

const bootstrap = (path: z.ZodType<string, string>) =>
  section({
    enabled: z.boolean({ error: 'true or false' }).default(true),
    jwksFile: path.nullable().default(null),
    // What clusteradm and the agent-registration flow use (recorded-traffic.md "Identities").
    sharedServiceAccounts: z
      .array(section({ namespace: namespaceName, name: objectName }), { error: SHARED_ACCOUNTS })
      .max(MOST_SHARED_ACCOUNTS, { error: SHARED_ACCOUNTS })
      .default([{ namespace: 'open-cluster-management', name: 'agent-registration-bootstrap' }]),
  });

/** Whoever may bring a bootstrap token may do with it what the pack of that name allows, and no more. */
function withImpliedPack(policies: Settings['inspect'], { enabled }: Settings['bootstrap']): Settings['inspect'] {
  return enabled ? { ...policies, packs: [...new Set([...policies.packs, 'bootstrap' as const])] } : policies;
}

/** Asked of what did parse, whatever else did not. */
function hasTokenKeys(value: { caSync?: { source?: unknown }; bootstrap?: Partial<Settings['bootstrap']> } | null): boolean {
  return !(value?.caSync?.source === 'files' && value.bootstrap?.enabled === true && value.bootstrap.jwksFile === null);
}

/** design.md §5 "Listener" and facts/inspection.md "Starting limits", where no other reason is given. */
const limits = section({
  // About 8 long-lived connections a cluster (klusterlet-traffic.md §4): some 1,200 clusters on one process. Each costs two descriptors.
  maxConnections: count(1, 1_000_000).default(10_000),
  maxStreamsPerConnection: count(1, 2_000).default(100),
  maxHeaderBytes: size('1KiB', '1MiB').default(bytes('16KiB')),
  maxHeaders: count(8, 1_000).default(64),
  maxQueryParameters: count(4, 1_000).default(32),
  maxTargetBytes: size('256B', '64KiB').default(bytes('8KiB')),
  // kube-apiserver refuses more than 3 MiB by itself (apiserver pkg/server/config.go MaxRequestBodyBytes); aggregated APIs may take more.
  maxRequestBodyBytes: size('1KiB', '1GiB').default(bytes('3MiB')),
  maxPingsPerSecond: count(1, 100_000).default(100),
  maxSettingsPerSecond: count(1, 100_000).default(20),
  maxResetsPerSecond: count(1, 100_000).default(100),
  // As the hub would have to read them again. An agent sends 700 bytes a request, and 150 requests at once at the most.
  maxHeaderBytesPerSecond: size('16KiB', '1GiB').default(bytes('1MiB')),
  // An agent has 1 to 3; with HTTP/1.1 one for each watch and each request under way, 25 of them kept idle by each of three processes.
  maxConnectionsPerIdentity: count(16, 1_000_000).default(128),
  // An agent has about 4 watches; its clients together start 150 requests at once at the most (klusterlet-traffic.md §4).
  maxRequestsPerIdentity: count(16, 1_000_000).default(256),
  rates,
  // Long enough that trying doors is slow, short enough that an agent among them renews its lease in time (design.md §5: within 60 s).
  lockout: duration('1s', '60s').default(milliseconds('30s')),
  handshakeTimeout: duration('100ms', '5m').default(milliseconds('10s')),
  headersTimeout: duration('100ms', '5m').default(milliseconds('10s')),
  bodyIdleTimeout: duration('100ms', '10m').default(milliseconds('15s')),
  // Longer than the 62-72 s between two lease renewals (recorded-traffic.md "Steady state"), else each one is a new handshake.
  connectionIdleTimeout: duration('1s', '24h').default(milliseconds('3m')),
  // Above the 72 s too, and below the 90 s after which kube-apiserver closes an idle connection under us (csr-signer.md §4).
  hubSessionIdleTimeout: duration('1s', '24h').default(milliseconds('80s')),
  // As many as connections: no connection in use finds its leaf thrown out.
  leafCacheEntries: count(1, 1_000_000).default(10_000),
}).transform(({ lockout, handshakeTimeout, headersTimeout, bodyIdleTimeout, connectionIdleTimeout, hubSessionIdleTimeout, ...counts }) => ({
  ...counts,
  lockoutMs: lockout,
  handshakeTimeoutMs: handshakeTimeout,
  headersTimeoutMs: headersTimeout,
  bodyIdleTimeoutMs: bodyIdleTimeout,
  connectionIdleTimeoutMs: connectionIdleTimeout,
  hubSessionIdleTimeoutMs: hubSessionIdleTimeout,
}));
