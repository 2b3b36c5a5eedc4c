// The form of the request target: origin-form in printable ASCII, as the Kubernetes API knows it. What does not have it is refused, never mended.

import type { Refusal } from '../errors.ts';
import type { HeadLimits } from './head.ts';

/** RFC 9112 section 3.2.1 origin-form, without what Go and Node read differently: `#`, backslash, spaces, controls and bytes beyond ASCII. */
const originForm = /^\/[!"$-[\]-~]*$/;

export function judgeTarget(target: string, limits: HeadLimits): Refusal | null {
  if (target.length > limits.maxTargetBytes) {
    return { rule: 'target-length', detail: `${target.length} bytes, ${limits.maxTargetBytes} allowed` };
  }
  if (!originForm.test(target)) return { rule: 'target-form', detail: JSON.stringify(target.slice(0, 200)) };
  return null;
}
