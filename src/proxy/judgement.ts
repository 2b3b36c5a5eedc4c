// The judgement over one request before anything of it goes on: whom it comes from, whether they are cut off or locked out, and what inspection says
// to its head. Ends in a request that may be forwarded, or in the outcome that stands instead.

import { Fault } from '../errors.ts';
import type { Refusal } from '../errors.ts';
import type { Identity } from '../identity.ts';
import { judge } from '../inspect/inspect.ts';
import type { Inspection, RequestInfo, Verdict } from '../inspect/inspect.ts';
import type { LimitSettings } from '../settings.ts';
import { admit } from './admission.ts';
import type { Client } from './admission.ts';
import type { BootstrapGate } from './bootstrap-gate.ts';
import { judgeBootstrap } from './bootstrap-judgement.ts';
import type { ClientConnection } from './client-connection.ts';
import type { ClientExchange } from './client-exchange.ts';
import type { FlowControl, FlowSubject } from './flow-control.ts';
import { fault } from './forwarding.ts';
import type { AllowedRequest, Outcome } from './forwarding.ts';

export interface JudgementParts {
  readonly flow: FlowControl;
  /** null: who shows no certificate is refused, whatever it brings. */
  readonly bootstrap: BootstrapGate | null;
  /** Read for each request: policies are swapped whole. */
  readonly inspection: () => Inspection;
  readonly limits: LimitSettings;
}

export type RequestJudgement =
  | { readonly kind: 'allowed'; readonly request: AllowedRequest; readonly info: RequestInfo; readonly subject: FlowSubject | null }
  | { readonly kind: 'over'; readonly outcome: Outcome; readonly info: RequestInfo | null };

export async function judgeRequest(
  exchange: ClientExchange,
  connection: ClientConnection,
  auditId: string,
  parts: JudgementParts,
): Promise<RequestJudgement> {
  const { flow, bootstrap, limits } = parts;
  const admission = await admit(connection, exchange.head.headers, bootstrap);
  if (admission.kind === 'refused') return refuse(admission.refusal, { closes: true });
  if (admission.kind === 'fault') return over(fault(new Fault(admission.cause, 'at the judgement of the peer')));
  const { client } = admission;
  const subject = flow.subjectOf(connection);
  const lockedOut = subject === null ? null : flow.lockedOut(subject);
  if (lockedOut !== null) return refuse(lockedOut);
  const judgeAs = (identity: Identity): Verdict => judge(exchange.head, identity, inspectionFor(client, parts), limits);
  const cutOffNow = (): Refusal | null => connection.quarantined();
  const verdict =
    client.kind === 'bootstrap' ? judgeBootstrap(exchange.head, client, { judgeAs, cutOff: cutOffNow }) : judgeAs(client.peer.identity);
  if (!verdict.allow) return refuse(verdict.refusal, { info: verdict.info });
  // Of one that imports a cluster it is known only now which one, if its body does not have to say.
  const cutOff = cutOffNow();
  if (cutOff !== null) return refuse(cutOff, { closes: true, info: verdict.info });
  const { head, body, reported, rule, info } = verdict;
  return { kind: 'allowed', request: { client, head, auditId, body, rule, reported }, info, subject };
}

/** That a token reaches only what an import needs is part of who may come in at all: enforced in report mode too. */
function inspectionFor(client: Client, { inspection }: JudgementParts): Inspection {
  const current = inspection();
  return client.kind === 'bootstrap' ? { ...current, mode: 'enforce' } : current;
}

function refuse(refusal: Refusal, more: { readonly closes?: boolean; readonly info?: RequestInfo | null } = {}): RequestJudgement {
  return over({ kind: 'refused', refusal, closes: more.closes ?? false }, more.info ?? null);
}

function over(outcome: Outcome, info: RequestInfo | null = null): RequestJudgement {
  return { kind: 'over', outcome, info };
}
