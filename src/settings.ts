// What an operator may decide, as the rest of the program sees it: checked, complete, in base units. Owns reading the settings file; nothing
// past this file checks a setting again, and nothing here opens what a setting points to.

import { dirname, resolve } from 'node:path';
import { readBounded } from './bounded-file.ts';
import type { LogLevel } from './events.ts';
import type { PackName } from './pack-names.ts';
import { describeFound, describePath } from './settings-found.ts';
import { checkSettings } from './settings-schema.ts';
import { findUnavailable } from './settings-unavailable.ts';
import { readSettingsYaml } from './settings-yaml.ts';

export interface Settings {
  readonly listen: ListenSettings;
  readonly hub: HubSettings;
  readonly caSync: CaSyncSettings;
  readonly reissue: ReissueSettings;
  readonly inspect: InspectSettings;
  readonly bootstrap: BootstrapSettings;
  readonly quarantine: QuarantineSettings;
  readonly admin: AdminSettings;
  readonly alerts: AlertSettings;
  readonly audit: AuditSettings;
  /** After SIGTERM: how long open requests and watches may go on. */
  readonly drainTimeoutMs: number;
  /** Listener, signer and CA sync in one process; the split into processes comes with the issue on isolation. */
  readonly processes: 'single';
  readonly log: { readonly level: LogLevel };
  readonly limits: LimitSettings;
}

