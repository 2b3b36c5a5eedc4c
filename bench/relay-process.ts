// The least that a Node program can do between the same two ends: HTTP/2 with mutual TLS on both sides, streams piped, nothing looked at and
// nothing issued. What Countersign costs above this is its own.

import { readFileSync } from 'node:fs';
import { connect, createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { reportTo } from './process-edge.ts';

const read = (name: string): string => readFileSync(join(process.argv[2] ?? '', name), 'utf8');
const hub = connect(`https://127.0.0.1:${read('hub-port')}`, {
  ca: read('serving-ca.crt'),
  cert: read('client.crt'),
  key: read('client.key'),
  settings: { initialWindowSize: 256 * 1024 },
});
const server = createSecureServer({
  cert: read('serving.crt'),
  key: read('serving.key'),
  ca: read('trust.crt'),
  requestCert: true,
  rejectUnauthorized: false,
});
server.on('stream', (stream, headers) => {
  const { ':authority': _authority, ...rest } = headers;
  const upstream = hub.request(rest, { endStream: stream.readableEnded || headers[':method'] === 'GET' });
  upstream.on('response', ({ ':status': status = 502, ...answer }) => {
    stream.respond({ ':status': status, ...answer });
    upstream.pipe(stream);
  });
  if (headers[':method'] !== 'GET') stream.pipe(upstream);
});
server.listen(0, '127.0.0.1', () => reportTo(process, (server.address() as AddressInfo).port));
