// The hub's token keys from the hub itself, with the account of ca-sync. Never follows a redirect, and never asks for more than the two public
// documents of the issuer.

import { Agent } from 'node:http';
import { request } from 'node:https';
import type { RequestOptions } from 'node:https';
import type { Clock } from '../clock.ts';
import { readHubAccount } from './hub-account.ts';
import { AnswerTooLargeError, describeFailure, describeStatus } from './hub-failure.ts';
import { MAX_JWKS_BYTES } from './jwks-source.ts';
import type { JwksReading, JwksSource } from './jwks-source.ts';
import type { Found, SourceFailure } from './source.ts';

/** kube-apiserver's own paths (pkg/serviceaccount/openidmetadata.go). */
const KEYS_PATH = '/openid/v1/jwks';
const DISCOVERY_PATH = '/.well-known/openid-configuration';

/** As for a Secret (hub-objects.ts): connecting included. */
const READ_MS = 10_000;
/** An https URL; OpenShift's is https://kubernetes.default.svc. */
const MAX_ISSUER_CHARACTERS = 512;

export function openHubJwksSource(kubeconfigFile: string | null, clock: Clock): JwksSource {
  return new HubJwksSource(kubeconfigFile, clock);
}

class HubJwksSource implements JwksSource {
  readonly kind = 'hub';
  readonly #kubeconfigFile: string | null;
  readonly #clock: Clock;
  readonly #reads = new Map<AbortController, Promise<unknown>>();

  constructor(kubeconfigFile: string | null, clock: Clock) {
    this.#kubeconfigFile = kubeconfigFile;
    this.#clock = clock;
  }

  async read(): Promise<JwksReading> {
    const [document, discovery] = await Promise.all([this.#get(KEYS_PATH), this.#get(DISCOVERY_PATH)]);
    return { document, issuer: discovery.kind === 'found' ? readIssuer(discovery.value) : discovery };
  }

  /** Keys change once in months; the schedule and unknown key ids are what makes us look. */
  follow(): void {}

  async close(): Promise<void> {
    for (const aborter of this.#reads.keys()) aborter.abort();
    await Promise.all(this.#reads.values());
  }

  #get(path: string): Promise<Found<Buffer>> {
    const aborter = new AbortController();
    const cancel = this.#clock.after(READ_MS, () => aborter.abort());
    const read = this.#ask(path, aborter.signal).finally(() => {
      cancel();
      this.#reads.delete(aborter);
    });
    this.#reads.set(aborter, read);
    return read;
  }

  async #ask(path: string, signal: AbortSignal): Promise<Found<Buffer>> {
    const what = `GET ${path}`;
    let server = '';
    let agent: Agent | null = null;
    try {
      const account = await readHubAccount(this.#kubeconfigFile);
      server = account.server.origin;
      agent = account.options.agent instanceof Agent ? account.options.agent : null;
      const { status, body } = await fetchWhole(new URL(path, account.server), account.options, signal);
      if (status === 200) return { kind: 'found', value: body };
      return status === 404 ? { kind: 'missing', detail: `${server} has no ${path}` } : refuseStatus(status, what);
    } catch (error) {
      return describeFailure(error, { what, server, hasTimedOut: signal.aborted });
    } finally {
      agent?.destroy();
    }
  }
}

function readIssuer(discovery: Buffer): Found<string> {
  try {
    const { issuer } = JSON.parse(discovery.toString('utf8')) as { issuer?: unknown };
    if (typeof issuer === 'string' && issuer !== '' && issuer.length <= MAX_ISSUER_CHARACTERS) return { kind: 'found', value: issuer };
  } catch {
    // Said below
  }
  return { kind: 'failed', code: 'answer-malformed', detail: `${DISCOVERY_PATH} names no issuer` };
}

function refuseStatus(status: number, what: string): SourceFailure {
  if (status !== 403) return describeStatus(status, what);
  const detail = `the API server refuses (403) ${what}; bind the account to the ClusterRole system:service-account-issuer-discovery`;
  return { kind: 'failed', code: 'forbidden', detail };
}

function fetchWhole(url: URL, options: RequestOptions, signal: AbortSignal): Promise<{ readonly status: number; readonly body: Buffer }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ readonly status: number; readonly body: Buffer }>();
  const headers = { accept: 'application/json, application/jwk-set+json', ...(options.headers as Record<string, string> | undefined) };
  const sent = request(url, { ...options, headers, rejectUnauthorized: true, signal }, (response) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAX_JWKS_BYTES) response.destroy(new AnswerTooLargeError(MAX_JWKS_BYTES));
      else chunks.push(chunk);
    });
    response.on('error', reject);
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
  });
  sent.on('error', reject);
  sent.end();
  return promise;
}
