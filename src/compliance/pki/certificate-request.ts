// CertificateSigningRequest objects around a PKCS#10 that is made for the case: what agents ask for, and what attackers would.

import { bitString, context, contextPrimitive, element, oid, pem, sequence, TAG, unsigned } from './der.ts';
import { type KeyType, makeKey, publicKeyOf, signatureAlgorithm, signWith } from './key.ts';
import { agentName } from './name.ts';

export interface RequestedCertificate {
  readonly user: string;
  readonly groups: readonly string[];
  readonly organizationalUnits: readonly string[];
  readonly dnsNames: readonly string[];
  readonly key: KeyType;
  /** `another`: signed with a key that is not the one in the request. */
  readonly signedWith: 'own' | 'another';
}

export interface SigningRequestPlan extends RequestedCertificate {
  readonly signerName: string;
  readonly usages: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly generateName: string;
  readonly expirationSeconds?: number | undefined;
  /** In place of the usual object around the request; only what it leaves out of the spec is added. */
  readonly object?: Readonly<Record<string, unknown>> | undefined;
}

/** PKCS #9 (RFC 2985) section 5.4.2. */
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const SUBJECT_ALT_NAME = '2.5.29.17';

/** RFC 2986, PEM. */
async function makeRequestPem(asked: RequestedCertificate): Promise<string> {
  const key = await makeKey(asked.key);
  const signer = asked.signedWith === 'another' ? await makeKey(asked.key) : key;
  const info = sequence(
    unsigned(Buffer.from([0])),
    agentName(asked.user, asked.groups, asked.organizationalUnits),
    publicKeyOf(key),
    context(0, ...attributesOf(asked.dnsNames)),
  );
  return pem('CERTIFICATE REQUEST', sequence(info, signatureAlgorithm(signer), bitString(signWith(signer, info))));
}

function attributesOf(dnsNames: readonly string[]): readonly Buffer[] {
  if (dnsNames.length === 0) return [];
  const names = sequence(...dnsNames.map((name) => contextPrimitive(2, Buffer.from(name))));
  const extensions = sequence(sequence(oid(SUBJECT_ALT_NAME), element(TAG.octetString, names)));
  return [sequence(oid(EXTENSION_REQUEST), element(TAG.set, extensions))];
}

export async function makeSigningRequest(plan: SigningRequestPlan): Promise<Readonly<Record<string, unknown>>> {
  const { signerName, usages, labels, generateName, expirationSeconds, object = { metadata: { generateName, labels } } } = plan;
  const request = Buffer.from(await makeRequestPem(plan)).toString('base64');
  const usual = { request, signerName, usages, ...(expirationSeconds === undefined ? {} : { expirationSeconds }) };
  const own = typeof object['spec'] === 'object' ? object['spec'] : {};
  return { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', ...object, spec: { ...usual, ...own } };
}
