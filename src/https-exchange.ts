// One HTTPS request and its whole answer, for whoever asks a hub something once in a while. Bounded in time and size; keeps no connection, and never
// goes where an answer tells it to.

import { request } from 'node:https';
import type { RequestOptions } from 'node:https';

export interface HttpsAnswer {
  readonly status: number;
  /** The server's Date header in epoch milliseconds; null where there is none or it does not parse. */
  readonly dateMs: number | null;
  readonly body: string;
}

/** TLS material and headers, as `https.request` takes them; `signal` ends the request. */
export type HttpsIdentity = Pick<
  RequestOptions,
  'agent' | 'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'headers' | 'servername' | 'checkServerIdentity' | 'auth' | 'signal'
>;

/** Answers to reviews are under 4 KiB. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** Sends `json` with POST where it is given, else GET. Rejects where there is no whole answer in time. */
export function exchange(url: URL, identity: HttpsIdentity, timeoutMs: number, json?: object): Promise<HttpsAnswer> {
  const body = json === undefined ? undefined : JSON.stringify(json);
  const headers = {
    accept: 'application/json',
    ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    ...(identity.headers as Record<string, string> | undefined),
  };
  const deadline = AbortSignal.timeout(timeoutMs);
  const signal = identity.signal === undefined ? deadline : AbortSignal.any([deadline, identity.signal]);
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(deadline.aborted ? new Error(`no whole answer within ${timeoutMs} ms`) : error);
    const sent = request(
      url,
      { agent: false, ...identity, rejectUnauthorized: true, method: body === undefined ? 'GET' : 'POST', headers, signal },
      (response) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length > MAX_ANSWER_BYTES) response.destroy(new Error(`an answer of more than ${MAX_ANSWER_BYTES / 1024} KiB`));
          else chunks.push(chunk);
        });
        response.on('error', failed);
        response.on('end', () => {
          const dateMs = Date.parse(response.headers.date ?? '');
          resolve({
            status: response.statusCode ?? 0,
            dateMs: Number.isNaN(dateMs) ? null : dateMs,
            body: Buffer.concat(chunks).toString('utf8'),
          });
        });
      },
    );
    sent.on('error', failed);
    sent.end(body);
  });
}

/** A JSON object at this path of an answer's body; null where the body is not JSON or has none there. */
export function fieldOf(body: string, ...path: readonly string[]): unknown {
  try {
    return path.reduce<unknown>(
      (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : null),
      JSON.parse(body),
    );
  } catch {
    return null;
  }
}
