// The problem, running: a reverse proxy that terminates the agent's TLS and opens its own to the hub, with no certificate to show. What an
// ordinary WAF does.

import { connect, constants, createSecureServer } from 'node:http2';
import type { Http2SecureServer, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';

export interface OpeningProxyOptions {
  /** The hub, `https://host:port`, and PEM of the CAs that its certificate may come from. */
  readonly hubUrl: string;
  readonly hubCaPem: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

export interface OpeningProxy {
  readonly url: string;
  close(): Promise<void>;
}

/** Listens on 127.0.0.1, on a port that is free. */
export async function startOpeningProxy(options: OpeningProxyOptions): Promise<OpeningProxy> {
  const server = createSecureServer({ cert: options.certificatePem, key: options.keyPem, requestCert: true, rejectUnauthorized: false });
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => relay(stream, headers, options));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `https://127.0.0.1:${port}`, close: () => close(server, sessions) };
}

/** A hub connection of its own for each request: kube-apiserver closes an HTTP/2 connection behind an anonymous request that it refuses. */
function relay(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, options: OpeningProxyOptions): void {
  const { ':authority': _authority, ...rest } = headers;
  const hub = connect(options.hubUrl, { ca: options.hubCaPem });
  const upstream = hub.request(rest, { endStream: rest[':method'] === 'GET' });
  const broken = (): void => stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  hub.on('error', broken);
  upstream.on('error', broken);
  stream.on('error', () => upstream.destroy());
  stream.once('close', () => hub.destroy());
  upstream.on('response', ({ ':status': status = constants.HTTP_STATUS_BAD_GATEWAY, ...answer }) => {
    stream.respond({ ':status': status, ...answer });
    upstream.pipe(stream);
  });
  if (rest[':method'] !== 'GET') stream.pipe(upstream);
}

async function close(server: Http2SecureServer, sessions: ReadonlySet<ServerHttp2Session>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const session of sessions) session.destroy();
  await closed;
}
