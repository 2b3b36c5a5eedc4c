// Requests that a test feeds and reads piece by piece, over each of the four pairs of protocols, and what the hub has received of them. Says
// "complete" only where the protocol itself said so.

import { constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, Http2ServerRequest, ServerHttp2Stream } from 'node:http2';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Agent } from 'node:https';
import type { Readable, Writable } from 'node:stream';
import type { TestContext } from 'node:test';
import type { LimitSettings, Settings } from '../../src/settings.ts';
import { openH1, openH2, requestH1, requestH2 } from './test-client.ts';
import type { Answer, ClientRequestPlan } from './test-client.ts';
import { startTestHub, startTestProxy } from './test-proxy.ts';
import type { TestHub, TestProxy } from './test-proxy.ts';

export interface Pair {
  readonly name: string;
  readonly client: 'h1' | 'h2';
  readonly hub: 'h1' | 'h2';
}

export const pairs: readonly Pair[] = [
  { name: 'HTTP/2 to HTTP/2', client: 'h2', hub: 'h2' },
  { name: 'HTTP/2 to HTTP/1.1', client: 'h2', hub: 'h1' },
  { name: 'HTTP/1.1 to HTTP/2', client: 'h1', hub: 'h2' },
  { name: 'HTTP/1.1 to HTTP/1.1', client: 'h1', hub: 'h1' },
];

export interface OpenPair {
  readonly hub: TestHub;
  readonly proxy: TestProxy;
  /** Null where the client speaks HTTP/1.1. */
  readonly session: ClientHttp2Session | null;
  /** A whole request, a whole answer. */
  send(plan?: ClientRequestPlan): Promise<Answer>;
  /** Starts a request; its body is the test's to write and to end. */
  open(plan?: OpenPlan): LiveRequest;
}

export interface PairOptions {
  readonly limits?: Partial<LimitSettings>;
  readonly hub?: Partial<Settings['hub']>;
  /** Where a hub other than the test hub is to be used. */
  readonly hubUrl?: URL;
}

export interface OpenPlan {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** Left out: false. */
  readonly bodiless?: boolean;
}

export type Ending = 'complete' | 'broken';

export interface LiveRequest {
  readonly upload: Writable;
  /** Status and headers of the final answer. */
  readonly head: Promise<{ readonly status: number; readonly headers: Answer['headers'] }>;
  /** Times 100 (Continue) has come. */
  readonly continued: number;
  /** What has been read of the answer. */
  readonly received: { readonly bytes: number; readonly text: string };
  readonly trailers: Answer['trailers'];
  /** How the answer, or the wait for it, ended. */
  readonly ending: Promise<Ending>;
  /** Stops and starts reading the answer. */
  pause(): void;
  resume(): void;
  finish(trailers?: Readonly<Record<string, string>>): void;
  /** HTTP/2: RST_STREAM with CANCEL. HTTP/1.1: the socket is destroyed. */
  abort(): void;
}

export async function openPair(t: TestContext, pair: Pair, options: PairOptions = {}): Promise<OpenPair> {
  const hub = await startTestHub(t, { http2: pair.hub === 'h2' });
  const { hubUrl = hub.url, ...settings } = options;
  const proxy = await startTestProxy(t, { hubUrl, ...settings });
  const client = proxy.client();
  if (pair.client === 'h2') {
    const session = openH2(t, proxy.port, client);
    return { hub, proxy, session, send: (plan) => requestH2(session, plan), open: (plan) => openH2Request(session, plan) };
  }
  const agent = openH1(t, client);
  return {
    hub,
    proxy,
    session: null,
    send: (plan) => requestH1(agent, proxy.port, plan),
    open: (plan) => openH1Request(agent, proxy.port, plan),
  };
}

/** What a live request has seen so far; the protocol's own parts fill it. */
class Progress {
  bytes = 0;
  text = '';
  continued = 0;
  trailers: Answer['trailers'] = {};
  reading = true;
  readonly head = Promise.withResolvers<Awaited<LiveRequest['head']>>();
  readonly ending = Promise.withResolvers<Ending>();

  constructor() {
    this.head.promise.catch(() => undefined);
  }

  readonly take = (chunk: Buffer): void => {
    this.bytes += chunk.length;
    if (this.text.length < 65_536) this.text += chunk.toString('latin1');
  };

  end(ending: Ending): void {
    this.ending.resolve(ending);
    this.head.reject(new Error('ended without an answer'));
  }

  live(upload: Writable, answer: () => Readable | null, more: Pick<LiveRequest, 'finish' | 'abort'>): LiveRequest {
    return showLive(this, { ...more, upload, answer });
  }
}

function showLive(
  progress: Progress,
  { answer, ...more }: Pick<LiveRequest, 'finish' | 'abort' | 'upload'> & { readonly answer: () => Readable | null },
): LiveRequest {
  return {
    ...more,
    head: progress.head.promise,
    ending: progress.ending.promise,
    get continued(): number {
      return progress.continued;
    },
    get received(): LiveRequest['received'] {
      return { bytes: progress.bytes, text: progress.text };
    },
    get trailers(): Answer['trailers'] {
      return progress.trailers;
    },
    pause: () => {
      progress.reading = false;
      answer()?.pause();
    },
    resume: () => {
      progress.reading = true;
      answer()?.resume();
    },
  };
}

