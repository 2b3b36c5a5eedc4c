// The stack that each request goes through, read top to bottom: who is it, may it be, with which certificate, on which session, and what
// became of it. The one place that answers refusals and faults and that writes the audit line of a request.

import { randomUUID } from 'node:crypto';
import type { Audit } from '../audit.ts';
import type { Clock } from '../clock.ts';
import { answerFault, answerRefusal, Fault, faults, refusals } from '../errors.ts';
import type { Refusal, StatusAnswer } from '../errors.ts';
import type { Log } from '../events.ts';
import { judge, selectTrailers } from '../inspect/inspect.ts';
import type { ForwardHead } from '../inspect/inspect.ts';
import type { HubSettings, LimitSettings } from '../settings.ts';
import type { ClientConnection } from './client-connection.ts';
import type { ClientExchange } from './client-exchange.ts';
import type { HubRequest, HubSession } from './hub-exchange.ts';
import type { HubSessions } from './hub-sessions.ts';
import type { Peer } from './peer.ts';
import type { Credential, Reissuer } from './reissue.ts';
import { RequestBody } from './request-body.ts';
import type { SeenHead } from './serve-h2.ts';
import { Transfer } from './transfer.ts';
import type { TransferOutcome } from './transfer.ts';

/** A request is sent at most so often: GOAWAY or a refused leaf may hit the second session as well, but not for ever. */
const MOST_TRIES = 3;

/** A second leaf of the same signer fares no better than the first: reissued once (design.md §5), then it is the signer that the hub refuses. */
const MOST_LEAVES_REFUSED = 1;

/** What an audit line keeps of these; a client may send anything. */
const MOST_METHOD_CHARACTERS = 20;
const MOST_PATH_CHARACTERS = 512;

type Outcome =
  | { readonly kind: 'answered'; readonly status: number }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly closes: boolean }
  | { readonly kind: 'fault'; readonly fault: Fault; readonly cutAfterStatus: number | null }
  | { readonly kind: 'called-off' };

export interface ForwarderParts {
  readonly reissuer: Reissuer;
  readonly sessions: HubSessions;
  readonly hub: HubSettings;
  readonly limits: LimitSettings;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  /** The hub has refused a leaf of this generation, which we hold valid: what the sync knows may be out of date. */
  readonly onLeafRefused: (generation: number) => void;
}

export class Forwarder {
  readonly #parts: ForwarderParts;
  readonly #awaitingIdle: (() => void)[] = [];
  #open = 0;

  constructor(parts: ForwarderParts) {
    this.#parts = parts;
  }

  /** Requests that are not over, watches among them. */
  get open(): number {
    return this.#open;
  }

  /** Resolves when no request is open. */
  idle(): Promise<void> {
    return this.#open === 0 ? Promise.resolve() : new Promise((resolve) => this.#awaitingIdle.push(resolve));
  }

  async handle(exchange: ClientExchange, connection: ClientConnection): Promise<void> {
    const auditId = randomUUID();
    const startedMs = this.#parts.clock.elapsed();
    this.#open += 1;
    try {
      const outcome = await this.#decide(exchange, connection, auditId).catch((error: unknown) => this.#failed(error, auditId));
      this.#record(outcome, { exchange, connection, auditId, startedMs });
      this.#answer(outcome, exchange, auditId);
    } catch (error) {
      this.#failed(error, auditId);
      exchange.abort();
    } finally {
      this.#open -= 1;
      if (this.#open === 0) for (const resolve of this.#awaitingIdle.splice(0)) resolve();
    }
  }

  /** For what was refused before it became a request: writes its audit line and makes the answer to it. */
  refuse(refusal: Refusal, connection: ClientConnection, seen: SeenHead): StatusAnswer {
    const auditId = randomUUID();
    const startedMs = this.#parts.clock.elapsed();
    this.#record({ kind: 'refused', refusal, closes: true }, { exchange: { head: seen }, connection, auditId, startedMs });
    return answerRefusal(refusal.rule, auditId);
  }

  #failed(error: unknown, auditId: string): Outcome {
    this.#parts.log.event('internal-error', {
      auditID: auditId,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    return fault(new Fault('internal', 'see internal-error'));
  }

