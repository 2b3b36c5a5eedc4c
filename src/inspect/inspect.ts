// The front door of judgement: one request head in, one verdict out. Pure: no sockets, files, timers or clock. Nothing reaches the hub
// that did not come out of here as a ForwardHead.

import type { Refusal } from '../errors.ts';
import { judgeFraming } from './framing.ts';
import type { HeadLimits, RequestHead } from './head.ts';
import { selectHeaders } from './headers.ts';
import { judgeTarget } from './target.ts';

export type { HeadLimits, RequestHead } from './head.ts';
export { selectResponseHeaders, selectTrailers } from './headers.ts';

/** What goes to the hub: rebuilt from the parsed parts of an allowed request. */
export interface ForwardHead {
  readonly method: string;
  /** Origin-form: path and query. */
  readonly target: string;
  /** Flat name, value pairs; names in lower case, none of them hop-by-hop, routing or identity. */
  readonly headers: readonly string[];
  /** The declared length of the body in bytes, where one is declared. */
  readonly contentLength: number | null;
  /** The client waits for 100 (Continue) before it sends its body (RFC 9110 section 10.1.1). */
  readonly expectsContinue: boolean;
}

export type Verdict = { readonly allow: true; readonly head: ForwardHead } | { readonly allow: false; readonly refusal: Refusal };

/**
 * Judges a request by its head. Which path a peer may use is not judged yet: the policy takes its place between the target and the
 * headers, and gets the identity then.
 */
export function judge(head: RequestHead, limits: HeadLimits): Verdict {
  const refusal = judgeFraming(head) ?? judgeTarget(head.target, limits);
  if (refusal !== null) return { allow: false, refusal };
  const selected = selectHeaders(head, limits);
  if (!selected.ok) return { allow: false, refusal: selected.refusal };
  const { headers, contentLength, expectsContinue } = selected;
  return { allow: true, head: { method: head.method, target: head.target, headers, contentLength, expectsContinue } };
}
