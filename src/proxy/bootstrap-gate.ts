// Lets in clients without a certificate, if they bring the token of an account that imports clusters. Owns which connection has which token; believes
// the published keys alone, and asks for newer ones when a token names another.

import { randomUUID } from 'node:crypto';
import type { Jwks } from '../ca-sync/ca-sync.ts';
import type { Clock } from '../clock.ts';
import type { FaultCause, Refusal } from '../errors.ts';
import type { ReadonlyLive } from '../live.ts';
import { readBearer } from './bearer-token.ts';
import type { BearerToken } from './bearer-token.ts';
import { BootstrapPeer } from './bootstrap-peer.ts';
import { judgeToken } from './bootstrap-token.ts';
import type { ServiceAccountName, TokenVerdict } from './bootstrap-token.ts';
import type { ClientConnection } from './client-connection.ts';

export interface BootstrapGateParts {
  readonly jwks: ReadonlyLive<Jwks | null>;
  /** Reads the keys again, sparingly; resolves to whether they could be read. */
  readonly refreshJwks: () => Promise<boolean>;
  readonly sharedServiceAccounts: readonly ServiceAccountName[];
  readonly clock: Clock;
  /** The connection with this credential is gone. */
  readonly onGone: (holder: string) => void;
}

export type BootstrapAdmission =
  | { readonly kind: 'admitted'; readonly client: BootstrapPeer }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'fault'; readonly cause: FaultCause };

export class BootstrapGate {
  readonly #parts: BootstrapGateParts;

  constructor(parts: BootstrapGateParts) {
    this.#parts = parts;
  }

  /** `connection` shows no client certificate. `headers`: flat name, value pairs, unjudged. */
  async admit(connection: ClientConnection, headers: readonly string[]): Promise<BootstrapAdmission> {
    const bearer = readBearer(headers);
    if (bearer.kind === 'none') return refused('no-client-certificate', 'neither a client certificate nor a bearer token');
    if (bearer.kind === 'refused') return bearer;
    const { token } = bearer;
    const known = connection.bootstrap;
    if (known !== null) return admitAgain(known, token);
    const verdict = await this.#judge(token);
    if (verdict.kind !== 'verified') return verdict;
    // Another request of the connection may have come first meanwhile.
    if (connection.bootstrap !== null) return admitAgain(connection.bootstrap, token);
    const { jwks, clock, onGone } = this.#parts;
    const client = new BootstrapPeer({ token, verified: verdict.verified, connectionId: randomUUID(), jwks, clock });
    connection.admit(client);
    if (connection.socket.destroyed) onGone(client.credential.holder);
    else connection.socket.once('close', () => onGone(client.credential.holder));
    return { kind: 'admitted', client };
  }

  async #judge(token: BearerToken): Promise<Judged> {
    const first = await this.#judgeNow(token);
    if (first.kind !== 'unknown-key' && first.kind !== 'fault') return first;
    const isFresh = await this.#parts.refreshJwks();
    const second = await this.#judgeNow(token);
    if (second.kind !== 'unknown-key') return second;
    // A key that we do not know while the hub is away is our want, not the client's fault.
    return isFresh ? { kind: 'refused', refusal: second.refusal } : { kind: 'fault', cause: 'no-token-keys' };
  }

  async #judgeNow(token: BearerToken): Promise<TokenVerdict | Fault> {
    const { jwks, clock, sharedServiceAccounts } = this.#parts;
    if (jwks.current === null) return { kind: 'fault', cause: 'no-token-keys' };
    return judgeToken(token.reveal(), { jwks: jwks.current, nowMs: clock.now(), sharedServiceAccounts });
  }
}

interface Fault {
  readonly kind: 'fault';
  readonly cause: FaultCause;
}

type Judged = Exclude<TokenVerdict, { kind: 'unknown-key' }> | Fault;

/** A token that was verified on this connection is not verified again: only whether it still holds. */
function admitAgain(known: BootstrapPeer, token: BearerToken): BootstrapAdmission {
  if (known.token.sha256 !== token.sha256) return refused('token-changed', 'another bearer token than that of the first request');
  const refusal = known.lapse();
  return refusal === null ? { kind: 'admitted', client: known } : { kind: 'refused', refusal };
}

function refused(rule: Refusal['rule'], detail: string): BootstrapAdmission {
  return { kind: 'refused', refusal: { rule, detail } };
}
