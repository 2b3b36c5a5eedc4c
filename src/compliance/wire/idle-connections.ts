// TLS connections that say nothing: what a client holds that does no more than be there.

import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { credentialsOf } from './connection.ts';
import type { Sender } from './connection.ts';

/** Resolves when all are open, to what closes them. */
export async function openIdle(sender: Sender, count: number): Promise<() => void> {
  const sockets: TLSSocket[] = [];
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  try {
    for (let at = 0; at < count; at += 1) {
      const socket = connect({ host: '127.0.0.1', port: sender.port, ALPNProtocols: ['h2', 'http/1.1'], ...credentialsOf(sender) });
      sockets.push(socket);
      await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
      socket.on('error', () => undefined).resume();
    }
  } catch (error) {
    close();
    throw error;
  }
  return close;
}
