// Requests as a fixture has them, on real sockets: HTTP/2 and HTTP/1.1 with any credential, and raw bytes. What comes back is read to its end, or, of
// a watch, as far as its head.

import { connect as connectHttp2 } from 'node:http2';
import type { OutgoingHttpHeaders } from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import { connect as connectTls } from 'node:tls';
import { encodeBody } from './kubernetes-body.ts';
import { makeSigningRequest } from './certificate-request.ts';
import type { FixtureRequest } from './request-fixture.ts';

export type Wire = 'h2' | 'http/1.1';

/** Whom the request comes from, and where it goes. */
export interface Sender {
  readonly port: number;
  /** PEM of the CA of the server's certificate. */
  readonly caPem: string;
  readonly certificate: { readonly certificatePem: string; readonly keyPem: string } | null;
  readonly token: string | null;
}

export interface SentRequest {
  readonly method: string;
  readonly target: string;
  /** Names in lower case; a name may stand there more than once. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer | null;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

const CSRS = 'POST /apis/certificates.k8s.io/v1/certificatesigningrequests';

/** `raw` has no such form. */
export function readRequest(when: FixtureRequest): SentRequest {
  const [method = '', target = ''] = (when.request ?? CSRS).split(' ', 2);
  const made = makeBody(when);
  const headers = Object.entries(when.headers).flatMap(([name, values]) =>
    [values].flat().map((value) => [name.toLowerCase(), value] as const),
  );
  const has = (name: string): boolean => headers.some(([each]) => each === name);
  return {
    method,
    target,
    headers: [
      ...headers,
      ...(made === null || has('content-type') ? [] : [['content-type', made.contentType] as const]),
      // As client-go does, over HTTP/2 too.
      ...(made === null || has('content-length') ? [] : [['content-length', String(made.bytes.length)] as const]),
    ],
    body: made?.bytes ?? null,
  };
}

function makeBody(when: FixtureRequest): { readonly bytes: Buffer; readonly contentType: string } | null {
  const { body, as, text, base64, repeat, csr } = when;
  const contentType = 'application/json';
  if (csr !== undefined) return encodeBody(makeSigningRequest(csr), csr.as);
  if (body !== undefined) return encodeBody(body, as);
  if (text !== undefined) return { bytes: Buffer.from(text), contentType };
  if (base64 !== undefined) return { bytes: Buffer.from(base64, 'base64'), contentType };
  if (repeat === undefined) return null;
  return { bytes: Buffer.from(`${repeat.before}${repeat.text.repeat(repeat.times)}${repeat.after}`), contentType };
}

/** Generous: it only bounds how long a broken test hangs. */
const DEADLINE_MS = 30_000;

/** Sends one request on a connection of its own. */
export async function send(sender: Sender, request: SentRequest, wire: Wire): Promise<Answer> {
  const connection = openConnection(sender, wire);
  try {
    return await connection.send(request);
  } finally {
    connection.close();
  }
}

export interface Connection {
  send(request: SentRequest): Promise<Answer>;
  close(): void;
}

/** HTTP/1.1 takes as many connections as there are requests under way at once. */
export function openConnection(sender: Sender, wire: Wire): Connection {
  const connection = wire === 'h2' ? openH2(sender) : openH1(sender);
  return {
    send: (request) => inTime(connection.send(withToken(request, sender.token)), `${request.method} ${request.target} over ${wire}`),
    close: () => connection.close(),
  };
}

function withToken(request: SentRequest, token: string | null): SentRequest {
  if (token === null || request.headers.some(([name]) => name === 'authorization')) return request;
  return { ...request, headers: [...request.headers, ['authorization', `Bearer ${token}`]] };
}

async function inTime(answer: Promise<Answer>, what: string): Promise<Answer> {
  const { promise, reject } = Promise.withResolvers<Answer>();
  const timer = setTimeout(() => reject(new Error(`no answer in ${DEADLINE_MS} ms: ${what}`)), DEADLINE_MS);
  return Promise.race([answer, promise]).finally(() => clearTimeout(timer));
}

function credentialsOf({ caPem, certificate }: Sender): { ca: string; cert?: string; key?: string } {
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

function openH2(sender: Sender): Connection {
  const session = connectHttp2(`https://127.0.0.1:${sender.port}`, credentialsOf(sender));
  // The streams say what went wrong.
  session.on('error', () => undefined);
  return {
    close: () => session.destroy(),
    send: ({ method, target, headers, body }) => {
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      const outgoing: OutgoingHttpHeaders = { ':method': method, ':path': target, ...collect(headers) };
      const stream = session.request(outgoing, { endStream: body === null });
      const reading = readAnswer(target, resolve);
      stream.on('response', (received) => reading.head(received[':status'] ?? 0));
      stream.on('data', reading.data);
      stream.on('end', reading.end);
      stream.on('error', reject);
      stream.on('close', () => reject(new Error(`the stream was closed without an answer (${stream.rstCode})`)));
      if (body !== null) stream.end(body);
      return promise.finally(() => stream.destroy());
    },
  };
}

function openH1(sender: Sender): Connection {
  const agent = new Agent({ keepAlive: true, ...credentialsOf(sender) });
  return {
    close: () => agent.destroy(),
    send: ({ method, target, headers, body }) => {
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      const outgoing = httpsRequest({ host: '127.0.0.1', port: sender.port, agent, method, path: target, headers: collect(headers) });
      const reading = readAnswer(target, resolve);
      outgoing.on('response', (incoming) => {
        reading.head(incoming.statusCode ?? 0);
        incoming.on('data', reading.data);
        incoming.on('end', reading.end);
        incoming.on('error', reject);
        // A watch that was left.
        if (isOpenEnded(target, incoming.statusCode ?? 0)) outgoing.destroy();
      });
      outgoing.on('error', reject);
      outgoing.end(body);
      return promise;
    },
  };
}

/** A watch that is let through has no end: its head is the answer. */
function readAnswer(
  target: string,
  resolve: (answer: Answer) => void,
): { head(status: number): void; data(chunk: Buffer): void; end(): void } {
  const chunks: Buffer[] = [];
  let status = 0;
  return {
    head: (received) => {
      status = received;
      if (isOpenEnded(target, status)) resolve({ status, body: '' });
    },
    data: (chunk) => void chunks.push(chunk),
    end: () => resolve({ status, body: Buffer.concat(chunks).toString() }),
  };
}

function isOpenEnded(target: string, status: number): boolean {
  return status === 200 && /[?&]watch=(?!false|0)/.test(target);
}

/** Sends bytes over HTTP/1.1 and reads until the other side closes, which it does after a refusal. Only the first answer counts. */
export function sendRaw(sender: Sender, bytes: string): Promise<Answer & { readonly answers: number }> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer & { readonly answers: number }>();
  const socket = connectTls({ host: '127.0.0.1', port: sender.port, ALPNProtocols: ['http/1.1'], ...credentialsOf(sender) });
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
  });
  socket.on('error', reject);
  socket.once('close', () => {
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(received)?.[1] ?? 0);
    resolve({ status, body: received.split('\r\n\r\n', 2)[1] ?? '', answers: received.split(/HTTP\/1\.1 \d{3}/).length - 1 });
  });
  socket.write(bytes.replaceAll('{{host}}', `127.0.0.1:${sender.port}`), 'latin1');
  const timer = setTimeout(() => socket.destroy(), DEADLINE_MS);
  return promise.finally(() => clearTimeout(timer));
}
