// The addresses of the hub's API servers, as these enter them themselves: EndpointSlice default/kubernetes, read anew for each question with the
// account of ca-sync. Needs get on it.

import { ApiException, DiscoveryV1Api } from '@kubernetes/client-node';
import type { V1EndpointSlice } from '@kubernetes/client-node';
import type { Clock } from '../clock.ts';
import { hubBounds, HubCalls } from './hub-calls.ts';
import type { Found } from './source.ts';
import type { EndpointList } from './trust-probe.ts';

/** As kube-apiserver names it (pkg/controlplane/reconcilers): one slice, with the name of the service. */
const SLICE = { namespace: 'default', name: 'kubernetes' };

/** A control plane has 1 to 7; each is asked with each question. */
const MOST_ENDPOINTS = 32;

const WHAT = `EndpointSlice ${SLICE.namespace}/${SLICE.name}`;

export function openEndpointList(kubeconfigFile: string | null, clock: Clock): EndpointList {
  const calls = new HubCalls(kubeconfigFile, clock, hubBounds);
  return { read: () => readEndpoints(calls), close: () => calls.close() };
}

function readEndpoints(calls: HubCalls): Promise<Found<readonly string[]>> {
  return calls.read<Found<readonly string[]>>(WHAT, async (configuration) => {
    try {
      return takeSlice(await new DiscoveryV1Api(configuration).readNamespacedEndpointSlice(SLICE));
    } catch (error) {
      if (!(error instanceof ApiException) || error.code !== 404) throw error;
      return { kind: 'missing', detail: `the API server has no ${WHAT}` };
    }
  });
}

function takeSlice(slice: V1EndpointSlice): Found<readonly string[]> {
  // client-node makes an object of whatever comes with status 200
  if (slice.metadata?.labels?.['kubernetes.io/service-name'] !== 'kubernetes') throw new Error('not the slice that was asked for');
  const ports = (slice.ports ?? []).flatMap(({ port }) => (port === undefined ? [] : [port]));
  const ready = (slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
  const addresses = ready.flatMap((endpoint) => endpoint.addresses);
  const found = addresses.flatMap((address) => ports.map((port) => `${address.includes(':') ? `[${address}]` : address}:${port}`));
  if (found.length === 0) return { kind: 'missing', detail: `${WHAT} names no address that is ready` };
  if (found.length > MOST_ENDPOINTS)
    return { kind: 'failed', code: 'too-large', detail: `${WHAT} names more than ${MOST_ENDPOINTS} addresses` };
  return { kind: 'found', value: found };
}
