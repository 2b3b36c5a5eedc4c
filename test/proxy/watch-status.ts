// The status of an answer, whatever it is: a watch is left as soon as it has begun.

import type { ClientHttp2Session } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import type { Agent } from 'node:https';
import type { ClientRequestPlan } from './test-client.ts';

export function statusOverH2(
  session: ClientHttp2Session,
  { method = 'GET', path = '/api', headers = {}, body }: ClientRequestPlan,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const hasBody = body !== undefined && body.length > 0;
  const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: !hasBody });
  stream.on('response', (answered) => {
    resolve(answered[':status'] ?? 0);
    stream.destroy();
  });
  stream.on('error', reject);
  stream.on('close', () => reject(new Error('closed before an answer')));
  if (hasBody) stream.end(body);
  return promise;
}

export function statusOverH1(
  agent: Agent,
  port: number,
  { method = 'GET', path = '/api', headers = {}, body }: ClientRequestPlan,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const sent = httpsRequest({ agent, host: '127.0.0.1', port, method, path, headers: { ...headers } }, (incoming) => {
    incoming.on('error', () => undefined);
    resolve(incoming.statusCode ?? 0);
    incoming.destroy();
  });
  sent.on('error', reject);
  sent.end(body);
  return promise;
}
