// A reader that is slow slows down whoever writes to it; what lies between them is bounded by windows and socket buffers, not by the body's size.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Writable } from 'node:stream';
import { nextRequest, openPair, pairs } from '../proxy/four-pairs.ts';
import type { LiveRequest } from '../proxy/four-pairs.ts';
import { eventually } from '../proxy/test-proxy.ts';

const CHUNK = Buffer.alloc(64 * 1024, 'x');
const CHUNKS = 1_024;
const TOTAL = CHUNK.length * CHUNKS;

/** Windows and buffers of ours in both directions, and the kernel's: loopback sockets grow to 6 MiB in each of two hops (tcp_rmem, tcp_wmem). */
const MOST_UNDERWAY = 32 * 1024 * 1024;

/** Writes CHUNKS as fast as they are taken and counts those that have left the process. */
function pour(into: Writable): { readonly taken: number } {
  let written = 0;
  let taken = 0;
  const pump = (): void => {
    while (written < CHUNKS) {
      written += 1;
      const more = into.write(CHUNK, (error) => {
        if (error === null || error === undefined) taken += CHUNK.length;
      });
      if (!more) return;
    }
    into.end();
  };
  into.on('drain', pump);
  pump();
  return {
    get taken() {
      return taken;
    },
  };
}

/** Waits until a count no longer grows, over many turns of the event loop in which others are served. */
async function standstill(count: () => number, turn: () => Promise<unknown>): Promise<number> {
  let last = -1;
  let still = 0;
  while (still < 10) {
    await turn();
    await turn();
    still = count() === last ? still + 1 : 0;
    last = count();
  }
  return last;
}

for (const pair of pairs) {
  test(`${pair.name}: a client that does not read a large answer holds the hub back, not others`, async (t) => {
    const { hub, open, send } = await openPair(t, pair);
    const arrived = nextRequest(hub);
    const list = open({ method: 'GET', bodiless: true });
    list.pause();
    const { response } = await arrived;
    response.writeHead(200, { 'content-length': String(TOTAL) });
    const poured = pour(response);
    assert.equal((await list.head).status, 200);
    hub.handler = (request, answer) => {
      request.resume();
      answer.end('ok');
    };
    const before = process.memoryUsage().arrayBuffers;
    const stuck = await standstill(
      () => poured.taken,
      async () => assert.equal((await send()).body, 'ok'),
    );
    assert.ok(stuck < MOST_UNDERWAY, `${stuck} bytes taken from the hub for a client that reads nothing`);
    assert.ok(process.memoryUsage().arrayBuffers - before < MOST_UNDERWAY, 'memory does not grow with the answer');
    list.resume();
    assert.equal(await list.ending, 'complete');
    assert.equal(list.received.bytes, TOTAL);
  });

  test(`${pair.name}: a hub that does not read a large upload holds its client back, not others`, async (t) => {
    const { hub, proxy, open, send } = await openPair(t, pair, { limits: { maxRequestBodyBytes: 2 * TOTAL } });
    const arrived = nextRequest(hub);
    const upload = open({ method: 'PUT' });
    const poured = pour(upload.upload);
    const { response, received } = await arrived;
    received.pause();
    hub.handler = (request, answer) => {
      request.resume();
      answer.end('ok');
    };
    const stuck = await standstill(
      () => poured.taken,
      async () => assert.equal((await send()).body, 'ok'),
    );
    assert.ok(stuck < MOST_UNDERWAY, `${stuck} bytes taken from the client for a hub that reads nothing`);
    received.resume();
    assert.equal(await received.ending, 'complete');
    assert.equal(received.bytes, TOTAL);
    response.end('stored');
    assert.deepEqual([await upload.ending, upload.received.text], ['complete', 'stored']);
    await eventually('no open request', () => proxy.proxy.counts().requests === 0);
  });

  test(`${pair.name}: a client that goes away while nothing moves is noticed, and the hub is told`, async (t) => {
    const { hub, proxy, open } = await openPair(t, pair, { limits: { maxRequestBodyBytes: 2 * TOTAL } });
    const listed = nextRequest(hub);
    const list = open({ method: 'GET', bodiless: true });
    list.pause();
    const answering = await listed;
    answering.response.writeHead(200);
    pour(answering.response);
    await list.head;
    const uploaded = nextRequest(hub);
    const upload = open({ method: 'PUT' });
    pour(upload.upload);
    const uploading = await uploaded;
    uploading.received.pause();
    const closed = new Promise((resolve) => answering.response.once('close', resolve));
    await eventually('both are under way', () => proxy.proxy.counts().requests === 2);
    list.abort();
    upload.abort();
    await closed;
    uploading.received.resume();
    assert.equal(await uploading.received.ending, 'broken');
    assert.equal(answering.response.writableFinished, false);
    await eventually('no open request', () => proxy.proxy.counts().requests === 0);
  });
}

for (const pair of pairs.filter(({ client }) => client === 'h2')) {
  test(`${pair.name}: many answers and uploads that do not move on one connection leave room for the next request`, async (t) => {
    const { hub, proxy, open, send } = await openPair(t, pair, { limits: { maxRequestBodyBytes: TOTAL } });
    const held: LiveRequest[] = [];
    hub.handler = (request, response) => {
      if (request.method === 'GET') response.end('ok');
      if (request.method === 'PATCH') request.pause();
      if (request.method === 'PUT') {
        request.resume();
        response.end(Buffer.alloc(250_000));
      }
    };
    for (let n = 0; n < 80; n += 1) {
      const list = open({ method: 'PUT' });
      list.pause();
      list.finish();
      held.push(list);
    }
    for (let n = 0; n < 15; n += 1) open({ method: 'PATCH' }).upload.write(Buffer.alloc(250_000));
    await eventually('all are at the hub', () => hub.seen.length === 95);
    for (let n = 0; n < 20; n += 1) assert.equal((await send()).body, 'ok');
    assert.equal(proxy.proxy.counts().connections, 1);
    for (const live of held) {
      live.resume();
      assert.equal(await live.ending, 'complete');
      assert.equal(live.received.bytes, 250_000);
    }
  });
}
