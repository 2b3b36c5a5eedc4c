// One request through the hub, in kube-apiserver's order (pkg/server/config.go DefaultBuildHandlerChain): audit id, request info,
// authentication, impersonation, authorization, then the API. Answers, writes the audit events and keeps the journal; owns no socket.

import { randomUUID } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { answerError } from './api/answer.ts';
import type { Api } from './api/api.ts';
import type { ApiAnswer, ApiRequest, Attributes, UserInfo } from './api/exchange.ts';
import type { ObjectMeta } from './api/object.ts';
import { MAX_BODY_BYTES, readObject } from './api/request-body.ts';
import { readRequestInfo, type RequestInfo } from './api/request-info.ts';
import { findResource } from './api/resources.ts';
import { type ApiError, forbidden, internalError, tooLarge, unauthorized } from './api/status.ts';
import { type AuditEvent, type AuditLog, sourceAddresses } from './audit-log.ts';
import { ANONYMOUS, authenticate } from './authentication.ts';
import type { Decision, Rbac } from './authorization.ts';
import type { ClientCa } from './client-ca.ts';
import { compressed } from './compression.ts';
import { impersonate, wantedUser } from './impersonation.ts';
import { headerOf, type HeaderPairs, type Incoming } from './incoming.ts';
import type { Journal, SeenRequest } from './journal.ts';
import { type Misbehaviour, misbehave } from './misbehaviour.ts';
import { attributesOf, readTarget } from './request-target.ts';
import type { ServiceAccounts } from './service-accounts.ts';

export interface HandlerParts {
  readonly clock: Clock;
  readonly api: Api;
  readonly rbac: Rbac;
  readonly clientCa: ClientCa;
  readonly tokens: ReadonlyMap<string, UserInfo>;
  readonly serviceAccounts: ServiceAccounts;
  readonly audit: AuditLog;
  readonly journal: Journal;
  /** Asked for each HTTP/2 request: whether its connection is told to go away (--goaway-chance). */
  readonly rollsGoAway: () => boolean;
  /** Asked once a request is authorized and read; null: behave. */
  readonly misbehaviour: (seen: SeenRequest) => Misbehaviour | null;
  readonly latencyMs: () => number;
}

/** Content-Length is written for what fits into Go's buffer: x/net/http2 handlerChunkWriteSize, net/http bufferBeforeChunkingSize. */
const MAX_MEASURED_BYTES = { '2.0': 4096, '1.1': 2048 } as const;

interface Passage {
  readonly incoming: Incoming;
  readonly headers: ReadonlyMap<string, string>;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly info: RequestInfo;
  readonly auditId: string;
  readonly receivedMs: number;
  readonly sequence: number;
  user: UserInfo | null;
  impersonated: UserInfo | null;
  decision: Decision | null;
  /** Priority and fairness classified it: after impersonation, before authorization. */
  isClassified: boolean;
  body: Buffer;
  isBodyComplete: boolean;
}

export class RequestHandler {
  readonly #parts: HandlerParts;
  readonly #flowSchemaUid: string = randomUUID();
  readonly #priorityLevelUid: string = randomUUID();

  constructor(parts: HandlerParts) {
    this.#parts = parts;
  }

