// One request on its way to the hub, the same for HTTP/2 and HTTP/1.1: what the forwarding calls, and what it is called back with.

import type { Readable } from 'node:stream';
import type { Fault } from '../errors.ts';

export interface HubRequest {
  readonly method: string;
  readonly target: string;
  /** Flat name, value pairs, lower case, without pseudo-headers and Host. */
  readonly headers: readonly string[];
  readonly hasBody: boolean;
  readonly contentLength: number | null;
}

/** Called back in this order: any number of `continued`, one `responded`, then `completed`; `arrived`, if at all, before that; `failed` in place of whatever has not come yet. */
export interface HubListener {
  /** 100 (Continue): the hub wants the body. */
  continued(): void;
  /** The final response head; `body` is null where none can follow, and nothing comes behind it then. */
  responded(status: number, headers: readonly string[], body: Readable | null): void;
  /**
   * The hub has sent all of the body: what of it has not been read yet is bounded by a window. It is lost if the hub closes the connection before
   * it is read, so a slow client is no reason to wait any more.
   */
  arrived(): void;
  /** The body has been read to its end, and the hub has said that this is its end. A body's own 'end' does not say that. */
  completed(trailers: readonly string[]): void;
  /** The exchange broke: before `responded` nothing was answered, after it the body is cut short. */
  failed(fault: Fault): void;
}

export interface HubExchange {
  /** Sends a part of the body. False: wait for `onDrain`. */
  write(chunk: Buffer): boolean;
  onDrain(run: () => void): void;
  /** The body is complete. */
  end(trailers: readonly string[]): void;
  /** Gives up: the hub sees a reset, never a complete message. Nothing is called back afterwards. */
  abort(): void;
}

export interface HubSession {
  readonly protocol: 'h2' | 'http/1.1';
  /** Exchanges that are not over. */
  readonly open: number;
  /** Whether one more exchange may start on it now. */
  readonly hasRoom: boolean;
  /** False once it takes no new exchanges (GOAWAY, error, close). */
  readonly usable: boolean;
  /** Whether any answer has come over it: before that, a failure says something about the credential. */
  readonly answered: boolean;
  send(request: HubRequest, listener: HubListener): HubExchange;
  /** Takes no new exchanges, ends when the open ones have. */
  retire(): void;
  /** Ends at once; open exchanges fail. */
  destroy(): void;
  onClosed(run: () => void): void;
}

/** Answers that end with their head, whatever their headers say (RFC 9110 section 6.4.1). */
export function isBodiless(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304;
}
