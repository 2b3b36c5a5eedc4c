// A hub that answers 401: it disowns our leaf, not the client. The client never sees that 401; it gets the answer to a new leaf, or a 503.

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { SteppedClock } from '../proxy/stepped-clock.ts';
import { openH1, openH2, requestH1, requestH2 } from '../proxy/test-client.ts';
import { startTestHub, startTestProxy } from '../proxy/test-proxy.ts';
import type { HubHandler, TestHub, TestProxy } from '../proxy/test-proxy.ts';

/** Above the 5 s between two words to the sync about one generation. */
const NEXT_WORD_MS = 5_001;

const UNAUTHORIZED = JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Unauthorized', code: 401 });

/** As kube-apiserver: over HTTP/2 the connection closes behind a 401, over HTTP/1.1 it is kept (csr-signer.md §4). */
function refuse(response: Parameters<HubHandler>[1]): void {
  const closes = 'stream' in response && response.stream !== undefined;
  (response as ServerResponse).writeHead(401, { 'content-type': 'application/json' }).end(UNAUTHORIZED);
  if (closes) (response as Parameters<HubHandler>[1] & { stream: { session?: { close(): void } } }).stream.session?.close();
}

/** Takes the leaves that `accepts` says, and echoes bodies to them. */
function acceptOnly(hub: TestHub, accepts: (leafSHA256: string) => boolean): { readonly bodies: string[] } {
  const bodies: string[] = [];
  hub.handler = (request, response) => {
    const leaf = hub.seen.at(-1)?.leafSHA256 ?? '';
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      bodies.push(Buffer.concat(chunks).toString());
      if (accepts(leaf)) (response as ServerResponse).writeHead(201).end('done');
      else refuse(response);
    });
  };
  return { bodies };
}

const count = (proxy: TestProxy, event: string): number =>
  event === 'issue' ? proxy.audit.filter((line) => line.event === 'issue').length : proxy.log.filter(({ name }) => name === event).length;

for (const http2 of [true, false]) {
  const protocol = http2 ? 'HTTP/2' : 'HTTP/1.1';

  test(`${protocol}: a 401 of the hub makes a new leaf, and the POST goes out once more with the same body`, async (t) => {
    const hub = await startTestHub(t, { http2 });
    const proxy = await startTestProxy(t, { hubUrl: hub.url });
    const { bodies } = acceptOnly(hub, (leaf) => leaf !== hub.seen[0]?.leafSHA256);
    const body = JSON.stringify({ filler: 'x'.repeat(30_000) });
    const answer = await requestH2(openH2(t, proxy.port, proxy.client()), { method: 'POST', body });
    assert.deepEqual([answer.status, answer.body], [201, 'done']);
    assert.deepEqual(bodies, [body, body]);
    assert.equal(new Set(hub.seen.map(({ leafSHA256 }) => leafSHA256)).size, 2);
    assert.deepEqual([count(proxy, 'issue'), count(proxy, 'hub-refused-leaf'), proxy.hubRefused.length], [2, 1, 1]);
  });

  test(`${protocol}: a hub that refuses every leaf is asked twice, and the client gets 503 with Retry-After, not the 401`, async (t) => {
    const hub = await startTestHub(t, { http2 });
    const proxy = await startTestProxy(t, { hubUrl: hub.url });
    acceptOnly(hub, () => false);
    const answer = await requestH1(openH1(t, proxy.client()), proxy.port, { method: 'POST', body: '{}' });
    assert.equal(answer.status, 503);
    assert.match(answer.body, /\(cause hub-refused-leaf, /);
    assert.equal(answer.headers['retry-after'], '5');
    assert.equal(hub.seen.length, 2);
    const refused = proxy.log.filter(({ name }) => name === 'hub-refused-leaf').map(({ fields }) => fields);
    assert.deepEqual(
      refused.map(({ leafSHA256 }) => leafSHA256),
      hub.seen.map(({ leafSHA256 }) => leafSHA256),
    );
    assert.deepEqual(
      refused.map(({ generation }) => generation),
      [1, 1],
    );
  });
}

test('the sync is told of refused leaves at most once in five seconds', async (t) => {
  const clock = new SteppedClock();
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url, clock });
  acceptOnly(hub, () => false);
  const session = openH2(t, proxy.port, proxy.client());
  await Promise.all(Array.from({ length: 10 }, () => requestH2(session)));
  await requestH2(session);
  assert.deepEqual(proxy.hubRefused, [1]);
  clock.advance(NEXT_WORD_MS);
  await requestH2(session);
  assert.equal(proxy.hubRefused.length, 2);
});

test('many requests that meet one refused leaf at once make one new leaf between them', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  acceptOnly(hub, (leaf) => leaf !== hub.seen[0]?.leafSHA256);
  const session = openH2(t, proxy.port, proxy.client());
  const answers = await Promise.all(Array.from({ length: 50 }, () => requestH2(session, { method: 'POST', body: '{}' })));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
  assert.equal(count(proxy, 'issue'), 2);
});

test('the leaf of a new signer is accepted where the one before was refused', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  let isRotated = false;
  acceptOnly(hub, () => isRotated);
  const session = openH2(t, proxy.port, proxy.client());
  assert.equal((await requestH2(session)).status, 503);
  isRotated = true;
  proxy.rotate();
  assert.equal((await requestH2(session)).status, 201);
  assert.equal(proxy.audit.filter((line) => line.event === 'issue').at(-1)?.generation, 2);
});

test('a 401 in the middle of an upload that is too large to keep is answered 503, and nothing of it is sent twice', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  hub.handler = (request, response) => {
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > 500_000 && !response.headersSent) refuse(response);
    });
  };
  const session = openH2(t, proxy.port, proxy.client());
  const answer = await requestH2(session, { method: 'PUT', body: Buffer.alloc(2_000_000, 'x') });
  assert.equal(answer.status, 503);
  assert.match(answer.body, /\(cause hub-refused-leaf, /);
  assert.equal(hub.seen.length, 1);
});

test('every other refusal of the hub passes unchanged and is not repeated', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  hub.handler = (request, response) => {
    request.resume();
    (response as ServerResponse).writeHead(Number(request.url?.slice(-3))).end('the hub says so');
  };
  const session = openH2(t, proxy.port, proxy.client());
  for (const status of [403, 404, 409, 422, 429, 500, 503]) {
    const answer = await requestH2(session, { path: `/api/${status}` });
    assert.deepEqual([answer.status, answer.body], [status, 'the hub says so']);
  }
  assert.equal(hub.seen.length, 7);
});
