// The public key infrastructure of the tests: authorities, OpenShift's two-tier signer, agents' subjects and client certificates. Private keys stay
// in the process. For certificates that no authority would make, see pki-certificate.ts.

import { createHash } from 'node:crypto';
import { type Certificate, parseCertificate, toPem } from '../src/certificate.ts';
import {
  CLIENT_AUTH,
  encodeAttribute,
  encodeCertificate,
  encodeName,
  extension,
  TEST_NOT_AFTER_MS,
  TEST_NOT_BEFORE_MS,
  type TestAttribute,
  type TestCertificate,
  type TestExtension,
  type TestKey,
  testKey,
} from './pki-certificate.ts';

const DAY_MS = 86_400_000;

/** As kube-controller-manager writes it (csr-signer.md §5): all organizations in one RDN, in DER order, then the common name. */
export function subjectOf(user: string, groups: readonly string[]): Buffer {
  const organizations = groups
    .map((value): TestAttribute => ({ type: 'O', value, as: 'printable' }))
    .toSorted((a, b) => Buffer.compare(encodeAttribute(a), encodeAttribute(b)));
  return encodeName([...(organizations.length > 0 ? [organizations] : []), [{ type: 'CN', value: user, as: 'printable' }]]);
}

export function klusterletSubject(cluster: string, agent: string = 'khnxf'): Buffer {
  const prefix = 'system:open-cluster-management';
  return subjectOf(`${prefix}:${cluster}:${agent}`, [`${prefix}:${cluster}`, `${prefix}:managed-clusters`]);
}

export function addonSubject(cluster: string, addon: string, agent: string = addon): Buffer {
  const prefix = 'system:open-cluster-management';
  const own = `${prefix}:cluster:${cluster}:addon:${addon}`;
  return subjectOf(`${own}:agent:${agent}`, [own, `${prefix}:addon:${addon}`, 'system:authenticated']);
}

export interface TestAuthority {
  readonly certificate: Certificate;
  readonly pem: string;
  readonly key: TestKey;
}

export interface AuthorityOptions {
  readonly issuer?: TestAuthority;
  readonly key?: TestKey;
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  readonly pathLength?: number;
  /** null: none. Left out: 20 octets of a hash of the key. */
  readonly subjectKeyId?: Uint8Array | null;
  readonly extensions?: readonly TestExtension[];
}

/** Self-signed without `issuer`; key P-256 unless one is given. `extensions` come besides the usual ones; one of the same OID takes their place. */
export function makeAuthority(commonName: string, options: AuthorityOptions = {}): TestAuthority {
  const key = options.key ?? testKey('p256', commonName);
  const subject = encodeName([[{ type: 'CN', value: commonName }]]);
  const keyId = options.subjectKeyId === undefined ? keyIdOf(key) : options.subjectKeyId;
  const issuerKeyId = options.issuer?.certificate.subjectKeyId ?? null;
  const usual = [
    extension.keyUsage('digitalSignature', 'keyEncipherment', 'keyCertSign'),
    extension.basicConstraints(true, options.pathLength),
    ...(keyId === null ? [] : [extension.subjectKeyId(keyId)]),
    ...(issuerKeyId === null ? [] : [extension.authorityKeyId(issuerKeyId)]),
  ];
  const der = encodeCertificate({
    subject,
    issuer: options.issuer?.certificate.subjectDer ?? subject,
    publicKey: key,
    signedBy: options.issuer?.key ?? key,
    ...window(options),
    extensions: override(usual, options.extensions),
  });
  return { certificate: parseCertificate(der), pem: toPem(der), key };
}

function keyIdOf(key: TestKey): Buffer {
  return createHash('sha1').update(key.spkiDer).digest();
}

function window(options: { readonly notBeforeMs?: number; readonly notAfterMs?: number }): { notBeforeMs: number; notAfterMs: number } {
  return { notBeforeMs: options.notBeforeMs ?? TEST_NOT_BEFORE_MS, notAfterMs: options.notAfterMs ?? TEST_NOT_AFTER_MS };
}

function override(usual: readonly TestExtension[], own: readonly TestExtension[] = []): TestExtension[] {
  return [...usual.filter(({ oid }) => own.every((other) => other.oid !== oid)), ...own];
}

export interface ClientOptions {
  readonly key?: TestKey;
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  readonly serial?: Uint8Array;
  readonly extensions?: readonly TestExtension[];
  /** OIDs of usual extensions to leave out. */
  readonly without?: readonly string[];
  readonly raw?: TestCertificate['raw'];
}

export interface TestClient {
  readonly der: Buffer;
  readonly pem: string;
  /** PKCS#8, for a TLS client. */
  readonly keyPem: string;
  readonly key: TestKey;
}

/** A client certificate as kube-controller-manager issues it (csr-signer.md §5), unless the options say otherwise. May be malformed. */
export function makeClient(subject: Uint8Array, authority: TestAuthority, options: ClientOptions = {}): TestClient {
  const key = options.key ?? testKey('p256', 'client');
  const authorityKeyId = authority.certificate.subjectKeyId;
  const usual = [
    extension.keyUsage('digitalSignature', 'keyEncipherment'),
    extension.extendedKeyUsage(CLIENT_AUTH),
    extension.basicConstraints(false),
    ...(authorityKeyId === null ? [] : [extension.authorityKeyId(authorityKeyId)]),
  ].filter(({ oid }) => options.without?.includes(oid) !== true);
  const der = encodeCertificate({
    subject,
    issuer: authority.certificate.subjectDer,
    publicKey: key,
    signedBy: authority.key,
    ...window(options),
    ...(options.serial === undefined ? {} : { serial: options.serial }),
    extensions: override(usual, options.extensions),
    ...(options.raw === undefined ? {} : { raw: options.raw }),
  });
  return { der, pem: toPem(der), keyPem: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), key };
}

export interface OpenShiftSigner {
  readonly root: TestAuthority;
  readonly signer: TestAuthority;
  /** Of Secret csr-signer: one certificate, the key in PKCS#1 (RSA) or SEC1 (EC). */
  readonly tlsCrt: string;
  readonly tlsKey: string;
  /** ca-bundle.crt of ConfigMap csr-controller-ca. */
  readonly bundle: string;
}

/** csr-signer under csr-signer-signer with OpenShift's names and lifetimes (csr-signer.md §1), begun at `beginMs`. */
export function makeOpenShiftSigner(beginMs: number, keyType: 'rsa' | 'p256' | 'p384' | 'p521' = 'rsa'): OpenShiftSigner {
  const seconds = Math.floor(beginMs / 1_000);
  const notBeforeMs = seconds * 1_000 - 1_000;
  const root = makeAuthority(`openshift-kube-controller-manager-operator_csr-signer-signer@${seconds}`, {
    key: testKey('p256', 'csr-signer-signer'),
    notBeforeMs,
    notAfterMs: notBeforeMs + 60 * DAY_MS,
  });
  const key = testKey(keyType, 'csr-signer');
  const signer = makeAuthority(`kube-csr-signer_@${seconds}`, { issuer: root, key, notBeforeMs, notAfterMs: notBeforeMs + 30 * DAY_MS });
  const tlsKey = key.privateKey.export({ type: keyType === 'rsa' ? 'pkcs1' : 'sec1', format: 'pem' }).toString();
  return { root, signer, tlsCrt: signer.pem, tlsKey, bundle: signer.pem + root.pem };
}
