// What judging a body costs, from bytes to verdict, with every built-in pack loaded: CPU for a certificate request as klusterlets send it (protobuf), and for
// a large status patch, with the longest that one keeps the event loop from anything else. Beside them what cannot be saved: an ECDSA verification, JSON.parse.

import { createPublicKey, sign, verify } from 'node:crypto';
import { readBody } from '../src/inspect/body/body.ts';
import { klusterlet } from '../test/inspect/policy-asking.ts';
import { loadPacks } from '../test/packs/loading.ts';
import { testKey } from '../test/pki-certificate.ts';
import { cpuMicroseconds } from './cpu-time.ts';
import { median, sayMedian } from './median.ts';
import { readRecorded, requireVerdict, type Sent, toSent } from './recorded.ts';
import { makeStatusPatch, statusPatchType, statusPath } from './status-patch.ts';

const ROUNDS = 7;
const REQUESTS_A_ROUND = 300;
const PATCHES_A_ROUND = 50;

/** What issue 3 allows. */
const MOST_REQUEST_US = 300;
const MOST_STALL_MS = 20;

export function benchBody(): Promise<readonly string[]> {
  const operations = { ...certificateRequests(), ...statusPatches() };
  const figures = new Map(Object.keys(operations).map((name) => [name, [] as number[]]));
  const longest: number[] = [];
  // Once before it counts: the compiler works on other threads of the process, and only in the beginning.
  for (const { operation, times } of Object.values(operations)) cpuMicroseconds(operation, 5 * times);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, { operation, times }] of Object.entries(operations)) {
      const watched = watchLongest(operation);
      figures.get(name)?.push(cpuMicroseconds(watched.operation, times));
      if (name === 'patch') longest.push(watched.longestMs());
    }
  }
  const of = (name: keyof typeof operations): readonly number[] => figures.get(name) ?? [];
  const ms = (name: keyof typeof operations): readonly number[] => of(name).map((microseconds) => microseconds / 1_000);
  return Promise.resolve([
    `CPU per klusterlet's protobuf CSR   ${sayMedian(of('klusterlet'), 'µs')}; ${within(median(of('klusterlet')), MOST_REQUEST_US, 'µs')}`,
    `CPU per add-on's protobuf CSR       ${sayMedian(of('addon'), 'µs')}; ${within(median(of('addon')), MOST_REQUEST_US, 'µs')}`,
    `  of it reading                     ${sayMedian(of('reading'), 'µs')}`,
    `CPU per P-256 verification          ${sayMedian(of('verification'), 'µs')}`,
    `CPU per 350 KiB status patch        ${sayMedian(ms('patch'), 'ms')}`,
    `longest of ${PATCHES_A_ROUND}, by the clock        ${sayMedian(longest, 'ms')}; ${within(median(longest), MOST_STALL_MS, 'ms')}`,
    `CPU per JSON.parse of it            ${sayMedian(ms('parse'), 'ms')}`,
    `ratio                               ${(median(of('patch')) / median(of('parse'))).toFixed(1)}`,
  ]);
}

function within(value: number, most: number, unit: string): string {
  return `${value <= most ? 'within' : 'NOT within'} ${most} ${unit}`;
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

interface Measured {
  readonly operation: () => void;
  readonly times: number;
}

type RequestFigure = 'klusterlet' | 'addon' | 'reading' | 'verification';

/** The klusterlet asks for its own certificate, and for those of its add-ons. */
function certificateRequests(): Readonly<Record<RequestFigure, Measured>> {
  const policies = loadPacks();
  const requests = readRecorded().filter(({ info }) => info.resource === 'certificatesigningrequests' && info.verb === 'create');
  const verdictOn = (kind: string): (() => void) => {
    const request = requests.find((sent) => readRequest(sent).kind === kind);
    if (request === undefined) throw new Error(`no recorded certificate request for ${kind}`);
    return () => requireVerdict(request, identity, policies);
  };
  const own = requests.map(readRequest).find(({ kind }) => kind === 'klusterlet');
  const identity = klusterlet('cluster1', own?.user.split(':').at(-1));
  const [first] = requests;
  if (first === undefined) throw new Error('no recorded certificate request');
  const times = REQUESTS_A_ROUND;
  return {
    klusterlet: { operation: verdictOn('klusterlet'), times },
    addon: { operation: verdictOn('addon'), times },
    reading: { operation: () => void readRequest(first), times },
    verification: { operation: verification(), times },
  };
}

function readRequest({ head, info, body }: Sent): { readonly user: string; readonly kind: string } {
  const result = readBody(body, { info, contentType: 'application/vnd.kubernetes.protobuf', method: head.method });
  if (!result.ok || result.body.csr === null) throw new Error(result.ok ? 'no certificate request' : result.refusal.detail);
  return result.body.csr;
}

/** With a key that is new each time, as each request has its own. */
function verification(): () => void {
  const { privateKey, spkiDer } = testKey('p256', 'bench');
  const signed = Buffer.alloc(260, 1);
  const signature = sign('sha256', signed, privateKey);
  return () => void verify('sha256', signed, createPublicKey({ key: spkiDer, format: 'der', type: 'spki' }), signature);
}

function statusPatches(): Readonly<Record<'patch' | 'parse', Measured>> {
  const policies = loadPacks();
  const identity = klusterlet('cluster1');
  const sent = toSent('PATCH', statusPath('cluster1'), ['content-type', statusPatchType], makeStatusPatch());
  return {
    patch: { operation: () => requireVerdict(sent, identity, policies), times: PATCHES_A_ROUND },
    parse: { operation: () => void JSON.parse(sent.body.toString()), times: PATCHES_A_ROUND },
  };
}
