// Plays single requests on a stage: sends them as the case says, over each wire, and holds against the oracle what came of it. Every connection that
// a play opens is closed with it.

import type { CaseRequest, ComplianceCase, Expectation, IdentityRecipe, Wire } from './case.ts';
import { makeCredentials } from './credentials.ts';
import type { Fixtures } from './case-files.ts';
import type { Credentials } from './credentials.ts';
import { cut, expectEqual, expectThat, type Failure, Mismatch } from './mismatch.ts';
import { type Arrival, judgeAnswer, judgeArrival, type WhoAmI } from './oracle.ts';
import type { Stage } from './stage.ts';
import { openConnection } from './wire/connection.ts';
import type { Connection, Sender } from './wire/connection.ts';
import { sendRaw } from './wire/raw-h1.ts';
import { sendFrames } from './wire/raw-h2.ts';
import { readWhoAmI, WHO_AM_I } from './who-am-i.ts';
import { type Answer, makeRequest, type SentRequest } from './wire/sent-request.ts';

/** Which of the ways in which a case is played failed, and how. */
export class PlayFailed extends Error {
  readonly failure: Failure;

  constructor(play: string, sent: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'PlayFailed';
    const { expected, seen } = cause instanceof Mismatch ? cause : { expected: 'an exchange to judge', seen: cut(String(cause)) };
    this.failure = { play, sent: cut(sent), expected, seen };
  }
}

export interface Exchange {
  readonly request: CaseRequest;
  readonly expected: Expectation;
  readonly credentials: Credentials;
  readonly wire: Wire;
  /** A connection that is kept; null: one of its own. */
  readonly on: Connection | null;
  /** Where it goes; null: to the proxy. */
  readonly port: number | null;
}

/** How long a request that was let through may take to show in the hub's journal after its answer, or without one. */
const ARRIVAL_MS = 5_000;
const POLL_MS = 5;

export class Player {
  readonly stage: Stage;
  readonly #recipes: Fixtures['recipes'];
  readonly #signal: AbortSignal;
  readonly #credentials = new Map<string, Credentials>();
  readonly #whoAmI = new Map<Credentials, WhoAmI | null>();

  /** Of one case; `signal` aborts when it is over. */
  constructor(stage: Stage, recipes: Fixtures['recipes'], signal: AbortSignal) {
    this.stage = stage;
    this.#recipes = recipes;
    this.#signal = signal;
  }

  /** The case, then its neighbour, over each of their wires. Resolves to how many plays that were. @throws PlayFailed */
  async playRequests({ given, when, neighbour }: ComplianceCase & { readonly when: { readonly kind: 'request' } }): Promise<number> {
    const plays = [
      ...wiresOf(when.request).map((wire) => ({ name: `over ${wire}`, wire, identity: given.identity, ...when })),
      ...(neighbour === null ? [] : wiresOf(neighbour.request)).map((wire) => ({
        ...{ name: `the neighbour over ${wire}`, wire, identity: neighbour?.identity ?? given.identity },
        ...{ request: neighbour?.request ?? when.request, expected: neighbour?.expected ?? when.expected },
      })),
    ];
    for (const { name, wire, identity, request, expected } of plays) {
      const credentials = await this.credentialsOf(identity);
      await this.play(name, { request, expected, credentials, wire, on: null, port: null });
    }
    return plays.length;
  }

  /** The same for the same identity within a case. */
  async credentialsOf(identity: IdentityRecipe): Promise<Credentials> {
    const key = JSON.stringify(identity);
    const made = this.#credentials.get(key) ?? (await makeCredentials(identity, this.stage.hub, this.#recipes));
    this.#credentials.set(key, made);
    return made;
  }

  /** @throws PlayFailed */
  async play(name: string, exchange: Exchange): Promise<Answer> {
    let sent: SentRequest | null = null;
    try {
      const { request, credentials } = exchange;
      const isPlain = request.raw === undefined && request.frames === undefined;
      for (let time = 1; time < request.times; time += 1) {
        const before = isPlain ? await makeRequest(request, credentials.token) : null;
        await this.#send(exchange, before);
      }
      if (request.times > 1) await this.#forget();
      const whoAmI = await this.#askDirectly(credentials);
      sent = isPlain ? await makeRequest(request, credentials.token) : null;
      return await this.#judge(exchange, sent, whoAmI);
    } catch (error) {
      // What it sent must not be taken for the next play's.
      await this.#forget();
      throw error instanceof PlayFailed ? error : new PlayFailed(name, sayRequest(exchange.request, sent), error);
    }
  }

