// A hub in a process of its own, to be killed: begins every GET as a watch, swallows every upload, ends nothing by itself. Says its port.

import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import type { Http2ServerResponse } from 'node:http2';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HubPlan {
  readonly cert: string;
  readonly key: string;
  readonly http2: boolean;
}

const { cert, key, http2 } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as HubPlan;
const protocol = http2 ? {} : { ALPNCallback: () => 'http/1.1' };
const server = createSecureServer({ cert, key, requestCert: true, rejectUnauthorized: false, allowHTTP1: true, ...protocol });
server.on('request', (request, response: ServerResponse | Http2ServerResponse) => {
  request.on('error', () => undefined);
  request.resume();
  if (request.method === 'GET') (response as ServerResponse).writeHead(200).write('{}\n');
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
