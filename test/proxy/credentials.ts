// Credentials without certificates, for what only asks when they end and whose they are.

import type { Credential } from '../../src/proxy/credential.ts';
import type { Kept } from '../../src/proxy/reissue.ts';

/** Lives from 0 to 100 ms, within a client certificate of 1000; whatever else is wanted. */
export function makeCredential(wanted: Partial<Credential> = {}): Credential {
  const holder = wanted.holder ?? 'holder';
  return {
    ...{ holder, id: `${holder}/leaf`, clientCertificateSHA256: holder, leafSHA256: `${holder}/leaf`, generation: 1, ordinal: 1 },
    tls: { certificateChainPem: '', keyPem: '' },
    ...{ notAfterMs: 100, clientNotAfterMs: 1_000, renewAtMs: 80, lastCallMs: 93 },
    ...wanted,
  };
}

export function makeKept(wanted: Partial<Credential> = {}): Kept {
  return { peer: NOBODY, serving: makeCredential(wanted), before: null };
}

/** Who is never asked who he is. */
const NOBODY = null as unknown as Kept['peer'];