  handle(incoming: Incoming): void {
    this.#pass(incoming).catch((error: unknown) => {
      // An error here is a fault of the stand-in itself; it must show, and must not leave the client waiting.
      process.emitWarning(error instanceof Error ? error : new Error(String(error)));
      incoming.reset(2);
    });
  }

  async #pass(incoming: Incoming): Promise<void> {
    const target = readTarget(incoming.target);
    if (target === null)
      return incoming.answer({ status: 400, headers: [['content-type', 'text/plain; charset=utf-8']] }, Buffer.from('400 Bad Request'));
    const passage: Passage = {
      incoming,
      headers: firstValues(incoming.headers),
      ...target,
      info: readRequestInfo(incoming.method, target.path, target.query),
      auditId: headerOf(incoming.headers, 'audit-id') ?? randomUUID(),
      receivedMs: this.#parts.clock.now(),
      sequence: this.#parts.journal.nextSequence(),
      user: null,
      impersonated: null,
      decision: null,
      isClassified: false,
      body: Buffer.alloc(0),
      isBodyComplete: false,
    };
    const refusal = this.#admit(passage) ?? (await this.#readBody(passage));
    if (refusal === 'aborted') return this.#parts.journal.add(this.#seen(passage, null));
    if (refusal !== null) return this.#respond(passage, answerError(refusal, passage));
    await this.#serve(passage);
  }

  /** Null: who sends it may do it. */
  #admit(passage: Passage): ApiError | null {
    const { rbac, clientCa, tokens, serviceAccounts, clock } = this.#parts;
    const { incoming, info } = passage;
    const attributes = attributesOf(info);
    const credentials = { peer: incoming.connection.peer, authorization: headerOf(incoming.headers, 'authorization') };
    const authentication = authenticate(credentials, {
      authorities: clientCa.authorities,
      tokens,
      serviceAccount: (token) => serviceAccounts.authenticate(token),
      nowMs: clock.now(),
    });
    if (!authentication.ok) return unauthorized();
    passage.user = authentication.user;
    const refusal = this.#impersonate(passage, authentication.user, attributes);
    if (refusal !== null) return refusal;
    passage.isClassified = true;
    const user = passage.impersonated ?? authentication.user;
    passage.decision = rbac.authorize(user, attributes);
    return passage.decision.allowed ? null : forbidden(user.username, attributes);
  }

  #impersonate(passage: Passage, requestor: UserInfo, attributes: Attributes): ApiError | null {
    const wanted = wantedUser(passage.incoming.headers.map(([name, value]) => [name.toLowerCase(), value]));
    if (wanted === null) return null;
    if (wanted instanceof Error) return wanted;
    const impersonation = impersonate(this.#parts.rbac, requestor, wanted, attributes);
    if (!impersonation.ok) return impersonation.error;
    passage.impersonated = impersonation.user;
    return null;
  }

  async #readBody(passage: Passage): Promise<ApiError | 'aborted' | null> {
    const read = await passage.incoming.readBody(MAX_BODY_BYTES);
    if (read.kind === 'too-large') return tooLarge(`limit is ${MAX_BODY_BYTES}`);
    passage.body = read.body;
    if (read.kind === 'aborted') return 'aborted';
    passage.isBodyComplete = true;
    return null;
  }

  async #serve(passage: Passage): Promise<void> {
    const { clock, api, misbehaviour, latencyMs } = this.#parts;
    const { incoming, headers } = passage;
    const wrong = misbehaviour(this.#seen(passage, null));
    if (wrong !== null) {
      this.#parts.journal.add(this.#seen(passage, null));
      return misbehave(incoming, wrong);
    }
    const delayMs = latencyMs();
    if (delayMs > 0) await new Promise<void>((resolve) => clock.after(delayMs, resolve));
    const answer = await api.serve(this.#apiRequest(passage)).catch((error: unknown) => {
      process.emitWarning(error instanceof Error ? error : new Error(String(error)));
      return answerError(internalError('the embedded hub failed'), passage);
    });
    this.#respond(passage, await compressed(answer, headers.get('accept-encoding')));
  }

  #apiRequest({ incoming, path, query, headers, body, info, user, impersonated }: Passage): ApiRequest {
    const actual = impersonated ?? user;
    if (actual === null) throw new Error('a request came through admission without a user');
    return { method: incoming.method, target: incoming.target, path, query, headers, body, user: actual, info };
  }

  #respond(passage: Passage, answer: ApiAnswer): void {
    const { incoming } = passage;
    const head = { status: answer.status, headers: this.#headers(passage, answer) };
    this.#parts.journal.add(this.#seen(passage, answer.status));
    if (incoming.closed.aborted) return this.#writeAudit(passage, answer, 'ResponseComplete');
    const isUnauthenticated = passage.user === null || passage.user.username === ANONYMOUS;
    // UnauthenticatedHTTP2DOSMitigation, and --goaway-chance: both through "Connection: close" on the answer.
    const isLast = incoming.httpVersion === '2.0' && (isUnauthenticated || this.#parts.rollsGoAway());
    // filters/authn_audit.go writes one event at this stage; long-running requests have two (filters/audit.go).
    if (passage.user === null || answer.stream !== undefined) this.#writeAudit(passage, answer, 'ResponseStarted');
    if (answer.stream === undefined) incoming.answer(head, answer.body);
    const sink = answer.stream === undefined ? null : incoming.stream(head);
    if (passage.user !== null && sink === null) this.#writeAudit(passage, answer, 'ResponseComplete');
    if (isLast) incoming.goAway();
    if (sink === null) return;
    incoming.closed.addEventListener('abort', () => this.#writeAudit(passage, answer, 'ResponseComplete'), { once: true });
    answer.stream?.(sink);
  }

  /** Sorted by name, as Go's HTTP/2 server writes a handler's headers, with length and date last. */
  #headers(passage: Passage, answer: ApiAnswer): HeaderPairs {
    const { auditId, isClassified, incoming } = passage;
    const fairness = { 'x-kubernetes-pf-flowschema-uid': this.#flowSchemaUid, 'x-kubernetes-pf-prioritylevel-uid': this.#priorityLevelUid };
    const set = { 'audit-id': auditId, 'cache-control': 'no-cache, private', ...(isClassified ? fairness : {}), ...answer.headers };
    const sorted = Object.entries(set).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const length = answer.body?.length ?? 0;
    const isMeasured = answer.stream === undefined && length <= MAX_MEASURED_BYTES[incoming.httpVersion];
    const date = new Date(this.#parts.clock.now()).toUTCString();
    return [...sorted, ...(isMeasured ? [['content-length', String(length)] as const] : []), ['date', date]];
  }

  #writeAudit(passage: Passage, answer: ApiAnswer, stage: AuditEvent['stage']): void {
    const { incoming, info, auditId, receivedMs, user, impersonated, decision } = passage;
    const header = (name: string): string | undefined => headerOf(incoming.headers, name);
    const addresses = sourceAddresses(header('x-forwarded-for'), header('x-real-ip'), incoming.connection.remoteAddress);
    const { failure = null, status: code } = answer;
    const sent = answer.sent ?? (failure === null ? null : this.#sentMetadata(passage));
    const from = { target: incoming.target, addresses, userAgent: header('user-agent') ?? null };
    this.#parts.audit.write(
      { auditId, info, user, impersonated, decision, receivedMs, sent, code, failure, ...from },
      stage,
      this.#parts.clock.now(),
    );
  }

  /** Of the object that a refused create or update carried: LogRequestObject completes the reference from it before it is refused. */
  #sentMetadata(passage: Passage): ObjectMeta | null {
    const { info, isBodyComplete } = passage;
    const resource = info.isResourceRequest ? findResource(info.apiGroup, info.apiVersion, info.resource) : undefined;
    if (resource === undefined || !isBodyComplete || (info.verb !== 'create' && info.verb !== 'update')) return null;
    try {
      return readObject(this.#apiRequest(passage), resource).metadata;
    } catch {
      return null;
    }
  }

  #seen(passage: Passage, status: number | null): SeenRequest {
    const { incoming, user, sequence, receivedMs, body, isBodyComplete } = passage;
    const { method, target, headers, httpVersion, connection } = incoming;
    const credentialId = user?.extra['authentication.kubernetes.io/credential-id']?.[0] ?? null;
    const who = { user: user?.username ?? null, groups: user?.groups ?? [], credentialId };
    return {
      sequence,
      atMs: receivedMs,
      method,
      target,
      headers,
      body,
      isBodyComplete,
      ...who,
      certificates: (connection.peer ?? []).map(({ der }) => der),
      httpVersion,
      connection: connection.number,
      status,
    };
  }
}

function firstValues(pairs: HeaderPairs): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of pairs) if (!values.has(name.toLowerCase())) values.set(name.toLowerCase(), value);
  return values;
}
