// One CEL expression of a policy, compiled when the policy is loaded: its length, its nesting and thereby its cost are bounded. Evaluating never
// throws; what goes wrong there is an outcome, and the caller denies.

import { type CelInput, type CelValue, isCelError, parse, plan } from '@bufbuild/cel';
import { celEnvironment } from './cel-functions.ts';
import { type Declarations, type Reading, readExpression, Undeclared } from './expression-syntax.ts';

export type CelOutcome = { readonly ok: true; readonly value: CelValue } | { readonly ok: false; readonly detail: string };

export interface Expression {
  /** The declared variables that it reads. */
  readonly reads: ReadonlySet<string>;
  /** The fields of `variables` that it reads: what has to be evaluated before it. */
  readonly composed: ReadonlySet<string>;
  /** Its cost grows with at most this power of the number of values in the body. */
  readonly power: number;
  readonly evaluate: (bindings: Readonly<Record<string, CelInput>>) => CelOutcome;
}

export type CompiledExpression =
  | { readonly ok: true; readonly expression: Expression }
  | { readonly ok: false; readonly found: string; readonly expected: string };

/** Characters: several times the longest of the built-in packs, and what a person can still read. */
const MAX_EXPRESSION_CHARACTERS = 2048;
/** Two lists compared with each other. Five deep cost 117-314 ms over 10 items (facts/inspection.md "CEL in JS"). */
const MAX_NESTING = 2;

export function compileExpression(text: string, declarations: Declarations): CompiledExpression {
  if (text.length > MAX_EXPRESSION_CHARACTERS) {
    return { ok: false, found: `${text.length} characters`, expected: `at most ${MAX_EXPRESSION_CHARACTERS} characters` };
  }
  try {
    const { expr } = parse(text);
    const reading: Reading = { declarations, locals: new Set(), reads: new Set(), composed: new Set() };
    const { nesting, power } = readExpression(expr, reading);
    if (nesting > MAX_NESTING) return { ok: false, found: `macros nested ${nesting} deep`, expected: `at most ${MAX_NESTING} deep` };
    const run = plan(celEnvironment, expr);
    const { reads, composed } = reading;
    return { ok: true, expression: { reads, composed, power, evaluate: (bindings) => outcomeOf(() => run(bindings)) } };
  } catch (error) {
    // The parser throws plain errors with a position, and RangeError for nesting beyond the stack.
    const message = error instanceof Error ? error.message : '';
    if (error instanceof Undeclared) return { ok: false, found: message, expected: error.expected };
    return { ok: false, found: message.replace(/^<input>:/, 'at ').slice(0, 200), expected: 'an expression in CEL' };
  }
}

function outcomeOf(run: () => unknown): CelOutcome {
  try {
    const value = run();
    return isCelError(value) ? { ok: false, detail: sayFailure(value) } : { ok: true, value: value as CelValue };
  } catch (error) {
    return { ok: false, detail: sayFailure(error) };
  }
}

/** Messages that name only what the policy itself names; others may quote the body, which no log gets. */
const SHOWABLE = /^(?:field not found|found no matching overload|index \d+ out of bounds|unresolved attribute|type mismatch)/;

function sayFailure(error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  return SHOWABLE.test(message) ? message.slice(0, 120) : 'a value does not have the form that the expression expects';
}
