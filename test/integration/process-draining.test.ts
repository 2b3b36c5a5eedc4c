// The end of a real process: SIGTERM in the middle of a watch and of a request, and nothing but exit code 0 afterwards.

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { start as startCommand } from '../cli/command-line.ts';
import type { Running } from '../cli/command-line.ts';
import { DAY_MS, GOOD_SETTINGS, makeSite } from '../cli/site.ts';
import type { Site } from '../cli/site.ts';
import { klusterletSubject, makeClient, makeOpenShiftSigner } from '../pki.ts';
import { makeServingFor } from '../proxy/fault-hub.ts';
import { openH2, readH2, requestH2 } from '../proxy/test-client.ts';
import { eventually, makeServingPair, servingCaPem, startTestHub } from '../proxy/test-proxy.ts';
import type { TestHub } from '../proxy/test-proxy.ts';

/** What a policy says of these requests is not what is tried here. */
const NO_POLICY = 'inspect: { mode: report }\n';

interface Scene {
  readonly hub: TestHub;
  readonly site: Site;
  readonly proxy: Running;
  readonly port: number;
}

async function start(t: TestContext, drainTimeout: string): Promise<Scene> {
  const hub = await startTestHub(t);
  const site = await makeSite(Date.now());
  t.after(() => site.remove());
  const { certificatePem, keyPem } = makeServingPair();
  await site.put('serving.crt', certificatePem);
  await site.put('serving.key', keyPem);
  await site.put('hub-ca.crt', servingCaPem);
  const settings = GOOD_SETTINGS.replace('https://127.0.0.1:1', hub.url.origin);
  const proxy = startCommand(
    'run',
    '--config',
    await site.put('countersign.yaml', `${settings}drainTimeout: ${drainTimeout}\n${NO_POLICY}`),
  );
  t.after(() => proxy.process.kill('SIGKILL'));
  const { port } = JSON.parse(await proxy.waitFor(/"event":"listener-ready"/)) as { port: number };
  return { hub, site, proxy, port };
}

const clientOf = ({ site }: Scene): ReturnType<typeof makeClient> =>
  makeClient(klusterletSubject('cluster1'), site.signer.signer, { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + DAY_MS });

test('SIGTERM: what is under way is answered, a watch is cut when its time is over, and the process ends with 0', async (t) => {
  const scene = await start(t, '1s');
  const held: ServerResponse[] = [];
  scene.hub.handler = (request, response) => {
    request.resume();
    const outgoing = response as ServerResponse;
    if (request.url === '/api/watch') outgoing.writeHead(200).write('{}\n');
    held.push(outgoing);
  };
  const session = openH2(t, scene.port, clientOf(scene));
  const watch = assert.rejects(readH2(session.request({ ':path': '/api/watch' })));
  const answer = requestH2(session, { method: 'POST', path: '/api/slow', body: '{}' });
  await eventually('the hub has both', () => held.length === 2);
  const goaway = new Promise((resolve) => session.once('goaway', resolve));
  scene.proxy.process.kill('SIGTERM');
  await goaway;
  held
    .find(({ headersSent }) => !headersSent)
    ?.writeHead(200)
    .end('done');
  assert.deepEqual([(await answer).status, (await answer).body], [200, 'done']);
  await watch;
  const { code, err } = await scene.proxy.ended;
  assert.equal(code, 0, err);
  await eventually('the hub has seen it go', () => scene.hub.sockets.size === 0);
});

test('SIGTERM with nothing under way ends the process long before drainTimeout', async (t) => {
  const scene = await start(t, '1h');
  const session = openH2(t, scene.port, clientOf(scene));
  assert.equal((await requestH2(session)).status, 200);
  scene.proxy.process.kill('SIGTERM');
  assert.equal((await scene.proxy.ended).code, 0);
});

async function servedAt(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  const shown = socket.getPeerX509Certificate()?.fingerprint256 ?? '';
  socket.destroy();
  return shown;
}

test('SIGHUP: a new serving certificate, signer and trust bundle are in use at once, and an open watch goes on', async (t) => {
  const scene = await start(t, '1s');
  const watched = Promise.withResolvers<ServerResponse>();
  scene.hub.handler = (request, response) => {
    request.resume();
    const outgoing = (response as ServerResponse).writeHead(200);
    if (request.url !== '/api/watch') return void outgoing.end('{}');
    outgoing.write('before\n');
    watched.resolve(outgoing);
  };
  const session = openH2(t, scene.port, clientOf(scene));
  const watch = readH2(session.request({ ':path': '/api/watch' }));
  const outgoing = await watched.promise;
  const [serving, signer] = [makeServingFor('127.0.0.1'), makeOpenShiftSigner(Date.now() - DAY_MS / 2, 'p256')];
  await scene.site.put('serving.crt', serving.cert);
  await scene.site.put('serving.key', serving.key);
  await scene.site.put('trust.crt', scene.site.signer.bundle + signer.bundle);
  await scene.site.put('signer.crt', signer.tlsCrt);
  await scene.site.put('signer.key', signer.tlsKey);
  scene.proxy.process.kill('SIGHUP');
  await scene.proxy.waitFor(/"event":"settings-reread"/);
  assert.equal(await servedAt(scene.port), new X509Certificate(serving.cert).fingerprint256);
  assert.equal((await requestH2(session)).status, 200);
  const signerShown = (): Buffer | undefined => scene.hub.handshakes.at(-1)?.chain[1];
  await eventually('the session moves to a leaf of the new signer', () => signerShown()?.equals(signer.signer.certificate.der) === true);
  outgoing.end('after\n');
  assert.equal((await watch).body, 'before\nafter\n');
  scene.proxy.process.kill('SIGTERM');
  assert.equal((await scene.proxy.ended).code, 0);
});
