// Bytes over HTTP/1.1 and TLS, as they stand in a case, and what comes back until the other side closes.

import { connect } from 'node:tls';
import type { CaseRequest } from '../case.ts';
import { credentialsOf } from './connection.ts';
import type { Sender } from './connection.ts';
import { type Answer, fillIn } from './sent-request.ts';

/** Of what comes back: more is no answer to a case. */
const MAX_RECEIVED_BYTES = 4 * 1024 * 1024;

export interface RawExchange {
  readonly answer: Promise<Answer>;
  readonly close: () => void;
}

/** Resolves when the connection is closed, which the proxy does after a refusal; only the first answer is read, and all are counted. */
export function sendRaw(sender: Sender, raw: string, afterwards: CaseRequest['afterwards']): RawExchange {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const socket = connect({
    ...{ host: '127.0.0.1', port: sender.port, ALPNProtocols: ['http/1.1'], allowHalfOpen: true },
    ...credentialsOf(sender),
  });
  let received = '';
  let failure: Error | null = null;
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
    if (received.length > MAX_RECEIVED_BYTES) socket.destroy(new Error(`more than ${MAX_RECEIVED_BYTES} bytes came back`));
  });
  socket.on('end', () => socket.end());
  socket.on('error', (error: Error) => {
    failure = error;
  });
  socket.once('close', () => (received === '' && failure !== null && !isReset(failure) ? reject(failure) : resolve(readAnswer(received))));
  const bytes = Buffer.from(fillIn(raw, `127.0.0.1:${sender.port}`), 'latin1');
  if (afterwards === 'end') socket.end(bytes);
  else if (afterwards === 'destroy') socket.write(bytes, () => socket.destroy());
  else socket.write(bytes);
  return { answer: promise, close: () => socket.destroy() };
}

function isReset(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE';
}

function readAnswer(received: string): Answer {
  const [head = '', body = ''] = received.split(/\r\n\r\n([^]*)/, 2);
  const [first = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => line.split(/:\s*(.*)/, 2)).map(([name = '', value = '']) => [name.toLowerCase(), value]),
  );
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? 0);
  const answers = received.split(/^HTTP\/1\.1 \d{3}/m).length - 1;
  return { status, headers, body: body.trimEnd(), ended: answers === 0 ? 'closed' : 'whole', answers };
}
