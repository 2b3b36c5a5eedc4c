// One request of a client and the means to answer it, the same for HTTP/2 and HTTP/1.1.

import type { Readable } from 'node:stream';
import type { Refusal, StatusAnswer } from '../errors.ts';
import type { RequestHead } from '../inspect/inspect.ts';

export interface ClientExchange {
  readonly head: RequestHead;
  /** Null where the head says that none follows. */
  readonly body: Readable | null;
  /** Called when the rest of the body does not parse: nothing more of it comes. */
  onMalformed(run: (refusal: Refusal) => void): void;
  /** At the body's 'end': whether the message was really complete, and not cut off by a reset. */
  bodyIsComplete(): boolean;
  /** Flat pairs, known at the body's 'end'. */
  requestTrailers(): readonly string[];
  /** True once the client is gone or the answer is complete. */
  readonly closed: boolean;
  /** Called once, when the client is gone or the answer has been handed over. */
  onClosed(run: () => void): void;
  sendContinue(): void;
  /** Sends the response head. `bodiless`: nothing follows. */
  respond(status: number, headers: readonly string[], bodiless: boolean): void;
  /** False: wait for `onDrain`. */
  write(chunk: Buffer): boolean;
  onDrain(run: () => void): void;
  end(trailers: readonly string[]): void;
  /** Cuts the answer off so that the client notices: a reset stream, a broken connection. */
  abort(): void;
  /** Answers by ourselves; a request body that is still coming is not read. With `close`, the connection takes no further requests. */
  answer(answer: StatusAnswer, close: boolean): void;
}
