// The body of a request on its way through: counted, timed, and kept from its beginning for as long as the request may have to be sent once
// more. Complete is only what the client completed; anything else is an abort.

import type { Readable } from 'node:stream';
import type { Clock } from '../clock.ts';
import type { Refusal } from '../errors.ts';
import type { HubExchange } from './hub-exchange.ts';

/** Kept for a second try: covers leases, CSRs, access reviews and most status patches. Bytes. */
const REPLAY_BYTES = 64 * 1024;

export interface RequestBodyParts {
  readonly source: Readable;
  readonly clock: Clock;
  /** Silence that is the client's, not ours, milliseconds. */
  readonly idleMs: number;
  /** Bytes. */
  readonly mostBytes: number;
  readonly declaredBytes: number | null;
  /** Nothing comes before the hub has asked for it: until then, silence is not the client's. */
  readonly awaitsContinue: boolean;
  readonly isComplete: () => boolean;
  /** Judges the trailers and selects what goes on. */
  readonly trailers: () => { readonly ok: true; readonly trailers: readonly string[] } | { readonly ok: false; readonly refusal: Refusal };
  /** The body breaks a rule; it is read no further. */
  readonly onRefused: (refusal: Refusal) => void;
  /** Each time the client has sent something. */
  readonly onProgress: () => void;
}

type Ending = { readonly kind: 'open' } | { readonly kind: 'complete'; readonly trailers: readonly string[] } | { readonly kind: 'broken' };

export class RequestBody {
  readonly #parts: RequestBodyParts;
  #kept: Buffer[] | null = [];
  #bytes = 0;
  /** The part that fills the declared length. A hub that reads by the length would take the message for whole with it, so it waits for the end. */
  #lastPart: Buffer | null = null;
  #ending: Ending = { kind: 'open' };
  #sink: HubExchange | null = null;
  #stopIdleTimer: (() => void) | null = null;
  #awaitsContinue: boolean;
  /** Set while the whole body is wanted before any of it goes on. */
  #collected: ((bytes: Buffer | null) => void) | null = null;

