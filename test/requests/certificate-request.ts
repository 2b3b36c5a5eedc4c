// CertificateSigningRequest objects around a PKCS#10 that is made for the occasion, with its own key: what agents ask for, and what attackers would.

import { sign } from 'node:crypto';
import { contextTag, encode, encodeBitString, encodeOid, encodeSequence, encodeUnsigned, tags } from '../../src/der.ts';
import { digestOf, encodeName, extension, signatureAlgorithmOf, testKey } from '../pki-certificate.ts';
import type { TestKeyType } from '../pki-certificate.ts';

export interface RequestedCertificate {
  readonly user: string;
  readonly groups: readonly string[];
  readonly organizationalUnits?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly key?: TestKeyType;
  readonly signedWith?: 'own' | 'another';
}

/** PKCS #9 (RFC 2985) section 5.4.2. */
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';

/** RFC 2986, PEM. The subject as OCM's agents write it: every O in one RDN, then the CN. */
function encodeRequestPem(asked: RequestedCertificate): string {
  const key = testKey(asked.key ?? 'p256', 'request');
  const signer = asked.signedWith === 'another' ? testKey(key.type, 'another') : key;
  const organizations = asked.groups.map((value) => ({ type: 'O', value, as: 'printable' as const }));
  const units = (asked.organizationalUnits ?? []).map((value) => ({ type: 'OU', value }));
  const rdns = [...(organizations.length === 0 ? [] : [organizations]), ...(units.length === 0 ? [] : [units])];
  const info = encodeSequence(
    encodeUnsigned(Buffer.from([0])),
    encodeName([...rdns, [{ type: 'CN', value: asked.user, as: 'printable' }]]),
    key.spkiDer,
    encode(contextTag(0, 'constructed'), ...encodeAttributes(asked.dnsNames ?? [])),
  );
  const signature = encodeBitString(sign(digestOf(signer.type), info, signer.privateKey));
  const body = encodeSequence(info, signatureAlgorithmOf(signer.type), signature)
    .toString('base64')
    .replaceAll(/.{64}(?!$)/g, '$&\n');
  return `-----BEGIN CERTIFICATE REQUEST-----\n${body}\n-----END CERTIFICATE REQUEST-----\n`;
}

function encodeAttributes(dnsNames: readonly string[]): readonly Buffer[] {
  if (dnsNames.length === 0) return [];
  const { oid, value } = extension.dnsNames(...dnsNames);
  const extensions = encodeSequence(encodeSequence(encodeOid(oid), encode(tags.octetString, value)));
  return [encodeSequence(encodeOid(EXTENSION_REQUEST), encode(tags.set, extensions))];
}

export interface SigningRequestPlan extends RequestedCertificate {
  readonly signerName: string;
  readonly usages: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly generateName: string;
  readonly expirationSeconds?: number | undefined;
}

export function makeSigningRequest(plan: SigningRequestPlan): Readonly<Record<string, unknown>> {
  const { signerName, usages, labels, generateName, expirationSeconds } = plan;
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { generateName, labels },
    spec: {
      request: Buffer.from(encodeRequestPem(plan)).toString('base64'),
      signerName,
      usages,
      ...(expirationSeconds === undefined ? {} : { expirationSeconds }),
    },
  };
}
