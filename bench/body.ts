// What judging a body costs: CPU for a certificate request as klusterlets send it (protobuf), and for a large status patch, with the longest that one
// reading keeps the event loop from anything else. Beside them what cannot be saved: an ECDSA verification, and JSON.parse.

import { createPublicKey, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readBody } from '../src/inspect/body/body.ts';
import { readRequestInfo } from '../src/inspect/request-info.ts';
import { testKey } from '../test/pki-certificate.ts';
import { median, sayMedian } from './median.ts';

const ROUNDS = 7;
const REQUESTS_A_ROUND = 300;
const PATCHES_A_ROUND = 50;
const PATCH_BYTES = 350 * 1024;

export function benchBody(): Promise<readonly string[]> {
  const [requests, verifications, patches, parses, longest]: [number[], number[], number[], number[], number[]] = [[], [], [], [], []];
  const readRequest = readingOfRecorded('/certificatesigningrequests');
  const verifyOnce = verification();
  const { readPatch, parsePatch } = largePatch();
  // Once before it counts: the compiler works on other threads of the process, and only in the beginning.
  for (const operation of [readRequest, verifyOnce]) cpuMicroseconds(operation, 5 * REQUESTS_A_ROUND);
  for (const operation of [readPatch, parsePatch]) cpuMicroseconds(operation, PATCHES_A_ROUND);
  for (let round = 0; round < ROUNDS; round += 1) {
    requests.push(cpuMicroseconds(readRequest, REQUESTS_A_ROUND));
    verifications.push(cpuMicroseconds(verifyOnce, REQUESTS_A_ROUND));
    const stall = watchLongest(readPatch);
    patches.push(cpuMicroseconds(stall.operation, PATCHES_A_ROUND) / 1_000);
    parses.push(cpuMicroseconds(parsePatch, PATCHES_A_ROUND) / 1_000);
    longest.push(stall.longestMs());
  }
  return Promise.resolve([
    `CPU per protobuf CSR           ${sayMedian(requests, 'µs')}`,
    `CPU per P-256 verification     ${sayMedian(verifications, 'µs')}`,
    `CPU per 350 KiB status patch   ${sayMedian(patches, 'ms')}`,
    `longest of ${PATCHES_A_ROUND}, by the clock   ${sayMedian(longest, 'ms')}`,
    `CPU per JSON.parse of it       ${sayMedian(parses, 'ms')}`,
    `ratio                          ${(median(patches) / median(parses)).toFixed(1)}`,
  ]);
}

/** The clock counts what other processes take as well: on a busy machine the median of the rounds says more than their longest. */
function watchLongest(operation: () => void): { readonly operation: () => void; readonly longestMs: () => number } {
  let longestMs = 0;
  const watched = (): void => {
    const before = performance.now();
    operation();
    longestMs = Math.max(longestMs, performance.now() - before);
  };
  return { operation: watched, longestMs: () => longestMs };
}

interface Recorded {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/** Reads the body of the first recorded request to that resource. */
function readingOfRecorded(resource: string): () => void {
  const lines = readFileSync(new URL('../fixtures/recorded/recorded-requests.jsonl', import.meta.url), 'utf8')
    .trim()
    .split('\n');
  const found = lines.map((line) => JSON.parse(line) as Recorded).find(({ target, body }) => target.endsWith(resource) && body !== '');
  if (found === undefined) throw new Error(`no recorded request to ${resource}`);
  const info = readRequestInfo(found.method, found.target.split('/').slice(1), []);
  const contentType = found.headers.find(([name]) => name === 'content-type')?.[1] ?? null;
  const bytes = Buffer.from(found.body, 'base64');
  return () => requireRead(bytes, { info, contentType, method: found.method });
}

function requireRead(...given: Parameters<typeof readBody>): void {
  const result = readBody(...given);
  if (!result.ok) throw new Error(result.refusal.detail);
}

/** With a key that is new each time, as each request has its own. */
function verification(): () => void {
  const { privateKey, spkiDer } = testKey('p256', 'bench');
  const signed = Buffer.alloc(260, 1);
  const signature = sign('sha256', signed, privateKey);
  return () => void verify('sha256', signed, createPublicKey({ key: spkiDer, format: 'der', type: 'spki' }), signature);
}

/** A ManifestWork status of many manifests, each with the conditions that the work agent writes. */
function largePatch(): { readonly readPatch: () => void; readonly parsePatch: () => void } {
  const condition = (type: string): object => ({
    lastTransitionTime: '2026-11-23T19:10:30Z',
    message: `Manifest is ${type.toLowerCase()}, says the agent`,
    observedGeneration: 1,
    reason: `${type}Complete`,
    status: 'True',
    type,
  });
  const manifest = (ordinal: number): object => ({
    conditions: ['Applied', 'Available', 'StatusFeedbackSynced'].map(condition),
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
  });
  const manifests: object[] = [];
  const size = JSON.stringify(manifest(0)).length;
  while (manifests.length * size < PATCH_BYTES) manifests.push(manifest(manifests.length));
  const text = JSON.stringify({ metadata: { resourceVersion: '1', uid: 'u' }, status: { conditions: [], resourceStatus: { manifests } } });
  const bytes = Buffer.from(text);
  const path = 'apis/work.open-cluster-management.io/v1/namespaces/cluster1/manifestworks/hello/status';
  const context = { info: readRequestInfo('PATCH', path.split('/'), []), contentType: 'application/merge-patch+json', method: 'PATCH' };
  return { readPatch: () => requireRead(bytes, context), parsePatch: () => void JSON.parse(bytes.toString()) };
}

function cpuMicroseconds(operation: () => void, times: number): number {
  const before = process.cpuUsage();
  for (let n = 0; n < times; n += 1) operation();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}
