// Single calls to the hub's API server: each with a deadline and a connection of its own, its outcome a value, and nothing of it left behind. Knows
// no object.

import { createConfiguration, ResponseContext, ServerConfiguration, Watch } from '@kubernetes/client-node';
import type { Configuration, Middleware } from '@kubernetes/client-node';
import type { Clock } from '../clock.ts';
import { HubConnection } from './hub-connection.ts';
import { AnswerTooLargeError, describeFailure, describeStatus } from './hub-failure.ts';
import type { SourceFailure } from './source.ts';

export interface HubBounds {
  /** For one read, connecting included. */
  readonly readMs: number;
  /** What the API server is asked to end a watch after. */
  readonly watchSeconds: number;
  /** For one watch in all, should the server not end it. */
  readonly watchMs: number;
}

/** A healthy API server answers a read in milliseconds. A watch stays under the 5 min that undici allows between two bytes of a body. */
export const hubBounds: HubBounds = { readMs: 10_000, watchSeconds: 240, watchMs: 260_000 };

/** Secret and ConfigMap end at 1 MiB; base64 and managedFields come on top. A page of a list is made to fit. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

export type WatchEnd = { readonly kind: 'ended' } | SourceFailure;

export interface WatchPlan {
  /** As in "Secret namespace/name". */
  readonly what: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string | number>>;
  /** Not for bookmarks. */
  readonly onEvent: (type: string, object: unknown) => void;
}

export class HubCalls {
  readonly #kubeconfigFile: string | null;
  readonly #clock: Clock;
  readonly #bounds: HubBounds;
  readonly #calls = new Map<AbortController, Promise<unknown>>();

  constructor(kubeconfigFile: string | null, clock: Clock, bounds: HubBounds) {
    this.#kubeconfigFile = kubeconfigFile;
    this.#clock = clock;
    this.#bounds = bounds;
  }

  /** `run` makes one request with the configuration; what it throws becomes a failure. */
  read<T>(what: string, run: (configuration: Configuration) => Promise<T>): Promise<T | SourceFailure> {
    return this.#call(what, this.#bounds.readMs, (connection, signal) => run(configure(connection, signal)));
  }

  watch({ what, path, query, onEvent }: WatchPlan): Promise<WatchEnd> {
    return this.#call<WatchEnd>(what, this.#bounds.watchMs, async (connection, signal) => {
      const watch = new Watch(connection);
      // client-node gives up on 30 s of silence, which is what a Secret does all day; the call as a whole is bounded already
      Object.assign(watch, { requestTimeoutMs: this.#bounds.watchMs });
      const end = await new Promise<WatchEnd | Error>((resolve) => {
        const take = (type: string, object: unknown): void => {
          if (type === 'ERROR') resolve(describeErrorEvent(object, what));
          else if (type !== 'BOOKMARK') onEvent(type, object);
        };
        const onDone = (error: unknown): void => resolve(error ? asError(error) : { kind: 'ended' });
        watch.watch(path, { ...query, timeoutSeconds: this.#bounds.watchSeconds }, take, onDone).catch(onDone);
        // The controller that client-node hands out comes only with the response: too late for a server that does not answer
        signal.addEventListener('abort', () => onDone(signal.reason), { once: true });
      });
      if (end instanceof Error) throw end;
      return end;
    });
  }

  /** Ends what is under way; resolves when nothing is left of it. */
  async close(): Promise<void> {
    for (const aborter of this.#calls.keys()) aborter.abort();
    await Promise.all(this.#calls.values());
  }

  #call<T>(what: string, limitMs: number, run: Call<T>): Promise<T | SourceFailure> {
    const aborter = new AbortController();
    const cancel = this.#clock.after(limitMs, () => aborter.abort());
    const call = this.#runCall(what, run, aborter.signal).finally(() => {
      cancel();
      this.#calls.delete(aborter);
    });
    this.#calls.set(aborter, call);
    return call;
  }

  async #runCall<T>(what: string, run: Call<T>, signal: AbortSignal): Promise<T | SourceFailure> {
    let connection: HubConnection | null = null;
    try {
      connection = HubConnection.open(this.#kubeconfigFile);
      return await run(connection, signal);
    } catch (error) {
      const server = connection?.getCurrentCluster()?.server ?? '';
      return describeFailure(error, { what, server, hasTimedOut: signal.aborted });
    } finally {
      await connection?.close();
    }
  }
}

type Call<T> = (connection: HubConnection, signal: AbortSignal) => Promise<T>;

function configure(connection: HubConnection, signal: AbortSignal): Configuration {
  const bounded: Middleware = {
    pre: async (context) => {
      context.setSignal(signal);
      return context;
    },
    post: boundAnswer,
  };
  const baseServer = new ServerConfiguration(connection.getCurrentCluster()?.server ?? '', {});
  return createConfiguration({ baseServer, authMethods: { default: connection }, promiseMiddleware: [bounded] });
}

/** client-node reads a body whole, of whatever size. */
async function boundAnswer(response: ResponseContext): Promise<ResponseContext> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body.stream() ?? []) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new AnswerTooLargeError(MAX_ANSWER_BYTES);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  const read = { text: async () => body.toString('utf8'), binary: async () => body, stream: () => null };
  return new ResponseContext(response.httpStatusCode, response.headers, read);
}

/** Status in an ERROR event. 410 is how the API server says that a watch fell behind: an end like any other. */
function describeErrorEvent(content: unknown, what: string): WatchEnd {
  const code = typeof content === 'object' && content !== null && 'code' in content ? Number(content.code) : 0;
  return code === 410 ? { kind: 'ended' } : describeStatus(code, what);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('the watch failed', { cause: error });
}
