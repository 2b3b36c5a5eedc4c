// A CertificateSigningRequest object reduced to what is asked for: whose name, by which signer, for which use. Refuses what is malformed, and a subject
// outside the grammar where the hub's own signer would sign it; what a caller may ask for within that is a policy's affair.

import { nameTypes } from '../../distinguished-name.ts';
import { readIdentity } from '../../identity.ts';
import { BodyFault } from './body-fault.ts';
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import { decodeBase64, type Pkcs10, readPkcs10 } from './pkcs10.ts';

/** The request's own signature has been verified. */
export interface CertificateRequest {
  /** The common name, '' where there is none. */
  readonly user: string;
  /** Every organization, in the order of the request. */
  readonly groups: readonly string[];
  readonly organizationalUnits: readonly string[];
  readonly uid: string | null;
  /** By the grammar of identity.ts; `other`: outside of it, as the certificates of an add-on's own signer may be. */
  readonly kind: 'klusterlet' | 'addon' | 'other';
  /** null: the subject names none. */
  readonly cluster: string | null;
  readonly addon: string | null;
  readonly dnsNames: readonly string[];
  /** Subject alternative names that are not DNS names, each as `form:value`. */
  readonly otherNames: readonly string[];
  /** Dotted object identifiers. */
  readonly requestedExtensions: readonly string[];
  /** `EC P-256`, `RSA 2048`, `Ed25519`. */
  readonly keyType: string;
  readonly signerName: string;
  readonly usages: readonly string[];
  readonly expirationSeconds: number | null;
  readonly labels: Readonly<Record<string, string>>;
}

/** `object` is the view of a CertificateSigningRequest, from JSON or protobuf. Throws BodyFault. */
export function readCertificateRequest(object: JsonObject): CertificateRequest {
  const { spec, metadata } = object;
  if (!isJsonObject(spec)) throw malformed('spec is not an object');
  const pem = typeof spec['request'] === 'string' ? decodeBase64(spec['request']) : null;
  if (pem === null) throw malformed('spec.request is not base64');
  const { signerName } = spec;
  if (typeof signerName !== 'string') throw malformed('spec.signerName is not a string');
  const pkcs10 = readPkcs10(pem);
  return {
    ...readSubject(pkcs10, signerName),
    dnsNames: pkcs10.dnsNames,
    otherNames: pkcs10.otherNames,
    requestedExtensions: pkcs10.extensions.map(({ oid }) => oid),
    keyType: pkcs10.keyType,
    signerName,
    usages: readUsages(spec['usages']),
    expirationSeconds: readExpiration(spec['expirationSeconds']),
    labels: readLabels(isJsonObject(metadata) ? metadata['labels'] : undefined),
  };
}

/** These make certificates for kube-apiserver itself (k8s.io/api certificates/v1); every other signer says for itself what its subjects mean. */
const HUB_SIGNERS = 'kubernetes.io/';

function readSubject({ subject, subjectDer }: Pkcs10, signerName: string): Pick<CertificateRequest, SubjectField> {
  const attributes = subject.flat();
  const values = (wanted: string): readonly string[] => attributes.filter(({ type }) => type === wanted).map(({ value }) => value);
  const [users, uids] = [values(nameTypes.commonName), values(nameTypes.uid)];
  // Of two common names Go takes the last, others the first.
  if (users.length > 1 || uids.length > 1) throw malformed('the subject has two common names, or two user IDs');
  const organizationalUnits = values(nameTypes.organizationalUnit);
  const verdict = readIdentity(subjectDer);
  if (verdict.ok) {
    const { user, groups, uid, kind, cluster, addon } = verdict.identity;
    return { user, groups, organizationalUnits, uid, kind: kind === 'bootstrap' ? 'other' : kind, cluster, addon };
  }
  if (verdict.rule === 'subject-ambiguous') throw malformed(verdict.detail);
  // Countersign would not let the certificate in, and the hub would take its holder for someone else: nobody else's name is asked for through here.
  if (signerName.startsWith(HUB_SIGNERS)) throw new BodyFault('csr-subject', verdict.detail);
  const groups = values(nameTypes.organization);
  return { user: users[0] ?? '', groups, organizationalUnits, uid: uids[0] ?? null, kind: 'other', cluster: null, addon: null };
}

type SubjectField = 'user' | 'groups' | 'organizationalUnits' | 'uid' | 'kind' | 'cluster' | 'addon';

function readUsages(usages: JsonValue | undefined): readonly string[] {
  if (usages === undefined) return [];
  if (!isJsonArray(usages)) throw malformed('spec.usages is not a list');
  return usages.map((usage) => {
    if (typeof usage !== 'string') throw malformed('spec.usages holds something that is not a string');
    return usage;
  });
}

function readExpiration(seconds: JsonValue | undefined): number | null {
  if (seconds === undefined || seconds === null) return null;
  if (typeof seconds !== 'number' || seconds !== Math.trunc(seconds) || Math.abs(seconds) >= 2 ** 31)
    throw malformed('spec.expirationSeconds is not an integer of 32 bits');
  return seconds;
}

function readLabels(labels: JsonValue | undefined): Readonly<Record<string, string>> {
  const read = Object.create(null) as Record<string, string>;
  if (labels === undefined || labels === null) return read;
  if (!isJsonObject(labels)) throw malformed('metadata.labels is not an object');
  for (const [key, value] of Object.entries(labels)) {
    if (typeof value !== 'string') throw malformed('metadata.labels holds something that is not a string');
    read[key] = value;
  }
  return read;
}

function malformed(detail: string): BodyFault {
  return new BodyFault('csr-malformed', detail);
}
