// The hub of a bench: answers each request, as soon as it has its body, with a small object, or with a list of as many bytes as the query sets for its limit.

import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import type { ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { reportTo } from './process-edge.ts';

const CHUNK = Buffer.alloc(64 * 1024, '{"kind":"ManagedCluster"},');
const SMALL = JSON.stringify({
  kind: 'Lease',
  apiVersion: 'coordination.k8s.io/v1',
  metadata: { name: 'managed-cluster-lease' },
  spec: { holderIdentity: 'x'.repeat(300) },
});

const read = (name: string): string => readFileSync(join(process.argv[2] ?? '', name), 'utf8');
const server = createSecureServer({
  cert: read('serving.crt'),
  key: read('serving.key'),
  ca: read('trust.crt'),
  requestCert: true,
  rejectUnauthorized: true,
  // As kube-apiserver has them (k8s.io/apiserver pkg/server/secure_serving.go).
  settings: { maxConcurrentStreams: 2_000, initialWindowSize: 256 * 1024 },
});
server.on('stream', (stream, headers) => {
  stream.on('error', () => undefined);
  const bytes = Number(new URL(headers[':path'] ?? '/', 'https://hub').searchParams.get('limit') ?? 0);
  if (bytes > 0) return sendLarge(stream, bytes);
  if (headers[':method'] === 'GET') return sendSmall(stream);
  stream.once('end', () => sendSmall(stream));
  stream.resume();
});
server.listen(0, '127.0.0.1', () => reportTo(process, (server.address() as AddressInfo).port));

function sendSmall(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/json', 'content-length': SMALL.length });
  stream.end(SMALL);
}

function sendLarge(stream: ServerHttp2Stream, bytes: number): void {
  stream.respond({ ':status': 200, 'content-type': 'application/json' });
  let left = bytes;
  const send = (): void => {
    while (left > 0) {
      left -= CHUNK.length;
      if (!stream.write(CHUNK)) {
        stream.once('drain', send);
        return;
      }
    }
    stream.end();
  };
  send();
}
