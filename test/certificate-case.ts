// One certificate that differs from a plain client certificate in one thing, and what Go, OpenSSL and Countersign make of it. How the cases of
// certificate-cases.ts and certificate-extension-cases.ts are written down; asks nobody.

import { contextTag, encode, encodeSequence } from '../src/der.ts';
import type { ClientOptions } from './pki.ts';
import { encodeName, type TestAttribute, type TestExtension, testKey } from './pki-certificate.ts';

/** `varies`: from version to version. */
export type Opinion = 'accepts' | 'refuses' | 'varies';

export interface CertificateCase {
  readonly what: string;
  /** crypto/x509 of Go 1.23 to 1.26: whether it parses. */
  readonly go: Opinion;
  /** OpenSSL 3: whether `openssl verify -purpose sslclient` takes it under its authority. */
  readonly openssl: Opinion;
  /** null: Countersign parses it. */
  readonly refusal: RegExp | null;
  /** DER of a Name; left out: a klusterlet's. */
  readonly subject?: Buffer;
  readonly options?: ClientOptions;
  /** What becomes of the finished certificate. */
  readonly change?: (der: Buffer) => Buffer;
}

export type Difference = Pick<CertificateCase, 'subject' | 'options' | 'change'>;

export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

export function fine(what: string, difference: Difference): CertificateCase {
  return { what, go: 'accepts', openssl: 'accepts', refusal: null, ...difference };
}

/** `by`: who of Go and OpenSSL refuses it. We always do. */
export function bad(what: string, by: 'both' | 'go' | 'openssl' | 'neither', refusal: RegExp, difference: Difference): CertificateCase {
  const go = by === 'both' || by === 'go' ? 'refuses' : 'accepts';
  const openssl = by === 'both' || by === 'openssl' ? 'refuses' : 'accepts';
  return { what, go, openssl, refusal, ...difference };
}

/** Each attribute an RDN of its own. */
export function withName(...attributes: readonly TestAttribute[]): Difference {
  return { subject: encodeName(attributes.map((attribute) => [attribute])) };
}

export function withExtensions(...extensions: readonly TestExtension[]): Difference {
  return { options: { extensions } };
}

/** An extension by the octets of its value. */
export function withValue(oid: string, value: string, critical: boolean = false): Difference {
  return withExtensions({ oid, value: hex(value), critical });
}

/** One alternative name, by tag number and content. */
export function withAlternativeName(number: number, content: string | Uint8Array): Difference {
  const name = encode(contextTag(number, 'primitive'), Buffer.from(content));
  return withExtensions({ oid: '2.5.29.17', value: encodeSequence(name) });
}

export function withRaw(raw: NonNullable<ClientOptions['raw']>): Difference {
  return { options: { raw } };
}

/** The private key that goes with it is another one. */
export function withPublicKey(spkiDer: Buffer): Difference {
  return { options: { key: { ...testKey(), spkiDer } } };
}
