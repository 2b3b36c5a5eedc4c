// The stack that each request goes through, read top to bottom: may it be, within which limits, how does it fare at the hub, what is answered.
// The one place that answers refusals and faults and that writes the audit line of a request.

import { randomUUID } from 'node:crypto';
import type { Audit } from '../audit.ts';
import { answerFault, answerRefusal, Fault, faults, refusals } from '../errors.ts';
import type { Refusal, StatusAnswer } from '../errors.ts';
import type { Log } from '../events.ts';
import type { RequestInfo } from '../inspect/inspect.ts';
import type { Meter } from '../meter.ts';
import type { ClientConnection } from './client-connection.ts';
import type { ClientExchange } from './client-exchange.ts';
import type { FlowSubject } from './flow-control.ts';
import { fault, Forwarding } from './forwarding.ts';
import type { AllowedRequest, ForwardingParts, Outcome } from './forwarding.ts';
import { judgeRequest } from './judgement.ts';
import type { JudgementParts } from './judgement.ts';
import type { SeenHead } from './serve-h2.ts';

/** What an audit line keeps of these; a client may send anything. */
const MOST_METHOD_CHARACTERS = 20;
const MOST_PATH_CHARACTERS = 512;
const MOST_CONTENT_TYPE_CHARACTERS = 80;

export interface ForwarderParts extends ForwardingParts, JudgementParts {
  readonly audit: Audit;
  readonly log: Log;
  readonly meter: Meter;
}

/** One request on its way, for its audit line. */
interface Passage {
  readonly head: SeenHead;
  readonly contentType: string | null;
  readonly connection: ClientConnection;
  readonly auditId: string;
  readonly startedMs: number;
  info: RequestInfo | null;
  request: AllowedRequest | null;
}

export class Forwarder {
  readonly #parts: ForwarderParts;
  readonly #awaitingIdle: (() => void)[] = [];
  #open = 0;
  #watches = 0;

  constructor(parts: ForwarderParts) {
    this.#parts = parts;
  }

  /** Requests that are not over, watches among them. */
  get open(): number {
    return this.#open;
  }

  /** Watches that are allowed and not over. */
  get watches(): number {
    return this.#watches;
  }

  /** Resolves when no request is open. */
  idle(): Promise<void> {
    return this.#open === 0 ? Promise.resolve() : new Promise((resolve) => this.#awaitingIdle.push(resolve));
  }

  async handle(exchange: ClientExchange, connection: ClientConnection): Promise<void> {
    const passage = this.#begin(exchange.head, connection, contentTypeOf(exchange.head.headers));
    this.#open += 1;
    try {
      const outcome = await this.#pass(exchange, passage).catch((error: unknown) => this.#failed(error, passage.auditId));
      if (outcome.kind === 'refused') this.#parts.flow.refused(connection, outcome.refusal.rule);
      this.#record(outcome, passage);
      this.#answer(outcome, exchange, passage.auditId);
    } catch (error) {
      this.#failed(error, passage.auditId);
      exchange.abort();
    } finally {
      this.#open -= 1;
      if (this.#open === 0) for (const resolve of this.#awaitingIdle.splice(0)) resolve();
    }
  }

  /** For what was refused before it became a request: writes its audit line and makes the answer to it. */
  refuse(refusal: Refusal, connection: ClientConnection, seen: SeenHead): StatusAnswer {
    const passage = this.#begin(seen, connection, null);
    this.#parts.flow.refused(connection, refusal.rule);
    this.#record({ kind: 'refused', refusal, closes: true }, passage);
    return answerRefusal(refusal, passage.auditId);
  }

  #begin(head: SeenHead, connection: ClientConnection, contentType: string | null): Passage {
    const startedMs = this.#parts.clock.elapsed();
    return { head, contentType, connection, auditId: randomUUID(), startedMs, info: null, request: null };
  }

