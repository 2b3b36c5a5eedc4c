// The part of `check` that asks the hub itself: whether it can be reached and verified, whether its clock agrees with ours, and which rights
// ca-sync's account has. Every question is a read or a review; nothing on the hub changes.

import { readFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';
import { openHubAccount } from '../ca-sync/ca-sync.ts';
import type { Clock } from '../clock.ts';
import { exchange, fieldOf } from '../https-exchange.ts';
import type { HttpsAnswer } from '../https-exchange.ts';
import { formatDuration } from '../quantity.ts';
import type { HubSettings, KubernetesCaSyncSettings, QuarantineSettings } from '../settings.ts';
import { fail, ok, sayError, warn } from './finding.ts';
import type { Finding } from './finding.ts';

/** Leaves begin 5 minutes in the past (design.md §3); beyond that the hub finds every new one not valid yet. */
const BACKDATING_MS = 5 * 60_000;
/** The Date header counts whole seconds, and the answer was under way. */
const NOTABLE_SKEW_MS = 5_000;

export async function checkHub(hub: HubSettings, clock: Clock): Promise<Finding[]> {
  const item = 'hub';
  const askedAtMs = clock.now();
  let answer: HttpsAnswer;
  try {
    const ca = await readFile(hub.caFile);
    answer = await exchange(new URL('/version', hub.url), { ca }, hub.connectTimeoutMs);
  } catch (error) {
    return [
      fail(item, `${hub.url.host} cannot be reached or verified (${sayError(error)})`, 'check hub.url, hub.caFile and the network between'),
    ];
  }
  const reached = ok(item, `${hub.url.host} answers ${answer.status}, its certificate verifies against hub.caFile`);
  return [reached, checkClock(answer.dateMs, (askedAtMs + clock.now()) / 2)];
}

function checkClock(hubMs: number | null, oursMs: number): Finding {
  const item = 'clocks';
  if (hubMs === null) return warn(item, 'the hub sends no Date header', 'compare the clocks by hand');
  const skewMs = Math.abs(hubMs - oursMs);
  const text = `the hub is ${formatDuration(skewMs)} ${hubMs < oursMs ? 'behind' : 'ahead'}`;
  if (skewMs > BACKDATING_MS) return fail(item, text, 'set the clocks: certificates are judged by them');
  if (skewMs > NOTABLE_SKEW_MS) return warn(item, text, 'have both clocks kept by NTP');
  return ok(item, 'the hub and this machine agree');
}

/** As a SelfSubjectAccessReview asks for it; left out: none, or all of them. */
interface Right {
  readonly verb: string;
  readonly group?: string;
  readonly resource: 'secrets' | 'configmaps' | 'managedclusters' | 'endpointslices';
  readonly namespace?: string;
  readonly name?: string;
}

/** Asks the API server that ca-sync reads from, with ca-sync's account, once for each right that following takes. */
export async function checkRights(
  settings: KubernetesCaSyncSettings,
  quarantine: QuarantineSettings,
  timeoutMs: number,
): Promise<Finding[]> {
  const item = 'rights of the ca-sync account';
  const rights = rightsFor(settings, quarantine);
  let agent: Agent | null = null;
  try {
    const { server, options } = await openHubAccount(settings.kubeconfigFile);
    agent = options.agent instanceof Agent ? options.agent : null;
    const missing: string[] = [];
    for (const right of rights) {
      // oxlint-disable-next-line no-await-in-loop -- a few questions, one at a time, are kinder to a hub that struggles
      if (!(await isAllowed(right, server, options, timeoutMs))) missing.push(sayRight(right));
    }
    if (missing.length === 0) return [ok(item, rights.map(sayRight).join('; '))];
    return [fail(item, `missing: ${missing.join('; ')}`, 'apply the Role and RoleBinding in README.md, "With a real hub"')];
  } catch (error) {
    return [fail(item, sayError(error), 'check caSync.kubeconfigFile, or that this runs in a pod with a service account')];
  } finally {
    agent?.destroy();
  }
}

function rightsFor({ signer, trust, probe }: KubernetesCaSyncSettings, { configMap, followHub }: QuarantineSettings): readonly Right[] {
  const bothOn = (right: Omit<Right, 'verb'>): Right[] => ['get', 'watch'].map((verb) => ({ verb, ...right }));
  const addresses = { group: 'discovery.k8s.io', resource: 'endpointslices', namespace: 'default', name: 'kubernetes' } as const;
  const clusters = { group: 'cluster.open-cluster-management.io', resource: 'managedclusters' } as const;
  return [
    ...bothOn({ resource: 'secrets', namespace: signer.namespace, name: signer.secret }),
    ...bothOn({ resource: 'configmaps', namespace: trust.namespace, name: trust.configMap }),
    ...(probe.enabled && probe.endpoints === 'all' ? [{ verb: 'get', ...addresses }] : []),
    ...(configMap === null ? [] : bothOn({ resource: 'configmaps', ...configMap })),
    ...(followHub ? [...bothOn(clusters), { verb: 'list', ...clusters }] : []),
  ];
}

function sayRight({ verb, resource, namespace, name }: Right): string {
  return `${verb} ${resource}${namespace === undefined ? '' : ` ${namespace}/${name ?? ''}`}`;
}

async function isAllowed(right: Right, server: URL, options: RequestOptions, timeoutMs: number): Promise<boolean> {
  const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes: right } };
  const answer = await exchange(new URL('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', server), options, timeoutMs, review);
  if (answer.status === 401) throw new Error(`${server.host} does not accept the account's credentials (401)`);
  if (answer.status !== 201) throw new Error(`${server.host} answers ${answer.status} to a SelfSubjectAccessReview`);
  return fieldOf(answer.body, 'status', 'allowed') === true;
}
