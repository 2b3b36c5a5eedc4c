// The front door of judgement: one request head of a verified peer in, one verdict out. Pure: no sockets, files, timers or clock. Nothing reaches
// the hub that did not come out of here as a ForwardHead.

import type { Refusal } from '../errors.ts';
import type { Identity } from '../identity.ts';
import { judgeContentEncoding, readBody } from './body/body.ts';
import { judgeFraming } from './framing.ts';
import type { HeadLimits, RequestHead } from './head.ts';
import { selectHeaders } from './headers.ts';
import { readPath, writePath } from './path.ts';
import type { BodyDemand, ClosestRule, CompiledPolicies } from './policy/policy.ts';
import { readQuery, writeQuery } from './query.ts';
import { readRequestInfo } from './request-info.ts';
import type { RequestInfo } from './request-info.ts';
import { judgeTarget } from './target.ts';

export type { HeadLimits, RequestHead } from './head.ts';
export { selectResponseHeaders, selectTrailers } from './headers.ts';
// For the commands that check, explain and suggest policies.
export { type JudgedBody, readBody } from './body/body.ts';
export type { ClosestRule, CompiledPolicies } from './policy/policy.ts';
export { compilePolicies, runPolicyTests } from './policy/policy.ts';
export { namedCluster, namedInBody } from './named-cluster.ts';
export type { RequestInfo } from './request-info.ts';
export { readRequestTarget } from './request-target.ts';

/** What goes to the hub: rebuilt from the parsed parts of an allowed request. */
export interface ForwardHead {
  readonly method: string;
  /** Origin-form: path and query, built anew from what was judged. */
  readonly target: string;
  /** Flat name, value pairs; names in lower case, none of them hop-by-hop, routing or identity. */
  readonly headers: readonly string[];
  /** The declared length of the body in bytes, where one is declared. */
  readonly contentLength: number | null;
  /** The client waits for 100 (Continue) before it sends its body (RFC 9110 section 10.1.1). */
  readonly expectsContinue: boolean;
}

export interface Inspection {
  readonly policies: CompiledPolicies;
  /** `report`: what a policy would refuse is allowed, and says so. Hygiene refuses in both. */
  readonly mode: 'enforce' | 'report';
}

/** What has to happen to the body before any of it may go on. */
export type BodyPlan =
  | { readonly kind: 'count'; readonly mostBytes: number }
  | { readonly kind: 'judge'; readonly mostBytes: number; readonly judge: (bytes: Buffer) => BodyVerdict };

export interface BodyVerdict {
  readonly rule: string;
  /** null: may go on. */
  readonly refusal: Refusal | null;
  /** What would have refused it, had the mode or the policy's actions been otherwise. */
  readonly reported: Refusal | null;
}

export type Verdict =
  | {
      readonly allow: true;
      readonly head: ForwardHead;
      readonly info: RequestInfo;
      /** `policy/rule` that admits the head. */
      readonly rule: string;
      readonly body: BodyPlan;
      /** In report mode: what would have refused it. */
      readonly reported: Refusal | null;
    }
  | { readonly allow: false; readonly refusal: Refusal; readonly info: RequestInfo | null; readonly closest: ClosestRule | null };

/** Judges a request by its head: framing, target, headers, then what the policies say to it. First refusal wins. */
export function judge(head: RequestHead, identity: Identity, inspection: Inspection, limits: HeadLimits): Verdict {
  const refusal = judgeFraming(head) ?? judgeTarget(head.target, limits);
  if (refusal !== null) return refuse(refusal);
  const read = readTarget(head, limits);
  if (!read.ok) return refuse(read.refusal);
  const selected = selectHeaders(head, limits);
  if (!selected.ok) return refuse(selected.refusal, read.info);
  const encoded = judgeContentEncoding(headerOf(selected.headers, 'content-encoding'));
  if (encoded !== null) return refuse(encoded, read.info);
  const { headers, contentLength, expectsContinue } = selected;
  const forward: ForwardHead = { method: head.method, target: read.target, headers, contentLength, expectsContinue };
  return decide(forward, read, { identity, inspection, hasBody: head.hasBody });
}

interface ReadTarget {
  readonly ok: true;
  readonly target: string;
  readonly info: RequestInfo;
  readonly unknownKey: string | null;
}

/** Parses once and builds anew: what goes on is what was judged, whatever it looked like. */
function readTarget(head: RequestHead, limits: HeadLimits): ReadTarget | { readonly ok: false; readonly refusal: Refusal } {
  const mark = head.target.indexOf('?');
  const path = readPath(mark === -1 ? head.target : head.target.slice(0, mark));
  if (!path.ok) return path;
  const query = readQuery(mark === -1 ? null : head.target.slice(mark + 1), limits.maxQueryParameters);
  if (!query.ok) return query;
  const target = writePath(path.segments) + (query.parameters.length === 0 ? '' : `?${writeQuery(query.parameters)}`);
  return { ok: true, target, info: readRequestInfo(head.method, path.segments, query.parameters), unknownKey: query.unknown };
}

function decide(
  head: ForwardHead,
  { info, unknownKey }: ReadTarget,
  { identity, inspection, hasBody }: { identity: Identity; inspection: Inspection; hasBody: boolean },
): Verdict {
  const contentType = headerOf(head.headers, 'content-type');
  const decision = inspection.policies.decide(info, { identity }, contentType);
  const unknown: Refusal | null = unknownKey === null ? null : { rule: 'query-unknown', detail: unknownKey.slice(0, 80) };
  const denied = decision.refusal ?? unknown;
  if (denied !== null && inspection.mode === 'enforce') return { allow: false, refusal: denied, info, closest: decision.closest };
  const body = denied === null ? planBody(decision.demand, { info, contentType, method: head.method, mode: inspection.mode }) : ANY_BODY;
  const tooLong = hasBody && head.contentLength !== null && head.contentLength > body.mostBytes;
  if (tooLong && inspection.mode === 'enforce') {
    return refuse({ rule: 'body-limit', detail: `${head.contentLength} bytes, ${body.mostBytes} allowed` }, info);
  }
  return { allow: true, head, info, rule: decision.rule, body, reported: denied };
}

/** In report mode a policy has no say over sizes; the setting limits.maxRequestBodyBytes holds all the same. */
const ANY_BODY: BodyPlan = { kind: 'count', mostBytes: Number.MAX_SAFE_INTEGER };

function planBody(
  demand: BodyDemand,
  context: { info: RequestInfo; contentType: string | null; method: string; mode: Inspection['mode'] },
): BodyPlan {
  const isReporting = context.mode === 'report';
  if (demand.kind !== 'judge') {
    if (isReporting) return ANY_BODY;
    return demand.kind === 'none' ? { kind: 'count', mostBytes: 0 } : demand;
  }
  const mostBytes = isReporting ? ANY_BODY.mostBytes : demand.mostBytes;
  return {
    kind: 'judge',
    mostBytes,
    judge: (bytes) => {
      const read = readBody(bytes, context);
      const { rule, refusal, reported } = read.ok ? demand.judge(read.body) : { rule: 'body', refusal: read.refusal, reported: null };
      return context.mode === 'enforce' ? { rule, refusal, reported } : { rule, refusal: null, reported: refusal ?? reported };
    },
  };
}

function refuse(refusal: Refusal, info: RequestInfo | null = null): Verdict {
  return { allow: false, refusal, info, closest: null };
}

function headerOf(headers: readonly string[], name: string): string | null {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return headers[at + 1] ?? null;
  return null;
}
