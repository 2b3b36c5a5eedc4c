// The settings' shape: each key with what it may be, its default and the reason for it. Pure: makes a checked value out of a read one, and finds
// every problem at once; opens no file.

import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { Settings } from './settings.ts';
import { bytes, count, duration, isFilePath, isSchedule, milliseconds, oneOf, section, size, text } from './settings-values.ts';

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
    hub: section({
      url: hubUrl,
      caFile: path,
      connectTimeout: duration('100ms', '5m').default(milliseconds('5s')),
      responseTimeout: duration('100ms', '1h').default(milliseconds('60s')),
    }).transform(({ url, caFile, connectTimeout, responseTimeout }) => ({
      url,
      caFile,
      connectTimeoutMs: connectTimeout,
      responseTimeoutMs: responseTimeout,
    })),
    caSync: caSync(path).prefault({}),
    reissue: section({ lifetime: z.union([z.literal('match'), duration('10m', '8760h')], { error: LIFETIME }).default('match') })
      .transform(({ lifetime }) => ({ lifetimeMs: lifetime }))
      .prefault({}),
    audit: section({
      file: z.union([z.literal('-'), path], { error: "a file name, or '-' for standard output" }).default('-'),
      requests: oneOf(['denied', 'all']).default('denied'),
    }).prefault({}),
    drainTimeout: duration('0s', '24h').default(milliseconds('60s')),
    processes: oneOf(['single']).default('single'),
    log: section({ level: oneOf(['debug', 'info', 'warn', 'error']).default('info') }).prefault({}),
    limits: limits.prefault({}),
  }).transform(({ drainTimeout, ...rest }) => ({ ...rest, drainTimeoutMs: drainTimeout }));
};

const A_FILE = 'a file name, relative to the settings file or absolute (~ is not expanded)';
const LIFETIME = 'match, or a duration from 10m (the shortest that a hub issues: csr-signer.md §5) to 8760h';

/** Names as Kubernetes has them: RFC 1123 label and subdomain; the keys of a ConfigMap. */
const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const DATA_KEY = /^[-._a-zA-Z0-9]{1,253}$/;

const namespace = text('a namespace name', (name) => LABEL.test(name));
const objectName = text('the name of a Kubernetes object', (name) => SUBDOMAIN.test(name));

const hubUrl = z.string({ error: 'an https URL such as https://api.hub.example.com:6443' }).transform((value, context) => {
  const url = URL.canParse(value) ? new URL(value) : null;
  const isOrigin =
    url !== null && url.protocol === 'https:' && url.pathname === '/' && `${url.username}${url.password}${url.search}${url.hash}` === '';
  if (isOrigin) return url;
  context.addIssue({ code: 'custom', message: 'an https URL with host and port only: no path, user name, password, query or fragment' });
  return z.NEVER;
});

/** Defaults: where OpenShift keeps the live signer and publishes what its API servers trust (csr-signer.md §1, §2). */
const caSync = (path: z.ZodType<string, string>) => {
  const schedule = text('a cron expression such as "* * * * *"', isSchedule).default('* * * * *');
  const signer = section({
    namespace: namespace.default('openshift-kube-controller-manager'),
    secret: objectName.default('csr-signer'),
  });
  const trust = section({
    namespace: namespace.default('openshift-config-managed'),
    configMap: objectName.default('csr-controller-ca'),
    key: text('a key of a ConfigMap', (key) => DATA_KEY.test(key)).default('ca-bundle.crt'),
  });
  const kubernetes = section({
    source: z.literal('kubernetes'),
    kubeconfigFile: path.nullable().default(null),
    signer: signer.prefault({}),
    trust: trust.prefault({}),
    schedule,
  });
  const files = section({
    source: z.literal('files'),
    files: section({ certificateFile: path, keyFile: path, trustBundleFile: path }),
    schedule,
  });
  const expected = 'a mapping whose source is kubernetes or files';
  return z.preprocess(
    (value) =>
      typeof value === 'object' && value !== null && !Array.isArray(value) && !('source' in value)
        ? { source: 'kubernetes', ...value }
        : value,
    z.discriminatedUnion('source', [kubernetes, files], { error: expected }),
  );
};

/** design.md §5 "Listener" and facts/inspection.md "Starting limits", where no other reason is given. */
const limits = section({
  // About 8 long-lived connections a cluster (klusterlet-traffic.md §4): some 1,200 clusters on one process. Each costs two descriptors.
  maxConnections: count(1, 1_000_000).default(10_000),
  maxStreamsPerConnection: count(1, 2_000).default(100),
  maxHeaderBytes: size('1KiB', '1MiB').default(bytes('16KiB')),
  maxHeaders: count(8, 1_000).default(64),
  maxTargetBytes: size('256B', '64KiB').default(bytes('8KiB')),
  // kube-apiserver refuses more than 3 MiB by itself (apiserver pkg/server/config.go MaxRequestBodyBytes); aggregated APIs may take more.
  maxRequestBodyBytes: size('1KiB', '1GiB').default(bytes('3MiB')),
  maxPingsPerSecond: count(1, 100_000).default(100),
  maxSettingsPerSecond: count(1, 100_000).default(20),
  maxResetsPerSecond: count(1, 100_000).default(100),
  handshakeTimeout: duration('100ms', '5m').default(milliseconds('10s')),
  headersTimeout: duration('100ms', '5m').default(milliseconds('10s')),
  bodyIdleTimeout: duration('100ms', '10m').default(milliseconds('15s')),
  // Longer than the 62-72 s between two lease renewals (recorded-traffic.md "Steady state"), else each one is a new handshake.
  connectionIdleTimeout: duration('1s', '24h').default(milliseconds('3m')),
  // Above the 72 s too, and below the 90 s after which kube-apiserver closes an idle connection under us (csr-signer.md §4).
  hubSessionIdleTimeout: duration('1s', '24h').default(milliseconds('80s')),
  // As many as connections: no connection in use finds its leaf thrown out.
  leafCacheEntries: count(1, 1_000_000).default(10_000),
}).transform(({ handshakeTimeout, headersTimeout, bodyIdleTimeout, connectionIdleTimeout, hubSessionIdleTimeout, ...counts }) => ({
  ...counts,
  handshakeTimeoutMs: handshakeTimeout,
  headersTimeoutMs: headersTimeout,
  bodyIdleTimeoutMs: bodyIdleTimeout,
  connectionIdleTimeoutMs: connectionIdleTimeout,
  hubSessionIdleTimeoutMs: hubSessionIdleTimeout,
}));