  async #judge(exchange: Exchange, sent: SentRequest | null, whoAmI: WhoAmI | null): Promise<Answer> {
    const { stage } = this;
    const { expected, credentials } = exchange;
    const answer = await this.#send(exchange, sent);
    judgeAnswer(answer, expected);
    const seen = await this.#arrivals(expected);
    const against = { signers: stage.authorities };
    // Straight to the hub nothing is reissued: there the answer alone is judged.
    const arrival: Arrival = { seen, sent, credentials, whoAmI, against };
    if (exchange.port !== null) return answer;
    judgeArrival(arrival, expected);
    if (sent?.target === WHO_AM_I && answer.status === 201) judgeReview(answer, whoAmI);
    stage.noteLeaves(seen);
    return answer;
  }

  async #arrivals({ reachesHub, hubReceives }: Expectation): Promise<Arrival['seen']> {
    const { stage } = this;
    const endMs = performance.now() + ARRIVAL_MS;
    const awaited = reachesHub ? hubReceives : 0;
    while (stage.seen().length < awaited && performance.now() < endMs) await this.pause();
    if (stage.hasHub) await stage.sentinel.ask();
    const seen = stage.seen();
    stage.account(seen);
    return seen;
  }

  /** What has come to the hub until now is nobody's. */
  async #forget(): Promise<void> {
    if (this.stage.hasHub) await this.stage.sentinel.ask();
    this.stage.takeUnaccounted();
  }

  async pause(): Promise<void> {
    this.#signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }

  async #send({ request, credentials, wire, on, port }: Exchange, sent: SentRequest | null): Promise<Answer> {
    const sender = this.senderOf(credentials, port);
    if (request.raw !== undefined) return this.#within(sendRaw(sender, request.raw, request.afterwards));
    if (request.frames !== undefined) return this.#within(sendFrames(sender, request.frames));
    if (sent === null) throw new TypeError('a request without a form');
    if (on !== null) return on.send(sent);
    const connection = openConnection(sender, wire);
    return this.#within({ answer: connection.send(sent), close: () => connection.close() });
  }

  senderOf({ certificate }: Credentials, port: number | null): Sender {
    return { port: port ?? this.stage.port, caPem: this.stage.hub.servingCaPem, certificate };
  }

  async #within({ answer, close }: { readonly answer: Promise<Answer>; readonly close: () => void }): Promise<Answer> {
    this.#signal.addEventListener('abort', close, { once: true });
    try {
      return await answer;
    } finally {
      close();
      this.#signal.removeEventListener('abort', close);
    }
  }

  /** Once for each credential: who its holder is to the hub without a proxy. */
  async #askDirectly(credentials: Credentials): Promise<WhoAmI | null> {
    const known = this.#whoAmI.get(credentials);
    if (known !== undefined) return known;
    const asked = await this.stage.askDirectly(credentials);
    this.#whoAmI.set(credentials, asked);
    return asked;
  }
}

/** All that the hub says of the credential's holder, UID and extra included. */
function judgeReview(answer: Answer, whoAmI: WhoAmI | null): void {
  const { userInfo, credentialId } = readWhoAmI(answer);
  expectEqual(userInfo, whoAmI?.userInfo, 'what the hub says of the caller');
  expectThat(credentialId !== null, 'a credential-id', 'none');
}

function wiresOf({ over, raw, frames }: CaseRequest): readonly Wire[] {
  if (raw !== undefined) return ['http/1.1'];
  return over ?? (frames === undefined ? ['h2', 'http/1.1'] : ['h2']);
}

function sayRequest(request: CaseRequest, sent: SentRequest | null): string {
  if (request.raw !== undefined) return request.raw;
  if (request.frames !== undefined) return JSON.stringify(request.frames);
  if (sent === null) return request.request ?? 'a CertificateSigningRequest';
  // A bearer token is a secret also in a report.
  const headers = sent.headers.map(([name, value]) => `${name}: ${name === 'authorization' ? '[redacted]' : value}`);
  return [`${sent.method} ${sent.target}`, ...headers, '', sent.body?.toString('latin1') ?? ''].join('\n').trimEnd();
}
