// What another process says of itself at `/status`, read into the type that it was written from. The process may be of another version: what is
// not known is left alone, new names of alerts and rules pass, and what is missing is named.

import { z } from 'zod';
import type { Status } from '../admin/admin.ts';

const time = z.iso.datetime();
const text = z.string();
const certificate = { subject: text, fingerprintSHA256: text, notBefore: time, notAfter: time };
const generation = z.int().positive();
const count = z.number().nonnegative();
/** A newer version's names are names, too. */
const name = <T extends string>(): z.ZodType<T> => z.custom<T>((value) => typeof value === 'string', 'expected a string');
const refusal = z.object({ code: text, detail: text, since: time }).nullable();

const signer = z.object({
  ...certificate,
  generation,
  state: z.enum(['current', 'not-valid-yet', 'ended']),
  proof: z.enum(['accepted', 'unproven', 'unasked']),
});

const candidate = z.object({
  fingerprintSHA256: text.nullable(),
  subject: text.nullable(),
  notBefore: time.nullable(),
  notAfter: time.nullable(),
  state: z.enum(['waiting', 'probing', 'refused', 'missing']),
  since: time,
  reason: text,
});

const traffic = z.object({
  allowed: count,
  refused: count,
  wouldRefuse: count,
  perMinute: z.array(z.object({ at: time, allowed: count, refused: count })),
  refusalsByRule: z.array(z.object({ rule: name<Status['traffic']['refusalsByRule'][number]['rule']>(), count })),
  leavesIssued: count,
  hubRejections: count,
  clusters: z.array(z.object({ cluster: text, user: text, notAfter: time })),
});

const status: z.ZodType<Status> = z.object({
  version: text,
  at: time,
  started: time,
  ready: z.boolean(),
  reasons: z.array(text),
  signer: signer.nullable(),
  candidate: candidate.nullable(),
  retiring: z.array(z.object({ ...certificate, generation, withdrawn: z.boolean() })),
  trust: z.object({
    authorities: z.array(z.object(certificate)),
    skipped: z.array(text),
    refused: refusal,
    missing: z.object({ detail: text, since: time }).nullable(),
  }),
  sync: z.object({ source: z.enum(['kubernetes', 'files']), lastSuccess: time.nullable(), lastError: refusal }),
  probe: z.array(
    z.object({
      endpoint: text,
      ok: z.boolean(),
      at: time,
      outcome: z.enum(['accepted', 'rejected', 'unreachable']),
      detail: text,
      fingerprintSHA256: text,
    }),
  ),
  servingCertificate: z.object({ notBefore: time, notAfter: time }).nullable(),
  alerts: z.array(
    z.object({
      name: name<Status['alerts'][number]['name']>(),
      severity: z.enum(['warning', 'critical']),
      since: time,
      message: text,
      runbook: text,
    }),
  ),
  workers: z.array(z.object({ pid: z.int(), connections: count, hubSessions: count, requests: count, watches: count, credentials: count })),
  traffic,
});

export type ParsedStatus =
  | { readonly ok: true; readonly status: Status; readonly json: unknown }
  | { readonly ok: false; readonly problem: string };

export function parseStatus(body: string): ParsedStatus {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return { ok: false, problem: 'it is not JSON' };
  }
  const parsed = status.safeParse(json);
  if (parsed.success) return { ok: true, status: parsed.data, json };
  const [issue] = parsed.error.issues;
  return { ok: false, problem: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}` };
}
