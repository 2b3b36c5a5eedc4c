// `countersign run` as a process: its start, its signals, its ends.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, rename } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { klusterletSubject, makeClient } from '../pki.ts';
import type { TestClient } from '../pki.ts';
import { runToEnd, start } from './command-line.ts';
import type { Running } from './command-line.ts';
import { DAY_MS, GOOD_SETTINGS, makeSite } from './site.ts';
import type { Site } from './site.ts';

const nowMs = Date.now();
let site: Site;
let client: TestClient;
before(async () => {
  site = await makeSite(nowMs);
  client = makeClient(klusterletSubject('cluster1'), site.signer.signer, { notBeforeMs: nowMs - DAY_MS, notAfterMs: nowMs + DAY_MS });
});
after(() => site.remove());

async function startProxy(t: TestContext, settings: string = GOOD_SETTINGS): Promise<{ proxy: Running; port: number }> {
  const proxy = start('run', '--config', await site.put('countersign.yaml', settings));
  t.after(() => proxy.process.kill('SIGKILL'));
  const ready = JSON.parse(await proxy.waitFor(/"event":"listener-ready"/)) as { port: number };
  return { proxy, port: ready.port };
}

function openClient(port: number): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: 'proxy.example.com',
    ca: site.servingAuthority.pem,
    cert: client.pem,
    key: client.keyPem,
  });
  return once(socket, 'secureConnect').then(() => socket);
}

async function exchangeOver(socket: TLSSocket): Promise<string> {
  socket.write(
    'GET /apis/coordination.k8s.io/v1/namespaces/cluster1/leases/managed-cluster-lease HTTP/1.1\r\nhost: proxy.example.com\r\nconnection: close\r\n\r\n',
  );
  let text = '';
  for await (const chunk of socket.setEncoding('utf8')) text += String(chunk);
  return text;
}

test('serves, answers for a hub that is away, and ends with 0 after SIGTERM', async (t) => {
  const { proxy, port } = await startProxy(t, GOOD_SETTINGS.replace('audit.jsonl', 'served.jsonl'));
  const answer = await exchangeOver(await openClient(port));
  assert.match(answer, /^HTTP\/1\.1 502 /);
  assert.match(answer, /cause hub-unreachable, audit-id/);
  proxy.process.kill('SIGTERM');
  const { code, out, err } = await proxy.ended;
  assert.equal(code, 0, err);
  assert.equal(out, '', 'the audit goes to its file');
  const events = err
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { event: string }).event);
  assert.equal(events[0], 'process-started');
  assert.deepEqual(events.slice(-2), ['process-draining', 'process-stopped']);
  const audit = await readFile(join(site.folder, 'served.jsonl'), 'utf8');
  assert.deepEqual(
    audit
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { event: string }).event),
    ['signer', 'issue'],
  );
});

test('writes the audit to standard output where the settings say so, and nothing else there', async (t) => {
  const { proxy } = await startProxy(t, GOOD_SETTINGS.replace('audit.jsonl', '"-"'));
  proxy.process.kill('SIGTERM');
  const { code, out } = await proxy.ended;
  assert.equal(code, 0);
  assert.deepEqual(
    out
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { event: string }).event),
    ['signer'],
  );
});

test('on SIGHUP reads everything again, reopens the audit, and tells of settings that it cannot or does not apply', async (t) => {
  const { proxy } = await startProxy(t);
  const audit = join(site.folder, 'audit.jsonl');
  await rename(audit, `${audit}.1`);
  proxy.process.kill('SIGHUP');
  await proxy.waitFor(/"event":"audit-reopened"/);
  await proxy.waitFor(/"event":"settings-reread"/);
  assert.equal(await readFile(audit, 'utf8'), '');

  await site.put('countersign.yaml', `${GOOD_SETTINGS}drainTimeout: 1s\n`);
  proxy.process.kill('SIGHUP');
  assert.match(await proxy.waitFor(/"event":"settings-changed"/), /takes effect with the next start/);

  await site.put('countersign.yaml', `${GOOD_SETTINGS}drainTimeout: soon\n`);
  proxy.process.kill('SIGHUP');
  assert.match(await proxy.waitFor(/"event":"settings-refused"/), /drainTimeout: found \\"soon\\"/);
  proxy.process.kill('SIGINT');
  assert.equal((await proxy.ended).code, 0);
});

async function listen(t: TestContext, server: Server): Promise<number> {
  t.after(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

test('a second SIGTERM ends a drain at once, with 1', async (t) => {
  const silent = createServer();
  const hubPort = await listen(t, silent);
  const settings = GOOD_SETTINGS.replace('127.0.0.1:1"', `127.0.0.1:${hubPort}"`).replace('connectTimeout: 2s', 'connectTimeout: 5m');
  const { proxy, port } = await startProxy(t, `${settings}drainTimeout: 1h\n`);
  const asked = once(silent, 'connection');
  const socket = await openClient(port);
  t.after(() => socket.destroy());
  socket.on('error', () => undefined);
  socket.write(
    'GET /apis/coordination.k8s.io/v1/namespaces/cluster1/leases/managed-cluster-lease HTTP/1.1\r\nhost: proxy.example.com\r\n\r\n',
  );
  await asked;
  proxy.process.kill('SIGTERM');
  await proxy.waitFor(/"event":"process-draining"/);
  proxy.process.kill('SIGTERM');
  assert.equal((await proxy.ended).code, 1);
});

test('ends with 64 on settings that are refused, and with 1 on files that cannot be used, naming the setting', async () => {
  const bad = await runToEnd('run', '--config', await site.put('bad.yaml', `${GOOD_SETTINGS}processes: auto\nlog: { level: loud }\n`));
  assert.equal(bad.code, 64);
  assert.match(bad.err, /bad\.yaml:10: processes: found a setting that is not available in this version/);
  assert.match(bad.err, /bad\.yaml:11: log\.level: found "loud"; expected one of debug, info, warn, error/);

  const nowhere = await runToEnd('run', '--config', await site.put('nowhere.yaml', GOOD_SETTINGS.replace('serving.crt', 'nowhere.crt')));
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.err, /"event":"process-failed".*listen\.certificateFile: .*ENOENT/);

  const audit = await runToEnd(
    'run',
    '--config',
    await site.put('audit.yaml', GOOD_SETTINGS.replace('audit.jsonl', 'nowhere/audit.jsonl')),
  );
  assert.equal(audit.code, 1);
  assert.match(audit.err, /"event":"process-failed".*ENOENT/);
});

test('ends with 1 when its address is taken', async (t) => {
  const taken = await listen(t, createServer());
  const settings = GOOD_SETTINGS.replace('port: 0', `port: ${taken}`);
  const { code, err } = await runToEnd('run', '--config', await site.put('taken.yaml', settings));
  assert.equal(code, 1);
  assert.match(err, /EADDRINUSE/);
  const admin = GOOD_SETTINGS.replace(/^admin:.*$/m, `admin: { port: ${taken} }`);
  const ended = await runToEnd('run', '--config', await site.put('admin-taken.yaml', admin));
  assert.equal(ended.code, 1);
  assert.match(ended.err, /"event":"process-failed".*admin\.port: cannot listen on 127\.0\.0\.1 port \d+ \(EADDRINUSE\)/);
});
