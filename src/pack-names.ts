// The names of the policies that come with Countersign, one per agent: files of these names lie in packs/. Opens none of them.

export const packNames = [
  'klusterlet',
  'bootstrap',
  'work-manager',
  'search-collector',
  'governance-policy-framework',
  'config-policy-controller',
  'application-manager',
  'managed-serviceaccount',
  'cluster-proxy',
  'cluster-proxy-user-tokens',
  'observability-controller',
  'submariner',
  'hypershift-addon',
  'addon-template',
] as const;

export type PackName = (typeof packNames)[number];
