// The form of what a case sends and of what has to come of it, as the fixtures write them.

import { z } from 'zod';
import type { FaultCause, RefusalRule } from '../errors.ts';
import { faults, refusals } from '../errors.ts';
import { oneOf, section, text } from '../settings-values.ts';
import type { CaseRequest, Expectation, FrameRecipe, Wire } from './case.ts';
import { texts } from './identity-schema.ts';
import { keyTypes } from './pki/key.ts';

const someText = z.string({ error: 'a text' });
const yesOrNo = z.boolean({ error: 'true or false' });

const csr = section({
  user: someText,
  groups: texts,
  organizationalUnits: texts.default([]),
  dnsNames: texts.default([]),
  signerName: someText.default('kubernetes.io/kube-apiserver-client'),
  usages: texts.default(['digital signature', 'key encipherment', 'client auth']),
  labels: z.record(z.string(), z.string()).default({}),
  generateName: someText,
  expirationSeconds: z.int().optional(),
  key: oneOf(keyTypes).default('p256'),
  signedWith: oneOf(['own', 'another']).default('own'),
  as: oneOf(['json', 'protobuf']).default('protobuf'),
});

/** Bytes of a generated body: twice what the hub takes. */
const MAX_REPEATED = 6 * 1024 * 1024;

const repeat = section({
  before: someText.default(''),
  text: someText.min(1),
  times: z.int().min(1).max(MAX_REPEATED),
  after: someText.default(''),
});

const MAX_STREAM = 0x7fffffff;
const MAX_FRAMES = 10_000;

const frame: z.ZodType<FrameRecipe> = section({
  type: oneOf([
    'headers',
    'continuation',
    'data',
    'rst-stream',
    'settings',
    'ping',
    'goaway',
    'window-update',
    'priority',
    'push-promise',
    'unknown',
  ]),
  stream: z.int().min(0).max(MAX_STREAM).default(1),
  fields: z.array(z.tuple([z.string(), z.string()]), { error: 'a list of [name, value]' }).optional(),
  text: someText.optional(),
  hex: text('hexadecimal octets', (value) => /^(?:[0-9a-f]{2})*$/.test(value)).optional(),
  endStream: yesOrNo.default(false),
  endHeaders: yesOrNo.default(true),
  ack: yesOrNo.default(false),
  times: z.int().min(1).max(MAX_FRAMES).default(1),
});

const wire: z.ZodType<Wire> = oneOf(['h2', 'http/1.1']);
const isSet = (value: unknown): boolean => value !== undefined;

/** More is a load test. */
const MAX_TIMES = 200;

const requestShape = {
  request: text('METHOD target', (value) => /^[A-Z]+ \S*$/.test(value)).optional(),
  headers: z.record(z.string(), z.union([z.string(), texts])).default({}),
  trailers: z.record(z.string(), z.string()).optional(),
  body: z.unknown().optional(),
  as: oneOf(['json', 'protobuf']).default('json'),
  text: someText.optional(),
  base64: z.base64({ error: 'base64' }).optional(),
  repeat: repeat.optional(),
  csr: csr.optional(),
  raw: someText.optional(),
  afterwards: oneOf(['wait', 'end', 'destroy']).default('wait'),
  frames: z.array(frame).min(1).optional(),
  over: z.array(wire).min(1).optional(),
  times: z.int().min(1).max(MAX_TIMES).default(1),
};

/** What is wrong with a request as a whole; null: nothing. */
function requestFault(one: Partial<CaseRequest>): string | null {
  if ([one.request, one.csr, one.raw, one.frames].filter(isSet).length !== 1) return 'exactly one of request, csr, raw and frames';
  if ([one.body, one.text, one.base64, one.repeat, one.csr, one.raw, one.frames].filter(isSet).length > 1)
    return 'at most one of body, text, base64, repeat, csr, raw and frames';
  return null;
}

export const request: z.ZodType<CaseRequest> = section(requestShape).superRefine((one, context) => {
  const message = requestFault(one);
  if (message !== null) context.addIssue({ code: 'custom', message });
});

const headerExpectations = z.record(z.string(), z.string().nullable()).default({});

const expectationShape = {
  status: z.int().min(100).max(599).optional(),
  rule: z.enum(Object.keys(refusals) as [RefusalRule, ...RefusalRule[]], { error: 'a rule of docs/answers.md' }).optional(),
  cause: z.enum(Object.keys(faults) as [FaultCause, ...FaultCause[]], { error: 'a cause of docs/answers.md' }).optional(),
  reachesHub: yesOrNo,
  hubReceives: z.int().min(1).max(20).default(1),
  ends: oneOf(['closed', 'reset', 'connection']).optional(),
  contains: someText.optional(),
  answerHeaders: headerExpectations,
  hubHeaders: headerExpectations,
  hubTarget: someText.optional(),
  hubUser: someText.optional(),
  hubGroups: texts.optional(),
  hubBodyComplete: yesOrNo.default(true),
};

export const expectation: z.ZodType<Expectation> = section(expectationShape).superRefine((one, context) => {
  const message = expectationFault(one);
  if (message !== null) context.addIssue({ code: 'custom', message });
});

function expectationFault({ rule, cause, status, reachesHub, ends }: Expectation): string | null {
  if (rule !== undefined && cause !== undefined) return 'rule or cause, not both';
  if (rule !== undefined && reachesHub) return 'reachesHub: false, for what a rule refuses never reaches the hub';
  const documented = rule === undefined ? (cause === undefined ? undefined : faults[cause].status) : refusals[rule].status;
  if (documented !== undefined && status !== documented) return `status: ${documented}, which docs/answers.md promises for that name`;
  if (!reachesHub && status === undefined && ends === undefined) return 'a status, or how it ends';
  return null;
}
