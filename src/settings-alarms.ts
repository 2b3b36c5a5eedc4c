// The settings of the admin port and of where alarms go, each with what it may be, its default and the reason for it.

import { isIP } from 'node:net';
import { z } from 'zod';
import type { Settings } from './settings.ts';
import { count, namespaceName, section, text } from './settings-values.ts';

/** Loopback: what it shows holds no secret, but it names clusters. A pod sets 0.0.0.0 and a NetworkPolicy. */
export const admin: z.ZodType<Settings['admin']> = section({
  address: text('an IP address', (address) => isIP(address) !== 0).default('127.0.0.1'),
  port: count(0, 65_535).default(9440),
}).prefault({});

const WEBHOOK_URL = 'an http or https URL without user name and password, such as https://alertmanager.example.com/api/v2/alerts';

const webhookUrl = z.string({ error: WEBHOOK_URL }).transform((value, context) => {
  const url = URL.canParse(value) ? new URL(value) : null;
  const isWeb = url !== null && ['http:', 'https:'].includes(url.protocol) && `${url.username}${url.password}${url.hash}` === '';
  if (isWeb) return url;
  context.addIssue({ code: 'custom', message: WEBHOOK_URL });
  return z.NEVER;
});

export const alerts = (path: z.ZodType<string, string>): z.ZodType<Settings['alerts']> =>
  section({
    webhook: section({ url: webhookUrl, caFile: path.nullable().default(null), tokenFile: path.nullable().default(null) })
      .nullable()
      .default(null),
    kubernetesEvents: section({ namespace: namespaceName }).nullable().default(null),
  }).prefault({});

export const NO_EVENT_ACCOUNT = 'nothing, or caSync.source kubernetes: events are written with its account';

/** Asked of what did parse, whatever else did not. */
export function hasEventAccount(value: { caSync?: { source?: unknown }; alerts?: { kubernetesEvents?: unknown } } | null): boolean {
  return value?.caSync?.source !== 'files' || (value.alerts?.kubernetesEvents ?? null) === null;
}
