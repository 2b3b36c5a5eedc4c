// Ends a connection so that its client can still read the last answer. Parses nothing more of what comes.

import type { Duplex } from 'node:stream';

/**
 * Closes our side and drops what still comes. A socket that is closed with something unread is reset by the kernel, and a reset takes the answer
 * with it, if the client has not read it yet (RFC 9112 section 9.6). A client that never closes its side is cut off by the listener's sweep.
 */
export function closeLingering(socket: Duplex): void {
  if (socket.destroyed || socket.writableEnded) return;
  // Node's HTTP parser among them.
  socket.removeAllListeners('data');
  socket.on('data', () => undefined);
  socket.resume();
  socket.end();
}
