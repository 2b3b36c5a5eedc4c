// Serves HTTP/2 on an accepted connection: streams become exchanges; floods end the connection.

import { constants, performServerHandshake } from 'node:http2';
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Clock } from '../clock.ts';
import type { Refusal, StatusAnswer } from '../errors.ts';
import type { Log } from '../events.ts';
import type { RequestHead } from '../inspect/inspect.ts';
import type { LimitSettings } from '../settings.ts';
import type { ClientConnection } from './client-connection.ts';
import { H2ClientExchange, readH2Head } from './client-exchange-h2.ts';
import type { ClientExchange } from './client-exchange.ts';
import { FloodGuard } from './flood-guard.ts';
import type { FlowControl } from './flow-control.ts';

export interface ServeParts {
  readonly limits: LimitSettings;
  readonly clock: Clock;
  readonly log: Log;
  readonly flow: FlowControl;
  readonly handle: (exchange: ClientExchange, connection: ClientConnection) => void;
  /** Records what was refused before it became a request, and makes the answer to it. */
  readonly refuse: (refusal: Refusal, connection: ClientConnection, seen: SeenHead) => StatusAnswer;
}

/** What can be said of a message that may never have become a request. */
export type SeenHead = Pick<RequestHead, 'method' | 'target'>;

/** What a client may send ahead of the hub, bytes a stream; 100 streams of it are the most that one connection can make us hold. */
const STREAM_WINDOW_BYTES = 128 * 1024;
const CONNECTION_WINDOW_BYTES = 1024 * 1024;
/**
 * What Node may hold for a stream whose client does not read: a window of the hub's and its own buffers. Node's default is 10 MB for all of them
 * together, beyond which it resets requests (ENHANCE_YOUR_CALM).
 */
const STREAM_MEMORY_BYTES = 512 * 1024;

/**
 * RFC 7541 counts 32 bytes for each header beside its text (RFC 9113 section 6.5.2). Node tears the connection down where a header block is
 * larger; our own limit, which answers 431, is below it.
 */
const HEADER_OVERHEAD_BYTES = 32;
/** Pseudo-headers and a margin in which a refusal is still answered. */
const PAIRS_MARGIN = 64;

const END_STREAM = constants.NGHTTP2_FLAG_END_STREAM;

export function serveH2(connection: ClientConnection, parts: ServeParts): void {
  const { limits } = parts;
  const maxHeaderListPairs = limits.maxHeaders + PAIRS_MARGIN;
  const session = performServerHandshake(connection.socket, {
    maxHeaderListPairs,
    maxSendHeaderBlockLength: 64 * 1024,
    maxSessionMemory: Math.ceil((limits.maxStreamsPerConnection * STREAM_MEMORY_BYTES) / 1_000_000),
    // What the hub sends twice passes twice; Node would throw.
    strictSingleValueFields: false,
    settings: {
      maxConcurrentStreams: limits.maxStreamsPerConnection,
      initialWindowSize: STREAM_WINDOW_BYTES,
      maxHeaderListSize: limits.maxHeaderBytes + limits.maxTargetBytes + maxHeaderListPairs * HEADER_OVERHEAD_BYTES,
      enablePush: false,
    },
  });
  session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
  connection.endWith({ drain: () => session.close() });
  watchForFloods(session, connection, parts);
  let open = 0;
  session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, raw: string[]) => {
    // Reset before it was our turn: nobody waits for an answer.
    if (stream.closed) return void stream.destroy();
    open += 1;
    stream.once('close', () => {
      open -= 1;
      // The idle time of a connection begins with the end of what was open on it; the timer may have fired before.
      if (open === 0 && !session.destroyed) session.setTimeout(limits.connectionIdleTimeoutMs);
    });
    const head = readH2Head(headers, raw, (flags & END_STREAM) !== 0);
    parts.handle(new H2ClientExchange(stream, head, () => session.close()), connection);
  });
  awaitPreface(session, connection, parts);
  // A watch may be silent for longer than this; a connection with nothing open may not.
  session.setTimeout(limits.connectionIdleTimeoutMs);
  session.on('timeout', () => {
    if (open === 0) session.close();
  });
}

/**
 * Bounds that nghttp2 and Node have for what is never an event: refused and invalid streams by the hundred (NGHTTP2_ERR_CALLBACK_FAILURE, by Node's
 * own limits), empty frames (NGHTTP2_ERR_FLOODED), CONTINUATIONs without an end (NGHTTP2_ERR_TOO_MANY_CONTINUATIONS).
 */
const libraryFloods: ReadonlySet<number> = new Set([-902, -904, -905]);

/** Each of these costs us work and its sender nothing (CVE-2019-9512, CVE-2019-9515, CVE-2023-44487). */
function watchForFloods(session: ServerHttp2Session, connection: ClientConnection, parts: ServeParts): void {
  const guard = new FloodGuard(connection, parts, () => {
    session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    connection.destroy();
  });
  session.on('error', (error: NodeJS.ErrnoException) => {
    if (libraryFloods.has(error.errno ?? 0)) guard.stop('frame flood');
    else connection.destroy();
  });
  session.on('ping', () => guard.spend('pings'));
  session.on('remoteSettings', () => guard.spend('settings'));
  const count = (): void => {
    if (!session.destroyed && !session.closed) guard.spend('resets');
  };
  session.on('stream', (stream: ServerHttp2Stream, _headers: IncomingHttpHeaders, _flags: number, raw: string[]) => {
    guard.spendHeaders(raw);
    // Where the reset came with the request, its event is over.
    if (stream.closed) return count();
    stream.once('aborted', () => {
      // What we abort ourselves is destroyed first.
      if (!stream.destroyed) count();
    });
    // Node ends our side of a HEAD at once, so that it cannot be aborted any more.
    stream.once('close', () => {
      if (!stream.aborted && !stream.headersSent) count();
    });
  });
}

/** A client that never gets as far as its SETTINGS is cut off. */
function awaitPreface(session: ServerHttp2Session, connection: ClientConnection, parts: ServeParts): void {
  const cancel = parts.clock.after(parts.limits.headersTimeoutMs, () => connection.destroy());
  session.once('remoteSettings', cancel);
  session.once('close', cancel);
}
