// The exchanges that were recorded with a real kube-apiserver, and the objects it held, read out of its own answers.

import { readFileSync } from 'node:fs';
import type { KubeObject } from '../../../../src/demo/hub/api/object.ts';
import type { Loose, TestApi } from './api-client.ts';

export interface Exchange {
  readonly name: string;
  readonly credential: string;
  readonly method: string;
  readonly target: string;
  readonly requestHeaders: Readonly<Record<string, string>>;
  readonly requestBody?: string;
  readonly status: number;
  readonly responseHeaders: Readonly<Record<string, string>>;
  readonly responseBody: string;
}

export interface RecordedRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | null;
  readonly status: number;
  readonly responseContentType: string;
}

const folder = new URL('../../../../fixtures/recorded/', import.meta.url);

function readLines(file: string): Loose[] {
  const text = readFileSync(new URL(file, folder), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line): Loose => JSON.parse(line));
}

export const exchanges: readonly Exchange[] = readLines('hub-responses.jsonl');

export const recordedRequests: readonly RecordedRequest[] = readLines('recorded-requests.jsonl');

export function exchange(name: string): Exchange {
  const found = exchanges.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`nothing was recorded as ${JSON.stringify(name)}`);
  return found;
}

export function bodyOf(recorded: Exchange): Buffer {
  return Buffer.from(recorded.responseBody, 'base64');
}

function jsonOf(name: string): Loose {
  return JSON.parse(bodyOf(exchange(name)).toString('utf8').split('\n')[0] ?? '');
}

/**
 * Puts into the store what the recorded hub had, versions included. With `target`, only what that request is about: a watch cache of the
 * real hub stands at the last version of its own resource, this store at the last of all.
 */
export function restoreRecordedHub({ api }: TestApi, target: string | null = null): void {
  const { store } = api;
  const restore = (collection: string, objects: readonly KubeObject[]): void => {
    if (target !== null && !target.includes(`/${collection.split('.', 1)[0]}`)) return;
    for (const object of objects) store.restore(collection, object);
  };
  const csr = { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest' };
  const csrs = jsonOf('own CSRs by label').items.map((item: KubeObject) => ({ ...csr, ...item }));
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'cluster1', resourceVersion: '330' } };
  store.restore('namespaces', { ...namespace, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } });
  restore('leases.coordination.k8s.io', [jsonOf('own lease, JSON')]);
  restore('managedclusters.cluster.open-cluster-management.io', [jsonOf('own managed cluster')]);
  restore('manifestworks.work.open-cluster-management.io', [jsonOf('watch with initial events').object]);
  restore('certificatesigningrequests.certificates.k8s.io', csrs);
  store.collection('manifestworks.work.open-cluster-management.io').startAt(327);
}
