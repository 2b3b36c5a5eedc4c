// Why a call to the hub's API server came to nothing: turns what client-node and undici throw into a stable code and a sentence. Never
// passes on their messages, which may quote the answer, and the answer may be a Secret.

import { ApiException } from '@kubernetes/client-node';
import { HubConnectionError } from './hub-connection.ts';
import type { SourceFailure } from './source.ts';

export class AnswerTooLargeError extends Error {
  constructor(limitBytes: number) {
    super(`answer of more than ${limitBytes} bytes`);
    this.name = 'AnswerTooLargeError';
  }
}

export interface Circumstances {
  /** The object, as in "Secret namespace/name". */
  readonly what: string;
  readonly server: string;
  readonly hasTimedOut: boolean;
}

export function describeFailure(error: unknown, { what, server, hasTimedOut }: Circumstances): SourceFailure {
  const status = findStatus(error);
  if (status !== null) return describeStatus(status, what);
  if (error instanceof HubConnectionError) return fail('kubeconfig', error.message);
  if (error instanceof AnswerTooLargeError) return fail('too-large', `${what}: ${error.message}`);
  if (hasTimedOut) return fail('timeout', `${server} did not answer in time for ${what}`);
  const code = findSystemCode(error);
  if (code !== null) return fail('unreachable', `${server} cannot be reached (${code})`);
  return fail('answer-malformed', `${server} gave no answer that can be read for ${what}`);
}

export function describeStatus(status: number, what: string): SourceFailure {
  if (status === 401) return fail('unauthorized', `the API server does not accept our credentials (401) for ${what}`);
  if (status === 403)
    return fail('forbidden', `the API server refuses (403) ${what}; its Role has to allow get and watch there (README.md has it whole)`);
  return fail('api-error', `the API server answered ${status} for ${what}`);
}

function fail(code: SourceFailure['code'], detail: string): SourceFailure {
  return { kind: 'failed', code, detail };
}

/** Of CoreV1Api's exception, or of the error that Watch makes (watch.js). */
function findStatus(error: unknown): number | null {
  if (error instanceof ApiException) return error.code;
  if (error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number') return error.statusCode;
  return null;
}

/** The innermost code: ECONNREFUSED, CERT_HAS_EXPIRED, UND_ERR_SOCKET and the like; fetch wraps it in a TypeError or two. */
function findSystemCode(error: unknown): string | null {
  let found: string | null = null;
  let each: unknown = error;
  for (let depth = 0; depth < 5 && each instanceof Error; depth += 1) {
    if ('code' in each && typeof each.code === 'string') found = each.code;
    each = each.cause;
  }
  return found;
}
