// What Countersign would do with one request of one agent, at which stage, by which rule, and what it makes of the request. Runs the data path's own
// judgement under the policies of the settings; pure.

import { refusals } from '../errors.ts';
import type { Refusal, RefusalRule } from '../errors.ts';
import type { Identity } from '../identity.ts';
import { judge, readBody } from '../inspect/inspect.ts';
import type { BodyPlan, ClosestRule, CompiledPolicies, HeadLimits, JudgedBody, RequestHead, RequestInfo } from '../inspect/inspect.ts';
import { refuseQuarantined } from '../proxy/proxy.ts';

/** `quarantine`: the caller's cluster is cut off; `message`: framing, target and headers as such; `policy`: what a policy admits of it; `body`: what it asks of the body. */
export type RequestStage = 'quarantine' | 'message' | 'policy' | 'body';

/** Printed by `--json`: a public interface. */
export interface RequestExplanation {
  /** `would-deny`: it is let through only because `inspect.mode` is report. */
  readonly verdict: 'allow' | 'deny' | 'would-deny';
  /** Which stage denies; null where none does. */
  readonly stage: RequestStage | null;
  /** Of a denial: its name in the answer to the client (docs/answers.md). */
  readonly refusal: RefusalRule | null;
  /** What the client is told. */
  readonly message: string | null;
  /** What the audit says. */
  readonly detail: string | null;
  /** `policy/rule`: the one that allows, or whose conditions the body does not meet. */
  readonly rule: string | null;
  /** Where no rule admits it: the one that came closest. */
  readonly closest: ClosestRule | null;
  readonly request: ExplainedRequest | null;
  /** null where none is asked for. */
  readonly body: ExplainedBody | null;
}

export type ExplainedRequest = Omit<RequestInfo, 'apiPrefix' | 'parts' | 'isVerbInPath'>;

export interface ExplainedBody {
  readonly bytes: number;
  readonly mostBytes: number;
  /** false: it is counted on its way and not looked at. */
  readonly isJudged: boolean;
  /** What it was read as; null where it was not looked at or could not be read. */
  readonly read: Pick<JudgedBody, 'kind' | 'mediaType' | 'stated' | 'touched' | 'csr'> | null;
}

export interface RequestQuestion {
  readonly head: RequestHead;
  /** Empty: none. */
  readonly body: Buffer;
  readonly identity: Identity;
  readonly policies: CompiledPolicies;
  readonly mode: 'enforce' | 'report';
  /** quarantine.clusters of the settings; what a ConfigMap or the hub adds is known to a running proxy only. */
  readonly quarantined: readonly string[];
  readonly limits: HeadLimits;
}

export function explainRequest(question: RequestQuestion): RequestExplanation {
  const { head, body, identity, policies, quarantined, limits } = question;
  const cutOff = refuseQuarantined({ clusters: new Map(quarantined.map((cluster) => [cluster, ['settings']])) }, identity);
  if (cutOff !== null) return { ...deny(nothing, { stage: 'quarantine', refusal: cutOff, question }), verdict: 'deny' };
  const verdict = judge(head, identity, { policies, mode: 'enforce' }, limits);
  if (!verdict.allow) {
    const { refusal, info, closest } = verdict;
    const stage = policyRules.has(refusal.rule) ? 'policy' : 'message';
    return deny({ ...nothing, request: info === null ? null : pickRequest(info), closest }, { stage, refusal, question });
  }
  const found = { ...nothing, request: pickRequest(verdict.info), rule: verdict.rule };
  if (verdict.body.kind === 'count' && verdict.body.mostBytes === 0 && body.length === 0) return found;
  return explainBody(found, { plan: verdict.body, info: verdict.info, question });
}

const nothing: RequestExplanation = {
  verdict: 'allow',
  stage: null,
  refusal: null,
  message: null,
  detail: null,
  rule: null,
  closest: null,
  request: null,
  body: null,
};

/** What the policies decide at the head of a request; everything else there is hygiene. */
const policyRules: ReadonlySet<RefusalRule> = new Set(['policy-denied', 'query-unknown']);

interface Denial {
  readonly stage: RequestStage;
  readonly refusal: Refusal;
  readonly question: RequestQuestion;
}

function deny(found: RequestExplanation, { stage, refusal, question }: Denial): RequestExplanation {
  const { rule, detail } = refusal;
  const denied = { ...found, stage, refusal: rule, message: refusals[rule].sentence, detail };
  return { ...denied, verdict: isOnlyReported(question) ? 'would-deny' : 'deny' };
}

/** The same question in report mode, asked of the data path's own judgement. */
function isOnlyReported({ head, body, identity, policies, mode, limits }: RequestQuestion): boolean {
  // What an import may ask is part of who may come in at all (src/proxy/judgement.ts).
  if (mode === 'enforce' || identity.kind === 'bootstrap') return false;
  const verdict = judge(head, identity, { policies, mode }, limits);
  return (
    verdict.allow && body.length <= verdict.body.mostBytes && (verdict.body.kind === 'count' || verdict.body.judge(body).refusal === null)
  );
}

interface BodyQuestion {
  readonly plan: BodyPlan;
  readonly info: RequestInfo;
  readonly question: RequestQuestion;
}

function explainBody(found: RequestExplanation, { plan, info, question }: BodyQuestion): RequestExplanation {
  const { head, body } = question;
  const isJudged = plan.kind === 'judge';
  const read = isJudged ? readBody(body, { info, contentType: headerOf(head, 'content-type'), method: head.method }) : null;
  const shown = read?.ok === true ? pickBody(read.body) : null;
  const explained = { ...found, body: { bytes: body.length, mostBytes: plan.mostBytes, isJudged, read: shown } };
  if (body.length > plan.mostBytes) {
    const detail = `${body.length} bytes, ${plan.mostBytes} allowed`;
    return deny(explained, { stage: 'body', refusal: { rule: 'body-limit', detail }, question });
  }
  if (!isJudged) return explained;
  const { rule, refusal } = plan.judge(body);
  const decided = rule.includes('/') ? { ...explained, rule } : explained;
  return refusal === null ? decided : deny(decided, { stage: 'body', refusal, question });
}

function headerOf({ headers }: RequestHead, wanted: string): string | null {
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === wanted);
  return at === -1 ? null : (headers[at + 1] ?? null);
}

function pickRequest({ apiPrefix: _prefix, parts: _parts, isVerbInPath: _isVerbInPath, ...request }: RequestInfo): ExplainedRequest {
  return request;
}

function pickBody({ kind, mediaType, stated, touched, csr }: JudgedBody): ExplainedBody['read'] {
  return { kind, mediaType, stated, touched, csr };
}
