// The client of a connection that came with a bootstrap token and no certificate: who it is, which cluster it imports, whether its token still holds.
// One token and one cluster a connection; it is never taken for another one.

import type { Jwks } from '../ca-sync/ca-sync.ts';
import type { Clock } from '../clock.ts';
import type { Refusal } from '../errors.ts';
import type { Identity } from '../identity.ts';
import type { ReadonlyLive } from '../live.ts';
import type { BearerToken } from './bearer-token.ts';
import type { VerifiedToken } from './bootstrap-token.ts';
import type { HubCredential } from './hub-credential.ts';

export interface BootstrapPeerParts {
  readonly token: BearerToken;
  readonly verified: VerifiedToken;
  /** Tells this connection from every other one. */
  readonly connectionId: string;
  readonly jwks: ReadonlyLive<Jwks | null>;
  readonly clock: Clock;
}

export class BootstrapPeer {
  readonly kind = 'bootstrap';
  readonly token: BearerToken;
  /**
   * By the token's hash and by connection: many clusters may share a token, and none of them takes up room on another's session. No certificate's
   * hash has a slash in it.
   */
  readonly credential: HubCredential;
  readonly #parts: BootstrapPeerParts;
  #identity: Identity;

  constructor(parts: BootstrapPeerParts) {
    this.#parts = parts;
    this.token = parts.token;
    this.#identity = parts.verified.identity;
    const holder = `token/${parts.token.sha256}/${parts.connectionId}`;
    this.credential = { holder, id: holder, generation: 0, ordinal: 0, tls: null };
  }

  /** `cluster` is null while an account that clusters share has not said which one it imports. */
  get identity(): Identity {
    return this.#identity;
  }

  /** The first cluster that a request names is the connection's, for good. A refusal where it has another one. */
  pin(cluster: string | null): Refusal | null {
    if (cluster === null || cluster === this.#identity.cluster) return null;
    if (this.#identity.cluster !== null) {
      return { rule: 'bootstrap-other-cluster', detail: `names ${cluster}, and imports ${this.#identity.cluster}` };
    }
    this.#identity = { ...this.#identity, cluster };
    return null;
  }

  /** Why the token does not hold any more; null while it does. */
  lapse(): Refusal | null {
    const { verified, jwks, clock } = this.#parts;
    const now = clock.now();
    if (now < verified.validFromMs) return { rule: 'token-not-yet-valid', detail: 'nbf is to come' };
    if (now >= verified.validUntilMs) return { rule: 'token-expired', detail: 'exp has passed' };
    const published = jwks.current?.keys.some((key) => isSameKey(key, verified.key)) ?? false;
    return published ? null : { rule: 'token-unverified', detail: 'the hub does not publish the key any more' };
  }
}

function isSameKey(one: VerifiedToken['key'], other: VerifiedToken['key']): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
