// `countersign run` as a process whose settings file changes under it: a captured cluster is cut off by an edit, without a restart and without a signal.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { klusterletSubject, makeClient } from '../pki.ts';
import { start } from './command-line.ts';
import type { Running } from './command-line.ts';
import { DAY_MS, GOOD_SETTINGS, makeSite } from './site.ts';
import type { Site } from './site.ts';

const nowMs = Date.now();
let site: Site;
before(async () => {
  site = await makeSite(nowMs);
});
after(() => site.remove());

async function startProxy(t: TestContext): Promise<{ proxy: Running; port: number }> {
  const proxy = start('run', '--config', await site.put('countersign.yaml', GOOD_SETTINGS));
  t.after(() => proxy.process.kill('SIGKILL'));
  const ready = JSON.parse(await proxy.waitFor(/"event":"listener-ready"/)) as { port: number };
  return { proxy, port: ready.port };
}

async function openClient(t: TestContext, port: number, cluster: string): Promise<TLSSocket> {
  const client = makeClient(klusterletSubject(cluster), site.signer.signer, { notBeforeMs: nowMs - DAY_MS, notAfterMs: nowMs + DAY_MS });
  const { pem: cert, keyPem: key } = client;
  const socket = connect({ host: '127.0.0.1', port, servername: 'proxy.example.com', ca: site.servingAuthority.pem, cert, key });
  t.after(() => socket.destroy());
  await once(socket, 'secureConnect');
  // Who does not read does not see the other side go.
  socket.resume();
  return socket;
}

async function ask(socket: TLSSocket): Promise<string> {
  socket.write('GET /apis/coordination.k8s.io/v1/namespaces/lab/leases/managed-cluster-lease HTTP/1.1\r\nhost: proxy.example.com\r\n\r\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return answer.toString();
}

test('an edited settings file cuts a cluster off and lets it in again, and raises the log level', async (t) => {
  const { proxy, port } = await startProxy(t);
  assert.match(await ask(await openClient(t, port, 'lab')), /^HTTP\/1\.1 502 [^]*cause hub-unreachable/);
  const idle = await openClient(t, port, 'lab');
  const other = await openClient(t, port, 'other');
  const cut = once(idle, 'close');

  await site.put('countersign.yaml', `${GOOD_SETTINGS}quarantine: { clusters: [lab] }\nlog: { level: error }\n`);
  await cut;
  assert.match(await ask(await openClient(t, port, 'lab')), /^HTTP\/1\.1 403 [^]*rule quarantined, audit-id/);
  assert.doesNotMatch(await ask(other), /quarantined/);

  await site.put('countersign.yaml', GOOD_SETTINGS);
  await proxy.waitFor(/"event":"quarantine-changed".*"left":\["lab"\]/);
  assert.match(await ask(await openClient(t, port, 'lab')), /^HTTP\/1\.1 502 /);

  proxy.process.kill('SIGTERM');
  const { code, err } = await proxy.ended;
  assert.equal(code, 0, err);
  const applied = err.split('\n').filter((line) => line.includes('"event":"settings-applied"'));
  assert.match(applied.join('\n'), /"settings":\["quarantine\.clusters","log\.level"\]/);
  const audit = (await readFile(join(site.folder, 'audit.jsonl'), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; change?: string; cluster?: string; by?: string[] });
  assert.deepEqual(
    audit.filter(({ event }) => event === 'quarantine').map(({ change, cluster, by }) => [change, cluster, by]),
    [
      ['entered', 'lab', ['settings']],
      ['left', 'lab', ['settings']],
    ],
  );
});
