// What is sent once more and what never is: only a request that the hub certainly has not processed, with its whole body, on a new session.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { ACK, END_HEADERS, END_STREAM, FRAME, frame, headers, rstStream } from '../proxy/raw-h2.ts';
import type { FrameReader } from '../proxy/raw-h2.ts';
import { startRawH2Hub } from '../proxy/raw-hub.ts';
import { openH2, requestH2 } from '../proxy/test-client.ts';
import type { Answer } from '../proxy/test-client.ts';
import { eventually, startTestProxy } from '../proxy/test-proxy.ts';
import type { TestProxy } from '../proxy/test-proxy.ts';

const ERROR = { NO_ERROR: 0, INTERNAL_ERROR: 2, REFUSED_STREAM: 7, ENHANCE_YOUR_CALM: 11 } as const;
const BODY = JSON.stringify({ kind: 'Lease', filler: 'x'.repeat(20_000) });

interface Visit {
  readonly socket: TLSSocket;
  readonly reader: FrameReader;
}

type Behaviour = (visit: Visit, stream: number) => void;

interface Scripted {
  readonly url: URL;
  readonly visits: readonly Visit[];
  /** Request heads that came, over all connections. */
  heads(): number;
}

/** Behaves at the nth connection as the nth script says, at its last one for all that follow, with each request that is complete. */
async function startScriptedHub(t: TestContext, ...scripts: readonly Behaviour[]): Promise<Scripted> {
  const visits: Visit[] = [];
  const hub = await startRawH2Hub(t, (socket, reader) => {
    const visit = { socket, reader };
    const behave = scripts[Math.min(visits.push(visit), scripts.length) - 1];
    const done = new Set<number>();
    socket.on('data', () => {
      for (const { stream } of reader.of(FRAME.HEADERS)) {
        if (done.has(stream) || !reader.ended(stream)) continue;
        done.add(stream);
        behave?.(visit, stream);
      }
    });
  });
  return { url: hub.url, visits, heads: () => visits.reduce((sum, { reader }) => sum + reader.of(FRAME.HEADERS).length, 0) };
}

const answer: Behaviour = ({ socket }, stream) =>
  void socket.write(headers(stream, [':status', '200', 'content-length', '0'], END_HEADERS | END_STREAM));

function goAway(lastStream: number, code: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(lastStream);
  payload.writeUInt32BE(code, 4);
  return frame(FRAME.GOAWAY, 0, 0, payload);
}

const refuseStream: Behaviour = ({ socket }, stream) => void socket.write(rstStream(stream, ERROR.REFUSED_STREAM));
const goAwayBefore =
  (code: number): Behaviour =>
  ({ socket }, stream) =>
    void socket.write(goAway(stream - 2 > 0 ? stream - 2 : 0, code));

function post(t: TestContext, proxy: TestProxy): Promise<Answer> {
  return requestH2(openH2(t, proxy.port, proxy.client()), { method: 'POST', path: '/api/v1/x', body: BODY });
}

const turnedAway = [
  { name: 'GOAWAY without an error, from before it', behave: goAwayBefore(ERROR.NO_ERROR) },
  { name: 'GOAWAY with an error, from before it', behave: goAwayBefore(ERROR.ENHANCE_YOUR_CALM) },
  { name: 'REFUSED_STREAM', behave: refuseStream },
] as const;

