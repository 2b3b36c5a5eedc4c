// Inspection of a request with a bootstrap token: finds the cluster that it names, binds the connection to it, and has it judged under that name. An
// account that clusters share may name it only in the body; then the body is judged under the name that it gives.

import { namedCluster, namedInBody, readRequestTarget } from '../inspect/inspect.ts';
import type { BodyVerdict, RequestHead, Verdict } from '../inspect/inspect.ts';
import type { Refusal } from '../errors.ts';
import type { Identity } from '../identity.ts';
import type { BootstrapPeer } from './bootstrap-peer.ts';

type Allowed = Extract<Verdict, { allow: true }>;

export interface BootstrapJudge {
  /** Hygiene and policy for the same head, whosever it is. */
  readonly judgeAs: (identity: Identity) => Verdict;
  /** Whether the cluster that the connection is bound to by now is cut off. */
  readonly cutOff: () => Refusal | null;
}

export function judgeBootstrap(head: RequestHead, client: BootstrapPeer, by: BootstrapJudge): Verdict {
  const read = readRequestTarget(head.method, head.target);
  const info = read.ok ? read.info : null;
  const refusal = info === null ? null : client.pin(namedCluster(info, null));
  if (refusal !== null) return { allow: false, refusal, info, closest: null };
  const verdict = by.judgeAs(client.identity);
  if (!verdict.allow || client.identity.cluster !== null) return verdict;
  return awaitName(verdict, (bytes) => judgeNamed(bytes, { verdict, client, by }));
}

function awaitName(verdict: Allowed, judge: (bytes: Buffer) => BodyVerdict): Verdict {
  return verdict.body.kind === 'judge' ? { ...verdict, body: { ...verdict.body, judge } } : verdict;
}

function judgeNamed(bytes: Buffer, { verdict, client, by }: { verdict: Allowed; client: BootstrapPeer; by: BootstrapJudge }): BodyVerdict {
  const { info, head, rule } = verdict;
  const contentType = contentTypeOf(head.headers);
  const refusal = client.pin(namedInBody(bytes, { info, contentType, method: head.method })) ?? by.cutOff();
  if (refusal !== null) return refuse(rule, refusal);
  const named = by.judgeAs(client.identity);
  if (!named.allow) return refuse(rule, named.refusal);
  return named.body.kind === 'judge' ? named.body.judge(bytes) : { rule: named.rule, refusal: null, reported: named.reported };
}

function contentTypeOf(headers: readonly string[]): string | null {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === 'content-type') return headers[at + 1] ?? null;
  return null;
}

function refuse(rule: string, refusal: Refusal): BodyVerdict {
  return { rule, refusal, reported: null };
}
