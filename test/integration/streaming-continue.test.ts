// Expect: 100-continue, informational answers and upgrades on all four pairs of protocols.

import assert from 'node:assert/strict';
import { constants } from 'node:http2';
import type { Http2ServerRequest } from 'node:http2';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { nextRequest, openPair, pairs, receive } from '../proxy/four-pairs.ts';
import type { Pair } from '../proxy/four-pairs.ts';
import { startRawH1Hub } from '../proxy/raw-hub.ts';
import { eventually } from '../proxy/test-proxy.ts';

const EXPECT = { expect: '100-continue' };

/** An informational answer by the protocol's own means. */
function inform(pair: Pair, request: unknown, response: ServerResponse, status: 102 | 103): void {
  if (pair.hub === 'h2') (request as Http2ServerRequest).stream.additionalHeaders({ ':status': status, link: '</x>' });
  else if (status === constants.HTTP_STATUS_PROCESSING) response.writeProcessing();
  else response.writeEarlyHints({ link: '</x>; rel=preload' });
}

for (const pair of pairs) {
  test(`${pair.name}: a client that waits gets its 100 when the hub asks for the body, and not before`, async (t) => {
    const { hub, open, send } = await openPair(t, pair, { limits: { bodyIdleTimeoutMs: 300 } });
    const arrived = nextRequest(hub);
    const put = open({ method: 'PUT', headers: EXPECT });
    const { request, response, received } = await arrived;
    assert.equal(request.headers.expect, '100-continue');
    hub.handler = (other, answer) => {
      receive(other);
      answer.end('ok');
    };
    const startedMs = performance.now();
    // Longer than a body may be silent: it is the hub that lets the client wait.
    while (performance.now() - startedMs < 600) assert.equal((await send()).body, 'ok');
    assert.equal(put.continued, 0);
    response.writeContinue();
    await eventually('the 100', () => put.continued === 1);
    put.upload.write('body');
    put.finish();
    assert.deepEqual([await received.ending, received.text], ['complete', 'body']);
    response.end('stored');
    assert.deepEqual([(await put.head).status, await put.ending, put.received.text], [200, 'complete', 'stored']);
  });

  test(`${pair.name}: a client that got its 100 and then sends nothing is refused in time`, async (t) => {
    const { hub, open } = await openPair(t, pair, { limits: { bodyIdleTimeoutMs: 100 } });
    const arrived = nextRequest(hub);
    const put = open({ method: 'PUT', headers: EXPECT });
    const { response, received } = await arrived;
    response.writeContinue();
    assert.equal((await put.head).status, 400);
    await put.ending;
    assert.match(put.received.text, /rule body-stalled/);
    assert.equal(await received.ending, 'broken');
  });

  test(`${pair.name}: a final answer in place of 100 reaches the client, which never sends its body`, async (t) => {
    const { hub, proxy, open, send } = await openPair(t, pair);
    const arrived = nextRequest(hub);
    const put = open({ method: 'PUT', headers: { ...EXPECT, 'content-length': '10' } });
    const { response, received } = await arrived;
    response.writeHead(403, { 'content-type': 'application/json' }).end('{"kind":"Status"}');
    assert.deepEqual([(await put.head).status, await put.ending, put.received.text], [403, 'complete', '{"kind":"Status"}']);
    assert.equal(put.continued, 0);
    assert.equal(await received.ending, 'broken');
    put.upload.destroy();
    await eventually('no open request', () => proxy.proxy.counts().requests === 0);
    hub.handler = (request, answer) => {
      receive(request);
      answer.end('next');
    };
    assert.equal((await send()).body, 'next');
  });

  test(`${pair.name}: a client that does not wait for its 100 is served all the same`, async (t) => {
    const { hub, send } = await openPair(t, pair);
    hub.handler = (request, response) => {
      const received = receive(request);
      void received.ending.then(() => response.end(received.text));
    };
    assert.equal((await send({ method: 'PUT', headers: EXPECT, body: 'at once' })).body, 'at once');
  });

  test(`${pair.name}: other informational answers stay here`, async (t) => {
    const { hub, open } = await openPair(t, pair);
    const arrived = nextRequest(hub);
    const get = open({ method: 'GET', bodiless: true });
    const { request, response } = await arrived;
    inform(pair, request, response, 102);
    inform(pair, request, response, 103);
    response.writeHead(200, { 'x-final': 'yes' }).end('body');
    const { status, headers } = await get.head;
    assert.deepEqual([status, headers['x-final'], headers['link']], [200, 'yes', undefined]);
    assert.deepEqual([await get.ending, get.received.text, get.continued], ['complete', 'body', 0]);
  });

  test(`${pair.name}: a hub that never says 100 and never answers is given up`, async (t) => {
    const { hub, open } = await openPair(t, pair, { hub: { responseTimeoutMs: 200 } });
    const arrived = nextRequest(hub);
    const put = open({ method: 'PUT', headers: EXPECT });
    const { received } = await arrived;
    assert.equal((await put.head).status, 504);
    await put.ending;
    assert.match(put.received.text, /cause hub-response-timeout/);
    assert.equal(await received.ending, 'broken');
  });
}

for (const pair of pairs.filter(({ hub }) => hub === 'h1')) {
  test(`${pair.name}: a hub that switches protocols unasked is not followed`, async (t) => {
    const hub = await startRawH1Hub(t, (socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n\x81\x05hello');
    });
    const { send } = await openPair(t, pair, { hubUrl: hub.url });
    const answer = await send();
    assert.equal(answer.status, 502);
    assert.match(answer.body, /cause hub-protocol/);
    await eventually('the connection is not kept', () => hub.sockets.every((socket) => socket.destroyed));
  });

  test(`${pair.name}: what a hub sends behind its answer is not taken for the next one`, async (t) => {
    let asked = 0;
    const hub = await startRawH1Hub(t, (socket) => {
      asked += 1;
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nnum ${asked}HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwrong`);
    });
    const { send } = await openPair(t, pair, { hubUrl: hub.url });
    for (let time = 1; time <= 3; time += 1) {
      const { body, status } = await send();
      assert.ok(body === `num ${asked}` || status === 502, body);
    }
  });
}
