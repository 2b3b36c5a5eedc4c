// SubjectPublicKeyInfo: which public keys the hub's verifier (Go crypto/x509 parsePublicKey) takes, and of those the ones that can authenticate
// a TLS client. Judges the encoding and the point; computes nothing secret.

import { DerError, DerReader, tags } from './der.ts';

export type PublicKeyType = 'rsa' | 'ec' | 'ed25519';

export interface PublicKeyKind {
  readonly type: PublicKeyType;
  /** `EC P-256`, `RSA 2048`, `Ed25519`. */
  readonly name: string;
}

/** Go refuses to verify with less (crypto/rsa, 1.24) and refuses certificates with more in a handshake (crypto/tls maxRSAKeySize). */
const MIN_RSA_BITS = 1024;
const MAX_RSA_BITS = 8192;

/** y² = x³ - 3x + b over GF(p): FIPS 186-4 D.1.2. A point outside the curve is refused here, as Go does when it parses. */
interface Curve {
  readonly name: string;
  readonly fieldBytes: number;
  readonly p: bigint;
  readonly b: bigint;
}

const curves: Readonly<Record<string, Curve>> = {
  '1.3.132.0.33': {
    name: 'P-224',
    fieldBytes: 28,
    p: 2n ** 224n - 2n ** 96n + 1n,
    b: 0xb4050a850c04b3abf54132565044b0b7d7bfd8ba270b39432355ffb4n,
  },
  '1.2.840.10045.3.1.7': {
    name: 'P-256',
    fieldBytes: 32,
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  },
  '1.3.132.0.34': {
    name: 'P-384',
    fieldBytes: 48,
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
  },
  '1.3.132.0.35': {
    name: 'P-521',
    fieldBytes: 66,
    p: 2n ** 521n - 1n,
    b: 0x0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
  },
};

/** Throws DerError. `spki` is the content of the SubjectPublicKeyInfo SEQUENCE. */
export function checkPublicKey(spki: DerReader): PublicKeyKind {
  const algorithm = spki.enter(tags.sequence);
  const type = algorithm.oid();
  const key = spki.bitString();
  spki.end();
  if (key.unusedBits !== 0) throw new DerError('value', 'a public key that is not whole octets');
  switch (type) {
    case '1.2.840.113549.1.1.1':
      // RFC 3279 §2.3.1: the parameters are NULL. Go insists, OpenSSL does not.
      if (algorithm.content(tags.null).length > 0) throw new DerError('value', 'an RSA key with malformed parameters');
      algorithm.end();
      return { type: 'rsa', name: `RSA ${checkRsa(key.bytes)}` };
    case '1.2.840.10045.2.1': {
      const name = `EC ${checkPoint(algorithm.oid(), key.bytes)}`;
      algorithm.end();
      return { type: 'ec', name };
    }
    case '1.3.101.112':
      algorithm.end();
      if (key.bytes.length !== 32) throw new DerError('value', 'an Ed25519 key that is not 32 octets');
      return { type: 'ed25519', name: 'Ed25519' };
    default:
      throw new DerError('value', `a public key of a type that the hub does not take (${type})`);
  }
}

/** Returns the length of the modulus in bits. */
function checkRsa(key: Buffer): number {
  const outer = DerReader.over(key);
  const rsa = outer.enter(tags.sequence);
  outer.end();
  const modulus = rsa.integer();
  const exponent = rsa.smallInteger();
  rsa.end();
  if ((modulus[0] ?? 0) >= 0x80) throw new DerError('value', 'an RSA modulus that is negative');
  const magnitude = modulus[0] === 0 ? modulus.subarray(1) : modulus;
  const bits = magnitude.length * 8 - Math.clz32(magnitude[0] ?? 0) + 24;
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS)
    throw new DerError('value', `an RSA key of ${bits} bits, outside ${MIN_RSA_BITS} to ${MAX_RSA_BITS}`);
  // crypto/rsa checkPublicKey: the modulus is odd, the exponent odd and at least 3.
  if (((magnitude.at(-1) ?? 0) & 1) === 0 || exponent < 3 || (exponent & 1) === 0)
    throw new DerError('value', 'an RSA key that cannot be one');
  return bits;
}

/** Returns the name of the curve. */
function checkPoint(curveOid: string, point: Buffer): string {
  const curve = curves[curveOid];
  if (curve === undefined) throw new DerError('value', `an elliptic curve that the hub does not take (${curveOid})`);
  const { name, fieldBytes, p, b } = curve;
  // SEC 1 §2.3.3: 04 is the uncompressed form; Go takes no other.
  if (point.length !== 1 + 2 * fieldBytes || point[0] !== 0x04)
    throw new DerError('value', 'an elliptic curve point that is not uncompressed');
  const x = BigInt(`0x${point.toString('hex', 1, 1 + fieldBytes)}`);
  const y = BigInt(`0x${point.toString('hex', 1 + fieldBytes)}`);
  if (x >= p || y >= p || (y * y - (x * x - 3n) * x - b) % p !== 0n)
    throw new DerError('value', 'an elliptic curve point outside its curve');
  return name;
}