export interface ListenSettings {
  /** An IP address, never a name. */
  readonly address: string;
  /** 0 asks the system for a free one. */
  readonly port: number;
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface HubSettings {
  /** https, origin only: no path, user information, query or fragment. */
  readonly url: URL;
  readonly caFile: string;
  /** For TCP and TLS together. */
  readonly connectTimeoutMs: number;
  /** From the end of the request until response headers; the body of a response has no limit, for it may be a watch. */
  readonly responseTimeoutMs: number;
}

export type CaSyncSettings = KubernetesCaSyncSettings | FilesCaSyncSettings;

export interface KubernetesCaSyncSettings {
  readonly source: 'kubernetes';
  /** null: the service account that Kubernetes mounts into a pod. */
  readonly kubeconfigFile: string | null;
  readonly signer: { readonly namespace: string; readonly secret: string };
  readonly trust: { readonly namespace: string; readonly configMap: string; readonly key: string };
  /** Cron expression (`cron`): a full re-read besides the watch. */
  readonly schedule: string;
  readonly probe: ProbeSettings;
}

export interface FilesCaSyncSettings {
  readonly source: 'files';
  readonly files: { readonly certificateFile: string; readonly keyFile: string; readonly trustBundleFile: string };
  readonly schedule: string;
  readonly probe: ProbeSettings;
}

/** Whether the hub is asked before a new signer is used. */
export interface ProbeSettings {
  readonly enabled: boolean;
  /** The cluster, which does not exist, that the canary leaf names: `system:open-cluster-management:<cluster>:canary`. */
  readonly cluster: string;
  /** `url`: hub.url alone; `all`: besides it every address of EndpointSlice default/kubernetes. */
  readonly endpoints: 'url' | 'all';
}

export interface ReissueSettings {
  /** 'match': a leaf ends with its client certificate; a number: at most that long. Never after the signer in either case. */
  readonly lifetimeMs: number | 'match';
  /** Hub sessions that move to a newer leaf of their own accord, per second. What a request waits for is issued besides. */
  readonly movesPerSecond: number;
}

/** Requests with a bearer token and no client certificate: the import of a new cluster. */
export interface BootstrapSettings {
  readonly enabled: boolean;
  /** A JWK set in place of the hub's own, absolute; null: ca-sync asks the hub. */
  readonly jwksFile: string | null;
  /** Accounts that every new cluster may use, besides each cluster's own `<cluster>-bootstrap-sa`. */
  readonly sharedServiceAccounts: readonly { readonly namespace: string; readonly name: string }[];
}

export interface InspectSettings {
  /** `report`: what a policy would refuse is logged, marked with a Warning header and let through. Hygiene is enforced in both. */
  readonly mode: 'enforce' | 'report';
  /** Of the policies that come with Countersign, each once; `bootstrap` always where bootstrap is on. */
  readonly packs: readonly PackName[];
  /** Absolute paths of one's own policies. */
  readonly policyFiles: readonly string[];
}

/** Clusters that are cut off whatever their certificates say. */
export interface QuarantineSettings {
  readonly clusters: readonly string[];
  /** Whose key `clusters` names further ones, one a line; null: none. Read and watched with the account of ca-sync. */
  readonly configMap: { readonly namespace: string; readonly name: string } | null;
  /** A ManagedCluster that is deleted or no longer accepted is cut off too. */
  readonly followHub: boolean;
}

/** Plain HTTP: metrics, health, status. */
export interface AdminSettings {
  /** An IP address, never a name. */
  readonly address: string;
  /** 0 asks the system for a free one. */
  readonly port: number;
}

/** Where alarms go besides log, metrics and status page. */
export interface AlertSettings {
  /** Alerts in the format of Alertmanager's API v2; null: none. */
  readonly webhook: WebhookSettings | null;
  /** Events on the hub, in this namespace, written with the account of ca-sync; null: none. */
  readonly kubernetesEvents: { readonly namespace: string } | null;
}

export interface WebhookSettings {
  /** http or https, as `https://alertmanager.example.com/api/v2/alerts`. */
  readonly url: URL;
  /** What an https server is verified against, absolute; null: the authorities that Node knows. */
  readonly caFile: string | null;
  /** Holds a bearer token, absolute, read each time; null: none is sent. */
  readonly tokenFile: string | null;
}

export interface AuditSettings {
  /** An absolute path, or '-' for standard output. */
  readonly file: string;
  readonly requests: 'denied' | 'all';
}

/** Everything that an edge can make us hold or do. Defaults and their reasons: settings-schema.ts. */
export interface LimitSettings {
  readonly maxConnections: number;
  readonly maxStreamsPerConnection: number;
  /** Names, values and RFC 9113 §6.5.2's 32 bytes overhead are the listener's to count; this is the sum in bytes. */
  readonly maxHeaderBytes: number;
  readonly maxHeaders: number;
  /** Path and query as sent. */
  readonly maxTargetBytes: number;
  readonly maxQueryParameters: number;
  readonly maxRequestBodyBytes: number;
  readonly maxPingsPerSecond: number;
  readonly maxSettingsPerSecond: number;
  readonly maxResetsPerSecond: number;
  /** Of one connection, however many requests they belong to. */
  readonly maxHeaderBytesPerSecond: number;
  /** Identity: a cluster's klusterlet, or one add-on of it, whatever certificates it has. */
  readonly maxConnectionsPerIdentity: number;
  /** Open at the same time, watches included. */
  readonly maxRequestsPerIdentity: number;
  readonly rates: RateSettings;
  /** How long an identity is answered 429 whose refusals or floods were too many. */
  readonly lockoutMs: number;
  readonly handshakeTimeoutMs: number;
  /** For the HTTP/2 preface and for one header block, also of HTTP/1.1. */
  readonly headersTimeoutMs: number;
  /** Silence in a request body. */
  readonly bodyIdleTimeoutMs: number;
  /** A client connection on which nothing is open. */
  readonly connectionIdleTimeoutMs: number;
  /** A hub session on which nothing is open. */
  readonly hubSessionIdleTimeoutMs: number;
  readonly leafCacheEntries: number;
}

/** What one identity may ask for: a rate that holds for ever, and how much of it at once. */
export interface Rate {
  readonly sustainedPerSecond: number;
  readonly burst: number;
}

/** By kind of agent, for all of its requests together, and by kind of request. */
export interface RateSettings {
  readonly klusterlet: Rate;
  readonly addon: Rate;
  readonly mutating: Rate;
  readonly list: Rate;
  readonly watchStarts: Rate;
  readonly csrCreates: Rate;
  /** Beyond it the identity is locked out. */
  readonly refused: Rate;
}

/** One thing that is wrong, worded for the person who wrote the file. Never holds a value that may be a secret. */
export interface Problem {
  /** As in the file: `caSync.files.keyFile`; empty for the file as a whole. */
  readonly path: string;
  /** 1-based; null where no line can be named (an unreadable file). */
  readonly line: number | null;
  readonly found: string;
  readonly expected: string;
}

export type SettingsVerdict =
  | { readonly ok: true; readonly settings: Settings }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** A settings file of this version is under 4 KiB; the bound is for a wrong file name. */
const MAX_SETTINGS_BYTES = 256 * 1024;

/** Reads and checks the whole file; every problem is reported at once. Never throws for what the file is or holds. */
export async function loadSettings(file: string): Promise<SettingsVerdict> {
  const text = await readSettingsText(file);
  if (typeof text !== 'string') return { ok: false, problems: [text] };
  return readSettings(text, dirname(resolve(file)));
}

/** The same for a text at hand; relative file names in it are resolved against `folder`. */
export function readSettings(text: string, folder: string): SettingsVerdict {
  const yaml = readSettingsYaml(text);
  if (!yaml.ok) return yaml;
  const { value, lineOf, lineOfKey } = yaml.source;
  const { available, refused } = findUnavailable(value);
  const problems = refused.map(
    ({ path, found, expected }): Problem => ({ path: describePath(path), line: lineOfKey(path), found, expected }),
  );
  const verdict = checkSettings(available, folder);
  if (verdict.ok && problems.length === 0) return verdict;
  for (const { path, unknownKey, expected } of verdict.ok ? [] : verdict.issues) {
    const found = unknownKey ? 'a key that is not known' : describeFound(available, path);
    problems.push({ path: describePath(path), line: unknownKey ? lineOfKey(path) : lineOf(path), found, expected });
  }
  return { ok: false, problems: problems.toSorted((one, other) => (one.line ?? 0) - (other.line ?? 0)) };
}

/** One line for a person: `countersign.yaml:12: hub.url: found "http://…"; expected an https URL …`. */
export function sayProblem(file: string, { path, line, found, expected }: Problem): string {
  const where = line === null ? file : `${file}:${line}`;
  return `${where}: ${path === '' ? '' : `${path}: `}found ${found}; expected ${expected}`;
}

/** What stands in the file, or why nothing can be read there. */
export async function readSettingsText(file: string): Promise<string | Problem> {
  const problem = (found: string): Problem => ({ path: '', line: null, found, expected: 'a readable YAML file with settings' });
  let bytes: Buffer;
  try {
    bytes = await readBounded(file, MAX_SETTINGS_BYTES);
  } catch (error) {
    return problem(error instanceof Error ? error.message : 'no readable file');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return problem('bytes that are not UTF-8');
  }
}
