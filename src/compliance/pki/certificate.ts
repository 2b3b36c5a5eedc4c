// Certificates from recipes, sound and unsound: what no authority would issue has to be made element by element. Keys are made for the occasion.

import { createHash, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import {
  bitString,
  boolean,
  certificateParts,
  context,
  contextPrimitive,
  element,
  oid,
  pem,
  sequence,
  TAG,
  time,
  unsigned,
} from './der.ts';
import { keyPem, type KeyType, makeKey, publicKeyOf, signatureAlgorithm, signWith } from './key.ts';

export const keyUsageNames = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
] as const;
export type KeyUsageName = (typeof keyUsageNames)[number];

export interface ExtensionRecipe {
  readonly oid: string;
  readonly critical: boolean;
  /** DER inside the OCTET STRING. */
  readonly value: Uint8Array;
}

export interface CertificatePlan {
  /** DER of the Name. */
  readonly subject: Uint8Array;
  readonly keyType: KeyType;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly isAuthority: boolean;
  readonly pathLength: number | null;
  readonly keyUsage: readonly KeyUsageName[];
  /** Dotted; null: no such extension. */
  readonly extendedKeyUsage: readonly string[] | null;
  readonly more: readonly ExtensionRecipe[];
  /** One octet of it is wrong. */
  readonly brokenSignature: boolean;
}

export interface Authority {
  /** DER of its Name. */
  readonly subject: Buffer;
  readonly key: KeyObject;
  /** Subject key identifier. */
  readonly keyId: Buffer;
  /** What goes with a certificate of it besides the certificate, DER. */
  readonly chain: readonly Buffer[];
}

export interface MadeCertificate {
  readonly der: Buffer;
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly key: KeyObject;
}

const SERIAL_BYTES = 16;

/** By an authority, or by itself where that is null. */
export async function makeCertificate(plan: CertificatePlan, authority: Authority | null): Promise<MadeCertificate> {
  const key = await makeKey(plan.keyType);
  const issuer = authority ?? { subject: Buffer.from(plan.subject), key, keyId: keyIdOf(key), chain: [] };
  const algorithm = signatureAlgorithm(issuer.key);
  const tbs = sequence(
    context(0, unsigned(Buffer.from([2]))),
    unsigned(randomBytes(SERIAL_BYTES)),
    algorithm,
    issuer.subject,
    sequence(time(plan.notBeforeMs), time(plan.notAfterMs)),
    plan.subject,
    publicKeyOf(key),
    context(3, sequence(...extensionsOf(plan, key, issuer.keyId).map(encodeExtension))),
  );
  const signature = signWith(issuer.key, tbs);
  if (plan.brokenSignature) signature[signature.length - 1] = (signature.at(-1) ?? 0) ^ 1;
  const der = sequence(tbs, algorithm, bitString(signature));
  const chainPem = issuer.chain.map((each) => pem('CERTIFICATE', each)).join('');
  return { der, certificatePem: pem('CERTIFICATE', der) + chainPem, keyPem: keyPem(key), key };
}

/** Of an authority that was made so, for what it signs next. */
export function authorityOf(made: MadeCertificate, above: Authority | null): Authority {
  const { subject } = certificateParts(made.der);
  return { subject, key: made.key, keyId: keyIdOf(made.key), chain: [made.der, ...(above?.chain ?? [])] };
}

function keyIdOf(key: KeyObject): Buffer {
  return createHash('sha1').update(publicKeyOf(key)).digest();
}

const CRITICAL = true;

function extensionsOf(plan: CertificatePlan, key: KeyObject, issuerKeyId: Buffer): readonly ExtensionRecipe[] {
  const { keyUsage, extendedKeyUsage, isAuthority, pathLength, more } = plan;
  const usual: ExtensionRecipe[] = [];
  if (keyUsage.length > 0) usual.push({ oid: '2.5.29.15', critical: CRITICAL, value: encodeKeyUsage(keyUsage) });
  if (extendedKeyUsage !== null) usual.push({ oid: '2.5.29.37', critical: false, value: sequence(...extendedKeyUsage.map(oid)) });
  const constraints = [...(isAuthority ? [boolean(true)] : []), ...(pathLength === null ? [] : [unsigned(Buffer.from([pathLength]))])];
  usual.push({ oid: '2.5.29.19', critical: CRITICAL, value: sequence(...constraints) });
  if (isAuthority) usual.push({ oid: '2.5.29.14', critical: false, value: element(TAG.octetString, keyIdOf(key)) });
  usual.push({ oid: '2.5.29.35', critical: false, value: sequence(contextPrimitive(0, issuerKeyId)) });
  return [...usual.filter((one) => more.every((other) => other.oid !== one.oid)), ...more];
}

function encodeExtension({ oid: type, critical, value }: ExtensionRecipe): Buffer {
  return sequence(oid(type), ...(critical ? [boolean(true)] : []), element(TAG.octetString, value));
}

function encodeKeyUsage(usages: readonly KeyUsageName[]): Buffer {
  const bits = usages.map((usage) => keyUsageNames.indexOf(usage));
  const octet = bits.reduce((sum, bit) => sum | (0x80 >> bit), 0);
  return bitString(Buffer.from([octet]), 7 - Math.max(...bits));
}

/** Lower-case hex of SHA-256 over the first certificate of a PEM text. */
export function fingerprintOf(certificatePem: string): string {
  return new X509Certificate(certificatePem).fingerprint256.replaceAll(':', '').toLowerCase();
}
