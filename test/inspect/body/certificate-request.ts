// PKCS#10 certificate requests and the CertificateSigningRequest objects around them, well made unless a part is replaced.

import { sign } from 'node:crypto';
import { contextTag, encode, encodeBitString, encodeBoolean, encodeOid, encodeSequence, encodeUnsigned, tags } from '../../../src/der.ts';
import { digestOf, signatureAlgorithmOf, type TestKey, testKey } from '../../pki-certificate.ts';
import { klusterletSubject } from '../../pki.ts';
import { accept, paths, refusalOf } from './reading.ts';
import type { JudgedBody } from '../../../src/inspect/body/body.ts';

export interface RequestPlan {
  readonly subject?: Uint8Array;
  readonly key?: TestKey;
  readonly version?: number;
  /** Each a whole attribute; left out: none. */
  readonly attributes?: readonly Uint8Array[];
  /** Stands behind the subject in place of the key's own. */
  readonly spkiDer?: Uint8Array;
  readonly signedBy?: TestKey;
  readonly algorithm?: Uint8Array;
  readonly digest?: string;
  /** Stand where the attributes do, tag and all. */
  readonly attributesDer?: Uint8Array;
  /** Behind the attributes. */
  readonly extra?: Uint8Array;
  readonly changeSignature?: (signature: Buffer) => Uint8Array;
  /** Of the BIT STRING that holds the signature, which then ends in as many zeros. */
  readonly unusedBits?: 0 | 1;
}

export function encodeRequest(plan: RequestPlan = {}): Buffer {
  const key = plan.key ?? testKey('p256', 'klusterlet');
  const signedBy = plan.signedBy ?? key;
  const tbs = encodeSequence(
    encodeUnsigned(Buffer.from([plan.version ?? 0])),
    plan.subject ?? klusterletSubject('cluster1'),
    plan.spkiDer ?? key.spkiDer,
    plan.attributesDer ?? encode(contextTag(0, 'constructed'), ...(plan.attributes ?? [])),
    plan.extra ?? Buffer.alloc(0),
  );
  const unusedBits = plan.unusedBits ?? 0;
  let signature: Buffer;
  // An ECDSA signature is another one each time.
  do signature = sign(plan.digest ?? digestOf(signedBy.type), tbs, signedBy.privateKey);
  while (((signature.at(-1) ?? 0) & unusedBits) !== 0);
  const changed = plan.changeSignature?.(signature) ?? signature;
  return encodeSequence(tbs, plan.algorithm ?? signatureAlgorithmOf(signedBy.type), encodeBitString(changed, unusedBits));
}

export const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';

export interface RequestedExtension {
  readonly oid: string;
  readonly value: Uint8Array;
  readonly critical?: boolean;
}

export function encodeExtensions(...extensions: readonly RequestedExtension[]): Buffer {
  return encodeSequence(
    ...extensions.map(({ oid, value, critical }) =>
      encodeSequence(encodeOid(oid), critical === true ? encodeBoolean(true) : Buffer.alloc(0), encode(tags.octetString, value)),
    ),
  );
}

export function encodeAttributeOf(oid: string, ...values: readonly Uint8Array[]): Buffer {
  return encodeSequence(encodeOid(oid), encode(tags.set, ...values));
}

export function extensionRequest(...extensions: readonly RequestedExtension[]): Buffer {
  return encodeAttributeOf(EXTENSION_REQUEST, encodeExtensions(...extensions));
}

/** A subject alternative name of any general names. */
export function alternativeNames(...names: readonly Uint8Array[]): RequestedExtension {
  return { oid: '2.5.29.17', value: encodeSequence(...names) };
}

export function dnsName(name: string): Buffer {
  return encode(contextTag(2, 'primitive'), Buffer.from(name));
}

export function toRequestPem(der: Uint8Array, width: number = 64, label: string = 'CERTIFICATE REQUEST'): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(new RegExp(`.{1,${width}}`, 'g')) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

export interface ObjectPlan {
  readonly pem?: string;
  /** In place of the base64 of `pem`. */
  readonly request?: unknown;
  readonly spec?: object;
  readonly metadata?: object;
}

export function encodeObject({ pem = toRequestPem(encodeRequest()), request, spec, metadata }: ObjectPlan = {}): string {
  return JSON.stringify({
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { generateName: 'cluster1-', labels: { 'open-cluster-management.io/cluster-name': 'cluster1' }, ...metadata },
    spec: {
      request: request ?? Buffer.from(pem).toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: ['digital signature', 'key encipherment', 'client auth'],
      ...spec,
    },
  });
}

export function acceptObject(plan: ObjectPlan = {}): JudgedBody {
  return accept({ path: paths.csrs, body: encodeObject(plan) });
}

export function acceptRequest(plan: RequestPlan = {}, object: ObjectPlan = {}): NonNullable<JudgedBody['csr']> {
  const { csr } = acceptObject({ pem: toRequestPem(encodeRequest(plan)), ...object });
  if (csr === null) throw new Error('no certificate request in the body');
  return csr;
}

export function ruleForObject(plan: ObjectPlan): string {
  return refusalOf({ path: paths.csrs, body: encodeObject(plan) });
}

export function ruleForRequest(plan: RequestPlan): string {
  return ruleForObject({ pem: toRequestPem(encodeRequest(plan)) });
}
