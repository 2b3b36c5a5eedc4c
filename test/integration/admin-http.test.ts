// The admin port on real sockets: what it serves, to whom, and what it puts up with.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as requestHttp } from 'node:http';
import type { IncomingHttpHeaders, RequestOptions } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { openMeter, startAdmin } from '../../src/admin/admin.ts';
import type { Admin, ProcessView, Status } from '../../src/admin/admin.ts';
import { systemClock } from '../../src/clock.ts';
import { readMetrics } from '../admin/metrics-text.ts';
import { current, DAY_MS, processWith, syncWith } from '../admin/views.ts';
import { keepLog } from '../ca-sync/waiting.ts';
import type { KeptLog } from '../ca-sync/waiting.ts';

/** In good health at the real hour. */
function healthy(): ProcessView {
  const nowMs = Date.now();
  const window = { notBeforeMs: nowMs - DAY_MS, notAfterMs: nowMs + 20 * DAY_MS };
  return processWith({ sync: syncWith({ current: { ...current, ...window } }, { lastSuccessMs: nowMs }), servingCertificate: window });
}

interface Started {
  readonly admin: Admin;
  readonly log: KeptLog;
  readonly meter: ReturnType<typeof openMeter>;
  readonly is: (view: ProcessView) => void;
}

async function start(t: TestContext, address: string = '127.0.0.1'): Promise<Started> {
  let view = healthy();
  const log = keepLog();
  const meter = openMeter(systemClock);
  const settings = { admin: { address, port: 0 }, alerts: { webhook: null, kubernetesEvents: null } };
  const admin = await startAdmin(settings, { meter, read: () => view, events: null, clock: systemClock, log });
  t.after(() => admin.close());
  return {
    admin,
    log,
    meter,
    is: (next) => {
      view = next;
    },
  };
}

interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function ask({ address }: Admin, path: string, options: RequestOptions = {}): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const request = requestHttp({ host: address.address, port: address.port, path, agent: false, ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() }),
      );
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end();
  });
}

/** Sends these octets and gives what comes back until the connection ends. */
async function sendRaw({ address }: Admin, octets: string): Promise<string> {
  const socket = connect(address.port, address.address);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => undefined);
  socket.write(octets);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

test('answers on the port that it says, and says so in the log', async (t) => {
  const { admin, log } = await start(t);
  assert.deepEqual(log.events, [{ name: 'admin-ready', fields: { address: '127.0.0.1', port: admin.address.port } }]);
  assert.deepEqual([(await ask(admin, '/livez')).status, (await ask(admin, '/livez')).body], [200, 'ok\n']);
});

test('is ready, and then not, with the reasons in the body', async (t) => {
  const { admin, is } = await start(t);
  assert.deepEqual([(await ask(admin, '/readyz')).status, (await ask(admin, '/readyz')).body], [200, 'ok\n']);
  is({ ...healthy(), draining: true, sync: syncWith({ current: null }) });
  const { status, body } = await ask(admin, '/readyz');
  assert.equal(status, 503);
  assert.match(body, /^this instance is shutting down\nthere is no usable signer yet: .+\n$/);
  assert.equal((await ask(admin, '/livez')).status, 200);
});

test('serves metrics that Prometheus can read', async (t) => {
  const { admin, meter } = await start(t);
  meter.hubRejected();
  const { headers, body } = await ask(admin, '/metrics');
  assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/);
  assert.deepEqual(readMetrics(body).values('countersign_hub_rejections_total'), { '': 1 });
});

test('serves the status as JSON, alerts included', async (t) => {
  const { admin, is } = await start(t);
  is({ ...healthy(), auditLinesLost: 3 });
  admin.look();
  const { headers, body } = await ask(admin, '/status');
  assert.equal(headers['content-type'], 'application/json');
  const status = JSON.parse(body) as Status;
  assert.deepEqual(
    status.alerts.map(({ name }) => name),
    ['CountersignAuditLost'],
  );
  assert.equal(status.workers[0]?.pid, process.pid);
  assert.equal(admin.alerts.current.length, 1);
});

test('serves the page with a policy that lets nothing foreign in, and all that the page refers to', async (t) => {
  const { admin } = await start(t);
  const { status, headers, body } = await ask(admin, '/');
  assert.equal(status, 200);
  assert.match(headers['content-type'] ?? '', /^text\/html/);
  assert.match(String(headers['content-security-policy']), /default-src 'none'/);
  assert.doesNotMatch(String(headers['content-security-policy']), /unsafe|\*|http/);
  const referred = [...body.matchAll(/(?:src|href)="(assets\/[^"]+)"/g)].map(([, path]) => `/${path}`);
  assert.ok(referred.length > 0);
  for (const path of new Set(referred)) assert.equal((await ask(admin, path)).status, 200, path);
});

test('every answer forbids caching, sniffing, framing and reading from elsewhere', async (t) => {
  const { admin } = await start(t);
  for (const path of ['/', '/status', '/metrics', '/livez', '/nothing-here']) {
    const { headers } = await ask(admin, path);
    assert.equal(headers['cache-control'], 'no-store', path);
    assert.equal(headers['x-content-type-options'], 'nosniff', path);
    assert.equal(headers['x-frame-options'], 'DENY', path);
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin', path);
    assert.match(String(headers['content-security-policy']), /default-src 'none'/, path);
    assert.equal(headers['access-control-allow-origin'], undefined, path);
  }
});

