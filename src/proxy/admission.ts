// Whom a request comes from: the certificate of its connection or, only where there is none, a bootstrap token. Beside a certificate a token is never
// looked at.

import type { FaultCause, Refusal } from '../errors.ts';
import type { BootstrapGate } from './bootstrap-gate.ts';
import type { BootstrapPeer } from './bootstrap-peer.ts';
import type { ClientConnection } from './client-connection.ts';
import type { Peer } from './peer.ts';

export type Client = { readonly kind: 'certificate'; readonly peer: Peer } | BootstrapPeer;

export type Admission =
  | { readonly kind: 'admitted'; readonly client: Client }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'fault'; readonly cause: FaultCause };

/** `gate` null: bootstrap is off. `headers`: flat name, value pairs, unjudged. */
export function admit(
  connection: ClientConnection,
  headers: readonly string[],
  gate: BootstrapGate | null,
): Admission | Promise<Admission> {
  if (connection.clientCertificateSHA256 === null && gate !== null) return gate.admit(connection, headers);
  const known = connection.judge();
  return known.kind === 'accepted' ? { kind: 'admitted', client: { kind: 'certificate', peer: known.peer } } : known;
}
