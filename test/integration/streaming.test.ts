// Bodies flow both ways as they come, on all four pairs of protocols: nothing waits for an end, nothing is lost at one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextRequest, openPair, pairs, receive } from '../proxy/four-pairs.ts';
import { eventually } from '../proxy/test-proxy.ts';

for (const pair of pairs) {
  test(`${pair.name}: each event of a watch reaches the client while the answer is open`, async (t) => {
    const { hub, proxy, open } = await openPair(t, pair);
    const arrived = nextRequest(hub);
    const watch = open({ method: 'GET', path: '/api/v1/pods?watch=1', bodiless: true });
    const { response } = await arrived;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    assert.equal((await watch.head).status, 200, 'the head comes before any event');
    for (const event of ['{"type":"ADDED"}\n', '{"type":"MODIFIED"}\n']) {
      const before = watch.received.bytes;
      response.write(event);
      await eventually('the event', () => watch.received.bytes === before + event.length);
    }
    assert.equal(proxy.proxy.counts().requests, 1);
    response.end('{"type":"DELETED"}\n');
    assert.equal(await watch.ending, 'complete');
    assert.equal(watch.received.text, '{"type":"ADDED"}\n{"type":"MODIFIED"}\n{"type":"DELETED"}\n');
    await eventually('no open request', () => proxy.proxy.counts().requests === 0);
  });

  test(`${pair.name}: each part of an upload reaches the hub before the upload ends, with its trailers behind it`, async (t) => {
    const { hub, open } = await openPair(t, pair);
    const arrived = nextRequest(hub);
    const upload = open({ method: 'POST', headers: { 'content-type': 'x/y', trailer: 'x-sum' } });
    const { response, received } = await arrived;
    for (const part of ['one', 'two', 'three']) {
      const before = received.bytes;
      upload.upload.write(part);
      await eventually('the part', () => received.bytes === before + part.length);
    }
    upload.finish({ 'x-sum': 'abc' });
    assert.equal(await received.ending, 'complete');
    assert.equal(received.text, 'onetwothree');
    assert.deepEqual(received.trailers, ['x-sum', 'abc']);
    response.writeHead(201).end('done');
    assert.deepEqual([(await upload.head).status, await upload.ending, upload.received.text], [201, 'complete', 'done']);
  });

  test(`${pair.name}: a request and its answer stream at the same time, and each ends on its own`, async (t) => {
    const { hub, open, send } = await openPair(t, pair);
    const arrived = nextRequest(hub);
    const both = open({ method: 'POST' });
    both.upload.write('a');
    const { response, received } = await arrived;
    await eventually('the first part', () => received.text === 'a');
    response.writeHead(200);
    for (const part of ['b', 'c', 'd']) {
      const echo = `<${received.text}>`;
      response.write(echo);
      await eventually('the echo', () => both.received.text.endsWith(echo));
      both.upload.write(part);
      await eventually('the part', () => received.text.endsWith(part));
    }
    both.finish();
    assert.equal(await received.ending, 'complete', 'the client has ended its side, the answer is still open');
    response.write('!');
    await eventually('more of the answer', () => both.received.text.endsWith('!'));
    response.end('.');
    assert.equal(await both.ending, 'complete');
    assert.equal(both.received.text, '<a><ab><abc>!.');
    hub.handler = (request, answer) => {
      receive(request);
      answer.end('next');
    };
    assert.equal((await send()).body, 'next');
  });

  test(`${pair.name}: an answer before the end of the upload arrives whole, and the hub gets no complete body`, async (t) => {
    const { hub, proxy, open, send } = await openPair(t, pair);
    const arrived = nextRequest(hub);
    const upload = open({ method: 'POST' });
    upload.upload.write('half');
    const { response, received } = await arrived;
    await eventually('the half', () => received.text === 'half');
    const sentence = 'no room '.repeat(20_000);
    response.writeHead(507, { 'content-type': 'text/plain' }).end(sentence);
    assert.deepEqual([(await upload.head).status, await upload.ending], [507, 'complete']);
    assert.equal(upload.received.bytes, sentence.length);
    assert.equal(await received.ending, 'broken');
    upload.upload.destroy();
    await eventually('no open request', () => proxy.proxy.counts().requests === 0);
    hub.handler = (request, answer) => {
      receive(request);
      answer.end('next');
    };
    assert.equal((await send()).body, 'next', 'others go on');
  });

  test(`${pair.name}: trailers that look like parts of every object do no harm`, async (t) => {
    const { hub, open } = await openPair(t, pair);
    const arrived = nextRequest(hub);
    const upload = open({ method: 'POST' });
    upload.upload.write('x');
    const { response, received } = await arrived;
    upload.finish({ constructor: '1', tostring: '2', ['__proto__']: '3', 'x-twice': '4' });
    assert.equal(await received.ending, 'complete');
    assert.ok(received.trailers.includes('constructor') && received.trailers.includes('x-twice'));
    response.writeHead(200);
    response.write('y');
    response.addTrailers([
      ['constructor', '1'],
      ['hasownproperty', '2'],
      ['etag', '"1"'],
    ]);
    response.end();
    assert.equal(await upload.ending, 'complete');
    assert.equal(upload.received.text, 'y');
  });

  test(`${pair.name}: every shape of a body without content arrives as a complete one`, async (t) => {
    const { hub, send, open } = await openPair(t, pair);
    const bodies: string[] = [];
    hub.handler = (request, response) => {
      const received = receive(request);
      void received.ending.then((ending) => {
        bodies.push(`${request.method} ${ending} ${received.bytes} ${request.headers['content-length'] ?? '-'}`);
        response.end('ok');
      });
    };
    assert.equal((await send({ method: 'DELETE' })).body, 'ok');
    assert.equal((await send({ method: 'DELETE', headers: { 'content-length': '2' }, body: '{}' })).body, 'ok');
    assert.equal((await send({ method: 'POST', headers: { 'content-length': '0' } })).body, 'ok');
    assert.equal((await send({ method: 'POST', headers: { 'content-length': '0' }, body: '' })).body, 'ok');
    assert.equal((await send({ method: 'OPTIONS' })).body, 'ok');
    const empty = open({ method: 'PUT' });
    empty.finish();
    assert.equal(await empty.ending, 'complete');
    assert.deepEqual(bodies, [
      'DELETE complete 0 -',
      'DELETE complete 2 2',
      'POST complete 0 0',
      'POST complete 0 0',
      'OPTIONS complete 0 -',
      'PUT complete 0 -',
    ]);
  });

  test(`${pair.name}: a large PUT arrives byte for byte, with a declared length and without`, async (t) => {
    const { hub, send, open } = await openPair(t, pair);
    hub.handler = (request, response) => {
      const received = receive(request);
      void received.ending.then((ending) => response.end(`${ending} ${received.bytes}`));
    };
    const body = Buffer.alloc(3 * 1024 * 1024, 'manifest');
    assert.equal((await send({ method: 'PUT', headers: { 'content-length': String(body.length) }, body })).body, `complete ${body.length}`);
    const chunked = open({ method: 'PUT' });
    chunked.upload.write(body.subarray(0, 2_000_000));
    chunked.upload.write(body.subarray(2_000_000));
    chunked.finish();
    assert.deepEqual([await chunked.ending, chunked.received.text], ['complete', `complete ${body.length}`]);
  });
}
