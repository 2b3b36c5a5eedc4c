// The main job on all four pairs of protocols: what a client sends is what the hub gets, and the other way round.

import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { openH1, openH2, requestH1, requestH2 } from '../proxy/test-client.ts';
import type { Answer, ClientRequestPlan } from '../proxy/test-client.ts';
import { startTestHub, startTestProxy } from '../proxy/test-proxy.ts';
import type { TestHub, TestProxy } from '../proxy/test-proxy.ts';

interface Pair {
  readonly hub: TestHub;
  readonly proxy: TestProxy;
  send(plan?: ClientRequestPlan): Promise<Answer>;
}

async function openPair(t: TestContext, clientHttp2: boolean, hubHttp2: boolean): Promise<Pair> {
  const hub = await startTestHub(t, { http2: hubHttp2 });
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const client = proxy.client();
  if (clientHttp2) {
    const session = openH2(t, proxy.port, client);
    return { hub, proxy, send: (plan) => requestH2(session, plan) };
  }
  const agent = openH1(t, client);
  return { hub, proxy, send: (plan) => requestH1(agent, proxy.port, plan) };
}

const pairs = [
  { name: 'HTTP/2 to HTTP/2', client: true, hub: true },
  { name: 'HTTP/2 to HTTP/1.1', client: true, hub: false },
  { name: 'HTTP/1.1 to HTTP/2', client: false, hub: true },
  { name: 'HTTP/1.1 to HTTP/1.1', client: false, hub: false },
] as const;

for (const pair of pairs) {
  test(`${pair.name}: a body and its target arrive byte for byte under the client's own subject`, async (t) => {
    const { hub, send } = await openPair(t, pair.client, pair.hub);
    hub.handler = (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks);
        (response as ServerResponse).writeHead(201, { 'content-type': 'application/octet-stream', 'content-length': body.length });
        response.end(body);
      });
    };
    const body = Buffer.from('k8s\0 not text \xff\r\n\r\n', 'latin1');
    const answer = await send({
      method: 'POST',
      path: '/apis/x/v1/y?dryRun=All&fieldManager=%2F',
      headers: { 'content-type': 'x/y' },
      body,
    });
    assert.equal(answer.status, 201);
    assert.equal(answer.body, body.toString());
    assert.equal(hub.seen[0]?.target, '/apis/x/v1/y?dryRun=All&fieldManager=%2F');
    assert.match(hub.seen[0]?.subject ?? '', /CN=system:open-cluster-management:cluster1:khnxf/);
  });

  test(`${pair.name}: many requests at once share few hub connections and are not mixed up`, async (t) => {
    const { hub, send } = await openPair(t, pair.client, pair.hub);
    hub.handler = (request, response) => {
      request.resume();
      (response as ServerResponse).writeHead(200).end((request as IncomingMessage).url);
    };
    const answers = await Promise.all(Array.from({ length: 40 }, async (_, n) => ({ n, answer: await send({ path: `/api/${n}` }) })));
    for (const { n, answer } of answers) assert.equal(answer.body, `/api/${n}`);
    if (pair.hub) assert.equal(hub.sockets.size, 1);
  });

  test(`${pair.name}: HEAD, 204 and 304 end without a body and leave the connection usable`, async (t) => {
    const { hub, send } = await openPair(t, pair.client, pair.hub);
    hub.handler = (request, response) => {
      request.resume();
      const status = Number(new URL(request.url ?? '/', 'https://hub').searchParams.get('limit'));
      (response as ServerResponse).writeHead(status, { etag: '"1"', ...(status === 200 ? { 'content-length': 7 } : {}) }).end();
    };
    const head = await send({ method: 'HEAD', path: '/api?limit=200' });
    assert.deepEqual([head.status, head.body, head.headers['content-length']], [200, '', '7']);
    for (const status of [204, 304]) {
      const answer = await send({ path: `/api?limit=${status}` });
      assert.deepEqual([answer.status, answer.body, answer.headers['etag']], [status, '', '"1"']);
    }
  });

  test(`${pair.name}: trailers of the hub reach the client`, async (t) => {
    const { hub, send } = await openPair(t, pair.client, pair.hub);
    hub.handler = (request, response) => {
      request.resume();
      (response as ServerResponse).writeHead(200, { trailer: 'x-checksum' });
      const outgoing = response as ServerResponse;
      outgoing.write('abc');
      outgoing.addTrailers({ 'x-checksum': '900150983cd24fb0' });
      outgoing.end();
    };
    const answer = await send();
    assert.equal(answer.body, 'abc');
    assert.equal(answer.trailers['x-checksum'], '900150983cd24fb0');
  });
}
