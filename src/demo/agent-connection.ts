// An agent's HTTP/2 connection to its API server, as client-go keeps one: opened when needed, opened anew after GOAWAY or a break.

import { connect } from 'node:http2';
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

export class AgentConnection {
  readonly #target: AgentTarget;
  #session: ClientHttp2Session | null = null;

  constructor(target: AgentTarget) {
    this.#target = target;
  }

  /** @throws Error where no complete answer came */
  async request(request: AgentRequest): Promise<AgentAnswer> {
    const stream = this.#open(request);
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

  /** A watch: `onLine` for each JSON line. Resolves when the server ends it; rejects when it breaks or is refused. */
  async watch(path: string, onLine: (line: string) => void): Promise<void> {
    const stream = this.#open({ method: 'GET', path });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
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
    stream.on('end', () => (status === 200 ? resolve() : reject(new Error(`the watch was answered with ${status}`))));
    stream.on('error', reject);
    stream.on('close', () => reject(new Error('the watch was cut off')));
    return promise;
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
