// The proxy's side of issuing: makes a key, asks the issuer, and keeps the result for as long as it serves. One credential for each (client
// certificate, signer generation); many requests at once for the same one ask once. Bounded; the least recently used leaves first.

import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { Signer } from '../ca-sync/ca-sync.ts';
import { toPem } from '../certificate.ts';
import type { Clock } from '../clock.ts';
import type { FaultCause, Refusal } from '../errors.ts';
import type { ReadonlyLive } from '../live.ts';
import type { HubCredential } from './hub-credential.ts';
import type { IssuedLeaf, Issuer } from './issuer.ts';
import type { Peer } from './peer.ts';

/** A leaf and its key: never written anywhere, never shared between client certificates. */
export interface Credential extends HubCredential {
  readonly clientCertificateSHA256: string;
  readonly leafSHA256: string;
  /** `[leaf, signer certificate]`, and the key of the leaf. */
  readonly tls: { readonly certificateChainPem: string; readonly keyPem: string };
  readonly notAfterMs: number;
  /** From then on a new one is made for new requests. */
  readonly renewAtMs: number;
}

export type CredentialVerdict =
  | { readonly kind: 'ready'; readonly credential: Credential }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'fault'; readonly cause: FaultCause };

export interface ReissuerParts {
  readonly issuer: Issuer;
  readonly signer: ReadonlyLive<Signer | null>;
  readonly clock: Clock;
  readonly mostCredentials: number;
}

/** A leaf is renewed when this part of its life is over, unless its end is that of the client certificate or the signer anyway. */
const RENEW_AT_LIFE_FRACTION = 0.8;

const makeKeyPair = promisify(generateKeyPair);

export class Reissuer {
  readonly #parts: ReissuerParts;
  /** In order of use, the oldest first. */
  readonly #kept = new Map<string, Credential>();
  readonly #asked = new Map<string, Promise<CredentialVerdict>>();

  constructor(parts: ReissuerParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#kept.size;
  }

  async credentialFor(peer: Peer): Promise<CredentialVerdict> {
    const signer = this.#parts.signer.current;
    if (signer === null) return { kind: 'fault', cause: 'no-signer' };
    const key = keyOf(peer.certificate.fingerprintSHA256, signer.generation);
    const kept = this.#kept.get(key);
    if (kept !== undefined && this.#parts.clock.now() < kept.renewAtMs) {
      this.#kept.delete(key);
      this.#kept.set(key, kept);
      return { kind: 'ready', credential: kept };
    }
    const asked = this.#asked.get(key);
    if (asked !== undefined) return asked;
    const asking = this.#ask(peer).finally(() => this.#asked.delete(key));
    this.#asked.set(key, asking);
    return asking;
  }

  /** Forgets a credential that the hub has refused, so that the next request gets a new one. */
  discard(credential: Credential): void {
    const key = keyOf(credential.clientCertificateSHA256, credential.generation);
    if (this.#kept.get(key) === credential) this.#kept.delete(key);
  }

  /** Forgets all of them. */
  clear(): void {
    this.#kept.clear();
  }

  async #ask(peer: Peer): Promise<CredentialVerdict> {
    const pair = await makeKeyPair('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'der' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const answer = await this.#parts.issuer.issue({ chain: peer.chain, publicKeySpki: pair.publicKey });
    if (answer.kind !== 'issued') return answer;
    const credential = this.#toCredential(peer, answer, pair.privateKey);
    this.#keep(credential);
    return { kind: 'ready', credential };
  }

  #toCredential(peer: Peer, issued: IssuedLeaf, keyPem: string): Credential {
    const { notBeforeMs, notAfterMs } = issued;
    const canOutliveItself =
      notAfterMs < peer.certificate.notAfterMs && notAfterMs < (this.#parts.signer.current?.certificate.notAfterMs ?? 0);
    const { fingerprintSHA256: clientCertificateSHA256 } = peer.certificate;
    const { leafSHA256, generation } = issued;
    return {
      ...{ holder: clientCertificateSHA256, id: leafSHA256, clientCertificateSHA256, leafSHA256, generation },
      tls: { certificateChainPem: toPem(issued.leaf) + toPem(issued.signerCertificate), keyPem },
      notAfterMs,
      renewAtMs: canOutliveItself ? notBeforeMs + (notAfterMs - notBeforeMs) * RENEW_AT_LIFE_FRACTION : notAfterMs,
    };
  }

  #keep(credential: Credential): void {
    this.#kept.set(keyOf(credential.clientCertificateSHA256, credential.generation), credential);
    while (this.#kept.size > this.#parts.mostCredentials) {
      const [oldest] = this.#kept.keys();
      if (oldest === undefined) return;
      this.#kept.delete(oldest);
    }
  }
}

function keyOf(clientCertificateSHA256: string, generation: number): string {
  return `${clientCertificateSHA256}/${generation}`;
}
