// kill -9 of one side in the middle of a watch and of an upload: the other side notices, nothing hangs, and every session, socket and timer of ours
// is gone.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openPair, pairs, receive } from '../proxy/four-pairs.ts';
import type { Received } from '../proxy/four-pairs.ts';
import { openH1, openH2, requestH1, requestH2 } from '../proxy/test-client.ts';
import { eventually, makeServingPair, servingCaPem, startTestHub, startTestProxy } from '../proxy/test-proxy.ts';
import type { TestProxy } from '../proxy/test-proxy.ts';
import type { ClientPlan } from './processes/client.ts';
import type { HubPlan } from './processes/hub.ts';

interface Child {
  readonly process: ChildProcess;
  /** The first line that it says. */
  readonly said: string;
  kill(): Promise<void>;
}

async function startChild(t: TestContext, name: 'hub' | 'client', plan: HubPlan | ClientPlan): Promise<Child> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-child-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const planFile = join(directory, `${name}.json`);
  await writeFile(planFile, JSON.stringify(plan));
  const script = fileURLToPath(new URL(`processes/${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, [script, planFile], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  t.after(() => child.kill('SIGKILL'));
  const [said] = (await Promise.race([once(child.stdout, 'data'), closed])) as [unknown];
  return {
    process: child,
    said: String(said).trim(),
    kill: async () => {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

/** Sockets and timers that keep this process alive, by kind. */
function resources(): string {
  const kinds = ['TCPSocketWrap', 'TLSWrap', 'Timeout'];
  const active = process.getActiveResourcesInfo();
  return kinds.map((kind) => `${kind} ${active.filter((one) => one === kind).length}`).join(', ');
}

/** A timer of this wait may be among them. */
const NONE = /^TCPSocketWrap 0, TLSWrap 0, Timeout [01]$/;

const counts = ({ proxy }: TestProxy): [number, number, number] => {
  const { connections, requests, hubSessions } = proxy.counts();
  return [connections, requests, hubSessions];
};

for (const pair of pairs) {
  const [fromH2, toH2] = [pair.client === 'h2', pair.hub === 'h2'];

  test(`${pair.name}: the hub is killed in the middle of a watch and of an upload`, async (t) => {
    const { certificatePem: cert, keyPem: key } = makeServingPair();
    const hub = await startChild(t, 'hub', { cert, key, http2: toH2 });
    const { proxy, open } = await openPair(t, pair, { hubUrl: new URL(`https://127.0.0.1:${hub.said}`) });
    const watch = open({ method: 'GET', path: '/api/watch', bodiless: true });
    const upload = open({ path: '/api/upload' });
    upload.upload.write(Buffer.alloc(200_000, 'x'));
    assert.equal((await watch.head).status, 200);
    await eventually('both are under way', () => watch.received.bytes > 0 && proxy.proxy.counts().requests === 2);
    await hub.kill();
    assert.equal(await watch.ending, 'broken');
    assert.equal((await upload.head).status, 502);
    await eventually('no request and no hub session is left', () =>
      counts(proxy)
        .slice(1)
        .every((n) => n === 0),
    );
    await proxy.proxy.drain(0);
    assert.deepEqual(counts(proxy), [0, 0, 0]);
    await eventually('no socket and no timer is left', () => NONE.test(resources()));
  });

  test(`${pair.name}: the client is killed in the middle of a watch and of an upload`, async (t) => {
    const hub = await startTestHub(t, { http2: toH2 });
    const proxy = await startTestProxy(t, { hubUrl: hub.url });
    const uploads: Received[] = [];
    const watches: Promise<unknown>[] = [];
    hub.handler = (request, response) => {
      if (request.method !== 'GET') return void uploads.push(receive(request));
      (response as ServerResponse).writeHead(200).write('{}\n');
      watches.push(once(response, 'close'));
    };
    const { pem: cert, keyPem: key } = proxy.client();
    const child = await startChild(t, 'client', { port: proxy.port, ca: servingCaPem, cert, key, http2: fromH2 });
    assert.equal(child.said, 'watching');
    await eventually('the upload is under way', () => (uploads[0]?.bytes ?? 0) > 100_000);
    await child.kill();
    assert.equal(await uploads[0]?.ending, 'broken');
    await Promise.all(watches);
    assert.deepEqual([uploads.length, watches.length], [1, 1]);
    await eventually('nothing is open', () => counts(proxy).every((n) => n === 0) && hub.sockets.size === 0);
    await eventually('no socket and no timer is left', () => NONE.test(resources()));
  });
}

test('a thousand connections that come, ask and go leave nothing behind', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const clients = Array.from({ length: 4 }, () => proxy.client());
  const visit = async (n: number): Promise<void> => {
    const client = clients[n % clients.length] ?? null;
    if (n % 2 === 0) {
      const session = openH2(t, proxy.port, client);
      assert.equal((await requestH2(session)).status, 200);
      session.destroy();
    } else {
      const agent = openH1(t, client);
      assert.equal((await requestH1(agent, proxy.port)).status, 200);
      agent.destroy();
    }
  };
  const settled = (): boolean => counts(proxy).every((n) => n === 0) && hub.sockets.size === 0;
  for (let done = 0; done < 1_000; done += 10) await Promise.all(Array.from({ length: 10 }, (_, n) => visit(done + n)));
  await eventually('nothing is open', settled);
  assert.equal(proxy.proxy.counts().credentials, clients.length);
  await eventually('no socket and no timer is left', () => NONE.test(resources()));
});
