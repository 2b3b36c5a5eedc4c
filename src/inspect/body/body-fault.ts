// Why a body cannot be judged. Thrown by the readers of this folder and caught in body.ts only, where it becomes a refusal.

import type { RefusalRule } from '../../errors.ts';

type BodyRule = Extract<RefusalRule, 'body-form' | 'body-bounds' | 'body-mismatch' | 'csr-malformed' | 'csr-subject'>;

/** The message is for the audit: it names places and bounds, never content. A body may hold a Secret or a token. */
export class BodyFault extends Error {
  readonly rule: BodyRule;

  constructor(rule: BodyRule, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.name = 'BodyFault';
    this.rule = rule;
  }
}
