// The CA's private key. Owns the only reference to it and what it can do: sign, and say whether a certificate is its own. Never shows the
// key: not as text, JSON, structured clone or inspection, and no error of this file carries a byte of it.

import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { inspect } from 'node:util';

/** Stable: they appear in the log, in metrics and in the status. */
export type KeyRefusalCode = 'key-unreadable' | 'key-encrypted' | 'key-type' | 'key-size' | 'key-curve';

export type SigningKeyVerdict =
  | { readonly ok: true; readonly key: SigningKey }
  | { readonly ok: false; readonly code: KeyRefusalCode; readonly detail: string };

/** NIST SP 800-131A: below is disallowed. Go's TLS refuses above (crypto/tls handshake, checkKeySize), and the signer certificate is sent. */
const SMALLEST_RSA_BITS = 2048;
const LARGEST_RSA_BITS = 8192;

/** What one kind of key signs with; the hash goes by key as in Go's x509.signingParamsForKey, which is what the hub's own signer uses. */
interface Algorithm {
  readonly digest: 'sha256' | 'sha384' | 'sha512';
  readonly identifierDer: Buffer;
}

/** RFC 4055 §5: sha256WithRSAEncryption, parameters NULL. */
const RSA: Algorithm = { digest: 'sha256', identifierDer: Buffer.from('300d06092a864886f70d01010b0500', 'hex') };

/** RFC 5758 §3.2: ecdsa-with-SHA2, parameters absent. Keys are OpenSSL's names of P-256, P-384 and P-521. */
const CURVES: ReadonlyMap<string, Algorithm> = new Map([
  ['prime256v1', { digest: 'sha256', identifierDer: Buffer.from('300a06082a8648ce3d040302', 'hex') }],
  ['secp384r1', { digest: 'sha384', identifierDer: Buffer.from('300a06082a8648ce3d040303', 'hex') }],
  ['secp521r1', { digest: 'sha512', identifierDer: Buffer.from('300a06082a8648ce3d040304', 'hex') }],
]);

/** Signed and verified once when a key is matched with its certificate; any bytes would do. */
const SELF_TEST = Buffer.from('countersign: does this key belong to this certificate?');

export class SigningKey {
  /** AlgorithmIdentifier, for tbsCertificate.signature and for Certificate.signatureAlgorithm (both must be the same bytes). */
  readonly signatureAlgorithmDer: Buffer;
  readonly #key: KeyObject;
  readonly #digest: Algorithm['digest'];

  private constructor(key: KeyObject, algorithm: Algorithm) {
    this.#key = key;
    this.#digest = algorithm.digest;
    this.signatureAlgorithmDer = algorithm.identifierDer;
  }

  /** Reads the first private key of a PEM file: PKCS#1, SEC1 or unencrypted PKCS#8. The caller still owns, and should erase, `pem`. */
  static read(pem: Buffer): SigningKeyVerdict {
    if (isEncrypted(pem))
      return { ok: false, code: 'key-encrypted', detail: 'the key is encrypted; it has to be stored without a passphrase' };
    let key: KeyObject;
    try {
      key = createPrivateKey({ key: pem, format: 'pem' });
    } catch {
      return { ok: false, code: 'key-unreadable', detail: 'no private key in PEM (PKCS#1, SEC1 or PKCS#8) can be read' };
    }
    const algorithm = chooseAlgorithm(key);
    return 'code' in algorithm ? { ok: false, ...algorithm } : { ok: true, key: new SigningKey(key, algorithm) };
  }

  /** The signature value as X.509 holds it: PKCS#1 v1.5 for RSA, a DER ECDSA-Sig-Value (RFC 3279 §2.2.3) for EC. */
  sign(tbs: Uint8Array): Buffer {
    return sign(this.#digest, tbs, { key: this.#key, dsaEncoding: 'der' });
  }

  /**
   * Whether a certificate's SubjectPublicKeyInfo is this key's other half. Signs once to find out, so that a key whose parts contradict each
   * other is caught too. Compares bytes: KeyObject.equals of two key types leaves an error behind in OpenSSL's queue, and the next
   * createPrivateKey, of a good key, throws it (Node 24.21).
   */
  belongsTo(spkiDer: Buffer): boolean {
    const publicKey = createPublicKey(this.#key);
    if (!publicKey.export({ type: 'spki', format: 'der' }).equals(spkiDer)) return false;
    try {
      return verify(this.#digest, SELF_TEST, { key: publicKey, dsaEncoding: 'der' }, this.sign(SELF_TEST));
    } catch {
      return false;
    }
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }
}

// Outside the class, for isolatedDeclarations takes no computed name
Object.defineProperty(SigningKey.prototype, inspect.custom, { value: () => '[redacted]' });

function chooseAlgorithm(key: KeyObject): Algorithm | { readonly code: KeyRefusalCode; readonly detail: string } {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') {
    const bits = modulusLength ?? 0;
    if (bits >= SMALLEST_RSA_BITS && bits <= LARGEST_RSA_BITS) return RSA;
    return { code: 'key-size', detail: `RSA keys have ${SMALLEST_RSA_BITS} to ${LARGEST_RSA_BITS} bits, this one has ${bits}` };
  }
  if (key.asymmetricKeyType === 'ec') {
    const algorithm = CURVES.get(namedCurve ?? '');
    return (
      algorithm ?? {
        code: 'key-curve',
        detail: `EC keys are on P-256, P-384 or P-521, this one is on ${namedCurve ?? 'a curve without a name'}`,
      }
    );
  }
  return { code: 'key-type', detail: `keys are RSA or EC, this one is ${key.asymmetricKeyType ?? 'of an unknown type'}` };
}

/** PKCS#8 says it in its label (RFC 7468 §11), the older forms in a header line (RFC 1421 §4.6.1.1). */
function isEncrypted(pem: Buffer): boolean {
  return pem.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----') || pem.includes('Proc-Type: 4,ENCRYPTED');
}
