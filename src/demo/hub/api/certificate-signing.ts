// kube-controller-manager's side of a CertificateSigningRequest: what is approved gets its certificate, or a Failed condition that says
// why not. How a leaf is made is not known here.

import { type Condition, conditionsOf } from './certificate-strategy.ts';
import type { SignLeaf, SigningRequest, UserInfo } from './exchange.ts';
import { isJsonArray, type JsonObject, presentEntries } from './json.ts';
import { objectAt, textAt, textsAt } from './json-path.ts';
import { type KubeObject, nameOf } from './object.ts';
import type { Registry } from './registry.ts';
import { findResource } from './resources.ts';

const COLLECTION = 'certificatesigningrequests.certificates.k8s.io';

/** The signer that this hub runs; requests to others wait for whoever serves those. */
const SIGNER_NAME = 'kubernetes.io/kube-apiserver-client';

/** Signs from now on whatever is approved. Returns how to stop; what is being signed then is dropped. */
export function startSigning(registry: Registry, signLeaf: SignLeaf): () => void {
  const underWay = new Set<string>();
  let isStopped = false;
  const sign = async (csr: KubeObject): Promise<void> => {
    const outcome = await signLeaf(readRequest(csr)).then(
      (pem): JsonObject => ({ certificate: Buffer.from(pem).toString('base64') }),
      (error: unknown): JsonObject => ({ conditions: [failure(error)] }),
    );
    underWay.delete(csr.metadata.uid ?? '');
    const current = registry.store.get(COLLECTION, '', nameOf(csr));
    if (!isStopped && current !== undefined && current.metadata.uid === csr.metadata.uid) record(registry, current, outcome);
  };
  const stop = registry.store.subscribe(COLLECTION, ({ type, object }) => {
    const uid = object.metadata.uid ?? '';
    if (type === 'DELETED' || underWay.has(uid) || !isWaiting(object)) return;
    underWay.add(uid);
    void sign(object);
  });
  return () => {
    isStopped = true;
    stop();
  };
}

function isWaiting(csr: KubeObject): boolean {
  const types = new Set(conditionsOf(csr).map((condition) => condition.type));
  const isDecided = types.has('Approved') && !types.has('Denied') && !types.has('Failed');
  return isDecided && textAt(objectAt(csr, 'status'), 'certificate') === '' && textAt(objectAt(csr, 'spec'), 'signerName') === SIGNER_NAME;
}

function record(registry: Registry, csr: KubeObject, outcome: JsonObject): void {
  const resource = findResource('certificates.k8s.io', 'v1', 'certificatesigningrequests');
  if (resource === undefined) return;
  const status = objectAt(csr, 'status');
  const conditions = [...conditionsOf(csr), ...(isJsonArray(outcome['conditions']) ? outcome['conditions'] : [])];
  registry.replace(
    csr,
    { ...csr, status: { ...status, ...outcome, conditions } },
    {
      resource,
      subresource: 'status',
      user: CONTROLLER,
      now: registry.now(),
      managerName: 'kube-controller-manager',
      apiVersion: 'certificates.k8s.io/v1',
      isDryRun: false,
    },
  );
}

const CONTROLLER: UserInfo = { username: 'system:kube-controller-manager', groups: ['system:authenticated'], extra: {} };

/** pkg/controller/certificates/signer/signer.go: "SignerValidationFailure". */
function failure(error: unknown): Condition {
  const message = error instanceof Error ? error.message : String(error);
  return { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message };
}

function readRequest(csr: KubeObject): SigningRequest {
  const spec = objectAt(csr, 'spec');
  const uid = textAt(spec, 'uid');
  const seconds = spec['expirationSeconds'];
  return {
    name: nameOf(csr),
    signerName: textAt(spec, 'signerName'),
    requestPem: Buffer.from(textAt(spec, 'request'), 'base64').toString('latin1'),
    usages: textsAt(spec, 'usages'),
    expirationSeconds: typeof seconds === 'number' ? seconds : null,
    user: {
      username: textAt(spec, 'username'),
      ...(uid === '' ? {} : { uid }),
      groups: textsAt(spec, 'groups'),
      extra: Object.fromEntries(presentEntries(objectAt(spec, 'extra')).map(([key, values]) => [key, textsAt({ values }, 'values')])),
    },
  };
}
