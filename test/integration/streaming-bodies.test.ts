// Bodies that break a rule or stop half-way: the client can read why, the hub never gets a whole one.

import assert from 'node:assert/strict';
import { constants } from 'node:http2';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { nextRequest, openPair, pairs, receive } from '../proxy/four-pairs.ts';
import { END_HEADERS, END_STREAM, FRAME, frame, headers, requestPairs, rstStream, startRawH2 } from '../proxy/raw-h2.ts';
import { openRaw } from '../proxy/test-client.ts';
import { eventually, startTestHub, startTestProxy } from '../proxy/test-proxy.ts';

const LIMIT = 10_000;

for (const pair of pairs) {
  test(`${pair.name}: a body that declares too much is refused before a byte reaches the hub`, async (t) => {
    const { hub, proxy, open } = await openPair(t, pair, { limits: { maxRequestBodyBytes: LIMIT } });
    const post = open({ headers: { 'content-length': String(LIMIT + 1) } });
    assert.equal((await post.head).status, 413);
    assert.equal(await post.ending, 'complete');
    assert.match(post.received.text, /"reason":"RequestEntityTooLarge".*"code":413/);
    assert.deepEqual(hub.seen, []);
    const line = proxy.audit.find(({ event }) => event === 'request');
    assert.ok(line?.event === 'request' && line.rule === 'body-limit' && post.received.text.includes(line.auditID));
  });

  test(`${pair.name}: a body that grows too large is cut off, and its sender told so while it is still sending`, async (t) => {
    const { hub, proxy, open } = await openPair(t, pair, { limits: { maxRequestBodyBytes: LIMIT } });
    const arrived = nextRequest(hub);
    const post = open();
    post.upload.write(Buffer.alloc(LIMIT));
    const { received } = await arrived;
    await eventually('all that is allowed', () => received.bytes === LIMIT);
    for (let n = 0; n < 50; n += 1) post.upload.write(Buffer.alloc(100_000));
    assert.equal((await post.head).status, 413);
    assert.equal(await post.ending, 'complete');
    assert.match(post.received.text, /rule body-limit/);
    assert.equal(await received.ending, 'broken');
    assert.equal(received.bytes, LIMIT);
    await eventually('no open request', () => proxy.proxy.counts().requests === 0);
  });

  test(`${pair.name}: a body of exactly the limit passes`, async (t) => {
    const { hub, open, send } = await openPair(t, pair, { limits: { maxRequestBodyBytes: LIMIT } });
    hub.handler = (request, response) => {
      const received = receive(request);
      void received.ending.then((ending) => response.end(`${ending} ${received.bytes}`));
    };
    assert.equal(
      (await send({ method: 'POST', headers: { 'content-length': String(LIMIT) }, body: Buffer.alloc(LIMIT) })).body,
      `complete ${LIMIT}`,
    );
    const post = open();
    post.upload.write(Buffer.alloc(LIMIT));
    post.finish();
    assert.deepEqual([await post.ending, post.received.text], ['complete', `complete ${LIMIT}`]);
  });

  test(`${pair.name}: a body that falls silent is refused, a hub that is slow to read it is not its fault`, async (t) => {
    const { hub, open } = await openPair(t, pair, { limits: { bodyIdleTimeoutMs: 150 } });
    const arrived = nextRequest(hub);
    const post = open();
    post.upload.write('half');
    const { received } = await arrived;
    assert.equal((await post.head).status, 400);
    assert.equal(await post.ending, 'complete');
    assert.match(post.received.text, /rule body-stalled/);
    assert.equal(await received.ending, 'broken');
    const slow = nextRequest(hub);
    const large = open();
    const { response, received: late } = await (large.upload.write(Buffer.alloc(2_000_000)), slow);
    late.pause();
    large.finish();
    const startedMs = performance.now();
    await eventually('longer than a body may be silent', () => performance.now() - startedMs > 500);
    late.resume();
    assert.equal(await late.ending, 'complete');
    response.end('ok');
    assert.deepEqual([await large.ending, large.received.text], ['complete', 'ok']);
  });

  test(`${pair.name}: a refusal by the head is read by a client that goes on sending its body`, async (t) => {
    const { hub, proxy, open } = await openPair(t, pair);
    for (let time = 0; time < 5; time += 1) {
      const post = open({ headers: { 'impersonate-user': 'system:admin' } });
      for (let n = 0; n < 20; n += 1) post.upload.write(Buffer.alloc(50_000));
      assert.equal((await post.head).status, 400);
      assert.equal(await post.ending, 'complete');
      assert.match(post.received.text, /rule identity-header/);
      post.upload.destroy();
    }
    assert.deepEqual(hub.seen, []);
    await eventually('no open request', () => proxy.proxy.counts().requests === 0);
  });

  test(`${pair.name}: trailers that claim an identity refuse the request at its end`, async (t) => {
    const { hub, open } = await openPair(t, pair);
    const arrived = nextRequest(hub);
    const post = open();
    post.upload.write('body');
    const { received } = await arrived;
    await eventually('the body', () => received.text === 'body');
    post.finish({ 'impersonate-user': 'system:admin' });
    assert.equal((await post.head).status, 400);
    await post.ending;
    assert.match(post.received.text, /rule identity-header/);
    assert.equal(await received.ending, 'broken');
  });

  test(`${pair.name}: an answer without a body in the middle of an upload ends the upload too`, async (t) => {
    const { hub, proxy, open } = await openPair(t, pair);
    const arrived = nextRequest(hub);
    const post = open();
    post.upload.write('half');
    const { response, received } = await arrived;
    await eventually('the half', () => received.text === 'half');
    response.writeHead(204).end();
    assert.deepEqual([(await post.head).status, await post.ending], [204, 'complete']);
    assert.equal(await received.ending, 'broken');
    await eventually('no open request', () => proxy.proxy.counts().requests === 0);
  });
}

