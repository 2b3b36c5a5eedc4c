// What a real klusterlet sent with its certificate (fixtures/recorded), as the front door of inspection takes it.

import { readFileSync } from 'node:fs';
import type { Identity } from '../src/identity.ts';
import {
  type BodyVerdict,
  type CompiledPolicies,
  type HeadLimits,
  judge,
  readRequestTarget,
  type RequestHead,
  type RequestInfo,
} from '../src/inspect/inspect.ts';

export interface Sent {
  readonly head: RequestHead;
  readonly info: RequestInfo;
  readonly body: Buffer;
}

interface RecordedLine {
  readonly subject: string | null;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/** As in countersign.example.yaml. */
const limits: HeadLimits = {
  maxHeaderBytes: 16_384,
  maxHeaders: 64,
  maxQueryParameters: 32,
  maxTargetBytes: 8_192,
  maxRequestBodyBytes: 3 * 1024 * 1024,
};

export function readRecorded(): readonly Sent[] {
  const lines = readFileSync(new URL('../fixtures/recorded/recorded-requests.jsonl', import.meta.url), 'utf8')
    .trim()
    .split('\n');
  const recorded = lines.map((line) => JSON.parse(line) as RecordedLine).filter(({ subject }) => subject !== null);
  return recorded.map(({ method, target, headers, body }) => toSent(method, target, headers.flat(), Buffer.from(body, 'base64')));
}

/** `headers` are flat name, value pairs. */
export function toSent(method: string, target: string, headers: readonly string[], body: Buffer): Sent {
  const read = readRequestTarget(method, target);
  if (!read.ok) throw new Error(read.refusal.detail);
  const head: RequestHead = { httpVersion: '2.0', method, target, authority: 'hub.example.com', headers, hasBody: body.length > 0 };
  return { head, info: read.info, body };
}

/** The head alone. Throws where it is refused. */
export function requireHead(head: RequestHead, identity: Identity, policies: CompiledPolicies): ((bytes: Buffer) => BodyVerdict) | null {
  const verdict = judge(head, identity, { policies, mode: 'enforce' }, limits);
  if (!verdict.allow) throw new Error(verdict.refusal.detail);
  return verdict.body.kind === 'judge' ? verdict.body.judge : null;
}

/** Head and body, from bytes to verdict. Throws where it is refused, or where no rule looks at the body. */
export function requireVerdict({ head, body }: Sent, identity: Identity, policies: CompiledPolicies): void {
  const refusal = requireHead(head, identity, policies)?.(body).refusal;
  if (refusal !== null) throw new Error(refusal?.detail ?? 'the body is not judged');
}
