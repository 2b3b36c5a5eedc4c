// The largest status patch that was measured at an agent (facts/klusterlet-traffic.md §3): 350 KiB of ManifestWork status, as JSON merge patch.

const PATCH_BYTES = 350 * 1024;

export const statusPatchType = 'application/merge-patch+json';

export function statusPath(cluster: string): string {
  return `/apis/work.open-cluster-management.io/v1/namespaces/${cluster}/manifestworks/hello/status`;
}

/** Of many manifests, each with the conditions that the work agent writes. */
export function makeStatusPatch(): Buffer {
  const manifests: object[] = [];
  const size = JSON.stringify(describeManifest(0)).length;
  while (manifests.length * size < PATCH_BYTES) manifests.push(describeManifest(manifests.length));
  const status = { conditions: [], resourceStatus: { manifests } };
  return Buffer.from(JSON.stringify({ metadata: { resourceVersion: '1', uid: 'u' }, status }));
}

function describeManifest(ordinal: number): object {
  return {
    conditions: ['Applied', 'Available', 'StatusFeedbackSynced'].map(describeCondition),
    resourceMeta: {
      group: '',
      kind: 'ConfigMap',
      name: `config-${ordinal}`,
      namespace: 'default',
      ordinal,
      resource: 'configmaps',
      version: 'v1',
    },
    statusFeedback: {},
  };
}

function describeCondition(type: string): object {
  return {
    lastTransitionTime: '2026-11-23T19:10:30Z',
    message: `Manifest is ${type.toLowerCase()}, says the agent`,
    observedGeneration: 1,
    reason: `${type}Complete`,
    status: 'True',
    type,
  };
}
