// Hubs that fail before the first request: in TCP, in TLS, or in what they present. Each counts who came.

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import type { TlsOptions, TLSSocket } from 'node:tls';
import { encodeName, extension, SERVER_AUTH, testKey } from '../pki-certificate.ts';
import { makeClient } from '../pki.ts';
import type { ClientOptions, TestAuthority } from '../pki.ts';
import { makeServingPair, servingAuthority } from './test-proxy.ts';

const HOUR_MS = 3_600_000;

export interface FaultHub {
  readonly url: URL;
  /** TCP connections ever. */
  readonly connections: number;
  close(): Promise<void>;
}

/** Hands each TCP connection to the test. */
export function startTcpHub(t: TestContext, onConnection: (socket: Socket) => void): Promise<FaultHub> {
  return start(t, createServer(onConnection));
}

/** A TLS server as `options` say, with the usual serving certificate unless they bring one. */
export function startTlsHub(
  t: TestContext,
  options: TlsOptions,
  onConnection: (socket: TLSSocket) => void = () => undefined,
): Promise<FaultHub> {
  const { certificatePem, keyPem } = makeServingPair();
  const server = createTlsServer({ cert: certificatePem, key: keyPem, ALPNProtocols: ['h2', 'http/1.1'], ...options }, onConnection);
  server.on('tlsClientError', () => undefined);
  return start(t, server);
}

async function start(t: TestContext, server: Server): Promise<FaultHub> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  t.after(close);
  return {
    url: new URL(`https://127.0.0.1:${port}`),
    get connections() {
      return connections;
    },
    close,
  };
}

/** A serving certificate, by default from the CA in hub.caFile, for a name of the test's choice. */
export function makeServingFor(
  dnsName: string,
  options: ClientOptions = {},
  authority: TestAuthority = servingAuthority,
): { cert: string; key: string } {
  const serving = makeClient(encodeName([[{ type: 'CN', value: dnsName }]]), authority, {
    key: testKey('p256', 'other serving'),
    notBeforeMs: Date.now() - HOUR_MS,
    notAfterMs: Date.now() + HOUR_MS,
    extensions: [extension.extendedKeyUsage(SERVER_AUTH), extension.dnsNames(dnsName)],
    ...options,
  });
  return { cert: serving.pem, key: serving.keyPem };
}

/**
 * OpenSSL's own server, which, unlike Node's, refuses a client certificate with an alert: in TLS 1.2 within the handshake, in TLS 1.3 behind it.
 * A relay in front of it counts the connections.
 */
export async function startAlertingHub(
  t: TestContext,
  plan: { version: 'tls1_2' | 'tls1_3'; alpn: string; clientCaPem: string },
): Promise<FaultHub> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-alerting-hub-'));
  const { certificatePem, keyPem } = makeServingPair();
  await writeFile(join(directory, 'serving.pem'), certificatePem + keyPem);
  await writeFile(join(directory, 'clients.pem'), plan.clientCaPem);
  const serving = ['-cert', join(directory, 'serving.pem'), '-key', join(directory, 'serving.pem')];
  const verifying = ['-Verify', '3', '-verify_return_error', '-CAfile', join(directory, 'clients.pem')];
  const server = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', ...serving, ...verifying, `-${plan.version}`, '-alpn', plan.alpn]);
  t.after(async () => {
    const ended = new Promise((resolve) => server.once('close', resolve));
    server.kill('SIGKILL');
    await ended;
    await rm(directory, { recursive: true, force: true });
  });
  server.stderr.resume();
  const port = await readPort(server.stdout);
  return startTcpHub(t, (socket) => {
    const onwards = connect(port, '127.0.0.1');
    onwards.on('error', () => socket.destroy());
    socket.once('close', () => onwards.destroy());
    onwards.pipe(socket).pipe(onwards);
  });
}

function readPort(output: Readable): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let said = '';
  output.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    const found = /^ACCEPT .*:(\d+)$/m.exec(said);
    if (found !== null) resolve(Number(found[1]));
  });
  output.once('close', () => reject(new Error(`openssl s_server: ${said}`)));
  return promise;
}