for (const { name, behave } of turnedAway) {
  test(`a POST that meets ${name} goes out once more, on a new session, with the same body`, async (t) => {
    const hub = await startScriptedHub(t, behave, answer);
    const proxy = await startTestProxy(t, { hubUrl: hub.url });
    assert.equal((await post(t, proxy)).status, 200);
    assert.equal(hub.visits.length, 2);
    for (const { reader } of hub.visits) assert.equal(reader.text(1), BODY);
    assert.equal(hub.heads(), 2);
    assert.equal(proxy.log.filter(({ name: event }) => event === 'hub-fault').length, 0);
  });

  test(`a POST that meets ${name} each time is answered 503 with Retry-After after three tries`, async (t) => {
    const hub = await startScriptedHub(t, behave);
    const proxy = await startTestProxy(t, { hubUrl: hub.url });
    const refused = await post(t, proxy);
    assert.equal(refused.status, 503);
    assert.match(refused.body, /\(cause hub-not-processed, /);
    assert.equal(refused.headers['retry-after'], '1');
    assert.equal(hub.heads(), 3);
  });
}

const maybeProcessed = [
  { name: 'a reset connection', code: 502, behave: (({ socket }) => void socket.destroy()) satisfies Behaviour },
  { name: 'a connection that ends', code: 502, behave: (({ socket }) => void socket.end()) satisfies Behaviour },
  {
    name: 'RST_STREAM with INTERNAL_ERROR',
    code: 502,
    behave: (({ socket }, stream) => void socket.write(rstStream(stream, ERROR.INTERNAL_ERROR))) satisfies Behaviour,
  },
  {
    name: 'GOAWAY without an error that counts it in, and the end',
    code: 502,
    behave: (({ socket }, stream) => void socket.end(goAway(stream, ERROR.NO_ERROR))) satisfies Behaviour,
  },
  {
    name: 'GOAWAY with an error that counts it in',
    code: 502,
    behave: (({ socket }, stream) => void socket.end(goAway(stream, ERROR.INTERNAL_ERROR))) satisfies Behaviour,
  },
] as const;

for (const { name, code, behave } of maybeProcessed) {
  test(`a POST that meets ${name} may have been processed: ${code}, and it is never sent again`, async (t) => {
    const hub = await startScriptedHub(t, behave, answer);
    const proxy = await startTestProxy(t, { hubUrl: hub.url });
    const failed = await post(t, proxy);
    assert.equal(failed.status, code);
    assert.match(failed.body, /\(cause hub-reset, /);
    assert.equal(hub.heads(), 1);
  });

  test(`a GET on a session that has worked before goes out once more after ${name}`, async (t) => {
    const failSecond: Behaviour = (visit, stream) => (stream === 3 ? behave : answer)(visit, stream);
    const hub = await startScriptedHub(t, failSecond, answer);
    const proxy = await startTestProxy(t, { hubUrl: hub.url });
    const session = openH2(t, proxy.port, proxy.client());
    assert.equal((await requestH2(session)).status, 200);
    assert.equal((await requestH2(session)).status, 200);
    assert.equal(hub.heads(), 3);
    const afterwards = requestH2(session, { method: 'POST', body: BODY });
    assert.equal((await afterwards).status, 200);
  });
}

test('a GET on a session that never worked is not repeated after a reset', async (t) => {
  const hub = await startScriptedHub(t, ({ socket }) => void socket.destroy());
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  assert.equal((await requestH2(openH2(t, proxy.port, proxy.client()))).status, 502);
  assert.equal(hub.heads(), 1);
});

test('a request below the last stream of a GOAWAY is answered on the old session while new ones go to a new one', async (t) => {
  const hub = await startScriptedHub(t, ({ socket }, stream) => void socket.write(goAway(stream, ERROR.NO_ERROR)), answer);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const session = openH2(t, proxy.port, proxy.client());
  const early = requestH2(session, { method: 'POST', body: BODY });
  await eventually('the hub has the first', () => hub.visits[0]?.reader.ended(1) === true);
  // Any later frame of the proxy on that connection shows that it has read the GOAWAY.
  hub.visits[0]?.socket.write(frame(FRAME.PING, 0, 0, Buffer.alloc(8)));
  await eventually('the proxy has read the GOAWAY', () => hub.visits[0]?.reader.of(FRAME.PING).some(({ flags }) => flags === ACK) === true);
  assert.equal((await requestH2(session, { method: 'POST', body: BODY })).status, 200);
  const [first] = hub.visits;
  if (first !== undefined) answer(first, 1);
  assert.equal((await early).status, 200);
  assert.deepEqual([hub.visits.length, hub.heads()], [2, 2]);
});

test('a body too large to be kept is not sent again, and its first sending is reset and not ended', async (t) => {
  const hub = await startRawH2Hub(t, (socket, reader) => {
    let isOver = false;
    socket.on('data', () => {
      if (isOver || reader.bytes(1) < 200_000) return;
      isOver = true;
      socket.write(rstStream(1, ERROR.REFUSED_STREAM));
    });
    const grant = Buffer.alloc(4);
    grant.writeUInt32BE(10_000_000);
    socket.write(
      Buffer.concat([frame(FRAME.WINDOW_UPDATE, 0, 0, grant), frame(FRAME.SETTINGS, 0, 0, Buffer.from([0, 4, 0, 0x98, 0x96, 0x80]))]),
    );
  });
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const body = Buffer.alloc(1_000_000, 'x');
  const failed = await requestH2(openH2(t, proxy.port, proxy.client()), { method: 'PUT', path: '/api/v1/x', body });
  assert.equal(failed.status, 503);
  assert.match(failed.body, /\(cause hub-not-processed, /);
  assert.equal(hub.sockets.length, 1);
});