  async #decide(exchange: ClientExchange, connection: ClientConnection, auditId: string): Promise<Outcome> {
    const known = connection.judge();
    if (known.kind === 'refused') return { kind: 'refused', refusal: known.refusal, closes: true };
    if (known.kind === 'fault') return fault(new Fault(known.cause, 'at the judgement of the peer'));
    const verdict = judge(exchange.head, this.#parts.limits);
    if (!verdict.allow) return { kind: 'refused', refusal: verdict.refusal, closes: false };
    return new Forwarding(this.#parts, exchange, { peer: known.peer, head: verdict.head, auditId }).run();
  }

  #answer(outcome: Outcome, exchange: ClientExchange, auditId: string): void {
    if (outcome.kind === 'refused') exchange.answer(answerRefusal(outcome.refusal.rule, auditId), outcome.closes);
    if (outcome.kind === 'fault' && outcome.cutAfterStatus === null) exchange.answer(answerFault(outcome.fault.faultCause, auditId), false);
  }

  #record(outcome: Outcome, of: { exchange: { head: SeenHead }; connection: ClientConnection; auditId: string; startedMs: number }): void {
    const { clock, log, audit } = this.#parts;
    const identity = of.connection.identity;
    if (outcome.kind === 'fault' && outcome.fault.faultCause !== 'internal') {
      const { faultCause, message } = outcome.fault;
      log.event('hub-fault', {
        cause: faultCause,
        side: faults[faultCause].side,
        auditID: of.auditId,
        cluster: identity?.cluster ?? null,
        detail: message,
      });
    }
    audit.write({
      event: 'request',
      auditID: of.auditId,
      user: identity?.user ?? null,
      cluster: identity?.cluster ?? null,
      method: of.exchange.head.method.slice(0, MOST_METHOD_CHARACTERS),
      path: of.exchange.head.target.split('?', 1)[0]?.slice(0, MOST_PATH_CHARACTERS) ?? '',
      verb: null,
      apiGroup: null,
      resource: null,
      subresource: null,
      namespace: null,
      name: null,
      verdict: outcome.kind === 'refused' ? 'deny' : 'allow',
      rule: outcome.kind === 'refused' ? outcome.refusal.rule : null,
      code: codeOf(outcome),
      durationMs: Math.round(clock.elapsed() - of.startedMs),
      detail: outcome.kind === 'refused' ? outcome.refusal.detail : null,
    });
  }
}

/** One allowed request, through as many tries as its kind of failure permits. */
class Forwarding {
  readonly #parts: ForwarderParts;
  readonly #exchange: ClientExchange;
  readonly #of: { readonly peer: Peer; readonly head: ForwardHead; readonly auditId: string };
  readonly #body: RequestBody | null;
  #transfer: Transfer | null = null;
  #bodyRefusal: Refusal | null = null;

