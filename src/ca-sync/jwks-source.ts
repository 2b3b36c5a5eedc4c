// What a place that holds the hub's token keys has to offer. A read gives what is there now, whole; a hint only says that a read is worth while.

import type { Found } from './source.ts';

export interface JwksReading {
  /** A JWK set, unread. */
  readonly document: Found<Buffer>;
  /** The issuer's own name, as its discovery document has it. */
  readonly issuer: Found<string>;
}

export interface JwksSource {
  readonly kind: 'hub' | 'file';
  /** Never rejects and always ends, within seconds. */
  read(): Promise<JwksReading>;
  /** Called once. `hint` may be called at any time until `close`. */
  follow(hint: () => void): void;
  /** Resolves when no timer and no socket is left. */
  close(): Promise<void>;
}

/** A key takes 400 bytes. */
export const MAX_JWKS_BYTES: number = 256 * 1024;