  constructor(parts: RequestBodyParts) {
    this.#parts = parts;
    this.#awaitsContinue = parts.awaitsContinue;
    parts.source.on('data', (chunk: Buffer) => this.#received(chunk));
    parts.source.once('end', () => this.#ended());
    parts.source.once('close', () => this.#break());
    // Nothing is read before there is somewhere to send it.
    parts.source.pause();
  }

  /** Whether all that was sent so far can be sent again. */
  get replayable(): boolean {
    return this.#kept !== null;
  }

  /** Whether the client has sent all of it. */
  get complete(): boolean {
    return this.#ending.kind === 'complete';
  }

  /**
   * Reads the whole body, for a judgement over it, before any of it goes on. Null: it was refused or broken off. What was read stays for sending: these
   * bytes and no others.
   */
  collect(): Promise<Buffer | null> {
    // Refused or broken off before anyone asked for it: nothing would ever end the wait.
    if (this.#parts.source.destroyed) this.#break();
    if (this.#ending.kind === 'broken') return Promise.resolve(null);
    const { promise, resolve } = Promise.withResolvers<Buffer | null>();
    this.#collected = resolve;
    this.#awaitsContinue = false;
    this.#resume();
    return promise;
  }

  /** Sends the body into `sink`: first what is kept from an earlier try, then the rest as it comes. */
  attach(sink: HubExchange): void {
    this.#sink = sink;
    let room = true;
    for (const chunk of this.#kept ?? []) room = sink.write(chunk);
    if (this.#ending.kind === 'complete') return sink.end(this.#ending.trailers);
    sink.onDrain(() => {
      if (this.#sink === sink) this.#resume();
    });
    if (room) this.#resume();
  }

  /** Stops feeding the sink; what comes meanwhile waits at the client. */
  detach(): void {
    this.#sink = null;
    this.#pause();
  }

  /** Nobody wants the rest: what still comes is dropped, so that the stream can end. */
  stop(): void {
    this.#sink = null;
    this.#kept = null;
    this.#break();
    this.#parts.source.resume();
  }

  /** The hub has asked for the body: from now on silence is the client's. */
  awaited(): void {
    this.#awaitsContinue = false;
    if (this.#stopIdleTimer === null && !this.#parts.source.isPaused()) this.#restartIdleTimer();
  }

  /** The body breaks a rule; nothing more of it goes on. */
  refuse(refusal: Refusal): void {
    if (this.#ending.kind !== 'open') return;
    this.#break();
    this.#parts.onRefused(refusal);
  }

  /** No further try will be made: lets go of what is kept. */
  forget(): void {
    this.#kept = null;
  }

  #received(chunk: Buffer): void {
    if (this.#ending.kind !== 'open') return;
    const { mostBytes, declaredBytes, onProgress } = this.#parts;
    onProgress();
    this.#awaitsContinue = false;
    this.#bytes += chunk.length;
    if (this.#bytes > mostBytes) return this.refuse({ rule: 'body-limit', detail: `more than ${mostBytes} bytes` });
    // A hub that reads by the length would take the rest for the next request.
    if (declaredBytes !== null && this.#bytes > declaredBytes)
      return this.refuse({ rule: 'framing', detail: `more than the declared ${declaredBytes} bytes` });
    if (this.#bytes === declaredBytes) {
      this.#lastPart = chunk;
      return this.#restartIdleTimer();
    }
    this.#keep(chunk);
    const isWanted = this.#collected !== null || (this.#sink !== null && this.#sink.write(chunk));
    if (isWanted) this.#restartIdleTimer();
    else this.#pause();
  }

  #keep(chunk: Buffer): void {
    if (this.#kept === null) return;
    if (this.#bytes > REPLAY_BYTES && this.#collected === null) this.#kept = null;
    else this.#kept.push(chunk);
  }

  #ended(): void {
    this.#clearIdleTimer();
    if (this.#ending.kind !== 'open') return;
    if (!this.#parts.isComplete()) return this.#break();
    const { declaredBytes } = this.#parts;
    if (declaredBytes !== null && declaredBytes !== this.#bytes) {
      return this.refuse({ rule: 'body-incomplete', detail: `${this.#bytes} of ${declaredBytes} bytes` });
    }
    const selected = this.#parts.trailers();
    if (!selected.ok) return this.refuse(selected.refusal);
    this.#ending = { kind: 'complete', trailers: selected.trailers };
    this.#parts.onProgress();
    if (this.#lastPart !== null) {
      this.#keep(this.#lastPart);
      this.#sink?.write(this.#lastPart);
    }
    this.#sink?.end(selected.trailers);
    this.#collected?.(Buffer.concat(this.#kept ?? []));
  }

  #break(): void {
    this.#clearIdleTimer();
    // What is complete can be sent again, also after its source has closed.
    if (this.#ending.kind !== 'open') return;
    this.#ending = { kind: 'broken' };
    this.#kept = null;
    this.#collected?.(null);
  }

  #resume(): void {
    if (this.#ending.kind !== 'open') return;
    this.#restartIdleTimer();
    this.#parts.source.resume();
  }

  #pause(): void {
    this.#clearIdleTimer();
    this.#parts.source.pause();
  }

  #restartIdleTimer(): void {
    this.#clearIdleTimer();
    if (this.#awaitsContinue) return;
    const { idleMs, clock } = this.#parts;
    this.#stopIdleTimer = clock.after(idleMs, () =>
      this.refuse({ rule: 'body-stalled', detail: `silent for ${idleMs} ms after ${this.#bytes} bytes` }),
    );
  }

  #clearIdleTimer(): void {
    this.#stopIdleTimer?.();
    this.#stopIdleTimer = null;
  }
}
