// A client's connection to a server of a case, over HTTP/2 or HTTP/1.1, with any credential. What comes back is read to its end; of a watch, as far
// as its head. Bounds no time: whoever plays a case does.

import { connect as connectHttp2 } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import type { IncomingHttpHeaders as Http1Headers } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { Wire } from '../case.ts';
import type { Answer, SentRequest } from './sent-request.ts';

/** Whom the requests come from, and where they go. */
export interface Sender {
  readonly port: number;
  /** PEM of the CA of the server's certificate. */
  readonly caPem: string;
  readonly certificate: { readonly certificatePem: string; readonly keyPem: string } | null;
}

export interface OpenWatch {
  /** Of the head. */
  readonly status: number;
  /** Complete lines that have come. */
  readonly lines: () => number;
  /** Null: open. */
  readonly ended: () => 'cleanly' | 'cut' | null;
}

export interface Connection {
  /** @throws Error where neither an answer came nor a clear end of the exchange */
  send(request: SentRequest): Promise<Answer>;
  watch(target: string, headers: SentRequest['headers']): Promise<OpenWatch>;
  close(): void;
}

export function openConnection(sender: Sender, wire: Wire): Connection {
  return wire === 'h2' ? new H2Connection(sender) : new H1Connection(sender);
}

export function credentialsOf({ caPem, certificate }: Sender): { ca: string; cert?: string; key?: string } {
  return certificate === null ? { ca: caPem } : { ca: caPem, cert: certificate.certificatePem, key: certificate.keyPem };
}

/** A header that stands there more than once is that many fields, as HTTP/2 has them. */
function collect(headers: SentRequest['headers']): Record<string, string | string[]> {
  const collected: Record<string, string | string[]> = {};
  for (const [name, values] of Map.groupBy(headers, ([each]) => each)) {
    const all = values.map(([, value]) => value);
    collected[name] = all.length === 1 ? (all[0] ?? '') : all;
  }
  return collected;
}

function plain(headers: IncomingHttpHeaders | Http1Headers): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, [value].flat().join(', ')]])),
  );
}

/** A watch that is let through has no end: its head is the answer. */
function isOpenEnded(target: string, status: number): boolean {
  return status === 200 && /[?&]watch=(?!false|0)/.test(target);
}

const whole = (status: number, headers: Record<string, string>, chunks: readonly Buffer[]): Answer => ({
  status,
  headers,
  body: Buffer.concat(chunks).toString(),
  ended: 'whole',
  answers: 1,
});
const broken = (status: number, headers: Record<string, string>, ended: Answer['ended']): Answer => ({
  ...{ status, headers, body: '', ended },
  answers: status === 0 ? 0 : 1,
});

class H2Connection implements Connection {
  readonly #session: ClientHttp2Session;

  constructor(sender: Sender) {
    this.#session = connectHttp2(`https://127.0.0.1:${sender.port}`, credentialsOf(sender));
    // The streams say what went wrong.
    this.#session.on('error', () => undefined);
  }

  send({ method, target, headers, body, trailers }: SentRequest): Promise<Answer> {
    const outgoing: OutgoingHttpHeaders = { ':method': method, ':path': target, ...collect(headers) };
    const stream = this.#session.request(outgoing, { endStream: body === null && trailers === null, waitForTrailers: trailers !== null });
    if (trailers !== null) stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    const answer = this.#read(stream, target);
    if (body !== null || trailers !== null) stream.end(body ?? undefined);
    return answer.finally(() => stream.destroy());
  }

  #read(stream: ClientHttp2Stream, target: string): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const chunks: Buffer[] = [];
    let [status, headers]: [number, Record<string, string>] = [0, {}];
    let failure: Error | null = null;
    stream.on('response', (received) => {
      status = received[':status'] ?? 0;
      headers = plain(received);
      if (isOpenEnded(target, status)) resolve(whole(status, headers, []));
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      if (stream.rstCode === 0 && status !== 0) resolve(whole(status, headers, chunks));
    });
    stream.on('error', (error: Error) => {
      failure = error;
    });
    stream.on('close', () => {
      if (stream.rstCode !== 0 && !this.#session.closed) resolve(broken(status, headers, 'reset'));
      else if (failure === null || stream.rstCode !== 0) resolve(broken(status, headers, 'closed'));
      else reject(failure);
    });
    return promise;
  }

  watch(target: string, headers: SentRequest['headers']): Promise<OpenWatch> {
    const stream = this.#session.request({ ':method': 'GET', ':path': target, ...collect(headers) });
    const { promise, resolve, reject } = Promise.withResolvers<OpenWatch>();
    const watching = new Watching();
    stream.on('response', ({ ':status': status = 0 }) => resolve(watching.opened(status)));
    stream.on('data', (chunk: Buffer) => watching.take(chunk));
    stream.on('end', () => watching.endedCleanly());
    stream.on('error', () => undefined);
    stream.on('close', () => {
      watching.closed(stream.rstCode !== 0);
      reject(new Error('the watch ended before its head'));
    });
    return promise;
  }

  close(): void {
    this.#session.destroy();
  }
}

class H1Connection implements Connection {
  readonly #sender: Sender;
  readonly #agent: Agent;

  constructor(sender: Sender) {
    this.#sender = sender;
    this.#agent = new Agent({ keepAlive: true, ...credentialsOf(sender) });
  }

  send({ method, target, headers, body, trailers }: SentRequest): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const outgoing = this.#request(method, target, headers);
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      const [status, received] = [incoming.statusCode ?? 0, plain(incoming.headers)];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => resolve(whole(status, received, chunks)));
      incoming.on('error', () => resolve(broken(status, received, 'closed')));
      if (!isOpenEnded(target, status)) return;
      resolve(whole(status, received, []));
      outgoing.destroy();
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      // The other side ended the connection instead of answering.
      if (error.code === 'ECONNRESET') resolve(broken(0, {}, 'closed'));
      else reject(error);
    });
    if (trailers !== null) outgoing.addTrailers(trailers);
    outgoing.end(body);
    return promise;
  }

  #request(method: string, target: string, headers: SentRequest['headers']): ReturnType<typeof httpsRequest> {
    return httpsRequest({
      host: '127.0.0.1',
      port: this.#sender.port,
      agent: this.#agent,
      method,
      path: target,
      headers: collect(headers),
    });
  }

  watch(target: string, headers: SentRequest['headers']): Promise<OpenWatch> {
    const { promise, resolve, reject } = Promise.withResolvers<OpenWatch>();
    const watching = new Watching();
    const outgoing = this.#request('GET', target, headers);
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      incoming.on('data', (chunk: Buffer) => watching.take(chunk));
      incoming.on('end', () => watching.endedCleanly());
      incoming.on('error', () => undefined);
      incoming.on('close', () => watching.closed(!incoming.complete));
      resolve(watching.opened(incoming.statusCode ?? 0));
    });
    outgoing.end();
    return promise;
  }

  close(): void {
    this.#agent.destroy();
  }
}

class Watching {
  #lines = 0;
  #ended: 'cleanly' | 'cut' | null = null;

  opened(status: number): OpenWatch {
    return { status, lines: () => this.#lines, ended: () => this.#ended };
  }

  take(chunk: Buffer): void {
    this.#lines += chunk.filter((octet) => octet === 0x0a).length;
  }

  endedCleanly(): void {
    this.#ended ??= 'cleanly';
  }

  closed(isCut: boolean): void {
    if (isCut) this.#ended = 'cut';
    else this.#ended ??= 'cut';
  }
}
