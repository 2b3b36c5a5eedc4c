// A rotation as clients and hub see it: sessions move to new leaves underneath, and nobody's request, upload or watch notices.

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { klusterletSubject } from '../pki.ts';
import { openHubGate } from '../proxy/hub-gate.ts';
import type { HubGate } from '../proxy/hub-gate.ts';
import { SteppedClock } from '../proxy/stepped-clock.ts';
import { openH2, readH2, requestH2 } from '../proxy/test-client.ts';
import { eventually, startTestHub, startTestProxy } from '../proxy/test-proxy.ts';
import type { HubHandler, TestHub, TestProxy, TestProxyOptions } from '../proxy/test-proxy.ts';

interface Scene {
  readonly hub: TestHub;
  readonly gate: HubGate;
  readonly proxy: TestProxy;
  readonly clock: SteppedClock;
}

async function start(t: TestContext, http2: boolean = true, options: Partial<TestProxyOptions> = {}): Promise<Scene> {
  const hub = await startTestHub(t, { http2 });
  const gate = await openHubGate(t, hub.port);
  const clock = new SteppedClock(20);
  return { hub, gate, clock, proxy: await startTestProxy(t, { hubUrl: gate.url, clock, ...options }) };
}

const issued = (proxy: TestProxy): number[] => proxy.audit.flatMap((line) => (line.event === 'issue' ? [line.generation] : []));

/** Of the leaf that a request arrived under. */
function generationAt(proxy: TestProxy, leafSHA256: string | undefined): number {
  for (const line of proxy.audit) if (line.event === 'issue' && line.leafSHA256 === leafSHA256) return line.generation;
  return 0;
}

const isSettled = (proxy: TestProxy, issues: number): boolean => issued(proxy).length === issues && proxy.proxy.counts().moves === 0;

/** `/api/watch…`: one line, then nothing until the test ends it; anything else: its own body. */
function serveWatches(hub: TestHub): ServerResponse[] {
  const watches: ServerResponse[] = [];
  hub.handler = (request, response) => {
    const outgoing = (response as ServerResponse).writeHead(200);
    if (request.url?.startsWith('/api/watch') === true) {
      outgoing.write('first\n');
      return void watches.push(outgoing);
    }
    request.pipe(outgoing);
  };
  return watches;
}

for (const http2 of [true, false]) {
  const protocol = http2 ? 'HTTP/2' : 'HTTP/1.1';

  test(`${protocol}: ten agents under load through five rotations and a rollback lose no request and no watch`, async (t) => {
    const { hub, proxy } = await start(t, http2);
    const watches = serveWatches(hub);
    const agents = Array.from({ length: 10 }, (_, n) => openH2(t, proxy.port, proxy.client(klusterletSubject(`cluster${n}`))));
    const watching = agents.map((session, n) => readH2(session.request({ ':path': `/api/watch/${n}` })));
    await eventually('all watch', () => watches.length === 10);
    const over = new AbortController();
    const load = agents.map(async (session, n) => {
      let answered = 0;
      for (; !over.signal.aborted; answered += 1) {
        const body = `${n}/${answered}`;
        const answer = await requestH2(session, { method: 'POST', body });
        assert.deepEqual([answer.status, answer.body], [200, body]);
      }
      return answered;
    });
    for (let generation = 2; generation <= 6; generation += 1) {
      proxy.rotate();
      await eventually('all have moved', () => isSettled(proxy, generation * 10));
    }
    proxy.publish(proxy.pki, [6]);
    await eventually('all have moved back', () => isSettled(proxy, 70));
    over.abort();
    const answered = await Promise.all(load);
    assert.ok(answered.every((count) => count > 0));
    for (const watch of watches) watch.end('last\n');
    for (const watch of watching) assert.equal((await watch).body, 'first\nlast\n');
    await eventually('one session an agent is left', () => proxy.proxy.counts().hubSessions === 10);
    await Promise.all(agents.map((session) => requestH2(session)));
    assert.deepEqual(new Set(hub.seen.slice(-10).map(({ leafSHA256 }) => generationAt(proxy, leafSHA256))), new Set([7]));
  });

  test(`${protocol}: a request and an upload that were on their way when the session moved are answered under the old leaf`, async (t) => {
    const { hub, proxy } = await start(t, http2);
    const held: Parameters<HubHandler>[] = [];
    hub.handler = (request, response) => void held.push([request, response]);
    const session = openH2(t, proxy.port, proxy.client());
    const asked = requestH2(session);
    const upload = session.request({ ':method': 'POST', ':path': '/api' });
    const uploaded = readH2(upload);
    upload.write('first half, ');
    await eventually('both are there', () => held.length === 2);
    proxy.rotate();
    await eventually('the session has moved', () => isSettled(proxy, 2));
    upload.end('second half');
    for (const [request, response] of held) request.pipe((response as ServerResponse).writeHead(200));
    assert.equal((await asked).status, 200);
    assert.equal((await uploaded).body, 'first half, second half');
    assert.deepEqual(
      hub.seen.map(({ leafSHA256 }) => generationAt(proxy, leafSHA256)),
      [1, 1],
    );
    await eventually('the old session has gone', () => proxy.proxy.counts().hubSessions === 1);
  });
}

