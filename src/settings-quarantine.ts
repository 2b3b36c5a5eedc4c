// Which clusters are cut off, as the settings say it: by name, by a ConfigMap on the hub, by what the hub says of the cluster.

import { z } from 'zod';
import { isClusterName } from './cluster-name.ts';
import type { QuarantineSettings } from './settings.ts';
import { namespaceName, objectName, section, text } from './settings-values.ts';

const NAMES = 'a list of names of managed clusters, each once';

const clusters = z
  .array(text('the name of a managed cluster', isClusterName), { error: NAMES })
  .refine((names) => new Set(names).size === names.length, { error: NAMES });

export const quarantine: z.ZodPrefault<z.ZodType<QuarantineSettings, object>> = section({
  clusters: clusters.default([]),
  configMap: section({ namespace: namespaceName, name: objectName }).nullable().default(null),
  followHub: z.boolean({ error: 'true or false' }).default(false),
}).prefault({});

export const NO_QUARANTINE_ACCOUNT =
  'neither configMap nor followHub where caSync.source is files: they are watched with the account of source kubernetes; use clusters';

/** Asked of what did parse, whatever else did not. */
export function hasQuarantineAccount(
  value: {
    readonly caSync?: { readonly source?: unknown };
    readonly quarantine?: Partial<QuarantineSettings>;
  } | null,
): boolean {
  const { configMap = null, followHub = false } = value?.quarantine ?? {};
  return value?.caSync?.source !== 'files' || (configMap === null && !followHub);
}
