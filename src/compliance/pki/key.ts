// Key pairs for certificates that a case makes, and signatures with them. In this process only; never written to disk.

import { createPublicKey, generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { element, oid, sequence, TAG } from './der.ts';

export const keyTypes = ['p224', 'p256', 'p384', 'p521', 'rsa', 'ed25519'] as const;
export type KeyType = (typeof keyTypes)[number];

const RSA_BITS = 2048;

export async function makeKey(type: KeyType): Promise<KeyObject> {
  const generate = promisify(generateKeyPair);
  if (type === 'rsa') return (await generate('rsa', { modulusLength: RSA_BITS })).privateKey;
  if (type === 'ed25519') return (await generate('ed25519')).privateKey;
  const namedCurve = { p224: 'secp224r1', p256: 'prime256v1', p384: 'secp384r1', p521: 'secp521r1' }[type];
  return (await generate('ec', { namedCurve })).privateKey;
}

/** PKCS#8, for a TLS client. */
export function keyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** SubjectPublicKeyInfo. */
export function publicKeyOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

interface Algorithm {
  readonly oid: string;
  readonly digest: 'sha256' | 'sha384' | 'sha512' | null;
}

function algorithmOf(key: KeyObject): Algorithm {
  if (key.asymmetricKeyType === 'rsa') return { oid: '1.2.840.113549.1.1.11', digest: 'sha256' };
  if (key.asymmetricKeyType === 'ed25519') return { oid: '1.3.101.112', digest: null };
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (curve === 'secp384r1') return { oid: '1.2.840.10045.4.3.3', digest: 'sha384' };
  if (curve === 'secp521r1') return { oid: '1.2.840.10045.4.3.4', digest: 'sha512' };
  return { oid: '1.2.840.10045.4.3.2', digest: 'sha256' };
}

/** AlgorithmIdentifier of what `signWith` makes. */
export function signatureAlgorithm(key: KeyObject): Buffer {
  return sequence(oid(algorithmOf(key).oid), key.asymmetricKeyType === 'rsa' ? element(TAG.null) : Buffer.alloc(0));
}

export function signWith(key: KeyObject, octets: Uint8Array): Buffer {
  return sign(algorithmOf(key).digest, octets, key);
}
