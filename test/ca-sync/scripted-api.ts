// A small API server for Secrets and ConfigMaps whose misbehaviour a test scripts: what ca-sync asks of kube-apiserver, and what goes wrong
// there. Real TLS, HTTP/2 or HTTP/1.1. Not a model of a hub: src/demo/hub is that.

import { once } from 'node:events';
import { ServerResponse } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { ServerHttp2Stream } from 'node:http2';
import { createServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';

type Kind = 'secrets' | 'configmaps';

/** `answer`: as it should. The others apply to requests that come from now on. */
export type Behaviour = 'answer' | 'hang' | 'reset' | 'hang-up-in-body' | 'garbage' | 'endless' | { readonly status: number };

export interface SeenRequest {
  readonly verb: 'get' | 'watch';
  readonly kind: Kind;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly authorization: string | undefined;
  readonly httpVersion: string;
}

interface Watcher {
  readonly kind: Kind;
  readonly response: ServerResponse;
}

const PATH = /^\/api\/v1\/namespaces\/([^/]+)\/(secrets|configmaps)(?:\/([^/]+))?$/;

export class ScriptedApi {
  readonly requests: SeenRequest[] = [];
  readonly behaviour: Record<'get' | 'watch', Behaviour> = { get: 'answer', watch: 'answer' };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #objects = new Map<string, object>();
  readonly #watchers = new Set<Watcher>();
  #version = 100;

  constructor(credentials: { readonly cert: string; readonly key: string }, protocol: 'h2' | 'http/1.1') {
    const handle = (request: IncomingMessage, response: ServerResponse): void => this.#handle(request, response);
    // Node's HTTP/2 gives requests and responses of the same shape (http2.md, "Compatibility API"); only their types differ
    this.#server = protocol === 'h2' ? createSecureServer(credentials, handle as never) : createServer(credentials, handle);
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('sessionError', () => undefined);
  }

  /** Port 0 for the first time; the same again after `stop`, as an API server comes back. */
  async listen(port = 0): Promise<number> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** Every connection is cut. Not by resetAndDestroy: under a TLS server whose handshake failed it makes Node 24.21 spin at exit. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    this.#watchers.clear();
    await closed;
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  get openWatches(): number {
    return this.#watchers.size;
  }

  put(kind: Kind, name: string, data: Readonly<Record<string, string>>): void {
    const type = this.#objects.has(`${kind}/${name}`) ? 'MODIFIED' : 'ADDED';
    this.putSilently(kind, name, data);
    this.#tell(kind, type, this.#objects.get(`${kind}/${name}`));
  }

  /** Changes the object, and no watch hears of it. */
  putSilently(kind: Kind, name: string, data: Readonly<Record<string, string>>): void {
    this.#version += 1;
    const metadata = { name, namespace: 'hub', resourceVersion: String(this.#version) };
    this.#objects.set(`${kind}/${name}`, { apiVersion: 'v1', kind: kind === 'secrets' ? 'Secret' : 'ConfigMap', metadata, data });
  }

  remove(kind: Kind, name: string): void {
    const object = this.#objects.get(`${kind}/${name}`);
    this.#objects.delete(`${kind}/${name}`);
    this.#tell(kind, 'DELETED', object);
  }

  /** To every open watch of that kind. */
  sendEvent(kind: Kind, type: string, object: unknown): void {
    this.#tell(kind, type, object);
  }

  /** Ends open watches: as their time-out does, or by cutting the connection. */
  endWatches(how: 'cleanly' | 'reset'): void {
    for (const { response } of this.#watchers) {
      if (how === 'cleanly') response.end();
      else findConnection(response)?.destroy();
    }
    this.#watchers.clear();
  }

  #tell(kind: Kind, type: string, object: unknown): void {
    for (const watcher of this.#watchers) {
      if (watcher.kind === kind) watcher.response.write(`${JSON.stringify({ type, object })}\n`);
    }
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'https://api');
    const [, , kind, name] = PATH.exec(url.pathname) ?? [];
    if (kind !== 'secrets' && kind !== 'configmaps') return void response.writeHead(404).end();
    const verb = url.searchParams.get('watch') === 'true' ? 'watch' : 'get';
    const { authorization } = request.headers;
    this.requests.push({ verb, kind, path: url.pathname, query: url.searchParams, authorization, httpVersion: request.httpVersion });
    const behaviour = this.behaviour[verb];
    if (behaviour !== 'answer') return misbehave(behaviour, response);
    if (verb === 'watch') return this.#watch(kind, url.searchParams, response);
    const object = this.#objects.get(`${kind}/${name ?? ''}`);
    if (object === undefined) return sendStatus(response, 404);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(object));
  }

  /** Without resourceVersion a watch begins with what exists (KEP-2340, "Get State and Start at Most Recent"). */
  #watch(kind: Kind, query: URLSearchParams, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    // HTTP/1.1 holds a head back until there is a body
    if (response instanceof ServerResponse) response.flushHeaders();
    const watcher = { kind, response };
    this.#watchers.add(watcher);
    response.once('close', () => this.#watchers.delete(watcher));
    const name = query.get('fieldSelector')?.replace('metadata.name=', '');
    const object = this.#objects.get(`${kind}/${name ?? ''}`);
    if (object !== undefined) response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`);
  }
}

function misbehave(behaviour: Exclude<Behaviour, 'answer'>, response: ServerResponse): void {
  if (typeof behaviour === 'object') return sendStatus(response, behaviour.status);
  switch (behaviour) {
    case 'hang':
      return;
    case 'reset':
      return void findConnection(response)?.destroy();
    case 'hang-up-in-body':
      response.writeHead(200, { 'content-type': 'application/json' });
      return void response.write('{"kind":"Sec');
    case 'garbage':
      response.writeHead(200, { 'content-type': 'text/html' });
      return void response.end('<html>It works!</html>');
    case 'endless':
      response.writeHead(200, { 'content-type': 'application/json' });
      return pour(response);
  }
}

/** More than anybody should read; not without end, lest a reader without a bound takes the test down with it. */
function pour(response: ServerResponse): void {
  const chunk = Buffer.alloc(64 * 1024, ' ');
  let left = 1024;
  const write = (): void => {
    while (left > 0) {
      left -= 1;
      if (!response.write(chunk)) return void response.once('drain', write);
    }
    response.end();
  };
  response.on('error', () => undefined);
  write();
}

function sendStatus(response: ServerResponse, code: number): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code }));
}

/** Of HTTP/2 the session: the socket of a request may not be destroyed. */
function findConnection(response: ServerResponse): { destroy(): unknown } | null | undefined {
  const { stream } = response as { stream?: ServerHttp2Stream };
  return stream === undefined ? response.socket : stream.session;
}
