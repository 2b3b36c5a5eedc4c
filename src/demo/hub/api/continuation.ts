// The `continue` token of a list: which state the list shows and where the next page begins. Opaque to clients, as upstream's
// (apiserver pkg/storage/continue.go).

import { isJsonObject, parseJson } from './json.ts';
import { badRequest } from './status.ts';

export interface Continuation {
  readonly revision: number;
  /** Namespace and name, with a zero byte between, of the last object that was sent. */
  readonly after: string;
}

export function sealContinuation({ revision, after }: Continuation): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: after })).toString('base64url');
}

export function openContinuation(token: string): Continuation {
  try {
    const read = parseJson(Buffer.from(token, 'base64url').toString('utf8'));
    if (isJsonObject(read) && typeof read['rv'] === 'number' && typeof read['start'] === 'string')
      return { revision: read['rv'], after: read['start'] };
  } catch {
    // Falls through to the one answer for a token that is not ours.
  }
  throw badRequest('continue key is not valid: unable to read the token');
}
