// The form of a case file, and its JSON schema. What a file means where it leaves something out is said here and nowhere else.

import { z } from 'zod';
import { packNames } from '../pack-names.ts';
import { duration, milliseconds, oneOf, section, text } from '../settings-values.ts';
import type { CaseAct, CaseGiven, CaseNeighbour, ComplianceCase, Expectation, HubState } from './case.ts';
import { identity, label } from './identity-schema.ts';
import { promiseIds } from './promises.ts';
import { expectation, request } from './request-schema.ts';
import { misbehaviour, step } from './step-schema.ts';

const hub: z.ZodType<HubState> = section({
  rbac: oneOf(['everybody', 'ocm']).default('everybody'),
  signerKey: oneOf(['rsa-2048', 'ec-p256', 'ec-p384']).default('ec-p256'),
  http2: z.boolean().default(true),
  maxStreams: z.int().min(1).max(2000).default(2000),
  clusters: z.array(label).default(['cluster1', 'cluster2']),
  without: z.array(oneOf(['signer', 'trust', 'token-keys'])).default([]),
  behind: oneOf(['hub', 'nothing', 'silence', 'stranger', 'garbage']).default('hub'),
  misbehaves: misbehaviour.nullable().default(null),
});

/** A case that takes longer hangs; the slowest of ours takes seconds. */
const DEADLINE = '20s';

const given = section({
  identity,
  identities: z.record(label, identity).default({}),
  packs: z.array(oneOf(packNames)).min(1).default(['klusterlet']),
  mode: oneOf(['enforce', 'report']).optional(),
  settings: z.record(z.string(), z.unknown()).default({}),
  files: z
    .record(
      text('the name of a file', (name) => /^[a-z0-9][-.a-z0-9]*$/.test(name)),
      z.string(),
    )
    .default({}),
  hub: hub.prefault({}),
}).transform(({ mode, settings, ...rest }): CaseGiven => {
  const inspect = mode === undefined ? {} : { inspect: { mode } };
  return { ...rest, settings: { ...settings, ...inspect } };
});

/** What stands in a file; the reader adds where it stands. */
export type CaseDocument = Omit<ComplianceCase, 'source' | 'notApplicable'>;

const MOST_STEPS = 60;

const written = section({
  id: label,
  promise: z.enum(promiseIds, { error: `one of ${promiseIds.join(', ')}` }),
  threat: text('T1 to T23', (value) => /^T(?:[1-9]|1\d|2[0-3])$/.test(value)).optional(),
  shows: text('a sentence of 20 to 300 characters on one line', (value) => /^[^\n]{20,300}$/.test(value)),
  deadline: duration('1s', '2m').default(milliseconds(DEADLINE)),
  given,
  when: request.optional(),
  steps: z.array(step).min(1).max(MOST_STEPS).optional(),
  // oxlint-disable-next-line unicorn/no-thenable -- given, when, then are the words of a case; it is data, and nobody awaits it
  then: expectation.optional(),
  neighbour: section({
    identity: identity.optional(),
    when: request,
    // oxlint-disable-next-line unicorn/no-thenable -- as above
    then: expectation,
  }).optional(),
});

export const caseDocument: z.ZodType<CaseDocument> = written.transform((read, context) => {
  const act = actOf(read);
  const neighbour: CaseNeighbour | null =
    read.neighbour === undefined
      ? null
      : { identity: read.neighbour.identity ?? null, request: read.neighbour.when, expected: read.neighbour.then };
  const fault = typeof act === 'string' ? act : neighbourFault(act, neighbour);
  if (typeof act === 'string' || fault !== null) {
    context.addIssue({ code: 'custom', message: fault ?? '' });
    return z.NEVER;
  }
  const { id, promise, threat = null, shows, deadline: deadlineMs } = read;
  return { id, promise, threat, shows, deadlineMs, given: read.given, when: act, neighbour };
});

function actOf({ when, then, steps }: z.output<typeof written>): CaseAct | string {
  if (steps !== undefined) return when === undefined && then === undefined ? { kind: 'steps', steps } : 'steps, or when and then; not both';
  if (when === undefined || then === undefined) return 'when and then, or steps';
  return { kind: 'request', request: when, expected: then };
}

/** A proxy that refuses everything would pass a test of refusals alone. */
function neighbourFault(act: CaseAct, neighbour: CaseNeighbour | null): string | null {
  if (act.kind === 'steps') return neighbour === null ? null : 'no neighbour: its own steps show what is let through';
  const isRefused = ({ reachesHub, cause }: Expectation): boolean => !reachesHub && cause === undefined;
  if (isRefused(act.expected) && neighbour === null) return 'a neighbour: as like the case as can be, and let through';
  return neighbour !== null && isRefused(neighbour.expected) ? 'a neighbour that reaches the hub' : null;
}

/** For editors and for whoever writes cases: what may stand in a file. */
export function caseJsonSchema(): Record<string, unknown> {
  return {
    ...z.toJSONSchema(caseDocument, { io: 'input', unrepresentable: 'any', reused: 'ref' }),
    title: 'A case of the Countersign compliance test',
  };
}
