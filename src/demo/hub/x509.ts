// Makes certificates with @peculiar/x509: the one file that imports it, and reflect-metadata before it. Decides nothing: names, times,
// serial and extensions are the caller's.

import 'reflect-metadata';
import { Crypto } from '@peculiar/webcrypto';
import * as x509 from '@peculiar/x509';
import { createHash, createPublicKey, generateKeyPair, type KeyObject, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import { readSequence } from './der.ts';

export type KeyType = 'rsa-2048' | 'rsa-3072' | 'rsa-4096' | 'ec-p256' | 'ec-p384' | 'ec-p521';

const curves = { 'ec-p256': 'P-256', 'ec-p384': 'P-384', 'ec-p521': 'P-521' } as const;
const hashes = { 'P-256': 'SHA-256', 'P-384': 'SHA-384', 'P-521': 'SHA-512' } as const;
const webCrypto = new Crypto();

export async function generatePrivateKey(type: KeyType): Promise<KeyObject> {
  // node:crypto and not @peculiar/webcrypto: the latter makes RSA keys on the main thread.
  const generate = promisify(generateKeyPair);
  if (type === 'ec-p256' || type === 'ec-p384' || type === 'ec-p521')
    return (await generate('ec', { namedCurve: curves[type] })).privateKey;
  return (await generate('rsa', { modulusLength: Number(type.slice('rsa-'.length)) })).privateKey;
}

/** `RSA PRIVATE KEY` (PKCS#1) or `EC PRIVATE KEY` (SEC 1), the forms that library-go and client-go write. */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ format: 'pem', type: key.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1' }).toString();
}

export function publicKeyDer(key: KeyObject): Buffer {
  return (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'der', type: 'spki' });
}

export interface CertificatePlan {
  /** DER of the Names, written as they are. */
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  /** Big endian, positive. */
  readonly serial: Uint8Array;
  /** Cut to whole seconds. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly extensions: readonly x509.Extension[];
}

/** Signs with SHA-256 for RSA and the hash of the curve's size for EC, as Go chooses. */
export async function issueCertificate(plan: CertificatePlan, signingKey: KeyObject): Promise<X509Certificate> {
  const pkcs8 = signingKey.export({ format: 'der', type: 'pkcs8' });
  const curve = curveOf(signingKey);
  const algorithm = curve === null ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } : { name: 'ECDSA', namedCurve: curve };
  const key = await webCrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      subject: new x509.Name(plan.subject),
      issuer: new x509.Name(plan.issuer),
      publicKey: plan.publicKey,
      serialNumber: Buffer.from(plan.serial).toString('hex'),
      notBefore: wholeSeconds(plan.notBeforeMs),
      notAfter: wholeSeconds(plan.notAfterMs),
      extensions: [...plan.extensions],
      signingKey: key,
      signingAlgorithm: { name: algorithm.name, hash: curve === null ? 'SHA-256' : hashes[curve] },
    },
    webCrypto,
  );
  return new X509Certificate(Buffer.from(certificate.rawData));
}

function curveOf(key: KeyObject): keyof typeof hashes | null {
  const names: Readonly<Record<string, keyof typeof hashes>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };
  return names[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? null;
}

function wholeSeconds(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000);
}

/** RFC 5280 §4.2.1.3, as @peculiar/x509 numbers the bits. */
export const USAGE = { digitalSignature: 1, keyEncipherment: 4, keyCertSign: 32 } as const;

export function keyUsage(flags: number): x509.Extension {
  return new x509.KeyUsagesExtension(flags, true);
}

export function extendedKeyUsage(...oids: readonly string[]): x509.Extension {
  return new x509.ExtendedKeyUsageExtension([...oids]);
}

/** No path length, as library-go and kube-controller-manager leave it out. */
export function basicConstraints(isAuthority: boolean): x509.Extension {
  return new x509.BasicConstraintsExtension(isAuthority, undefined, true);
}

export function subjectKeyId(id: Buffer): x509.Extension {
  return new x509.SubjectKeyIdentifierExtension(id.toString('hex'));
}

export function authorityKeyId(id: Buffer): x509.Extension {
  return new x509.AuthorityKeyIdentifierExtension(id.toString('hex'));
}

export function subjectAltName(names: readonly { type: 'dns' | 'ip' | 'email' | 'url'; value: string }[]): x509.Extension {
  return new x509.SubjectAlternativeNameExtension([...names]);
}

/** library-go pkg/crypto: SHA-1 of the RSA modulus as it stands; of an EC key the first 20 bytes of SHA-256 over its point. */
export function keyIdOf(key: KeyObject): Buffer {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  if (publicKey.asymmetricKeyType === 'rsa') {
    const { n = '' } = publicKey.export({ format: 'jwk' });
    return createHash('sha1').update(Buffer.from(n, 'base64url')).digest();
  }
  const point = readSequence(publicKeyDer(publicKey))[1]?.content.subarray(1) ?? Buffer.alloc(0);
  return createHash('sha256').update(point).digest().subarray(0, 20);
}

const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';

export interface ParsedRequest {
  readonly subject: Buffer;
  readonly publicKey: Buffer;
  readonly alternativeNames: x509.JsonGeneralNames;
}

/** A PKCS#10 request whose signature holds. Throws on anything else. */
export async function readCertificateRequest(pem: string): Promise<ParsedRequest> {
  const request = new x509.Pkcs10CertificateRequest(pem);
  if (!(await request.verify(webCrypto))) throw new Error('the signature of the certificate request does not hold');
  const extension = request.getExtension(SUBJECT_ALTERNATIVE_NAME);
  return {
    subject: Buffer.from(request.subjectName.toArrayBuffer()),
    publicKey: Buffer.from(request.publicKey.rawData),
    alternativeNames: extension instanceof x509.SubjectAlternativeNameExtension ? extension.names.toJSON() : [],
  };
}

/** An extension of any kind; `value` is the DER inside its OCTET STRING. */
export function rawExtension(oid: string, isCritical: boolean, value: Uint8Array): x509.Extension {
  return new x509.Extension(oid, isCritical, value);
}
