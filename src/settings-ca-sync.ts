// The settings of ca-sync: where signer and trust bundle are read, how often, and whether the hub is asked before a new signer is used.

import { z } from 'zod';
import { isSchedule, namespaceName, objectName, oneOf, section, text } from './settings-values.ts';
import type { Settings } from './settings.ts';

/** The keys of a ConfigMap. */
const DATA_KEY = /^[-._a-zA-Z0-9]{1,253}$/;

const probe = (endpoints: z.ZodType<'url' | 'all', string | undefined>): z.ZodType<Settings['caSync']['probe']> =>
  section({
    enabled: z.boolean({ error: 'true or false' }).default(true),
    // Inside the grammar of klusterlet-traffic.md §1, and no name that a ManagedCluster is likely to have.
    cluster: namespaceName.default('countersign-probe'),
    endpoints,
  });

/** Defaults: where OpenShift keeps the live signer and publishes what its API servers trust (csr-signer.md §1, §2). */
export const caSync = (path: z.ZodType<string, string>): z.ZodType<Settings['caSync']> => {
  const schedule = text('a cron expression such as "* * * * *"', isSchedule).default('* * * * *');
  const signer = section({
    namespace: namespaceName.default('openshift-kube-controller-manager'),
    secret: objectName.default('csr-signer'),
  });
  const trust = section({
    namespace: namespaceName.default('openshift-config-managed'),
    configMap: objectName.default('csr-controller-ca'),
    key: text('a key of a ConfigMap', (key) => DATA_KEY.test(key)).default('ca-bundle.crt'),
  });
  const kubernetes = section({
    source: z.literal('kubernetes'),
    kubeconfigFile: path.nullable().default(null),
    signer: signer.prefault({}),
    trust: trust.prefault({}),
    schedule,
    probe: probe(oneOf(['url', 'all']).default('url')).prefault({}),
  });
  const files = section({
    source: z.literal('files'),
    files: section({ certificateFile: path, keyFile: path, trustBundleFile: path }),
    schedule,
    probe: probe(z.enum(['url'], { error: 'url: all needs caSync.source kubernetes, which knows the addresses' }).default('url')).prefault(
      {},
    ),
  });
  const expected = 'a mapping whose source is kubernetes or files';
  return z.preprocess(
    (value) =>
      typeof value === 'object' && value !== null && !Array.isArray(value) && !('source' in value)
        ? { source: 'kubernetes', ...value }
        : value,
    z.discriminatedUnion('source', [kubernetes, files], { error: expected }),
  );
};
