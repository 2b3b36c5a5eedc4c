// kube-controller-manager's CSR signer for kubernetes.io/kube-apiserver-client (pkg/controller/certificates/signer and authority): what it
// refuses, and which certificate it makes. Signs with the generation that it is handed.

import { randomBytes } from 'node:crypto';
import type { SigningRequest } from './api/exchange.ts';
import { rewriteAsController } from './distinguished-name.ts';
import type { Authority } from './pki.ts';
import {
  authorityKeyId,
  basicConstraints,
  extendedKeyUsage,
  issueCertificate,
  keyUsage,
  type ParsedRequest,
  readCertificateRequest,
} from './x509.ts';
import { subjectAltName, USAGE } from './x509.ts';

export const KUBE_APISERVER_CLIENT = 'kubernetes.io/kube-apiserver-client';

/** authority/policies.go: "backdate: 5 * time.Minute". */
const BACKDATE_MS = 5 * 60_000;
/** authority/policies.go: lifetimes below are counted from now on, longer ones from the backdated start ("short: 8 * time.Hour"). */
const SHORT_LIFETIME_MS = 8 * 3_600_000;
/** OpenShift's cluster-signing-duration: 720h (cluster-kube-controller-manager-operator defaultconfig.yaml). */
export const DEFAULT_LIFETIME_MS: number = 720 * 3_600_000;

const CLIENT_AUTH_OID = '1.3.6.1.5.5.7.3.2';

/** What leaves of this signer share: signature, key usages and constraints in the order that Go writes them. */
export interface LeafPlan {
  readonly subject: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly usages: readonly string[];
  readonly alternativeNames?: ParsedRequest['alternativeNames'];
}

export async function issueLeaf(plan: LeafPlan, authority: Authority): Promise<string> {
  const { subject, publicKey, notBeforeMs, notAfterMs, alternativeNames = [] } = plan;
  const flags =
    (plan.usages.includes('digital signature') ? USAGE.digitalSignature : 0) |
    (plan.usages.includes('key encipherment') ? USAGE.keyEncipherment : 0);
  const extensions = [
    ...(flags === 0 ? [] : [keyUsage(flags)]),
    extendedKeyUsage(CLIENT_AUTH_OID),
    basicConstraints(false),
    authorityKeyId(authority.keyId),
    ...(alternativeNames.length === 0 ? [] : [subjectAltName(alternativeNamesInOrder(alternativeNames))]),
  ];
  const certificate = await issueCertificate(
    { subject, issuer: authority.subject, publicKey, serial: randomBytes(16), notBeforeMs, notAfterMs, extensions },
    authority.key,
  );
  return certificate.toString();
}

/** Go writes DNS names, then mail addresses, IP addresses and URIs; it knows no other kinds (crypto/x509 marshalSANs). */
function alternativeNamesInOrder(names: ParsedRequest['alternativeNames']): Parameters<typeof subjectAltName>[0] {
  return (['dns', 'email', 'ip', 'url'] as const).flatMap((type) =>
    names.filter((name) => name.type === type).map((name) => ({ type, value: name.value })),
  );
}

/** Policy of authority.PermissiveSigningPolicy: where the lifetime begins and ends, never beyond the authority's own end. */
export function leafWindow(lifetimeMs: number, authority: Authority, nowMs: number): { notBeforeMs: number; notAfterMs: number } {
  const notBeforeMs = nowMs - BACKDATE_MS;
  const notAfterMs = lifetimeMs < SHORT_LIFETIME_MS ? nowMs + lifetimeMs : notBeforeMs + lifetimeMs;
  return { notBeforeMs, notAfterMs: Math.min(notAfterMs, authority.notAfterMs) };
}

/** Rejects with the text that kube-controller-manager writes into the Failed condition. */
export async function signRequest(request: SigningRequest, authority: Authority, nowMs: number): Promise<string> {
  if (request.signerName !== KUBE_APISERVER_CLIENT) throw new Error(`no controller signs for ${request.signerName}`);
  const parsed = await readCertificateRequest(request.requestPem);
  // signer.go validAPIServerClientUsages.
  const known = new Set(['key encipherment', 'digital signature', 'client auth']);
  if (request.usages.some((usage) => !known.has(usage)) || !request.usages.includes('client auth')) {
    throw new Error('invalid usages for client certificate: [' + request.usages.join(' ') + ']');
  }
  // signer.go duration(): expirationSeconds only ever shortens.
  const asked = request.expirationSeconds === null ? DEFAULT_LIFETIME_MS : request.expirationSeconds * 1000;
  const window = leafWindow(Math.min(asked, DEFAULT_LIFETIME_MS), authority, nowMs);
  const { publicKey, alternativeNames } = parsed;
  return issueLeaf(
    { subject: rewriteAsController(parsed.subject), publicKey, ...window, usages: request.usages, alternativeNames },
    authority,
  );
}
