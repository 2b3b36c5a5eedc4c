// What stands in the heads and trailers of answers: one protocol's parser lets through what the other's writer refuses. What can be passed on is
// passed on as it came; nothing the hub sends takes down more than its own request.

import assert from 'node:assert/strict';
import { constants } from 'node:http2';
import type { Http2ServerRequest } from 'node:http2';
import { test } from 'node:test';
import { openPair, pairs, receive } from '../proxy/four-pairs.ts';
import type { Pair } from '../proxy/four-pairs.ts';
import { END_HEADERS, END_STREAM, FRAME, frame, headers } from '../proxy/raw-h2.ts';
import { startRawH1Hub, startRawH2Hub } from '../proxy/raw-hub.ts';
import type { RawHub } from '../proxy/raw-hub.ts';
import { eventually } from '../proxy/test-proxy.ts';
import type { TestContext } from 'node:test';

/** A hub that answers each request with exactly these header lines (latin1), a body, and these trailers. */
function startHub(t: TestContext, pair: Pair, lines: readonly string[], trailers: readonly string[] = []): Promise<RawHub> {
  const toText = (pairsOf: readonly string[]): string => pairsOf.map((part, at) => (at % 2 === 0 ? `${part}: ` : `${part}\r\n`)).join('');
  if (pair.hub === 'h1') {
    const answer = `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n${toText(lines)}\r\n4\r\nbody\r\n0\r\n${toText(trailers)}\r\n`;
    return startRawH1Hub(t, (socket) => void socket.write(Buffer.from(answer, 'latin1')));
  }
  return startRawH2Hub(t, (socket, reader) => {
    let answered = 0;
    socket.on('data', () => {
      const asked = reader.of(FRAME.HEADERS);
      for (const { stream } of asked.slice(answered)) {
        socket.write(headers(stream, [':status', '200', ...lines], END_HEADERS));
        socket.write(frame(FRAME.DATA, trailers.length === 0 ? END_STREAM : 0, stream, Buffer.from('body')));
        if (trailers.length > 0) socket.write(headers(stream, trailers));
      }
      answered = asked.length;
    });
  });
}

for (const pair of pairs) {
  test(`${pair.name}: header values in UTF-8 arrive byte for byte`, async (t) => {
    const text = '299 - "dépréciation 要"';
    const hub = await startHub(t, pair, ['warning', Buffer.from(text).toString('latin1'), 'content-type', 'text/plain']);
    const { send } = await openPair(t, pair, { hubUrl: hub.url });
    const answer = await send();
    assert.deepEqual([answer.status, answer.body], [200, 'body']);
    assert.equal(Buffer.from(String(answer.headers['warning']), 'latin1').toString(), text);
  });

  test(`${pair.name}: headers and trailers that stand twice, or are named like parts of an object, do no harm`, async (t) => {
    const lines = [
      'etag',
      '"1"',
      'etag',
      '"2"',
      'location',
      '/a',
      'location',
      '/b',
      'age',
      '1',
      'age',
      '2',
      'constructor',
      'x',
      '__proto__',
      'y',
    ];
    const hub = await startHub(t, pair, ['x-own', 'yes', ...lines], [...lines, 'x-sum', '1', 'x-sum', '2']);
    const { send, proxy } = await openPair(t, pair, { hubUrl: hub.url });
    for (let time = 0; time < 3; time += 1) {
      const answer = await send();
      assert.deepEqual([answer.status, answer.body, answer.headers['x-own']], [200, 'body', 'yes']);
      assert.equal(answer.trailers['x-sum'], '1, 2');
    }
    assert.ok(!proxy.log.some(({ name }) => name === 'internal-error'));
  });

  test(`${pair.name}: what is about the hub's connection stays there`, async (t) => {
    const own = pair.hub === 'h1' ? ['connection', 'x-hop', 'keep-alive', 'timeout=5', 'upgrade', 'h2c', 'x-hop', '1'] : [];
    const hub = await startHub(t, pair, ['x-end', '1', 'proxy-connection', 'close', 'http2-settings', 'AAA', ...own]);
    const { send } = await openPair(t, pair, { hubUrl: hub.url });
    const answer = await send();
    if (pair.hub === 'h1') {
      assert.deepEqual([answer.status, answer.headers['x-end']], [200, '1']);
      for (const name of ['x-hop', 'upgrade', 'http2-settings', 'proxy-connection']) assert.equal(answer.headers[name], undefined, name);
    } else {
      assert.equal(answer.status, 502, 'nghttp2 refuses connection headers in an answer');
    }
  });

  test(`${pair.name}: a head that is too large is an answer of ours, and the next request is served`, async (t) => {
    let large = true;
    const many = Array.from({ length: 300 }, (_, n) => [`x-${n}`, 'a'.repeat(200)]).flat();
    const { hub, send } = await openPair(t, pair);
    hub.handler = (request, response) => {
      receive(request);
      if (large) for (let at = 0; at < many.length; at += 2) response.setHeader(many[at] ?? '', many[at + 1] ?? '');
      response.end('ok');
    };
    const answer = await send();
    assert.equal(answer.status, 502, answer.body);
    assert.match(answer.body, /cause hub-(?:protocol|reset)/);
    large = false;
    assert.equal((await send()).body, 'ok');
  });

  test(`${pair.name}: hundreds of requests on one connection pile up nothing`, async (t) => {
    const { hub, proxy, send } = await openPair(t, pair);
    hub.handler = (request, response) => {
      const received = receive(request);
      void received.ending.then(() => response.end(received.text));
    };
    for (let n = 0; n < 30; n += 1) {
      const answers = await Promise.all(
        Array.from({ length: 5 }, async (_, m) => (await send({ method: 'POST', body: `${n}-${m}` })).body),
      );
      assert.deepEqual(
        answers,
        ['0', '1', '2', '3', '4'].map((m) => `${n}-${m}`),
      );
    }
    for (const socket of hub.sockets) {
      for (const event of socket.eventNames()) assert.ok(socket.listenerCount(event) < 10, String(event));
    }
    assert.equal(proxy.proxy.counts().requests, 0);
    assert.equal(proxy.proxy.counts().hubSessions, 1);
  });
}

for (const pair of pairs.filter(({ hub }) => hub === 'h2')) {
  test(`${pair.name}: a body that came whole goes out once more when the hub refuses its stream`, async (t) => {
    const { hub, send } = await openPair(t, pair);
    const bodies: string[] = [];
    hub.handler = (request, response) => {
      const received = receive(request);
      void received.ending.then(() => {
        bodies.push(received.text);
        if (bodies.length === 1) (request as Http2ServerRequest).stream.close(constants.NGHTTP2_REFUSED_STREAM);
        else response.end('ok');
      });
    };
    const answer = await send({ method: 'POST', headers: { 'content-length': '4' }, body: 'body' });
    assert.deepEqual([answer.status, answer.body, bodies], [200, 'ok', ['body', 'body']]);
    bodies.length = 0;
    const chunked = await send({ method: 'POST', body: 'body' });
    assert.deepEqual([chunked.status, bodies], [200, ['body', 'body']]);
    await eventually('both were sent twice', () => hub.seen.length === 4);
  });
}
