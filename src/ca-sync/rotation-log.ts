// What the log says of a signer's way, and how a signer appears there: never more of a certificate than this.

import type { Incoming, LogEffect } from './rotation-state.ts';
import type { CheckedSigner, Signer } from './signer.ts';

export function describeSigner({ certificate }: CheckedSigner): Readonly<Record<string, string>> {
  const { subject, serial, fingerprintSHA256, notBeforeMs, notAfterMs } = certificate;
  return { subject, serial, fingerprintSHA256, notBefore: rfc3339(notBeforeMs), notAfter: rfc3339(notAfterMs) };
}

export function describeGeneration(signer: Signer): LogEffect['fields'] {
  return { generation: signer.generation, ...describeSigner(signer) };
}

export function describeIncoming(incoming: Incoming, current: Signer | null): LogEffect {
  switch (incoming.phase) {
    case 'candidate':
      return { kind: 'log', event: 'signer-waits', fields: describeSigner(incoming.signer) };
    case 'probing':
      return { kind: 'log', event: 'signer-probing', fields: describeSigner(incoming.signer) };
    case 'missing':
      return { kind: 'log', event: current === null ? 'signer-missing' : 'signer-removed', fields: { detail: incoming.detail } };
    case 'refused': {
      const { code, detail, fingerprintSHA256 } = incoming;
      return { kind: 'log', event: 'signer-refused', fields: { code, detail, fingerprintSHA256 } };
    }
  }
}

export function rfc3339(ms: number): string {
  return new Date(ms).toISOString();
}
