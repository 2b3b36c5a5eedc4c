// A client in a process of its own, to be killed: keeps a watch and an upload open, and says so once both are under way.

import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { Agent, request } from 'node:https';
import type { Writable } from 'node:stream';

export interface ClientPlan {
  readonly port: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly http2: boolean;
}

const { port, http2, ...credentials } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as ClientPlan;

/** Between two pieces of the upload. */
const PACE_MS = 20;
const PIECE = Buffer.alloc(8 * 1024, 'x');

const watching = (): void => void process.stdout.write('watching\n');
let upload: Writable;
if (http2) {
  const session = connect(`https://127.0.0.1:${port}`, credentials);
  session.request({ ':path': '/api/watch' }).once('data', watching);
  upload = session.request({ ':method': 'POST', ':path': '/api/upload' });
} else {
  const agent = new Agent({ ...credentials, keepAlive: true });
  request({ agent, host: '127.0.0.1', port, path: '/api/watch' }, (incoming) => incoming.once('data', watching)).end();
  upload = request({ agent, host: '127.0.0.1', port, path: '/api/upload', method: 'POST' });
}
setInterval(() => upload.write(PIECE), PACE_MS);
