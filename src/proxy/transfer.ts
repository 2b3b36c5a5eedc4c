// One try at one request: sends it on one hub session and streams both ways until it is answered, broken or called off. Never answers by itself;
// whoever started it decides what a fault means.

import type { Clock } from '../clock.ts';
import { Fault } from '../errors.ts';
import { selectResponseHeaders } from '../inspect/inspect.ts';
import type { ClientExchange } from './client-exchange.ts';
import type { HubExchange, HubListener, HubRequest, HubSession } from './hub-exchange.ts';
import type { RequestBody } from './request-body.ts';

export type TransferOutcome =
  /** The hub's answer is complete at the client. */
  | { readonly kind: 'answered'; readonly status: number }
  /** Nothing has gone to the client yet. */
  | { readonly kind: 'fault'; readonly fault: Fault }
  /** The answer had begun and broke off; the client has been cut off too. */
  | { readonly kind: 'cut'; readonly status: number; readonly fault: Fault }
  /** The client went away, or its body was refused; the hub has been reset. */
  | { readonly kind: 'called-off' };

export interface TransferParts {
  readonly exchange: ClientExchange;
  readonly request: HubRequest;
  readonly body: RequestBody | null;
  readonly clock: Clock;
  /** From the last sign of the request until the response head. */
  readonly responseTimeoutMs: number;
  /** Whether a 401 is about a leaf of ours: the hub disowns it then, not the client. A 401 about a client's own token passes. */
  readonly showsLeaf: boolean;
  /** Flat name, value pairs of our own beside those of the hub. */
  readonly ownHeaders: readonly string[];
}

export class Transfer {
  readonly #parts: TransferParts;
  readonly #settle: (outcome: TransferOutcome) => void;
  readonly outcome: Promise<TransferOutcome>;
  #hub: HubExchange | null = null;
  #over = false;
  #status: number | null = null;
  #body: Body | null = null;
  #hasArrived = false;
  #declaredBytes: number | null = null;
  #bytes = 0;
  #stopTimer: (() => void) | null = null;

  constructor(parts: TransferParts) {
    this.#parts = parts;
    const { promise, resolve } = Promise.withResolvers<TransferOutcome>();
    this.outcome = promise;
    this.#settle = resolve;
  }

  start(session: HubSession): void {
    const listener: HubListener = {
      continued: () => this.#continued(),
      responded: (status, headers, body) => this.#responded(status, headers, body),
      arrived: () => this.#arrived(),
      completed: (trailers) => this.#completed(trailers),
      failed: (fault) => this.#failed(fault),
    };
    this.#hub = session.send(this.#parts.request, listener);
    this.restartTimer();
    this.#parts.body?.attach(this.#hub);
  }

  /** The request made progress: the hub's time to answer starts anew. */
  restartTimer(): void {
    this.#stopTimer?.();
    if (this.#over || this.#status !== null) return;
    const { clock, responseTimeoutMs } = this.#parts;
    this.#stopTimer = clock.after(responseTimeoutMs, () => {
      this.#failed(new Fault('hub-response-timeout', `no response head within ${responseTimeoutMs} ms`));
    });
  }

  /** The client is gone or its body was refused. */
  callOff(): void {
    if (!this.#over) this.#finish({ kind: 'called-off' });
  }

  #continued(): void {
    if (this.#over || this.#status !== null) return;
    this.#parts.body?.awaited();
    this.#parts.exchange.sendContinue();
  }

  #responded(status: number, headers: readonly string[], body: Body | null): void {
    if (this.#over) return;
    // A session is opened only with a leaf that we hold valid.
    if (status === 401 && this.#parts.showsLeaf) return this.#failed(new Fault('hub-refused-leaf', 'the hub answered 401'));
    if (status < 200 || status > 599) return this.#failed(new Fault('hub-protocol', `status ${status}`));
    const selected = [...selectResponseHeaders(headers), ...this.#parts.ownHeaders];
    try {
      this.#parts.exchange.respond(status, selected, body === null);
    } catch (error) {
      // One protocol's parser lets through what the other's writer refuses.
      return this.#failed(
        new Fault('hub-protocol', `an answer that cannot be written: ${error instanceof Error ? error.message : String(error)}`),
      );
    }
    this.#stopTimer?.();
    this.#status = status;
    this.#parts.body?.forget();
    if (body === null) return this.#finish({ kind: 'answered', status });
    this.#body = body;
    this.#declaredBytes = declaredLength(selected);
    this.#stream(body);
  }

  #stream(body: Body): void {
    const { exchange } = this.#parts;
    exchange.onDrain(() => body.resume());
    body.on('data', (chunk: Buffer) => {
      if (this.#over) return;
      this.#bytes += chunk.length;
      // A client would take what stands behind the declared length for the next answer.
      if (this.#declaredBytes !== null && this.#bytes > this.#declaredBytes) return this.#failed(this.#lengthFault());
      if (!exchange.write(chunk) && !this.#hasArrived) body.pause();
    });
  }

  #arrived(): void {
    this.#hasArrived = true;
    if (!this.#over) this.#body?.resume();
  }

  #completed(trailers: readonly string[]): void {
    if (this.#over || this.#status === null) return;
    if (this.#declaredBytes !== null && this.#declaredBytes !== this.#bytes) return this.#failed(this.#lengthFault());
    this.#parts.exchange.end(selectResponseHeaders(trailers));
    this.#finish({ kind: 'answered', status: this.#status });
  }

  #lengthFault(): Fault {
    return new Fault('hub-protocol', `${this.#bytes} bytes of an answer that declared ${this.#declaredBytes}`);
  }

  #failed(fault: Fault): void {
    if (this.#over) return;
    if (this.#status === null) return this.#finish({ kind: 'fault', fault });
    this.#finish({ kind: 'cut', status: this.#status, fault });
    this.#parts.exchange.abort();
  }

  #finish(outcome: TransferOutcome): void {
    const { body } = this.#parts;
    this.#over = true;
    this.#stopTimer?.();
    // After a complete answer to a complete request there is nothing left to abort; otherwise the hub must not take what it has for a whole.
    if (outcome.kind !== 'answered' || body?.complete === false) this.#hub?.abort();
    // Only after a fault may there be another try that wants the rest.
    if (outcome.kind === 'fault') body?.detach();
    else body?.stop();
    this.#settle(outcome);
  }
}

type Body = NonNullable<Parameters<HubListener['responded']>[2]>;

function declaredLength(headers: readonly string[]): number | null {
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] === 'content-length') return Number(headers[at + 1]);
  }
  return null;
}
