// Client certificates on order, signed as kube-controller-manager would sign them but with any subject and any window: what a test or a
// simulated agent presents. Always with a key of its own.

import { agentName, type AttributeToWrite, writeName } from './distinguished-name.ts';
import { DEFAULT_LIFETIME_MS, issueLeaf, leafWindow } from './controller-manager.ts';
import type { Authority } from './pki.ts';
import { generatePrivateKey, type KeyType, privateKeyPem, publicKeyDer } from './x509.ts';

export type ClientSubject =
  | { readonly kind: 'klusterlet'; readonly cluster: string; readonly agent?: string }
  | { readonly kind: 'addon'; readonly cluster: string; readonly addon: string; readonly agent?: string }
  /** One inner list an RDN. */
  | { readonly kind: 'rdns'; readonly rdns: readonly (readonly AttributeToWrite[])[] }
  /** A Name, written as it is. */
  | { readonly kind: 'der'; readonly der: Uint8Array };

export interface ClientCertificatePlan {
  readonly subject: ClientSubject;
  /** Default: 720 h, as the hub's controller manager. Never beyond the signer's end. */
  readonly lifetimeMs?: number;
  /** Both override the window that follows from the lifetime, unclamped. */
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  /** Default: ec-p256, as OCM's agents. */
  readonly keyType?: KeyType;
}

export interface ClientCertificate {
  /** The leaf alone, as status.certificate of a CSR holds it. */
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** What OCM asks for (pkg/registration/register/csr/certificate.go). */
const USAGES = ['digital signature', 'key encipherment', 'client auth'];
/** OCM's agent ids used to be five random characters; a fixed one keeps names stable between runs. */
const DEFAULT_AGENT = 'abcde';

export async function issueClientCertificate(plan: ClientCertificatePlan, authority: Authority, nowMs: number): Promise<ClientCertificate> {
  const key = await generatePrivateKey(plan.keyType ?? 'ec-p256');
  const window = leafWindow(Math.min(plan.lifetimeMs ?? DEFAULT_LIFETIME_MS, DEFAULT_LIFETIME_MS), authority, nowMs);
  const times = { notBeforeMs: plan.notBeforeMs ?? window.notBeforeMs, notAfterMs: plan.notAfterMs ?? window.notAfterMs };
  const leaf = { subject: subjectOf(plan.subject), publicKey: publicKeyDer(key), usages: USAGES, ...times };
  return { certificatePem: await issueLeaf(leaf, authority), keyPem: privateKeyPem(key) };
}

/** OCM pkg/registration/register/csr; addon-framework pkg/agent/interface.go DefaultUser, DefaultGroups. */
function subjectOf(subject: ClientSubject): Uint8Array {
  const ocm = 'system:open-cluster-management';
  switch (subject.kind) {
    case 'klusterlet':
      return agentName(`${ocm}:${subject.cluster}:${subject.agent ?? DEFAULT_AGENT}`, [
        `${ocm}:${subject.cluster}`,
        `${ocm}:managed-clusters`,
      ]);
    case 'addon': {
      const ofCluster = `${ocm}:cluster:${subject.cluster}:addon:${subject.addon}`;
      return agentName(`${ofCluster}:agent:${subject.agent ?? DEFAULT_AGENT}`, [ofCluster, `${ocm}:addon:${subject.addon}`]);
    }
    case 'rdns':
      return writeName(subject.rdns);
    case 'der':
      return subject.der;
    default:
      return subject satisfies never;
  }
}
