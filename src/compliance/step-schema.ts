// The form of the steps of a case that is a sequence: one verb a step.

import { z } from 'zod';
import { duration, milliseconds, oneOf, section, text } from '../settings-values.ts';
import type { AskStep, CaseStep, HubMisbehaviour } from './case.ts';
import { hubDeeds } from './case.ts';
import { label } from './identity-schema.ts';
import { expectation, request } from './request-schema.ts';

const FLOOD_BYTES = 64 * 1024 * 1024;

export const misbehaviour: z.ZodType<HubMisbehaviour> = z.discriminatedUnion('kind', [
  section({ kind: z.enum(['refuse-stream', 'reset-stream', 'destroy-connection', 'silence']) }),
  section({
    kind: z.literal('answer'),
    status: z.int().min(200).max(599),
    headers: z.record(z.string(), z.string()).default({}),
    body: z.string().default(''),
  }),
  section({
    kind: z.literal('flood'),
    bytes: z.int().min(1).max(FLOOD_BYTES),
    cutAfterBytes: z.int().min(0).max(FLOOD_BYTES).exactOptional(),
  }),
]);

/** For what follows by itself: far more than it takes, and under a case's deadline. */
const within = duration('0s', '2m').default(milliseconds('10s'));
const who = label.nullable().default(null);

const ask: z.ZodType<AskStep> = section({
  identity: who,
  on: label.nullable().default(null),
  to: oneOf(['proxy', 'hub', 'opening-proxy']).default('proxy'),
  when: request,
  // oxlint-disable-next-line unicorn/no-thenable -- given, when, then are the words of a case; it is data, and nobody awaits it
  then: expectation,
  within: duration('0s', '2m').default(0),
}).transform(({ when, then: expected, within: withinMs, ...rest }) => ({ ...rest, request: when, expected, withinMs }));

const timed = <Shape extends z.ZodRawShape>(shape: Shape) => section({ ...shape, within });

const hubAct = section({
  misbehaves: misbehaviour.nullable().optional(),
  does: oneOf(hubDeeds).optional(),
  request: section({
    method: oneOf(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']),
    target: z.string(),
    body: z.unknown().optional(),
  }).optional(),
}).transform((said, context) => {
  const { misbehaves, does, request: sent } = said;
  if (Object.keys(said).length === 1) {
    if (misbehaves !== undefined) return { kind: 'misbehaves', misbehaves } as const;
    if (does !== undefined) return { kind: 'does', does } as const;
    if (sent !== undefined) return { kind: 'request', request: sent } as const;
  }
  context.addIssue({ code: 'custom', message: 'exactly one of misbehaves, does and request' });
  return z.NEVER;
});

const MOST_CONNECTIONS = 200;

const verbs = {
  ask,
  watch: section({
    name: label,
    identity: who,
    over: oneOf(['h2', 'http/1.1']).default('h2'),
    target: text('a path with watch=true', (value) => /^\/\S*[?&]watch=(?:true|1)\b/.test(value)),
  }),
  event: timed({ watch: label }).transform(({ watch, within: withinMs }) => ({ watch, withinMs })),
  ends: timed({ watch: label, how: oneOf(['cleanly', 'cut']) }).transform(({ within: withinMs, ...rest }) => ({ ...rest, withinMs })),
  open: label,
  connect: section({ identity: who, count: z.int().min(1).max(MOST_CONNECTIONS) }),
  rotate: section({
    order: oneOf(['trust-first', 'secret-first']),
    trustDelay: duration('0s', '30s').default(0),
    newRoot: z.boolean().default(false),
  }).transform(({ trustDelay: trustDelayMs, ...rest }) => ({ ...rest, trustDelayMs })),
  hub: hubAct,
  settings: z.record(z.string(), z.unknown()),
  signal: oneOf(['SIGTERM', 'SIGHUP']),
  exits: timed({ code: z.int().min(0).max(255) }).transform(({ code, within: withinMs }) => ({ code, withinMs })),
  logs: timed({ event: label }).transform(({ event, within: withinMs }) => ({ event, withinMs })),
  secrets: z.literal('nowhere'),
};

const optional = Object.fromEntries(Object.entries(verbs).map(([verb, form]) => [verb, form.optional()]));

export const step: z.ZodType<CaseStep> = section(optional).transform((said, context) => {
  const [entry, ...others] = Object.entries(said);
  if (entry === undefined || others.length > 0) {
    context.addIssue({ code: 'custom', message: `exactly one of ${Object.keys(verbs).join(', ')}` });
    return z.NEVER;
  }
  const [kind, value] = entry;
  // The verbs above are the kinds of CaseStep, each with what its form reads.
  return { kind, [kind]: value } as unknown as CaseStep;
});