for (const hubHttp2 of [true, false]) {
  const name = hubHttp2 ? 'HTTP/2' : 'HTTP/1.1';
  test(`an HTTP/2 upload that its client resets behind the last declared byte is no message at an ${name} hub`, async (t) => {
    const hub = await startTestHub(t, { http2: hubHttp2 });
    const proxy = await startTestProxy(t, { hubUrl: hub.url });
    const socket = await openRaw(t, proxy.port, proxy.client(), { alpn: ['h2'] });
    startRawH2(socket);
    const arrived = nextRequest(hub);
    socket.write(headers(1, requestPairs('POST', '/api', ['content-length', '10']), END_HEADERS));
    socket.write(frame(FRAME.DATA, 0, 1, Buffer.from('0123')));
    const { received } = await arrived;
    socket.write(frame(FRAME.DATA, 0, 1, Buffer.from('456789')));
    await eventually('the first part', () => received.bytes > 0);
    socket.write(rstStream(1, constants.NGHTTP2_CANCEL));
    assert.equal(await received.ending, 'broken');
  });

  for (const [what, first, last] of [
    ['fewer', '', 'half'],
    ['more', '', '0123456789GET /api/v1/secrets HTTP/1.1\r\nhost: hub\r\n\r\n'],
    ['more, in a second frame,', '0123456789', 'GET /api/v1/secrets HTTP/1.1\r\nhost: hub\r\n\r\n'],
  ] as const) {
    test(`an HTTP/2 body of ${what} bytes than declared does not get to an ${name} hub as a message`, async (t) => {
      const hub = await startTestHub(t, { http2: hubHttp2 });
      const endings: string[] = [];
      hub.handler = (request, response) => {
        void receive(request).ending.then((ending) => endings.push(ending));
        request.once('end', () => response.end());
      };
      const proxy = await startTestProxy(t, { hubUrl: hub.url });
      const socket = await openRaw(t, proxy.port, proxy.client(), { alpn: ['h2'] });
      const reader = startRawH2(socket);
      socket.write(headers(1, requestPairs('POST', '/api', ['content-length', '10']), END_HEADERS));
      if (first !== '') {
        socket.write(frame(FRAME.DATA, 0, 1, Buffer.from(first)));
        await eventually('the request', () => hub.seen.length === 1);
      }
      socket.write(frame(FRAME.DATA, END_STREAM, 1, Buffer.from(last)));
      await eventually('an ending', () => reader.reset(1) !== null || reader.ended(1) || reader.closed);
      await eventually('no open request', () => proxy.proxy.counts().requests === 0);
      await eventually('an ending at the hub', () => endings.length === hub.seen.length);
      assert.ok(hub.seen.length <= 1, 'nothing was smuggled');
      assert.ok(endings.every((ending) => ending === 'broken'));
    });
  }

  test(`an answer and a refusal in the middle of an HTTP/2 upload end properly before the rest is called off (${name} hub)`, async (t) => {
    const hub = await startTestHub(t, { http2: hubHttp2 });
    hub.handler = (request, response) => {
      const outgoing = response as ServerResponse;
      receive(request);
      if (request.url === '/length') outgoing.writeHead(409, { 'content-length': 5 }).end('early');
      else if (request.url === '/bodiless') outgoing.writeHead(204).end();
      else {
        outgoing.writeHead(409);
        outgoing.write('early');
        outgoing.addTrailers({ 'x-sum': '1' });
        outgoing.end();
      }
    };
    const proxy = await startTestProxy(t, { hubUrl: hub.url });
    const socket = await openRaw(t, proxy.port, proxy.client(), { alpn: ['h2'] });
    const reader = startRawH2(socket);
    const paths = ['/length', '/chunked', '/bodiless', '/refused#'];
    for (const [n, path] of paths.entries()) {
      const id = 2 * n + 1;
      socket.write(Buffer.concat([headers(id, requestPairs('POST', path), END_HEADERS), frame(FRAME.DATA, 0, id, Buffer.from('half'))]));
      await eventually(`the end of ${path}`, () => reader.reset(id) !== null);
      assert.equal(reader.ended(id), true, `${path} is complete for clients that take a reset at its word`);
      assert.equal(reader.reset(id), constants.NGHTTP2_NO_ERROR);
    }
    assert.deepEqual([reader.text(1), reader.text(3), reader.text(5)], ['early', 'early', '']);
    assert.match(reader.text(7), /rule target-form/);
    await eventually('nothing open', () => proxy.proxy.counts().requests === 0);
    socket.write(frame(FRAME.GOAWAY, 0, 0, Buffer.alloc(8)));
    await eventually('no stream is left in the books, so that the connection can end', () => proxy.proxy.counts().connections === 0);
  });
}
