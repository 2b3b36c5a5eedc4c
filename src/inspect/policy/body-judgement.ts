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
  const verdicts = rules
    .map((rule) => ({ rule, failures: judgement.findFailures(rule) }))
    .toSorted((a, b) => a.failures.length - b.failures.length);
  const content = verdicts.find(({ rule, failures }) => failures.length === 0 || !rule.body.actions.has('Deny'));
  const { rule, failures } = content ?? verdicts[0] ?? { rule: null, failures: [] };
  const id = rule?.id ?? 'default-deny';
  const found: Refusal = { rule: 'policy-body', detail: sayFailures(id, failures) };
  if (content !== undefined) return { allowed: true, rule: id, refusal: null, reported: failures.length === 0 ? null : found, failures };
  return { allowed: false, rule: id, refusal: found, reported: null, failures };
}

function sayFailures(rule: string, failures: readonly ValidationFailure[]): string {
  const reasons = failures.map(({ message, detail }) => (detail === null ? message : `${message} (${detail})`));
  return `${rule}: ${reasons.join('; ')}`;
}

/** One body held against several rules: what they share is converted and counted once. */
class BodyJudgement {
  readonly #asked: AskedRequest;
  readonly #body: JudgedBody;
  readonly #bindings: Record<string, CelInput> = {};
  readonly #sizes = new Map<string, number>();

  constructor(asked: AskedRequest, body: JudgedBody) {
    this.#asked = asked;
    this.#body = body;
  }

  findFailures({ id, body }: CompiledRule): readonly ValidationFailure[] {
    const failures: ValidationFailure[] = [];
    const actions = [...body.actions];
    const fail = (message: string, detail: string | null): void => void failures.push({ rule: id, message, detail, actions });
    if (!this.#hasName(body)) fail('the name in the body is not one that the rule has', null);
    const known = new Map<string, CelOutcome>();
    for (const { expression, message } of body.validations) {
      const outcome = this.#evaluate(expression, body.variables, known);
      if (!outcome.ok) fail(message, outcome.detail);
      else if (outcome.value !== true) fail(message, outcome.value === false ? null : 'the expression is neither true nor false');
    }
    return failures;
  }

  #hasName({ names }: BodyRule): boolean {
    const { name } = this.#body.stated;
    return names === null || (name !== null && isOneOf(names, this.#asked.identity, name));
  }

  /** Variables are evaluated when they are first read, once; each reads only those before it, so that this ends. */
  #evaluate(expression: Expression, variables: BodyRule['variables'], known: Map<string, CelOutcome>): CelOutcome {
    const composed = new Map<string, CelValue>();
    for (const name of expression.composed) {
      const variable = variables.get(name);
      if (variable === undefined) return { ok: false, detail: `no variable ${name}` };
      const outcome = known.get(name) ?? this.#evaluate(variable, variables, known);
      known.set(name, outcome);
      if (!outcome.ok) return outcome;
      composed.set(name, outcome.value);
    }
    const size = this.#sizeFor(expression);
    if (size ** expression.power > MAX_STEPS) return { ok: false, detail: `too costly for a body with ${size} values` };
    return expression.evaluate({ ...this.#bind(expression.reads), variables: celMap(composed) });
  }

  #bind(names: ReadonlySet<string>): Record<string, CelInput> {
    const missing = [...names].filter((name) => !(name in this.#bindings));
    if (missing.includes('request') || missing.includes('identity')) Object.assign(this.#bindings, bindHead(this.#asked));
    return Object.assign(this.#bindings, bindBody(this.#body, missing));
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
    const { object, patch, touched, csr } = this.#body;
    const counted: Readonly<Record<string, () => number>> = {
      object: () => countValues(object),
      patch: () => countValues(patch),
      touched: () => touched.length,
      csr: () => (csr === null ? 0 : countValues({ ...csr })),
    };
    const size = counted[name]?.() ?? 0;
    this.#sizes.set(name, size);
    return size;
  }
}
