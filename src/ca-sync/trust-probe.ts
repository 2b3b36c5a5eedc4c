// Asks the hub whether it accepts what a signer issues: SelfSubjectReview with a canary leaf, at each endpoint on a connection of its own. Never
// follows a redirect, and never believes a server that hub.caFile does not vouch for under the name in hub.url.

import { checkServerIdentity } from 'node:tls';
import { isIP } from 'node:net';
import { readBounded } from '../bounded-file.ts';
import type { Clock } from '../clock.ts';
import { exchange } from '../https-exchange.ts';
import type { CaSyncSettings, HubSettings } from '../settings.ts';
import type { ProbeAnswer } from '../sync-view.ts';
import { issueCanary } from './canary.ts';
import type { Canary } from './canary.ts';
import { judgeReview } from './review-answer.ts';
import type { ReviewOpinion } from './review-answer.ts';
import type { CheckedSigner } from './signer.ts';
import type { Found } from './source.ts';

export interface TrustProbe {
  /** One answer for each endpoint, at least one in all. Never rejects; ends within seconds, or soon after `signal`. */
  ask(signer: CheckedSigner, signal: AbortSignal): Promise<readonly ProbeAnswer[]>;
  /** Resolves when nothing is left of it. */
  close(): Promise<void>;
}

/** The hub's API servers besides hub.url, as `host:port`, with brackets around an IPv6 address. */
export interface EndpointList {
  read(): Promise<Found<readonly string[]>>;
  close(): Promise<void>;
}

export interface ProbeTarget {
  readonly hub: HubSettings;
  readonly caSync: CaSyncSettings;
}

const REVIEW_PATH = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const REVIEW = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };

/** As the proxy's own limit for hub.caFile: a few hundred certificates. */
const MAX_CA_BYTES = 1024 * 1024;

export async function openTrustProbe({ hub, caSync }: ProbeTarget, clock: Clock): Promise<TrustProbe> {
  if (caSync.source === 'files' || caSync.probe.endpoints === 'url') return new HubProbe({ hub, caSync }, clock, null);
  // Loaded only when needed: the Kubernetes client costs about a second and 80 MB
  const { openEndpointList } = await import('./hub-endpoints.ts');
  return new HubProbe({ hub, caSync }, clock, openEndpointList(caSync.kubeconfigFile, clock));
}

class HubProbe implements TrustProbe {
  readonly #target: ProbeTarget;
  readonly #clock: Clock;
  readonly #list: EndpointList | null;

  constructor(target: ProbeTarget, clock: Clock, list: EndpointList | null) {
    this.#target = target;
    this.#clock = clock;
    this.#list = list;
  }

  async ask(signer: CheckedSigner, signal: AbortSignal): Promise<readonly ProbeAnswer[]> {
    const { hub, caSync } = this.#target;
    const issued = issueCanary(caSync.probe.cluster, signer, this.#clock.now());
    const listed = await this.#listEndpoints();
    const ca = await readAuthorities(hub.caFile);
    const asked = listed.endpoints.map(async (endpoint) => {
      if (!issued.ok) return this.#answer(endpoint, signer, fail(issued.detail));
      if (typeof ca === 'string') return this.#answer(endpoint, signer, fail(ca));
      return this.#answer(endpoint, signer, await askOne(endpoint, { hub, ca, canary: issued.canary, signal }));
    });
    const unlisted = listed.problem === null ? [] : [this.#answer(LISTED, signer, fail(listed.problem))];
    return [...(await Promise.all(asked)), ...unlisted];
  }

  async close(): Promise<void> {
    await this.#list?.close();
  }

  /** hub.url first; an address that is the same is asked once. */
  async #listEndpoints(): Promise<{ readonly endpoints: readonly string[]; readonly problem: string | null }> {
    const own = this.#target.hub.url.origin;
    const found = await this.#list?.read();
    if (found === undefined) return { endpoints: [own], problem: null };
    if (found.kind !== 'found') return { endpoints: [own], problem: found.detail };
    return { endpoints: [...new Set([own, ...found.value.map((address) => new URL(`https://${address}`).origin)])], problem: null };
  }

  #answer(endpoint: string, signer: CheckedSigner, { outcome, detail }: ReviewOpinion): ProbeAnswer {
    return { endpoint, outcome, detail, atMs: this.#clock.now(), fingerprintSHA256: signer.certificate.fingerprintSHA256 };
  }
}

/** Stands for all the addresses that could not be learned. */
const LISTED = 'EndpointSlice default/kubernetes';

interface Question {
  readonly hub: HubSettings;
  readonly ca: Buffer;
  readonly canary: Canary;
  readonly signal: AbortSignal;
}

async function askOne(endpoint: string, { hub, ca, canary, signal }: Question): Promise<ReviewOpinion> {
  const host = hub.url.hostname.replace(/^\[|\]$/g, '');
  const identity = {
    ca,
    cert: canary.cert,
    key: canary.key,
    // RFC 6066 §3: no address as a server name. Whatever is dialled, the certificate has to be that of hub.url
    servername: isIP(host) === 0 ? host : '',
    checkServerIdentity: (_: string, certificate: Parameters<typeof checkServerIdentity>[1]) => checkServerIdentity(host, certificate),
    headers: { host: hub.url.host },
    signal,
  };
  try {
    return judgeReview(await exchange(new URL(REVIEW_PATH, endpoint), identity, hub.connectTimeoutMs, REVIEW), canary.user);
  } catch (error) {
    return fail(`the hub gives no answer to a leaf of this signer (${describeError(error)})`);
  }
}

async function readAuthorities(file: string): Promise<Buffer | string> {
  try {
    return await readBounded(file, MAX_CA_BYTES);
  } catch (error) {
    return error instanceof Error ? error.message : `${file} cannot be read`;
  }
}

function fail(detail: string): ReviewOpinion {
  return { outcome: 'unreachable', detail };
}

/** Node joins the errors of several addresses in one without a message. */
function describeError(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? (first.message.split('\n')[0]?.slice(0, 200) ?? '') : 'unknown error';
}
