// `countersign status`: what it prints of a running proxy, its exit codes, and what it says where nothing, or something else, answers.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { openMeter, startAdmin } from '../../src/admin/admin.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/events.ts';
import { processWith, syncWith } from '../admin/views.ts';
import { alarm, healthy, pendingCandidate } from '../admin/page-status.ts';
import { runToEnd } from './command-line.ts';

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const answering =
  (value: unknown, path = '/status'): RequestListener =>
  (request, response) => {
    response.writeHead(request.url === path ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  };

test('a healthy fleet is said to be safe, and ends with 0', async (t) => {
  const ended = await runToEnd('status', '--admin', await serve(t, answering(healthy)));
  assert.equal(ended.err, '');
  assert.match(ended.out, /^SAFE {2}The fleet is safe: the hub accepts the signer in use, which has 18 days left\.\n/);
  assert.match(ended.out, /Generation 12 +in use, accepted by the hub +18 d 21 h left, until 12 Dec 2026, 11:03/);
  assert.match(ended.out, /paris-edge-07 +4 d 4 h left +system:open-cluster-management:paris-edge-07:/);
  assert.equal(ended.code, 0);
});

test('where an alert fires, it says which, why and where to read on, and ends with 1', async (t) => {
  for (const status of [alarm, pendingCandidate]) {
    const ended = await runToEnd('status', '--admin', await serve(t, answering(status)));
    assert.equal(ended.code, 1);
    assert.equal(ended.err, '');
    for (const { message, runbook } of status.alerts) assert.ok(ended.out.includes(message) && ended.out.includes(runbook));
  }
});

test('a proxy that is not ready ends with 1 although no alert fires yet', async (t) => {
  const ended = await runToEnd('status', '--admin', await serve(t, answering({ ...healthy, ready: false, reasons: ['draining'] })));
  assert.equal(ended.code, 1);
  assert.match(ended.out, /^AT RISK {2}Agents cannot get through: draining\./);
});

test('--json prints what was answered, also what this version does not know, with the same exit code', async (t) => {
  const newer = { ...alarm, newer: { thing: 1 }, alerts: [...alarm.alerts, { ...alarm.alerts[0], name: 'CountersignNewer' }] };
  const ended = await runToEnd('status', '--json', '--admin', await serve(t, answering(newer)));
  assert.deepEqual(JSON.parse(ended.out), newer);
  assert.equal(ended.code, 1);
});

test('what the admin port of the proxy itself answers is understood', async (t) => {
  const parts = { meter: openMeter(systemClock), events: null, clock: systemClock, log: silentLog };
  const read = () => processWith({ sync: syncWith({}, { lastSuccessMs: systemClock.now() }) });
  const admin = await startAdmin(
    { admin: { address: '127.0.0.1', port: 0 }, alerts: { webhook: null, kubernetesEvents: null } },
    { ...parts, read },
  );
  t.after(() => admin.close());
  const ended = await runToEnd('status', '--admin', `http://127.0.0.1:${admin.address.port}`);
  assert.equal(ended.err, '');
  assert.match(ended.out, /\n {2}Generation 3 /);
  assert.match(ended.out, /\n {2}https:\/\/hub:6443 +accepts generation 3 /);
});

test('the admin port may be behind a path, as behind kubectl proxy', async (t) => {
  const url = await serve(t, answering(healthy, '/api/v1/namespaces/c/pods/p:9440/proxy/status'));
  for (const end of ['', '/'])
    assert.equal((await runToEnd('status', '--admin', `${url}/api/v1/namespaces/c/pods/p:9440/proxy${end}`)).code, 0);
});

test('where nothing answers it says so in one line that names --admin, and ends with 1', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const ended = await runToEnd('status', '--admin', `http://127.0.0.1:${port}`);
  assert.equal(ended.code, 1);
  assert.equal(ended.out, '');
  assert.match(ended.err, /^countersign status: nothing answers at http:\/\/127\.0\.0\.1:\d+\/status \(.*ECONNREFUSED.*--admin URL.*\n$/);
});

test('another server, a broken answer, an endless one and a redirect are told apart from a status', async (t) => {
  const wrong: readonly (readonly [RequestListener, RegExp])[] = [
    [(_, response) => void response.end('<html>'), /not with a status of Countersign \(it is not JSON\); is --admin right\?/],
    [(_, response) => void response.end('{"version":"1"}'), /not with a status of Countersign \(at: /],
    [(_, response) => void response.writeHead(404).end('no\u001B[2J'), /answered 404 \(no\\u001b\[2J\); is --admin right\?/],
    [(_, response) => void response.writeHead(302, { location: '/elsewhere' }).end(), /redirect/],
    [
      (_, response) => {
        const chunk = Buffer.alloc(64 * 1024, 0x20);
        const pour = (): void => {
          while (!response.destroyed && response.write(chunk));
        };
        response.on('drain', pour);
        pour();
      },
      /an answer of more than 1024 KiB/,
    ],
  ];
  for (const [listener, said] of wrong) {
    const ended = await runToEnd('status', '--admin', await serve(t, listener));
    assert.equal(ended.code, 1);
    assert.match(ended.err, said);
    assert.equal(ended.err.trimEnd().split('\n').length, 1);
    assert.equal(ended.out, '');
  }
});

test('a URL that cannot be one of an admin port ends with 64', async () => {
  for (const url of ['localhost:9440', '127.0.0.1:9440', 'ftp://127.0.0.1', 'http://user:pw@127.0.0.1', 'http://127.0.0.1/?a=b', '']) {
    const ended = await runToEnd('status', '--admin', url);
    assert.equal(ended.code, 64, url);
    assert.match(ended.err, /^countersign status: --admin: expected an http or https URL/);
  }
});

test('an alert text cannot fake a line or steer the terminal', async (t) => {
  const message = 'x\nSAFE  The fleet is safe\u001B[1A\u202E';
  const status = { ...alarm, alerts: [{ ...alarm.alerts[0], message }] };
  const ended = await runToEnd('status', '--admin', await serve(t, answering(status)));
  assert.ok(ended.out.includes('  x SAFE  The fleet is safe\\u{1b}[1A\\u{202e}\n'));
});
