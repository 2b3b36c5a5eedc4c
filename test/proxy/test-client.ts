// Clients of the proxy under test, on real sockets: HTTP/2 and HTTP/1.1 with a client certificate, and raw bytes for what no client library sends.

import { connect as connectHttp2 } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { servingCaPem } from './test-proxy.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  readonly trailers: Readonly<Record<string, string | undefined>>;
}

export interface ClientRequestPlan {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer;
}

interface Credentials {
  readonly pem: string;
  readonly keyPem: string;
}

export function openH2(t: TestContext, port: number, client: Credentials | null): ClientHttp2Session {
  const session = connectHttp2(`https://127.0.0.1:${port}`, {
    ca: servingCaPem,
    // Megabytes; what a Go client holds is not bounded like this, and the proxy's bound is what is tested.
    maxSessionMemory: 1_000,
    ...(client === null ? {} : { cert: client.pem, key: client.keyPem }),
  });
  session.on('error', () => undefined);
  t.after(() => session.destroy());
  return session;
}

export function requestH2(session: ClientHttp2Session, plan: ClientRequestPlan = {}): Promise<Answer> {
  const { method = 'GET', path = '/api', headers = {}, body } = plan;
  const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return readH2(stream);
}

export function readH2(stream: ClientHttp2Stream): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  let status = 0;
  let headers: Answer['headers'] = {};
  let trailers: Answer['trailers'] = {};
  const chunks: Buffer[] = [];
  stream.on('response', (received) => {
    status = received[':status'] ?? 0;
    headers = received;
  });
  stream.on('trailers', (received) => {
    trailers = received as Answer['trailers'];
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => {
    // Trailers are announced on the same tick as the end of the body.
    setImmediate(() => {
      // Node also ends a stream that was cut off; only its code tells.
      if (status > 0 && stream.rstCode === 0 && !stream.aborted)
        resolve({ status, headers, trailers, body: Buffer.concat(chunks).toString() });
    });
  });
  stream.on('error', reject);
  stream.on('close', () => setImmediate(() => reject(new Error(`closed with code ${stream.rstCode}`))));
  return promise;
}

export function openH1(t: TestContext, client: Credentials | null): Agent {
  const agent = new Agent({ keepAlive: true, ca: servingCaPem, ...(client === null ? {} : { cert: client.pem, key: client.keyPem }) });
  t.after(() => agent.destroy());
  return agent;
}

export function requestH1(agent: Agent, port: number, plan: ClientRequestPlan = {}): Promise<Answer> {
  const { method = 'GET', path = '/api', headers = {}, body } = plan;
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const outgoing = httpsRequest({ agent, host: '127.0.0.1', port, method, path, headers: { ...headers } }, (incoming) => {
    readH1(incoming).then(resolve, reject);
  });
  outgoing.on('error', reject);
  outgoing.end(body);
  return promise;
}

function readH1(incoming: IncomingMessage): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const chunks: Buffer[] = [];
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
  incoming.on('end', () => {
    const { statusCode = 0, headers, trailers } = incoming;
    resolve({ status: statusCode, headers, trailers, body: Buffer.concat(chunks).toString() });
  });
  incoming.on('error', reject);
  incoming.on('close', () => reject(new Error('closed before the end')));
  return promise;
}

/** A bare TLS connection; `alpn` decides what the proxy takes it for. */
export async function openRaw(
  t: TestContext,
  port: number,
  client: Credentials | null,
  { alpn = ['http/1.1'], ...more }: ConnectionOptions & { readonly alpn?: string[]; readonly allowHalfOpen?: boolean } = {},
): Promise<TLSSocket> {
  const socket = connectTls({
    ...more,
    host: '127.0.0.1',
    port,
    ca: servingCaPem,
    ALPNProtocols: alpn,
    ...(client === null ? {} : { cert: client.pem, key: client.keyPem }),
  });
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  return socket;
}

/** Sends bytes and collects what comes back until the other side closes. */
export function exchangeRaw(socket: TLSSocket, bytes: string | Buffer): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
  });
  socket.once('close', () => resolve(received));
  socket.write(bytes);
  return promise;
}
