// What stands in the hub's place for a case: nothing, something that never speaks, a server with another's certificate, one that answers nonsense.

import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { HubState } from './case.ts';
import { type Authority, authorityOf, makeCertificate } from './pki/certificate.ts';
import { agentName } from './pki/name.ts';

export interface StandIn {
  readonly url: string;
  readonly close: () => Promise<void>;
}

interface Serving {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** @param serving a certificate that the proxy would take for the hub's */
export async function startStandIn(kind: Exclude<HubState['behind'], 'hub'>, serving: Serving): Promise<StandIn> {
  if (kind === 'silence') return listen(createServer((socket) => socket.resume()));
  if (kind === 'nothing') return nothing();
  const { certificatePem, keyPem } = kind === 'stranger' ? await strangersServing() : serving;
  const server = createTlsServer({ cert: certificatePem, key: keyPem, ALPNProtocols: ['http/1.1'] }, (socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end('HTTP/1.1 nonsense\r\n\r\n'));
  });
  server.on('tlsClientError', () => undefined);
  return listen(server);
}

/** A port that was free and is nobody's now. */
async function nothing(): Promise<StandIn> {
  const { url, close } = await listen(createServer());
  await close();
  return { url, close: () => Promise.resolve() };
}

async function listen(server: Server): Promise<StandIn> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { url: `https://127.0.0.1:${port}`, close };
}

const HOUR_MS = 3_600_000;
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

async function strangersServing(): Promise<Serving> {
  const window = { notBeforeMs: Date.now() - HOUR_MS, notAfterMs: Date.now() + HOUR_MS, keyType: 'p256', brokenSignature: false } as const;
  const root = await makeCertificate(
    {
      ...window,
      ...{ subject: agentName('a stranger', []), isAuthority: true, pathLength: null, more: [] },
      ...{ keyUsage: ['keyCertSign'], extendedKeyUsage: null },
    },
    null,
  );
  const authority: Authority = authorityOf(root, null);
  return makeCertificate(
    {
      ...window,
      ...{ subject: agentName('127.0.0.1', []), isAuthority: false, pathLength: null, more: [] },
      ...{ keyUsage: ['digitalSignature'], extendedKeyUsage: [SERVER_AUTH] },
    },
    authority,
  );
}