for (const http2 of [true, false]) {
  test(`${http2 ? 'HTTP/2' : 'HTTP/1.1'}: a session that was opened ahead and breaks under its first GET costs nobody an answer`, async (t) => {
    const { hub, proxy } = await start(t, http2);
    const session = openH2(t, proxy.port, proxy.client());
    await requestH2(session);
    proxy.rotate();
    await eventually('the session has moved', () => isSettled(proxy, 2) && hub.handshakes.length === 2);
    const { handler } = hub;
    hub.handler = () => {
      hub.handler = handler;
      for (const socket of hub.sockets) socket.destroy();
    };
    assert.equal((await requestH2(session)).status, 200);
    assert.deepEqual(
      hub.seen.map(({ leafSHA256 }) => generationAt(proxy, leafSHA256)),
      [1, 2, 2],
    );
  });
}

test('a client that leaves while its session is moving leaves nothing behind', async (t) => {
  const { gate, proxy, hub } = await start(t);
  for (let round = 0; round < 10; round += 1) {
    const session = openH2(t, proxy.port, proxy.client());
    assert.equal((await requestH2(session)).status, 200);
    gate.set('held');
    proxy.rotate();
    await eventually('the new session is being opened', () => gate.waiting.size === 1 && proxy.proxy.counts().moves === 1);
    session.destroy();
    await eventually('all of it is gone', () => {
      const { connections, requests, hubSessions, moves } = proxy.proxy.counts();
      return connections + requests + hubSessions + moves + hub.sockets.size + gate.waiting.size === 0;
    });
    gate.set('open');
  }
  assert.equal(proxy.log.filter(({ name }) => name === 'internal-error' || name === 'hub-fault').length, 0);
});

test('while the hub takes no new connections everything goes on under the old leaf, and moves when it does again', async (t) => {
  const { gate, clock, proxy, hub } = await start(t);
  const session = openH2(t, proxy.port, proxy.client());
  await requestH2(session);
  gate.set('shut');
  proxy.rotate();
  await eventually('it was tried', () => proxy.log.some(({ name }) => name === 'session-moves-failed'));
  assert.equal((await requestH2(session)).status, 200);
  gate.set('open');
  clock.advance(10_000);
  await eventually('it has moved', () => isSettled(proxy, 2) && hub.handshakes.length === 2);
  assert.equal((await requestH2(session)).status, 200);
  assert.deepEqual(
    hub.seen.map(({ leafSHA256 }) => generationAt(proxy, leafSHA256)),
    [1, 1, 2],
  );
});

test('a generation that is withdrawn is used for no new request, while its watches go on', async (t) => {
  const { hub, proxy } = await start(t);
  const watches = serveWatches(hub);
  const session = openH2(t, proxy.port, proxy.client());
  const watch = readH2(session.request({ ':path': '/api/watch' }));
  await eventually('it is there', () => watches.length === 1);
  proxy.rotate();
  await eventually('it has moved', () => isSettled(proxy, 2));
  proxy.usable.swap(new Set([2]));
  assert.equal((await requestH2(session)).status, 200);
  proxy.publish(proxy.pki, [2]);
  const answers = await Promise.all(Array.from({ length: 10 }, () => requestH2(session)));
  assert.ok(answers.every(({ status }) => status === 200));
  assert.deepEqual(
    hub.seen.map(({ leafSHA256 }) => generationAt(proxy, leafSHA256)),
    [1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3],
  );
  watches[0]?.end('last\n');
  assert.equal((await watch).body, 'first\nlast\n');
});