test('HEAD is answered as GET without the body, and other methods not at all', async (t) => {
  const { admin } = await start(t);
  const head = await ask(admin, '/status', { method: 'HEAD' });
  assert.deepEqual([head.status, head.body], [200, '']);
  assert.ok(Number(head.headers['content-length']) > 100);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE']) {
    const { status, headers } = await ask(admin, '/status', { method });
    assert.deepEqual([status, headers.allow], [405, 'GET, HEAD'], method);
  }
  assert.equal((await ask(admin, '/nothing-here')).status, 404);
  assert.equal((await ask(admin, '/status?pretty=1')).status, 200);
  assert.equal((await ask(admin, '/../status')).status, 404);
  assert.equal((await ask(admin, `/${'a'.repeat(2_000)}`)).status, 414);
});

test('a public host name is not answered to, so that a rebound name reads nothing; addresses and names of the cluster are', async (t) => {
  const { admin } = await start(t);
  const of = async (host: string): Promise<number> => (await ask(admin, '/status', { headers: { host } })).status;
  for (const host of [
    '127.0.0.1:9440',
    '10.1.2.3',
    '[::1]:9440',
    'localhost:9440',
    'countersign-admin',
    'Countersign.ns.svc:9440',
    'a.b.svc.cluster.local',
  ])
    assert.equal(await of(host), 200, host);
  for (const host of [
    'evil.example.com',
    'evil.example.com:9440',
    'svc.evil.com',
    '127.0.0.1.evil.com',
    'localhost.evil.com',
    'a b',
    '[::1',
    '::1]',
  ])
    assert.notEqual(await of(host), 200, host);
});

test('HTTP/1.0 without a host is answered, HTTP/1.1 without one is not', async (t) => {
  const { admin } = await start(t);
  assert.match(await sendRaw(admin, 'GET /livez HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /);
  assert.match(await sendRaw(admin, 'GET /livez HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 400 /);
  assert.match(await sendRaw(admin, 'GET /livez HTTP/1.1\r\nhost:\r\n\r\n'), /^HTTP\/1\.1 421 /);
});

test('what is not HTTP, has a huge head, a body or wants another protocol, ends its connection', async (t) => {
  const { admin } = await start(t);
  assert.match(await sendRaw(admin, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'), /^HTTP\/1\.1 400 /);
  assert.match(await sendRaw(admin, `GET /livez HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
  assert.match(await sendRaw(admin, 'GET /livez HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n'), /connection: close/i);
  assert.equal(await sendRaw(admin, 'CONNECT a:1 HTTP/1.1\r\nhost: localhost\r\n\r\n'), '');
  assert.equal((await ask(admin, '/livez')).status, 200);
});

test('a head that does not come is not waited for', async (t) => {
  const { admin } = await start(t);
  assert.match(await sendRaw(admin, 'GET /livez HTTP/1.1\r\nhost: loc'), /^HTTP\/1\.1 408 /);
});

test('requests that do not wait for their answers end their connection, and one after another are served on it', async (t) => {
  const { admin } = await start(t);
  const request = 'GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n';
  const answered = await sendRaw(admin, request.repeat(1_000));
  assert.ok(answered.split('HTTP/1.1 200').length <= 2, `${answered.length} octets of answers`);
  const socket = connect(admin.address.port, admin.address.address);
  t.after(() => socket.destroy());
  for (let round = 0; round < 20; round += 1) {
    socket.write(request);
    // oxlint-disable-next-line no-await-in-loop -- each waits for its answer
    const [chunk] = await once(socket, 'data');
    assert.match(String(chunk), /^HTTP\/1\.1 200 [^]*ok\n$/);
  }
});

test('connections beyond the bound are turned away, and those within it served', async (t) => {
  const { admin } = await start(t);
  const open: Socket[] = [];
  t.after(() => open.forEach((socket) => socket.destroy()));
  for (let number = 0; number < 64; number += 1) {
    const socket = connect(admin.address.port, admin.address.address);
    socket.on('error', () => undefined);
    open.push(socket);
    await once(socket, 'connect');
  }
  assert.equal(await sendRaw(admin, 'GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n'), '');
  const [first] = open;
  assert.ok(first !== undefined);
  first.write('GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n');
  const [chunk] = (await once(first, 'data')) as [Buffer];
  assert.match(chunk.toString(), /^HTTP\/1\.1 200 /);
});

test('an address that is taken or not ours is an error that names the setting', async (t) => {
  const { admin } = await start(t);
  const alerts = { webhook: null, kubernetesEvents: null };
  const meter = openMeter(systemClock);
  t.after(() => meter.close());
  const parts = { meter, read: healthy, events: null, clock: systemClock, log: keepLog() };
  const taken = startAdmin({ admin: { address: '127.0.0.1', port: admin.address.port }, alerts }, parts);
  await assert.rejects(taken, /^Error: admin\.port: cannot listen on 127\.0\.0\.1 port \d+ \(EADDRINUSE\)$/);
  const foreign = startAdmin({ admin: { address: '192.0.2.1', port: 0 }, alerts }, parts);
  await assert.rejects(foreign, /^Error: admin\.address: cannot listen on 192\.0\.2\.1/);
});

test('closing ends open connections and leaves nothing', async (t) => {
  const { admin } = await start(t);
  const socket = connect(admin.address.port, admin.address.address);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write('GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await once(socket, 'data');
  const closed = once(socket, 'close');
  await admin.close();
  await closed;
  await assert.rejects(ask(admin, '/livez'), /ECONNREFUSED/);
});

test('what cannot be read is an internal error in log and answer, and the next request is served', async (t) => {
  const { admin, log, is } = await start(t);
  const broken = {} as ProcessView;
  is(broken);
  assert.equal((await ask(admin, '/status')).status, 500);
  assert.ok(log.names().includes('internal-error'));
  is(healthy());
  assert.equal((await ask(admin, '/status')).status, 200);
});