function openH2Request(session: ClientHttp2Session, plan: OpenPlan = {}): LiveRequest {
  const { method = 'POST', path = '/api', headers = {}, bodiless = false } = plan;
  const aborting = new AbortController();
  const stream: ClientHttp2Stream = session.request(
    { ':method': method, ':path': path, ...headers },
    {
      endStream: bodiless,
      waitForTrailers: !bodiless,
      signal: aborting.signal,
    },
  );
  const progress = new Progress();
  let trailers: Readonly<Record<string, string>> = {};
  let ended = false;
  stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers }));
  stream.on('continue', () => {
    progress.continued += 1;
  });
  stream.on('response', (received) => {
    progress.head.resolve({ status: received[':status'] ?? 0, headers: received });
    stream.on('data', progress.take);
    if (!progress.reading) stream.pause();
  });
  stream.on('trailers', (received) => {
    progress.trailers = received as Answer['trailers'];
  });
  stream.on('end', () => {
    ended = true;
  });
  stream.on('error', () => undefined);
  stream.on('close', () => progress.end(ended && stream.rstCode === constants.NGHTTP2_NO_ERROR ? 'complete' : 'broken'));
  return progress.live(stream, () => stream, {
    finish: (last = {}) => {
      trailers = last;
      stream.end();
    },
    // Not close(): that ends the stream before it resets it.
    abort: () => aborting.abort(),
  });
}

function openH1Request(agent: Agent, port: number, plan: OpenPlan = {}): LiveRequest {
  const { method = 'POST', path = '/api', headers = {}, bodiless = false } = plan;
  const outgoing: ClientRequest = httpsRequest({ agent, host: '127.0.0.1', port, method, path, headers: { ...headers } });
  const progress = new Progress();
  let answer: IncomingMessage | null = null;
  outgoing.on('continue', () => {
    progress.continued += 1;
  });
  outgoing.on('response', (incoming) => {
    answer = incoming;
    progress.head.resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers });
    incoming.on('data', progress.take);
    incoming.on('error', () => undefined);
    incoming.on('end', () => {
      progress.trailers = incoming.trailers;
      progress.end(incoming.complete ? 'complete' : 'broken');
    });
    incoming.on('close', () => progress.end('broken'));
    if (!progress.reading) incoming.pause();
  });
  outgoing.on('error', () => undefined);
  outgoing.on('close', () => {
    if (answer === null) progress.end('broken');
  });
  if (bodiless) outgoing.end();
  else outgoing.flushHeaders();
  return progress.live(outgoing, () => answer, {
    finish: (last = {}) => {
      outgoing.addTrailers(last);
      outgoing.end();
    },
    abort: () => outgoing.destroy(),
  });
}

// ---- at the hub

/** What the hub has received of a request's body. */
export interface Received {
  readonly bytes: number;
  readonly text: string;
  /** Flat name, value pairs. */
  readonly trailers: readonly string[];
  /** `complete`: chunked end, declared length, END_STREAM. `broken`: anything else. */
  readonly ending: Promise<Ending>;
  pause(): void;
  resume(): void;
}

export function receive(request: IncomingMessage | Http2ServerRequest): Received {
  const { promise, resolve } = Promise.withResolvers<Ending>();
  const body: IncomingMessage | ServerHttp2Stream = 'stream' in request ? request.stream : request;
  let bytes = 0;
  let text = '';
  body.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (text.length < 65_536) text += chunk.toString('latin1');
  });
  body.on('error', () => undefined);
  // Node's HTTP/1.1 server forgets a request once it is answered, whether it was complete or not.
  const { socket } = request;
  const gone = (): void => resolve('broken');
  if (!('stream' in request)) socket.once('close', gone);
  body.on('end', () => {
    socket.off('close', gone);
    // Node ends the readable side of a stream that was reset as well, but marks it closed first.
    const complete = 'complete' in body ? body.complete : !body.closed && !body.destroyed;
    resolve(complete ? 'complete' : 'broken');
  });
  body.on('aborted', () => resolve('broken'));
  body.on('close', () => resolve('broken'));
  return {
    get bytes() {
      return bytes;
    },
    get text() {
      return text;
    },
    get trailers() {
      return request.rawTrailers;
    },
    ending: promise,
    pause: () => void body.pause(),
    resume: () => void body.resume(),
  };
}

/** Resolves with the next request that arrives at the hub; the test answers it. */
export function nextRequest(
  hub: TestHub,
): Promise<{ request: IncomingMessage | Http2ServerRequest; response: ServerResponse; received: Received }> {
  return new Promise((resolve) => {
    hub.handler = (request, response) => resolve({ request, response: response as ServerResponse, received: receive(request) });
  });
}
