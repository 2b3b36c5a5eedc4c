// The hub's own word on a credential: a SelfSubjectReview, asked directly and without any proxy.

import type { WhoAmI } from './oracle.ts';
import type { Wire } from './case.ts';
import type { Credentials } from './credentials.ts';
import { openConnection } from './wire/connection.ts';
import type { Sender } from './wire/connection.ts';
import type { Answer } from './wire/sent-request.ts';

const REVIEW = Buffer.from(JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }));
export const WHO_AM_I = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';

/** null: the hub refuses the credential, or takes it for nobody's. */
export async function askWhoAmI(
  { certificate, token }: Credentials,
  hub: Pick<Sender, 'port' | 'caPem'> & { readonly wire: Wire },
): Promise<WhoAmI | null> {
  const connection = openConnection({ ...hub, certificate }, hub.wire);
  const authorization = token === null ? [] : [['authorization', `Bearer ${token}`] as const];
  try {
    const headers = [['content-type', 'application/json'] as const, ...authorization];
    const answer = await connection.send({ method: 'POST', target: WHO_AM_I, headers, body: REVIEW, trailers: null });
    return answer.status === 201 ? readWhoAmI(answer) : null;
  } catch {
    // A certificate that Go cannot parse ends the handshake.
    return null;
  } finally {
    connection.close();
  }
}

export function readWhoAmI({ body }: Pick<Answer, 'body'>): WhoAmI {
  const { status } = JSON.parse(body) as {
    status: { userInfo: { username: string; groups?: readonly string[]; extra?: Readonly<Record<string, readonly string[]>> } };
  };
  const { username: user, groups = [], extra = {} } = status.userInfo;
  const { [CREDENTIAL_ID]: credentialIds = [], ...rest } = extra;
  return { user, groups, userInfo: { ...status.userInfo, extra: rest }, credentialId: credentialIds[0] ?? null };
}
