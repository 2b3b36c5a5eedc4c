// Certificate requests for the tests that are written beside policies: nobody can write PKCS#10 by hand, so a test says only how its request differs
// from what an honest klusterlet would send for its cluster, or for the add-on that the test names.

import type { Identity } from '../../identity.ts';
import type { CertificateRequest, JsonObject, JsonValue } from '../body/body.ts';

export interface TestRequest {
  readonly csr: CertificateRequest;
  /** The CertificateSigningRequest around it, but for its `spec.request`. */
  readonly object: JsonObject;
}

const PREFIX = 'system:open-cluster-management';
/** Subject alternative name (RFC 5280 section 4.2.1.6). */
const SUBJECT_ALT_NAME = '2.5.29.17';

/** `object` in place of the one that goes with the request, where the test has a body. */
export function makeTestRequest(sender: Identity, said: Readonly<Record<string, JsonValue>>, object: JsonObject | null): TestRequest {
  const cluster = typeof said['cluster'] === 'string' ? said['cluster'] : sender.cluster;
  const addon = typeof said['addon'] === 'string' ? said['addon'] : null;
  const usual = addon === null ? klusterletRequest(sender, cluster ?? '') : addonRequest(cluster ?? '', addon);
  const csr = { ...emptyRequest, cluster, ...usual, ...said };
  const { labels, signerName, usages } = csr;
  const generateName = addon === null ? `${cluster}-` : `addon-${cluster}-${addon}-`;
  return { csr, object: object ?? { metadata: { generateName, labels }, spec: { signerName, usages } } };
}

const emptyRequest: CertificateRequest = {
  user: '',
  groups: [],
  organizationalUnits: [],
  uid: null,
  kind: 'other',
  cluster: null,
  addon: null,
  dnsNames: [],
  otherNames: [],
  requestedExtensions: [],
  keyType: 'EC P-256',
  signerName: 'kubernetes.io/kube-apiserver-client',
  usages: ['digital signature', 'key encipherment', 'client auth'],
  expirationSeconds: null,
  labels: {},
};

function klusterletRequest({ kind, user }: Identity, cluster: string): Partial<CertificateRequest> {
  return {
    kind: 'klusterlet',
    user: kind === 'klusterlet' ? user : `${PREFIX}:${cluster}:agent1`,
    groups: [`${PREFIX}:${cluster}`, `${PREFIX}:managed-clusters`],
    labels: { 'open-cluster-management.io/cluster-name': cluster },
  };
}

function addonRequest(cluster: string, addon: string): Partial<CertificateRequest> {
  const own = `${PREFIX}:cluster:${cluster}:addon:${addon}`;
  return {
    kind: 'addon',
    user: `${own}:agent:${addon}`,
    groups: [own, `${PREFIX}:addon:${addon}`],
    dnsNames: [`${addon}.addon.open-cluster-management.io`],
    requestedExtensions: [SUBJECT_ALT_NAME],
    labels: { 'open-cluster-management.io/cluster-name': cluster, 'open-cluster-management.io/addon-name': addon },
  };
}