  #failed(error: unknown, auditId: string): Outcome {
    this.#parts.log.event('internal-error', {
      auditID: auditId,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    return fault(new Fault('internal', 'see internal-error'));
  }

  async #pass(exchange: ClientExchange, passage: Passage): Promise<Outcome> {
    const judged = await judgeRequest(exchange, passage.connection, passage.auditId, this.#parts);
    passage.info = judged.info;
    if (judged.kind === 'over') return judged.outcome;
    const { request, info, subject } = judged;
    passage.request = request;
    const forward = (): Promise<Outcome> => this.#forward(exchange, request, passage);
    return subject === null ? forward() : this.#withinLimits(subject, info, forward);
  }

  async #forward(exchange: ClientExchange, request: AllowedRequest, { info, startedMs }: Passage): Promise<Outcome> {
    const { clock, meter } = this.#parts;
    const watches = info?.verb === 'watch' ? 1 : 0;
    this.#watches += watches;
    try {
      return await new Forwarding(this.#parts, exchange, request, () => meter.overhead(clock.elapsed() - startedMs)).run();
    } finally {
      this.#watches -= watches;
    }
  }

  async #withinLimits(subject: FlowSubject, info: RequestInfo, run: () => Promise<Outcome>): Promise<Outcome> {
    const held = await this.#parts.flow.begin(subject, info);
    if (held.kind !== 'open') return { kind: 'refused', refusal: held, closes: false };
    try {
      return await run();
    } finally {
      held.end();
    }
  }

  #answer(outcome: Outcome, exchange: ClientExchange, auditId: string): void {
    if (outcome.kind === 'refused') exchange.answer(answerRefusal(outcome.refusal, auditId), outcome.closes);
    if (outcome.kind === 'fault' && outcome.cutAfterStatus === null) exchange.answer(answerFault(outcome.fault.faultCause, auditId), false);
  }

  #record(outcome: Outcome, passage: Passage): void {
    const { clock, audit, meter } = this.#parts;
    const { head, contentType, connection, auditId, startedMs, info, request } = passage;
    this.#logFault(outcome, passage);
    const refused = outcome.kind === 'refused' ? outcome.refusal : null;
    const reported = refused ?? request?.reported ?? null;
    const verb = info?.verb ?? null;
    const verdict = refused !== null ? 'deny' : reported !== null ? 'would-deny' : 'allow';
    const judged = { verb, verdict, rule: reported?.rule ?? null, code: codeOf(outcome) } as const;
    meter.request({ kind: connection.identity?.kind ?? null, ...judged });
    audit.write({
      event: 'request',
      auditID: auditId,
      user: connection.identity?.user ?? null,
      cluster: connection.identity?.cluster ?? null,
      method: head.method.slice(0, MOST_METHOD_CHARACTERS),
      path: head.target.split('?', 1)[0]?.slice(0, MOST_PATH_CHARACTERS) ?? '',
      verb,
      apiGroup: info?.isResource === true ? info.apiGroup : null,
      resource: info?.isResource === true ? info.resource : null,
      subresource: namedOrNull(info?.subresource),
      namespace: namedOrNull(info?.namespace),
      name: namedOrNull(info?.name),
      contentType: contentType?.slice(0, MOST_CONTENT_TYPE_CHARACTERS) ?? null,
      verdict,
      rule: judged.rule,
      code: judged.code,
      durationMs: Math.round(clock.elapsed() - startedMs),
      detail: reported?.detail ?? null,
    });
  }

  #logFault(outcome: Outcome, { connection, auditId }: Passage): void {
    if (outcome.kind !== 'fault' || outcome.fault.faultCause === 'internal') return;
    const { faultCause, message } = outcome.fault;
    const cluster = connection.identity?.cluster ?? null;
    this.#parts.log.event('hub-fault', { cause: faultCause, side: faults[faultCause].side, auditID: auditId, cluster, detail: message });
  }
}

function contentTypeOf(headers: readonly string[]): string | null {
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'content-type');
  return at === -1 ? null : (headers[at + 1] ?? null);
}

/** RequestInfo has empty words where the audit has none. */
function namedOrNull(word: string | undefined): string | null {
  return word === undefined || word === '' ? null : word;
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
