// One allowed request: the certificate it goes under, the session it goes on, and as many tries as its kind of failure permits. Answers nothing by
// itself.

import type { Clock } from '../clock.ts';
import { Fault, faults } from '../errors.ts';
import type { Refusal } from '../errors.ts';
import { selectTrailers } from '../inspect/inspect.ts';
import type { BodyPlan, ForwardHead } from '../inspect/inspect.ts';
import type { HubSettings, LimitSettings } from '../settings.ts';
import type { Client } from './admission.ts';
import type { ClientExchange } from './client-exchange.ts';
import type { Credential } from './credential.ts';
import type { HubCredential } from './hub-credential.ts';
import type { HubRequest, HubSession } from './hub-exchange.ts';
import type { HubSessions } from './hub-sessions.ts';
import type { MemoryShare } from './memory-share.ts';
import type { CredentialVerdict, Reissuer } from './reissue.ts';
import { RequestBody } from './request-body.ts';
import { Transfer } from './transfer.ts';
import type { TransferOutcome } from './transfer.ts';

/** A request is sent at most so often: GOAWAY or a refused leaf may hit the second session as well, but not for ever. */
const MOST_TRIES = 3;

/** A second leaf of the same signer fares no better than the first: reissued once (design.md §5), then it is the signer that the hub refuses. */
const MOST_LEAVES_REFUSED = 1;

/** Credentials that may be withdrawn one after the other while a request waits for their sessions, before it is told to come again. */
const MOST_WITHDRAWN = 3;

export type Outcome =
  | { readonly kind: 'answered'; readonly status: number }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly closes: boolean }
  | { readonly kind: 'fault'; readonly fault: Fault; readonly cutAfterStatus: number | null }
  | { readonly kind: 'called-off' };

export interface ForwardingParts {
  readonly reissuer: Reissuer;
  readonly sessions: HubSessions;
  readonly hub: HubSettings;
  readonly limits: LimitSettings;
  readonly clock: Clock;
  readonly judged: MemoryShare;
  /** The hub has refused a leaf that we hold valid; it serves no more when this returns. */
  readonly onLeafRefused: (credential: Credential, seen: { readonly auditID: string | null; readonly detail: string }) => void;
}

/** One request whose head is allowed. */
export interface AllowedRequest {
  readonly client: Client;
  readonly head: ForwardHead;
  readonly auditId: string;
  readonly body: BodyPlan;
  /** `policy/rule` that admits the head. */
  readonly rule: string;
  /** What would have refused it, were it not only reported. */
  reported: Refusal | null;
}

/** How one try went. `withdrawn`: nothing was sent, the credential stopped serving while its session was being opened. */
type Try = (TransferOutcome & { readonly reused?: boolean }) | { readonly kind: 'withdrawn' };

/** One allowed request, through as many tries as its kind of failure permits. */
export class Forwarding {
  readonly #parts: ForwardingParts;
  readonly #exchange: ClientExchange;
  readonly #of: AllowedRequest;
  readonly #body: RequestBody | null;
  #transfer: Transfer | null = null;
  #bodyRefusal: Refusal | null = null;
  /** Gives back the memory that a judged body takes up: it is kept for as long as the request may be sent again. */
  #release: (() => void) | null = null;
  /** Runs once, when the first octet of it goes to the hub. */
  #onSent: (() => void) | null;

