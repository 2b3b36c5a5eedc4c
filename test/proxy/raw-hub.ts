// A hub that answers in bytes of the test's own making: what no well-behaved server sends.

import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { FRAME, frame, FrameReader } from './raw-h2.ts';
import { makeServingPair } from './test-proxy.ts';

export interface RawHub {
  readonly url: URL;
  readonly sockets: TLSSocket[];
}

/** Hands each connection to the test. Stops with it. */
async function startRawHub(t: TestContext, alpn: 'h2' | 'http/1.1', onConnection: (socket: TLSSocket) => void): Promise<RawHub> {
  const { certificatePem, keyPem } = makeServingPair();
  const sockets: TLSSocket[] = [];
  const server = createServer(
    { cert: certificatePem, key: keyPem, requestCert: true, rejectUnauthorized: false, ALPNProtocols: [alpn] },
    (socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      onConnection(socket);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  const { port } = server.address() as AddressInfo;
  return { url: new URL(`https://127.0.0.1:${port}`), sockets };
}

/** An HTTP/1.1 hub that answers each request head with `answer`, whatever it says. */
export function startRawH1Hub(t: TestContext, answer: (socket: TLSSocket, request: string) => void): Promise<RawHub> {
  return startRawHub(t, 'http/1.1', (socket) => {
    let received = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
      const end = received.indexOf('\r\n\r\n');
      if (end < 0) return;
      const request = received;
      received = '';
      answer(socket, request);
    });
  });
}

/** An HTTP/2 hub that hands over the frames of each connection once the settings are exchanged; the first request is stream 1. */
export function startRawH2Hub(t: TestContext, onConnection: (socket: TLSSocket, reader: FrameReader) => void): Promise<RawHub> {
  return startRawHub(t, 'h2', (socket) => {
    const reader = new FrameReader(socket, 'server');
    socket.write(frame(FRAME.SETTINGS, 0, 0));
    onConnection(socket, reader);
  });
}
