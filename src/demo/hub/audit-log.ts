// The hub's audit log: audit.k8s.io/v1 events at level Metadata without the stage RequestReceived, as the policy of the recorded hub has
// it. Kept in memory up to a bound and, if asked, written to a file a line each. Never sees a body or a token.

import { appendFileSync } from 'node:fs';
import type { UserInfo } from './api/exchange.ts';
import type { ObjectMeta } from './api/object.ts';
import type { RequestInfo } from './api/request-info.ts';
import type { Status } from './api/status.ts';
import type { Decision } from './authorization.ts';

export interface AuditUser {
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export interface ObjectReference {
  readonly resource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly apiGroup?: string;
  readonly apiVersion?: string;
  readonly resourceVersion?: string;
  readonly subresource?: string;
}

/** Keys in the order in which kube-apiserver writes them; absent where Go's omitempty drops them. */
export interface AuditEvent {
  readonly kind: 'Event';
  readonly apiVersion: 'audit.k8s.io/v1';
  readonly level: 'Metadata';
  readonly auditID: string;
  readonly stage: 'ResponseStarted' | 'ResponseComplete';
  readonly requestURI: string;
  readonly verb: string;
  readonly user: AuditUser;
  readonly impersonatedUser?: AuditUser;
  readonly sourceIPs?: readonly string[];
  readonly userAgent?: string;
  readonly objectRef?: ObjectReference;
  readonly responseStatus: { readonly metadata: object; readonly code: number; readonly status?: string; readonly reason?: string };
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What is known of a request once it is answered, or refused. */
export interface AuditRecord {
  readonly auditId: string;
  readonly target: string;
  readonly info: RequestInfo;
  /** Null: authentication failed. */
  readonly user: UserInfo | null;
  readonly impersonated: UserInfo | null;
  readonly decision: Decision | null;
  readonly addresses: readonly string[];
  readonly userAgent: string | null;
  readonly receivedMs: number;
  readonly sent: ObjectMeta | null;
  readonly code: number;
  readonly failure: Status | null;
}

/** About 1.5 KiB each: 15 MiB at most. */
const MAX_EVENTS = 10_000;
/** k8s.io/apiserver pkg/audit request.go maxUserAgentLength. */
const MAX_USER_AGENT_LENGTH = 1024;

export class AuditLog {
  readonly #events: AuditEvent[] = [];
  readonly #file: string | null;

  constructor(file: string | null) {
    this.#file = file;
  }

  get events(): readonly AuditEvent[] {
    return this.#events;
  }

  write(record: AuditRecord, stage: AuditEvent['stage'], nowMs: number): void {
    const event = toEvent(record, stage, nowMs);
    if (this.#events.length >= MAX_EVENTS) this.#events.shift();
    this.#events.push(event);
    if (this.#file !== null) appendFileSync(this.#file, `${JSON.stringify(event)}\n`);
  }
}

function toEvent(record: AuditRecord, stage: AuditEvent['stage'], nowMs: number): AuditEvent {
  const { userAgent, info, addresses, decision } = record;
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID: record.auditId,
    stage,
    requestURI: record.target,
    verb: info.verb,
    user: record.user === null ? {} : auditUser(record.user),
    ...(record.impersonated === null ? {} : { impersonatedUser: auditUser(record.impersonated) }),
    ...(addresses.length === 0 ? {} : { sourceIPs: addresses }),
    ...(userAgent === null || userAgent === '' ? {} : { userAgent: cutUserAgent(userAgent) }),
    ...(info.isResourceRequest ? { objectRef: objectReference(info, record.sent) } : {}),
    responseStatus: responseStatus(record),
    requestReceivedTimestamp: microTime(record.receivedMs),
    stageTimestamp: microTime(nowMs),
    ...(decision === null ? {} : { annotations: annotationsOf(decision) }),
  };
}

function auditUser({ username, uid, groups, extra }: UserInfo): AuditUser {
  return {
    username,
    ...(uid === undefined || uid === '' ? {} : { uid }),
    ...(groups.length === 0 ? {} : { groups }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

/** pkg/audit request.go maybeTruncateUserAgent. */
function cutUserAgent(userAgent: string): string {
  return userAgent.length > MAX_USER_AGENT_LENGTH ? `${userAgent.slice(0, MAX_USER_AGENT_LENGTH)}...TRUNCATED` : userAgent;
}

/** From the path, completed from the object that the request carried (LogRequestObject). */
function objectReference(info: RequestInfo, sent: ObjectMeta | null): ObjectReference {
  const entries: readonly (readonly [keyof ObjectReference, string | undefined])[] = [
    ['resource', info.resource],
    ['namespace', info.namespace === '' ? sent?.namespace : info.namespace],
    ['name', info.name === '' ? sent?.name : info.name],
    ['uid', sent?.uid],
    ['apiGroup', info.apiGroup],
    ['apiVersion', info.apiVersion],
    ['resourceVersion', sent?.resourceVersion],
    ['subresource', info.subresource],
  ];
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== ''));
}

function responseStatus({ failure, code }: AuditRecord): AuditEvent['responseStatus'] {
  if (failure === null) return { metadata: {}, code };
  const { kind: _kind, apiVersion: _apiVersion, metadata, ...rest } = failure;
  return { metadata, ...rest, code };
}

function annotationsOf({ allowed, reason }: Decision): Readonly<Record<string, string>> {
  return { 'authorization.k8s.io/decision': allowed ? 'allow' : 'forbid', 'authorization.k8s.io/reason': reason };
}

/** metav1.MicroTime; the clock has milliseconds. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}

/** apimachinery util/net SourceIPs: what proxies say of the client, then the client as seen. Text that is no address is left out. */
export function sourceAddresses(forwardedFor: string | undefined, realIp: string | undefined, remote: string): readonly string[] {
  const isAddress = (text: string): boolean => /^[0-9.]+$|^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(text);
  const addresses = (forwardedFor ?? '')
    .split(',')
    .map((text) => text.trim())
    .filter(isAddress);
  if (realIp !== undefined && isAddress(realIp) && !addresses.includes(realIp)) addresses.push(realIp);
  if (addresses.at(-1) !== remote) addresses.push(remote);
  return addresses;
}
