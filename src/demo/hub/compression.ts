// Compresses large answers as kube-apiserver does (endpoints/handlers/responsewriters/writers.go): over 128 KiB, for clients that take
// gzip. Watches are never compressed.

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { ApiAnswer } from './api/exchange.ts';

/** writers.go defaultGzipThresholdBytes and defaultGzipContentEncodingLevel. */
const THRESHOLD_BYTES = 128 * 1024;
const LEVEL = 1;

const compress = promisify<Buffer, { level: number }, Buffer>(gzip);

export async function compressed(answer: ApiAnswer, acceptEncoding: string | undefined): Promise<ApiAnswer> {
  const takesGzip = (acceptEncoding ?? '').split(',').some((token) => token.trim() === 'gzip');
  if (!takesGzip || answer.body === null || answer.body.length <= THRESHOLD_BYTES) return answer;
  const body = await compress(answer.body, { level: LEVEL });
  return { ...answer, body, headers: { ...answer.headers, 'content-encoding': 'gzip', vary: 'Accept-Encoding' } };
}