  constructor(parts: ForwarderParts, exchange: ClientExchange, of: { peer: Peer; head: ForwardHead; auditId: string }) {
    this.#parts = parts;
    this.#exchange = exchange;
    this.#of = of;
    this.#body = exchange.body === null ? null : this.#openBody(exchange.body);
    exchange.onClosed(() => this.#transfer?.callOff());
    exchange.onMalformed((refusal) => this.#body?.refuse(refusal));
  }

  async run(): Promise<Outcome> {
    try {
      return await this.#tryAndRepeat();
    } finally {
      this.#body?.stop();
    }
  }

  async #tryAndRepeat(): Promise<Outcome> {
    let leavesRefused = 0;
    for (let tries = 1; ; tries += 1) {
      const made = await this.#parts.reissuer.credentialFor(this.#of.peer);
      if (made.kind === 'refused') return { kind: 'refused', refusal: made.refusal, closes: true };
      if (made.kind === 'fault') return fault(new Fault(made.cause, 'at reissue'));
      const outcome = await this.#try(made.credential);
      if (outcome.kind === 'called-off') return this.#calledOff();
      if (outcome.kind === 'cut') return { kind: 'fault', fault: outcome.fault, cutAfterStatus: outcome.status };
      if (outcome.kind === 'answered') return outcome;
      if (outcome.fault.faultCause === 'hub-refused-leaf') {
        leavesRefused += 1;
        this.#leafRefused(made.credential, outcome.fault);
      }
      if (leavesRefused > MOST_LEAVES_REFUSED || tries >= MOST_TRIES || !this.#mayRepeat(outcome)) return fault(outcome.fault);
    }
  }

  async #try(credential: Credential): Promise<TransferOutcome & { reused?: boolean }> {
    if (this.#gone) return { kind: 'called-off' };
    try {
      return await this.#parts.sessions.use(credential, (session) => this.#sendOn(session));
    } catch (error) {
      if (error instanceof Fault) return this.#gone ? { kind: 'called-off' } : { kind: 'fault', fault: error };
      throw error;
    }
  }

  /** Starts before it returns: the room on the session is taken. */
  async #sendOn(session: HubSession): Promise<TransferOutcome & { reused?: boolean }> {
    if (this.#gone) return { kind: 'called-off' };
    const reused = session.answered;
    const { clock, hub } = this.#parts;
    const request = this.#hubRequest();
    const transfer = new Transfer({ exchange: this.#exchange, request, body: this.#body, clock, responseTimeoutMs: hub.responseTimeoutMs });
    this.#transfer = transfer;
    transfer.start(session);
    const outcome = await transfer.outcome;
    // GOAWAY has closed the session already; where the hub refused a single stream, the next one on it would fare the same.
    if (outcome.kind === 'fault' && outcome.fault.faultCause === 'hub-not-processed') session.retire();
    return { ...outcome, reused };
  }

  /**
   * Where the hub certainly did not process it, always; where a session that had worked before broke under a request that changes nothing,
   * once more (RFC 9110 section 9.2.2). In either case only with the whole body still at hand.
   */
  #mayRepeat(outcome: Extract<TransferOutcome, { kind: 'fault' }> & { reused?: boolean }): boolean {
    if (this.#gone || this.#body?.replayable === false) return false;
    const { faultCause } = outcome.fault;
    if (faults[faultCause].retry === 'safe') return true;
    const changesNothing = this.#of.head.method === 'GET' || this.#of.head.method === 'HEAD';
    return faultCause === 'hub-reset' && outcome.reused === true && changesNothing;
  }

  #leafRefused(credential: Credential, refused: Fault): void {
    const { reissuer, sessions, log, onLeafRefused } = this.#parts;
    log.event('hub-refused-leaf', {
      leafSHA256: credential.leafSHA256,
      generation: credential.generation,
      auditID: this.#of.auditId,
      detail: refused.message,
    });
    reissuer.discard(credential);
    sessions.retireLeaf(credential);
    onLeafRefused(credential.generation);
  }

  /** Nobody is left to send anything for. */
  get #gone(): boolean {
    return this.#exchange.closed || this.#bodyRefusal !== null;
  }

  #calledOff(): Outcome {
    if (this.#bodyRefusal === null) return { kind: 'called-off' };
    return { kind: 'refused', refusal: this.#bodyRefusal, closes: false };
  }

  #hubRequest(): HubRequest {
    const { method, target, headers, contentLength, expectsContinue } = this.#of.head;
    const own = ['audit-id', this.#of.auditId, ...(expectsContinue ? ['expect', '100-continue'] : [])];
    return { method, target, headers: [...headers, ...own], hasBody: this.#body !== null, contentLength };
  }

  #openBody(source: NonNullable<ClientExchange['body']>): RequestBody {
    const { limits, clock } = this.#parts;
    return new RequestBody({
      source,
      clock,
      idleMs: limits.bodyIdleTimeoutMs,
      mostBytes: limits.maxRequestBodyBytes,
      declaredBytes: this.#of.head.contentLength,
      awaitsContinue: this.#of.head.expectsContinue,
      isComplete: () => this.#exchange.bodyIsComplete(),
      trailers: () => selectTrailers(this.#exchange.requestTrailers(), limits),
      onRefused: (refusal) => {
        this.#bodyRefusal = refusal;
        this.#transfer?.callOff();
      },
      onProgress: () => this.#transfer?.restartTimer(),
    });
  }
}

function fault(of: Fault): Outcome {
  return { kind: 'fault', fault: of, cutAfterStatus: null };
}

function codeOf(outcome: Outcome): number | null {
  switch (outcome.kind) {
    case 'answered':
      return outcome.status;
    case 'refused':
      return refusals[outcome.refusal.rule].status;
    case 'fault':
      return outcome.cutAfterStatus ?? faults[outcome.fault.faultCause].status;
    case 'called-off':
      return null;
  }
}
