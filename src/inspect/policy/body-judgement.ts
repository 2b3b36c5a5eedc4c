// Whether a body has what the rules that admit its head ask of it. One rule that is content is enough: rules only ever grant. An expression that
// cannot be evaluated, or would cost too much, is one that does not hold (failurePolicy Fail).

import { type CelInput, type CelValue, celMap } from '@bufbuild/cel';
import type { Refusal } from '../../errors.ts';
import type { JudgedBody } from '../body/body.ts';
import { bindBody, bindHead } from './bindings.ts';
import { countValues } from './cel-value.ts';
import type { BodyRule, CompiledRule } from './compiled-rule.ts';
import type { CelOutcome, Expression } from './expression.ts';
import type { ValidationAction } from './policy-document.ts';
import { type AskedRequest, isOneOf } from './rule-match.ts';

export interface PolicyBodyDecision {
  readonly allowed: boolean;
  /** The rule that decides; of a refusal the one that came closest: of those that admitted the head, the one with the fewest failures. */
  readonly rule: string;
  /** Set where it is not allowed. */
  readonly refusal: Refusal | null;
  /** Set where it is allowed although a condition does not hold, for the policy only warns or audits. */
  readonly reported: Refusal | null;
  /** What did not hold: of the deciding rule. */
  readonly failures: readonly ValidationFailure[];
}

export interface ValidationFailure {
  readonly rule: string;
  /** The policy's own sentence. */
  readonly message: string;
  /** Why, where the expression had no answer. */
  readonly detail: string | null;
  readonly actions: readonly ValidationAction[];
}

/** Steps that one expression may take through a body: some 7 ms for a short one (bench "verdict"). */
const MAX_STEPS = 10_000;

/** `rules` have admitted the head; there is at least one. */
export function judgeBody(rules: readonly CompiledRule[], asked: AskedRequest, body: JudgedBody): PolicyBodyDecision {
  const judgement = new BodyJudgement(asked, body);
  // The first that is content decides, so that a body for the one rule is not held against all of the other's conditions.
  const satisfied = rules.find((rule) => judgement.isContent(rule));
  if (satisfied !== undefined) return { allowed: true, rule: satisfied.id, refusal: null, reported: null, failures: [] };
  const verdicts = rules
    .map((rule) => ({ rule, failures: [...judgement.failuresOf(rule)] }))
    .toSorted((a, b) => a.failures.length - b.failures.length);
  const lenient = verdicts.find(({ rule }) => !rule.body.actions.has('Deny'));
  const { rule, failures } = lenient ?? verdicts[0] ?? { rule: null, failures: [] };
  const id = rule?.id ?? 'default-deny';
  const found: Refusal = { rule: 'policy-body', detail: sayFailures(id, failures) };
  if (lenient !== undefined) return { allowed: true, rule: id, refusal: null, reported: found, failures };
  return { allowed: false, rule: id, refusal: found, reported: null, failures };
}

function sayFailures(rule: string, failures: readonly ValidationFailure[]): string {
  const reasons = failures.map(({ message, detail }) => (detail === null ? message : `${message} (${detail})`));
  return `${rule}: ${reasons.join('; ')}`;
}

/** One body held against several rules: what they share is converted and counted once, and no expression is evaluated twice. */
class BodyJudgement {
  readonly #asked: AskedRequest;
  readonly #body: JudgedBody;
  readonly #bindings: Record<string, CelInput> = {};
  readonly #outcomes = new Map<Expression, CelOutcome>();
  readonly #sizes = new Map<string, number>();

  constructor(asked: AskedRequest, body: JudgedBody) {
    this.#asked = asked;
    this.#body = body;
  }

  /** Looks no further than the first condition that does not hold. */
  isContent(rule: CompiledRule): boolean {
    return this.failuresOf(rule).next().done === true;
  }

  *failuresOf({ id, body }: CompiledRule): Generator<ValidationFailure, void> {
    const failure = (message: string, detail: string | null): ValidationFailure => ({
      rule: id,
      message,
      detail,
      actions: [...body.actions],
    });
    if (!this.#hasName(body)) yield failure('the name in the body is not one that the rule has', null);
    for (const { expression, message } of body.validations) {
      const outcome = this.#outcomeOf(expression, body.variables);
      if (!outcome.ok) yield failure(message, outcome.detail);
      else if (outcome.value !== true) yield failure(message, outcome.value === false ? null : 'the expression is neither true nor false');
    }
  }

  #hasName({ names }: BodyRule): boolean {
    const { name } = this.#body.stated;
    return names === null || (name !== null && isOneOf(names, this.#asked.identity, name));
  }

  #outcomeOf(expression: Expression, variables: BodyRule['variables']): CelOutcome {
    const known = this.#outcomes.get(expression);
    if (known !== undefined) return known;
    const outcome = this.#evaluate(expression, variables);
    this.#outcomes.set(expression, outcome);
    return outcome;
  }

  /** Variables are evaluated when they are first read; each reads only those before it, so that this ends. */
  #evaluate(expression: Expression, variables: BodyRule['variables']): CelOutcome {
    const composed = new Map<string, CelValue>();
    for (const name of expression.composed) {
      const variable = variables.get(name);
      if (variable === undefined) return { ok: false, detail: `no variable ${name}` };
      const outcome = this.#outcomeOf(variable, variables);
      if (!outcome.ok) return outcome;
      composed.set(name, outcome.value);
    }
    const size = this.#sizeFor(expression);
    if (size ** expression.power > MAX_STEPS) return { ok: false, detail: `too costly for a body with ${size} values` };
    const bound = this.#bind(expression.reads);
    return expression.evaluate(composed.size === 0 ? bound : { ...bound, variables: celMap(composed) });
  }

  #bind(names: ReadonlySet<string>): Readonly<Record<string, CelInput>> {
    const missing = [...names].filter((name) => !(name in this.#bindings));
    if (missing.includes('request') || missing.includes('identity')) Object.assign(this.#bindings, bindHead(this.#asked));
    return missing.length === 0 ? this.#bindings : Object.assign(this.#bindings, bindBody(this.#body, missing));
  }

  /** The values that it can go through: of what it reads itself, or of all where it reads variables. */
  #sizeFor({ power, reads, composed }: Expression): number {
    if (power === 0) return 1;
    let size = 0;
    for (const name of composed.size > 0 ? (['object', 'patch', 'touched', 'csr'] as const) : reads) size += this.#sizeOf(name);
    return size;
  }

  #sizeOf(name: string): number {
    const known = this.#sizes.get(name);
    if (known !== undefined) return known;
    const body = this.#body;
    const { csr } = body;
    const counted: Readonly<Record<string, () => number>> = {
      object: () => countValues(body.object),
      patch: () => countValues(body.patch),
      touched: () => body.touched.length,
      csr: () => (csr === null ? 0 : countValues({ ...csr })),
    };
    const size = counted[name]?.() ?? 0;
    this.#sizes.set(name, size);
    return size;
  }
}
