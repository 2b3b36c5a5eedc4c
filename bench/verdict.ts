// What a verdict costs, with every built-in pack loaded: CPU for the policies alone and for the whole judgement of a head, over what real klusterlets
// sent, and for the conditions on a certificate request. Then a million verdicts, which must leave no memory behind.

import { readBody } from '../src/inspect/body/body.ts';
import type { CompiledPolicies, PolicyDecision } from '../src/inspect/policy/policy.ts';
import { addon, ask, bodyOf, klusterlet, policyOf } from '../test/inspect/policy-asking.ts';
import { loadPacks } from '../test/packs/loading.ts';
import { cpuMicroseconds } from './cpu-time.ts';
import { sayMedian } from './median.ts';
import { readRecorded, requireHead, type Sent } from './recorded.ts';

const ROUNDS = 7;
const VERDICTS_A_ROUND = 20_000;
const BODIES_A_ROUND = 300;
const VERDICTS_FOR_MEMORY = 1_000_000;

export function benchVerdict(): Promise<readonly string[]> {
  const policies = loadPacks();
  const sent = readRecorded();
  const heads = sent.filter(({ body }) => body.length === 0);
  const stranger = addon('cluster2', 'search-collector');
  const sender = klusterlet('cluster1');
  const operations: readonly (readonly [string, number, () => void])[] = [
    [
      'granted, policies alone      ',
      VERDICTS_A_ROUND,
      inTurn(heads, ({ info }) => requireGrant(policies.decide(info, { identity: sender }))),
    ],
    [
      'denied, policies alone       ',
      VERDICTS_A_ROUND,
      inTurn(heads, ({ info }) => requireDenial(policies.decide(info, { identity: stranger }))),
    ],
    ['granted, the whole head      ', VERDICTS_A_ROUND, inTurn(heads, ({ head }) => void requireHead(head, sender, policies))],
    ['conditions of a certificate  ', BODIES_A_ROUND, certificateRequest(sent, policies)],
  ];
  const figures = operations.map(([name, times, operation]) => {
    // The compiler works on other threads of the process, and only in the beginning.
    for (let n = 0; n < 2; n += 1) cpuMicroseconds(operation, times);
    return `CPU per verdict: ${name} ${sayMedian(
      Array.from({ length: ROUNDS }, () => cpuMicroseconds(operation, times)),
      'µs',
    )}`;
  });
  const costliest = costliestCondition();
  const milliseconds = Array.from({ length: ROUNDS }, () => cpuMicroseconds(costliest, BODIES_A_ROUND / 10) / 1_000);
  const memory = measureMemory(inTurn(heads, ({ head }) => void requireHead(head, sender, policies)));
  return Promise.resolve([...figures, `CPU of the costliest condition that is evaluated: ${sayMedian(milliseconds, 'ms')}`, memory]);
}

function inTurn<Item>(items: readonly Item[], operation: (item: Item) => void): () => void {
  let at = 0;
  return () => {
    const item = items[at];
    at = (at + 1) % items.length;
    if (item !== undefined) operation(item);
  };
}

function requireGrant({ refusal }: PolicyDecision): void {
  if (refusal !== null) throw new Error(refusal.detail);
}

function requireDenial({ allowed, rule }: PolicyDecision): void {
  if (allowed) throw new Error(`granted by ${rule}`);
}

/** What the rules say to a body that has been read; `npm run bench -- body` has the reading. */
function certificateRequest(sent: readonly Sent[], policies: CompiledPolicies): () => void {
  const request = sent.find(({ info }) => info.resource === 'certificatesigningrequests' && info.verb === 'create');
  if (request === undefined) throw new Error('no recorded certificate request');
  const { info, head, body } = request;
  const contentType = 'application/vnd.kubernetes.protobuf';
  const read = readBody(body, { info, contentType, method: head.method });
  if (!read.ok) throw new Error(read.refusal.detail);
  const identity = klusterlet('cluster1', read.body.csr?.user.split(':').at(-1));
  return () => {
    const { demand } = policies.decide(info, { identity }, contentType);
    if (demand.kind !== 'judge') throw new Error(`the body is not asked for: ${demand.kind}`);
    const { refusal } = demand.judge(read.body);
    if (refusal !== null) throw new Error(refusal.detail);
  };
}

/** A list against itself, as long as body-judgement.ts lets it be, and each time it is the last that fits. */
function costliestCondition(): () => void {
  const policies = policyOf(`
- name: squared
  apiGroups: [example.com]
  resources: [widgets]
  verbs: [create]
  namespaces: ["{{cluster}}"]
  validations: [{ expression: "object.list.all(x, object.list.exists(y, x - x + y == 97))", message: m }]
`);
  const request = 'POST /apis/example.com/v1/namespaces/cluster1/widgets';
  const { demand } = ask(policies, request, { type: 'application/json' });
  const body = bodyOf(request, { body: { list: Array.from({ length: 98 }, (_, at) => at) } });
  return () => {
    if (demand.kind !== 'judge' || !demand.judge(body).allowed) throw new Error('the condition was to hold');
  };
}

function measureMemory(operation: () => void): string {
  for (let n = 0; n < VERDICTS_A_ROUND; n += 1) operation();
  const before = heapMiB();
  for (let n = 0; n < VERDICTS_FOR_MEMORY; n += 1) operation();
  const after = heapMiB();
  const millions = VERDICTS_FOR_MEMORY / 1_000_000;
  return `heap before and after ${millions} million verdicts: ${before.toFixed(1)} and ${after.toFixed(1)} MiB`;
}

function heapMiB(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1024 / 1024;
}