test('requests that wait for a session when its generation is withdrawn go out under the next one', async (t) => {
  const { gate, hub, proxy } = await start(t);
  gate.set('held');
  const session = openH2(t, proxy.port, proxy.client());
  const asked = Array.from({ length: 5 }, () => requestH2(session, { method: 'POST', body: 'once' }));
  await eventually('the session is being opened', () => gate.waiting.size === 1);
  proxy.publish(proxy.pki, [1]);
  gate.set('open');
  assert.deepEqual(
    (await Promise.all(asked)).map(({ status }) => status),
    [200, 200, 200, 200, 200],
  );
  assert.deepEqual(
    hub.seen.map(({ leafSHA256 }) => generationAt(proxy, leafSHA256)),
    [2, 2, 2, 2, 2],
  );
  await eventually('the session that nobody used has gone', () => proxy.proxy.counts().hubSessions === 1);
});

/** A hub that answers 401 to leaves of one generation. */
function refuseGeneration(hub: TestHub, proxy: TestProxy, refused: () => number): void {
  hub.handler = (request, response) => {
    const leaf = hub.seen.at(-1)?.leafSHA256;
    request.resume();
    request.once('end', () => (response as ServerResponse).writeHead(generationAt(proxy, leaf) === refused() ? 401 : 200).end('{}'));
  };
}

test('a hub that refuses the new generation is asked again under the old one: no client notices, the sync hears of it, nobody else moves', async (t) => {
  const { hub, clock, proxy } = await start(t, true, { reissue: { lifetimeMs: 'match', movesPerSecond: 2 } });
  let refused = 2;
  refuseGeneration(hub, proxy, () => refused);
  const agents = Array.from({ length: 4 }, (_, n) => openH2(t, proxy.port, proxy.client(klusterletSubject(`cluster${n}`))));
  const askAll = async (): Promise<void> => {
    for (const session of agents) assert.equal((await requestH2(session, { method: 'POST', body: '{}' })).status, 200);
  };
  await askAll();
  proxy.rotate();
  await eventually('one has moved', () => issued(proxy).length > 4 && proxy.proxy.counts().moves === 0);
  await askAll();
  // One that had begun to move before the first of them was refused.
  await eventually('nobody moves', () => proxy.proxy.counts().moves === 0);
  await askAll();
  assert.ok(proxy.hubRefused.length > 0 && proxy.hubRefused.every((generation) => generation === 2));
  const [atFirst, rejections] = [issued(proxy).length, proxy.meter.rejections()];
  assert.ok(atFirst < 8 && rejections > 0);
  await looks(clock, 4);
  await askAll();
  assert.deepEqual([issued(proxy).length, proxy.meter.rejections()], [atFirst, rejections]);
  proxy.publish(proxy.pki, [2]);
  refused = 0;
  await eventually('all have moved to the third', () => issued(proxy).filter((generation) => generation === 3).length === 4);
  await askAll();
});

/** So many times what is done each ten seconds is done. */
function looks(clock: SteppedClock, times: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = times;
  const stop = clock.every(10_000, () => {
    left -= 1;
    if (left > 0) return;
    stop();
    resolve();
  });
  return promise;
}

test('two publications while a session is moving end with the last one, and with one session', async (t) => {
  const { gate, proxy, hub } = await start(t);
  const session = openH2(t, proxy.port, proxy.client());
  await requestH2(session);
  gate.set('held');
  proxy.rotate();
  await eventually('the new session is being opened', () => gate.waiting.size === 1);
  proxy.rotate();
  gate.set('open');
  await eventually('it has moved twice', () => issued(proxy).at(-1) === 3 && proxy.proxy.counts().moves === 0);
  await eventually('one session is left', () => proxy.proxy.counts().hubSessions === 1);
  assert.equal((await requestH2(session)).status, 200);
  assert.equal(generationAt(proxy, hub.seen.at(-1)?.leafSHA256), 3);
});
