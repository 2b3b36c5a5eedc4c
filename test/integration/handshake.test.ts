// The TLS handshake of the listener, as OpenSSL's own client sees it: versions, suites, renegotiation, resumption, and the authorities it names.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { makeAuthority } from '../pki.ts';
import { exchangeRaw, openRaw } from '../proxy/test-client.ts';
import { eventually, servingCaPem, startTestHub, startTestProxy, toTrust } from '../proxy/test-proxy.ts';
import type { TestProxy } from '../proxy/test-proxy.ts';

async function start(t: TestContext): Promise<TestProxy> {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const client = proxy.client();
  await writeFile(join(proxy.directory, 'client.pem'), client.pem + client.keyPem);
  await writeFile(join(proxy.directory, 'serving-ca.pem'), servingCaPem);
  return proxy;
}

interface Dialogue {
  readonly said: () => string;
  write(text: string): void;
  /** Closes its input and waits for its end. */
  end(): Promise<string>;
}

function startClient(t: TestContext, proxy: TestProxy, ...options: readonly string[]): Dialogue {
  const [client, ca] = ['client.pem', 'serving-ca.pem'].map((name) => join(proxy.directory, name));
  const fixed = ['-connect', `127.0.0.1:${proxy.port}`, '-CAfile', ca ?? '', '-cert', client ?? '', '-key', client ?? ''];
  const child = spawn('openssl', ['s_client', ...fixed, ...options]);
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  for (const output of [child.stdout, child.stderr]) output.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')));
  child.stdin.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    said: () => said,
    write: (text) => void child.stdin.write(text),
    end: async () => {
      child.stdin.end();
      await closed;
      return said;
    },
  };
}

const request = (proxy: TestProxy): string => `GET /api HTTP/1.1\r\nHost: 127.0.0.1:${proxy.port}\r\nConnection: close\r\n\r\n`;

const accepted: readonly (readonly string[])[] = [
  ['-tls1_3'],
  ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305'].map((suite) => [
    '-tls1_2',
    '-cipher',
    suite,
  ]),
];

const refused: readonly (readonly string[])[] = [
  ['-tls1', '-cipher', 'ALL@SECLEVEL=0'],
  ['-tls1_1', '-cipher', 'ALL@SECLEVEL=0'],
  ...[
    'ECDHE-ECDSA-AES128-SHA',
    'ECDHE-ECDSA-AES256-SHA384',
    'ECDHE-ECDSA-AES128-CCM8',
    'AES128-GCM-SHA256',
    'AES128-SHA',
    'DHE-RSA-AES128-GCM-SHA256',
  ].map((suite) => ['-tls1_2', '-cipher', `${suite}@SECLEVEL=0`]),
];

test('TLS 1.3, and TLS 1.2 with ephemeral keys and authenticated encryption, are spoken', async (t) => {
  const proxy = await start(t);
  for (const options of accepted) {
    const client = startClient(t, proxy, '-quiet', ...options);
    client.write(request(proxy));
    await eventually(`an answer with ${options.join(' ')}`, () => client.said().includes('HTTP/1.1 200 OK'));
    await client.end();
  }
});

test('older versions, and suites without forward secrecy or authenticated encryption, end in an alert', async (t) => {
  const proxy = await start(t);
  for (const options of refused) {
    const said = await startClient(t, proxy, ...options).end();
    assert.match(said, /alert (protocol version|handshake failure)/, options.join(' '));
  }
  assert.equal(proxy.audit.length, 0);
});

test('a renegotiation is not made', async (t) => {
  const proxy = await start(t);
  const client = startClient(t, proxy, '-tls1_2');
  await eventually('the handshake', () => client.said().includes('Verify return code: 0'));
  client.write('R\n');
  await eventually('the refusal', () => client.said().includes('no renegotiation'));
  const said = await client.end();
  assert.equal(said.split('Verify return code').length - 1, 1);
});

test('the CertificateRequest names the authorities of the bundle of this moment, in TLS 1.2 and 1.3', async (t) => {
  const proxy = await start(t);
  const named = async (version: string): Promise<string[]> => {
    const said = await startClient(t, proxy, version, '-nameopt', 'RFC2253').end();
    const list = /Acceptable client certificate CA names\n([\s\S]*?)\n(?:Requested|Client Certificate Types)/.exec(said)?.[1] ?? '';
    return list.split('\n').toSorted();
  };
  const subjects = (): string[] => (proxy.trust.current?.authorities ?? []).map(({ subject }) => subject).toSorted();
  for (const version of ['-tls1_2', '-tls1_3']) assert.deepEqual(await named(version), subjects());
  proxy.rotate();
  assert.equal(subjects().length, 4);
  for (const version of ['-tls1_2', '-tls1_3']) assert.deepEqual(await named(version), subjects());
  const other = makeAuthority('another authority', { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 60_000 });
  proxy.trust.swap(toTrust(other.pem));
  for (const version of ['-tls1_2', '-tls1_3']) assert.deepEqual(await named(version), ['CN=another authority']);
});

async function openWithSession(
  t: TestContext,
  proxy: TestProxy,
  version: 'TLSv1.2' | 'TLSv1.3',
  session?: Buffer,
): Promise<{ socket: TLSSocket; sessions: Buffer[] }> {
  const { pem: cert, keyPem: key } = proxy.client();
  const resumable = session === undefined ? {} : { session };
  const sessions: Buffer[] = [];
  const socket = connect({
    host: '127.0.0.1',
    port: proxy.port,
    ca: servingCaPem,
    cert,
    key,
    minVersion: version,
    maxVersion: version,
    ...resumable,
  });
  t.after(() => socket.destroy());
  socket.on('session', (one) => sessions.push(one));
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  return { socket, sessions };
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${version}: no session is ever resumed, neither before nor after a change of the bundle`, async (t) => {
    const proxy = await start(t);
    const first = await openWithSession(t, proxy, version);
    assert.match(await exchangeRaw(first.socket, request(proxy)), /^HTTP\/1\.1 200 /);
    const held = [...first.sessions, first.socket.getSession()].filter((one) => one !== undefined);
    for (let round = 0; round < 2; round += 1) {
      for (const session of held) {
        const again = await openWithSession(t, proxy, version, session);
        assert.equal(again.socket.isSessionReused(), false);
        assert.match(await exchangeRaw(again.socket, request(proxy)), /^HTTP\/1\.1 200 /);
      }
      proxy.rotate();
    }
  });
}

for (const pace of ['says nothing', 'dribbles']) {
  test(`a client that ${pace} instead of a handshake is cut off`, async (t) => {
    const hub = await startTestHub(t);
    const proxy = await startTestProxy(t, { hubUrl: hub.url, limits: { handshakeTimeoutMs: 300 } });
    const client = connectTcp(proxy.port, '127.0.0.1');
    client.on('error', () => undefined);
    client.resume();
    // The head of a ClientHello of 512 bytes (RFC 8446 section 5.1), and then a byte of it now and then.
    if (pace === 'dribbles') client.write(Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252]));
    const dribble = setInterval(() => pace === 'dribbles' && client.write(Buffer.from([3])), 50);
    await new Promise((resolve) => client.once('close', resolve));
    clearInterval(dribble);
    assert.ok(client.bytesWritten < 512, 'before it could have finished');
    assert.match(await exchangeRaw(await openRaw(t, proxy.port, proxy.client()), request(proxy)), /^HTTP\/1\.1 200 /);
  });
}