  constructor(parts: ForwardingParts, exchange: ClientExchange, of: AllowedRequest, onSent: () => void) {
    this.#parts = parts;
    this.#exchange = exchange;
    this.#of = of;
    this.#onSent = onSent;
    this.#body = exchange.body === null ? null : this.#openBody(exchange.body);
    exchange.onClosed(() => this.#transfer?.callOff());
    exchange.onMalformed((refusal) => this.#body?.refuse(refusal));
  }

  async run(): Promise<Outcome> {
    try {
      return (await this.#judgeBody()) ?? (await this.#tryAndRepeat());
    } finally {
      this.#body?.stop();
      this.#release?.();
    }
  }

  /** Where a rule looks at the body: reads all of it first, so that nothing goes on of what is refused. Null: it may go on. */
  async #judgeBody(): Promise<Outcome | null> {
    const plan = this.#of.body;
    if (plan.kind !== 'judge') return null;
    const mostBytes = Math.min(this.#parts.limits.maxRequestBodyBytes, plan.mostBytes);
    this.#release = this.#parts.judged.take(this.#of.head.contentLength ?? mostBytes);
    if (this.#release === null)
      return fault(new Fault('overloaded', 'bodies that wait for judgement take up all the memory that they may'));
    if (this.#of.head.expectsContinue) this.#exchange.sendContinue();
    const bytes = this.#body === null ? Buffer.alloc(0) : await this.#body.collect();
    if (bytes === null) return this.#calledOff();
    const { refusal, reported } = plan.judge(bytes);
    this.#of.reported ??= reported;
    return refusal === null ? null : { kind: 'refused', refusal, closes: false };
  }

  async #tryAndRepeat(): Promise<Outcome> {
    let tries = 0;
    let leavesRefused = 0;
    for (let withdrawn = 0; withdrawn <= MOST_WITHDRAWN; ) {
      const made = await this.#credential();
      if (made.kind === 'refused') return { kind: 'refused', refusal: made.refusal, closes: true };
      if (made.kind === 'fault') return fault(new Fault(made.cause, 'at reissue'));
      const outcome = await this.#try(made.credential);
      if (outcome.kind === 'called-off') return this.#calledOff();
      if (outcome.kind === 'cut') return { kind: 'fault', fault: outcome.fault, cutAfterStatus: outcome.status };
      if (outcome.kind === 'answered') return outcome;
      if (outcome.kind === 'withdrawn') {
        withdrawn += 1;
        continue;
      }
      tries += 1;
      if (outcome.fault.faultCause === 'hub-refused-leaf') {
        leavesRefused += 1;
        this.#leafRefused(made.credential, outcome.fault);
      }
      if (leavesRefused > MOST_LEAVES_REFUSED || tries >= MOST_TRIES || !this.#mayRepeat(outcome)) return fault(outcome.fault);
    }
    return fault(new Fault('no-signer', 'each certificate was withdrawn before its session was open'));
  }

  /** What a token's client shows to the hub is its token, and no certificate of ours. */
  #credential(): Promise<CredentialVerdict> | { readonly kind: 'ready'; readonly credential: HubCredential } {
    const { client } = this.#of;
    if (client.kind === 'bootstrap') return { kind: 'ready', credential: client.credential };
    return this.#parts.reissuer.credentialFor(client.peer);
  }

  async #try(credential: Credential | HubCredential): Promise<Try> {
    if (this.#gone) return { kind: 'called-off' };
    try {
      return await this.#parts.sessions.use(credential, (session, wasThere) => this.#sendOn(session, credential, wasThere));
    } catch (error) {
      if (error instanceof Fault) return this.#gone ? { kind: 'called-off' } : { kind: 'fault', fault: error };
      throw error;
    }
  }

  /** Starts before it returns: the room on the session is taken. */
  async #sendOn(session: HubSession, credential: Credential | HubCredential, wasThere: boolean): Promise<Try> {
    if (this.#gone) return { kind: 'called-off' };
    if (isLeaf(credential) && !this.#parts.reissuer.mayServe(credential)) return { kind: 'withdrawn' };
    const reused = wasThere || session.answered;
    const { clock, hub } = this.#parts;
    const request = this.#hubRequest();
    const transfer = new Transfer({
      ...{ exchange: this.#exchange, request, body: this.#body, clock },
      responseTimeoutMs: hub.responseTimeoutMs,
      showsLeaf: this.#of.client.kind === 'certificate',
      ownHeaders: warn(this.#of.reported),
    });
    this.#transfer = transfer;
    transfer.start(session);
    this.#onSent?.();
    this.#onSent = null;
    const outcome = await transfer.outcome;
    // GOAWAY has closed the session already; where the hub refused a single stream, the next one on it would fare the same.
    if (outcome.kind === 'fault' && outcome.fault.faultCause === 'hub-not-processed') session.retire();
    return { ...outcome, reused };
  }

  /**
   * Where the hub certainly did not process it, always; where a session that had been there before broke under a request that changes nothing,
   * once more (RFC 9110 section 9.2.2). In either case only with the whole body still at hand.
   */
  #mayRepeat(outcome: Extract<TransferOutcome, { kind: 'fault' }> & { reused?: boolean }): boolean {
    if (this.#gone || this.#body?.replayable === false) return false;
    const { faultCause } = outcome.fault;
    if (faults[faultCause].retry === 'safe') return true;
    const changesNothing = this.#of.head.method === 'GET' || this.#of.head.method === 'HEAD';
    return faultCause === 'hub-reset' && outcome.reused === true && changesNothing;
  }

  #leafRefused(credential: Credential | HubCredential, refused: Fault): void {
    if (!isLeaf(credential)) return;
    this.#parts.onLeafRefused(credential, { auditID: this.#of.auditId, detail: refused.message });
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
    const { client, auditId } = this.#of;
    const { method, target, headers, contentLength, expectsContinue } = this.#of.head;
    // The one place where a client's Authorization goes on: judged, of a client that shows no certificate, to a session without one.
    const token = client.kind === 'bootstrap' ? ['authorization', `Bearer ${client.token.reveal()}`] : [];
    // Whose body was judged has been told to continue already.
    const expect = expectsContinue && this.#of.body.kind !== 'judge' ? ['expect', '100-continue'] : [];
    const own = ['audit-id', auditId, ...token, ...expect];
    return { method, target, headers: [...headers, ...own], hasBody: this.#body !== null, contentLength };
  }

  #openBody(source: NonNullable<ClientExchange['body']>): RequestBody {
    const { limits, clock } = this.#parts;
    return new RequestBody({
      source,
      clock,
      idleMs: limits.bodyIdleTimeoutMs,
      mostBytes: Math.min(limits.maxRequestBodyBytes, this.#of.body.mostBytes),
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

/** And not what stands in the place of one with a token. */
function isLeaf(credential: Credential | HubCredential): credential is Credential {
  return 'leafSHA256' in credential;
}

/** RFC 9111 section 5.5 of old: 299, a persistent warning; client-go prints it. */
function warn(reported: Refusal | null): readonly string[] {
  return reported === null ? [] : ['warning', `299 countersign "would be refused: rule ${reported.rule}"`];
}

export function fault(of: Fault): Outcome {
  return { kind: 'fault', fault: of, cutAfterStatus: null };
}
