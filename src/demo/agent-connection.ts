// An agent's HTTP/2 connection to its API server, as client-go keeps one: opened when needed, opened anew after GOAWAY or a break.

import { connect, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';

export interface AgentCredentials {
  readonly certificatePem: string;
  readonly keyPem: string;
}

export interface AgentTarget {
  /** `https://host:port`. */
  readonly server: string;
  /** PEM of the CAs that the server's certificate may come from. */
  readonly caPem: string;
  /** Null: shows no client certificate. */
  readonly credentials: AgentCredentials | null;
}

export interface AgentRequest {
  readonly method: string;
  readonly path: string;
  /** Sent as JSON, where there is one. */
  readonly body?: unknown;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface AgentAnswer {
  readonly status: number;
  readonly body: string;
}

export type WatchEnd =
  /** By the server, in order. */
  | { readonly kind: 'ended' }
  /** By this side: the connection was retired. */
  | { readonly kind: 'given-up' }
  | { readonly kind: 'refused'; readonly status: number }
  /** `wasOpen`: it had been answered with 200. */
  | { readonly kind: 'broken'; readonly wasOpen: boolean; readonly detail: string };

/** Without a sound for this long a request has failed. Longer than any proxy's or hub's own limit for an answer. */
const REQUEST_SILENCE_MS = 90_000;

export class AgentConnection {
  readonly #target: AgentTarget;
  readonly #watches = new Set<ClientHttp2Stream>();
  #session: ClientHttp2Session | null = null;
  #isRetired = false;

  constructor(target: AgentTarget) {
    this.#target = target;
  }

  /** @throws Error where no complete answer came */
  async request(request: AgentRequest): Promise<AgentAnswer> {
    const stream = this.#open(request);
    stream.setTimeout(REQUEST_SILENCE_MS, () => stream.close(constants.NGHTTP2_CANCEL));
    const { promise, resolve, reject } = Promise.withResolvers<AgentAnswer>();
    let status = 0;
    const chunks: Buffer[] = [];
    stream.on('response', (headers) => {
      status = headers[':status'] ?? 0;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      if (status > 0) resolve({ status, body: Buffer.concat(chunks).toString('utf8') });
    });
    stream.on('error', reject);
    stream.on('close', () => reject(new Error(`the stream closed before an answer (${request.method} ${request.path})`)));
    return promise;
  }

  /** A watch: `onLine` for each JSON line. Resolves when it is over, in whatever way. */
  async watch(path: string, onLine: (line: string) => void): Promise<WatchEnd> {
    const stream = this.#open({ method: 'GET', path });
    this.#watches.add(stream);
    const { promise, resolve } = Promise.withResolvers<WatchEnd>();
    const over = (end: WatchEnd): void => resolve(this.#isRetired ? { kind: 'given-up' } : end);
    const broken = (detail: string): void => over({ kind: 'broken', wasOpen: status === 200, detail });
    let status = 0;
    let rest = '';
    stream.on('response', (headers) => {
      status = headers[':status'] ?? 0;
    });
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      if (status === 200) for (const line of lines) onLine(line);
    });
    stream.on('end', () => {
      if (status > 0) over(status === 200 ? { kind: 'ended' } : { kind: 'refused', status });
    });
    stream.on('error', (error: Error) => broken(error.message));
    stream.on('close', () => broken('the stream was closed'));
    return promise.finally(() => this.#watches.delete(stream));
  }

  /** No more is asked on it: its watches end now, its requests in their own time. */
  retire(): void {
    this.#isRetired = true;
    for (const watch of this.#watches) watch.close(constants.NGHTTP2_CANCEL);
    this.#session?.close();
  }

  close(): void {
    this.#session?.destroy();
    this.#session = null;
  }

  #open(request: AgentRequest): ClientHttp2Stream {
    const body = request.body === undefined ? null : JSON.stringify(request.body);
    const stream = this.#connected().request(
      {
        ':method': request.method,
        ':path': request.path,
        accept: 'application/json',
        'user-agent': 'countersign-demo-klusterlet',
        ...request.headers,
        ...(body === null ? {} : { 'content-type': request.contentType ?? 'application/json', 'content-length': Buffer.byteLength(body) }),
      },
      { endStream: body === null },
    );
    if (body !== null) stream.end(body);
    return stream;
  }

  #connected(): ClientHttp2Session {
    if (this.#session !== null && !this.#session.closed && !this.#session.destroyed) return this.#session;
    const { server, caPem, credentials } = this.#target;
    const identity = credentials === null ? {} : { cert: credentials.certificatePem, key: credentials.keyPem };
    const session = connect(server, { ca: caPem, ...identity });
    // The streams say what went wrong; the session's own error would only end the process.
    session.on('error', () => undefined);
    this.#session = session;
    return session;
  }
}
