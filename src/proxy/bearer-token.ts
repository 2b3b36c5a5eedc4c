// A bearer token as a client sent it, and how it is read from a request's headers. Holds a secret that prints [redacted]; the one place that gives
// it away is what goes to the hub.

import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import type { Refusal } from '../errors.ts';

export class BearerToken {
  /** Lower-case hex: what it is known by everywhere but on its way to the hub. */
  readonly sha256: string;
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
    this.sha256 = createHash('sha256').update(value).digest('hex');
  }

  /** The JWT itself, to be verified. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }
}

// Outside the class, for isolatedDeclarations takes no computed name
Object.defineProperty(BearerToken.prototype, inspect.custom, { value: () => '[redacted]' });

export type ReadBearer =
  | { readonly kind: 'none' }
  | { readonly kind: 'token'; readonly token: BearerToken }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** A service account's JWT has 900 to 1,300 bytes (CVE-2025-30204, CVE-2025-22868: what parsers do with long ones). */
const MAX_TOKEN_BYTES = 8 * 1024;

/** RFC 7515 section 7.1: three parts of base64url, none of them empty. */
const JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** `headers`: flat name, value pairs. Says nothing of what is in a header that it refuses. */
export function readBearer(headers: readonly string[]): ReadBearer {
  const values: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() === 'authorization') values.push(headers[at + 1] ?? '');
  }
  const [value, ...more] = values;
  if (value === undefined) return { kind: 'none' };
  if (more.length > 0) return refused('authorization stands twice');
  const space = value.indexOf(' ');
  if (space === -1 || value.slice(0, space).toLowerCase() !== 'bearer') return refused('authorization is not of the scheme Bearer');
  const token = value.slice(space + 1);
  if (token.length > MAX_TOKEN_BYTES) return refused(`a bearer token of ${token.length} characters, ${MAX_TOKEN_BYTES} allowed`);
  if (token.startsWith('sha256~')) return refused('an OAuth access token (sha256~)');
  return JWT.test(token)
    ? { kind: 'token', token: new BearerToken(token) }
    : refused('the bearer token is not a JWT: not three parts of base64url');
}

function refused(detail: string): ReadBearer {
  return { kind: 'refused', refusal: { rule: 'token-malformed', detail } };
}
