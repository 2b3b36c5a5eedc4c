// The admin port's HTTP: plain HTTP/1.1, GET and HEAD only, everything bounded. Knows paths as a table that was handed in, and nothing of what is
// behind them. It asks nobody who they are: answers hold no secret, and the address is loopback unless an operator says otherwise.

import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { Log } from '../events.ts';
import type { AdminSettings } from '../settings.ts';

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Buffer;
  /** Over those that every answer has. */
  readonly headers?: Readonly<Record<string, string>>;
}

export type Routes = ReadonlyMap<string, () => Answer | Promise<Answer>>;

export interface HttpServer {
  readonly address: AddressInfo;
  /** Ends every connection; resolves when none is left. */
  close(): Promise<void>;
}

/** A Prometheus, a kubelet, a few browsers. */
const MOST_CONNECTIONS = 64;
/** Bytes of a request's head, its line included. A browser on localhost sends along whatever cookies other local servers have set. */
const MAX_HEAD_BYTES = 16 * 1024;
const MAX_TARGET_CHARACTERS = 1_024;
/** For a head to arrive. */
const HEAD_DEADLINE_MS = 5_000;
/** Between two requests; a browser's page asks more often, Prometheus opens a connection again. */
const IDLE_MS = 10_000;
/** Of silence while an answer is written. */
const SILENCE_MS = 20_000;
const DEADLINE_CHECK_MS = 1_000;

/** @throws Error naming the setting, where the address cannot be used */
export async function serveHttp(settings: AdminSettings, routes: Routes, log: Log): Promise<HttpServer> {
  const server = createServer({
    maxHeaderSize: MAX_HEAD_BYTES,
    headersTimeout: HEAD_DEADLINE_MS,
    requestTimeout: HEAD_DEADLINE_MS,
    keepAliveTimeout: IDLE_MS,
    connectionsCheckingInterval: DEADLINE_CHECK_MS,
    insecureHTTPParser: false,
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.timeout = SILENCE_MS;
  const busy = new WeakSet<Socket>();
  server.on('request', (request, response) => {
    const { socket } = request;
    // What is asked before the answer is out would pile up its own answer in memory, as often as fits into a packet; nobody who reads does that
    if (busy.has(socket)) return void socket.destroy();
    busy.add(socket);
    response.once('close', () => busy.delete(socket));
    answer(request, routes)
      .then((given) => write(request, response, given))
      .catch((error: unknown) => {
        log.event('internal-error', { where: 'admin', error: error instanceof Error ? error.message : String(error) });
        write(request, response, plain(500, 'an internal error; the log has it'));
      });
  });
  // Node's own answer to what does not parse: 400, 408 or 431, and the end of the connection. Without a listener for them, CONNECT ends the
  // connection and Upgrade is read as a plain request.
  await listen(server, settings);
  server.on('error', (error) => log.event('internal-error', { where: 'admin', error: error.message }));
  return { address: server.address() as AddressInfo, close: () => close(server) };
}

export function plain(status: number, body: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${body}\n` };
}

async function answer(request: IncomingMessage, routes: Routes): Promise<Answer> {
  const { method = '', url = '', headers } = request;
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'only GET and HEAD are served here');
  if (url.length > MAX_TARGET_CHARACTERS) return plain(414, 'the request target is too long');
  if (!isOwnHost(headers.host))
    return plain(421, 'this port answers to IP addresses, localhost and names inside the cluster only, so that no web page can read it');
  const route = routes.get(url.split('?', 1)[0] ?? '');
  return route === undefined ? plain(404, 'there is nothing here') : route();
}

/**
 * Against DNS rebinding: a web page whose name its owner points at this address could otherwise read which clusters there are. Such a name is a public
 * one; those below cannot be. Prometheus and kubelet come by IP address, `oc port-forward` as localhost.
 */
function isOwnHost(host: string | undefined): boolean {
  // HTTP/1.0, which no browser speaks
  if (host === undefined) return true;
  const name = host.replace(/:\d{1,5}$/, '').toLowerCase();
  if (isIP(name) !== 0 || (name.startsWith('[') && name.endsWith(']') && isIP(name.slice(1, -1)) === 6)) return true;
  return /^[-a-z0-9]+$/.test(name) || /^(?:[-a-z0-9]+\.)+(?:localhost|svc|svc\.cluster\.local|internal)$/.test(name);
}

const FIXED_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

function write(request: IncomingMessage, response: ServerResponse, { status, contentType, body, headers }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  // What a request carries is not read: its connection ends with the answer
  const hasBody = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
  response.writeHead(status, {
    ...FIXED_HEADERS,
    ...headers,
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
    ...(hasBody || status >= 400 ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function listen(server: Server, { address, port }: AdminSettings): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException): void => {
      const setting = error.code === 'EADDRNOTAVAIL' ? 'admin.address' : 'admin.port';
      reject(new Error(`${setting}: cannot listen on ${address} port ${port} (${error.code ?? error.message})`, { cause: error }));
    };
    server.once('error', refuse);
    server.listen({ host: address, port }, () => {
      server.off('error', refuse);
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
