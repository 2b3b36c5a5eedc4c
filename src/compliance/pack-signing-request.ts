// The certificate request of a pack's test: it says only how its request differs from what an honest klusterlet would send for its cluster, or for the
// add-on that it names. Here it becomes one that can be sent.

import type { PackTest } from './pack-cases.ts';
import type { SigningRequestPlan } from './pki/certificate-request.ts';
import type { KeyType } from './pki/key.ts';

const PREFIX = 'system:open-cluster-management';
const LABEL = 'open-cluster-management.io';

const keyTypes: Readonly<Record<string, KeyType>> = { 'EC P-256': 'p256', 'EC P-384': 'p384', 'RSA 2048': 'rsa', Ed25519: 'ed25519' };

export function signingRequestOf({ subject, body }: PackTest, said: Readonly<Record<string, unknown>>): SigningRequestPlan {
  const cluster = typeof said['cluster'] === 'string' ? said['cluster'] : subject.cluster;
  const addon = typeof said['addon'] === 'string' ? said['addon'] : null;
  const usual = addon === null ? klusterletRequest(subject, cluster ?? '') : addonRequest(cluster ?? '', addon);
  const text = (name: string, fallback: string): string => (typeof said[name] === 'string' ? said[name] : fallback);
  const texts = (name: string, fallback: readonly string[]): readonly string[] => (Array.isArray(said[name]) ? said[name] : fallback);
  const { expirationSeconds, labels } = said;
  return {
    user: text('user', usual.user),
    groups: texts('groups', usual.groups),
    organizationalUnits: texts('organizationalUnits', []),
    dnsNames: texts('dnsNames', usual.dnsNames),
    key: keyTypes[text('keyType', 'EC P-256')] ?? 'p256',
    signedWith: 'own',
    signerName: text('signerName', 'kubernetes.io/kube-apiserver-client'),
    usages: texts('usages', ['digital signature', 'key encipherment', 'client auth']),
    labels: isLabels(labels) ? labels : usual.labels,
    generateName: addon === null ? `${cluster}-` : `addon-${cluster}-${addon}-`,
    // Where the test has an object around the request.
    ...(isLabels(body) ? { object: body } : {}),
    ...(typeof expirationSeconds === 'number' ? { expirationSeconds } : {}),
  };
}

interface UsualRequest {
  readonly user: string;
  readonly groups: readonly string[];
  readonly dnsNames: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

function klusterletRequest({ kind, user }: PackTest['subject'], cluster: string): UsualRequest {
  const own = `${PREFIX}:${cluster}:agent1`;
  return {
    user: kind === 'klusterlet' ? (user ?? own) : own,
    groups: [`${PREFIX}:${cluster}`, `${PREFIX}:managed-clusters`],
    dnsNames: [],
    labels: { [`${LABEL}/cluster-name`]: cluster },
  };
}

function addonRequest(cluster: string, addon: string): UsualRequest {
  const own = `${PREFIX}:cluster:${cluster}:addon:${addon}`;
  return {
    user: `${own}:agent:${addon}`,
    groups: [own, `${PREFIX}:addon:${addon}`],
    dnsNames: [`${addon}.addon.open-cluster-management.io`],
    labels: { [`${LABEL}/cluster-name`]: cluster, [`${LABEL}/addon-name`]: addon },
  };
}

function isLabels(value: unknown): value is Readonly<Record<string, string>> {
  return typeof value === 'object' && value !== null;
}
