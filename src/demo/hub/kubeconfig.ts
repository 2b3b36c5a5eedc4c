// Kubeconfig files with everything embedded. Writes text only.

import { stringify } from 'yaml';

export type KubeconfigUser =
  | { readonly kind: 'certificate'; readonly certificatePem: string; readonly keyPem: string }
  | { readonly kind: 'token'; readonly token: string };

export interface KubeconfigPlan {
  readonly server: string;
  readonly caPem: string;
  /** Of cluster, user and context alike. */
  readonly name: string;
  readonly user: KubeconfigUser;
}

export function writeKubeconfig({ server, caPem, name, user }: KubeconfigPlan): string {
  const credentials =
    user.kind === 'token'
      ? { token: user.token }
      : { 'client-certificate-data': base64(user.certificatePem), 'client-key-data': base64(user.keyPem) };
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': base64(caPem) } }],
    users: [{ name, user: credentials }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  });
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
