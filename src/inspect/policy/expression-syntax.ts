// The syntax tree of one expression, read once when its policy is loaded: every name in it is declared, and how its cost grows is known. Owns what
// an expression may contain; evaluates nothing.

import { isCelError, type parse, run } from '@bufbuild/cel';
import { celFunctionsByName, PRESENT } from './cel-functions.ts';

/** The variables an expression may read; each with its fields, or null where any field may be asked for. */
export type Declarations = ReadonlyMap<string, ReadonlySet<string> | null>;

export interface ExpressionShape {
  /** Macros within macros. */
  readonly nesting: number;
  /** The steps of its macros grow with at most this power of the number of values in the body. */
  readonly power: number;
  /** Outside of its macros something goes through a list: cheap once, a power more within a macro. */
  readonly isLinear: boolean;
}

/** A name or a call that nothing declares. */
export class Undeclared extends Error {
  readonly expected: string;

  constructor(message: string, expected: string) {
    super(message);
    this.expected = expected;
  }
}

export interface Reading {
  readonly declarations: Declarations;
  /** Variables of the macros around. */
  readonly locals: ReadonlySet<string>;
  /** Declared variables that are read. */
  readonly reads: Set<string>;
  /** Fields of `variables` that are read. */
  readonly composed: Set<string>;
}

type Expr = ReturnType<typeof parse>['expr'];
type Kind<Name> = Extract<Expr['exprKind'], { case: Name }>;
type Node<Name> = Kind<Name> extends { value: infer Value } ? Value : never;

/** Nothing else may follow a dot or stand alone (cel-spec "type denotations"). */
const typeNames: ReadonlySet<string> = new Set(['bool', 'bytes', 'double', 'int', 'list', 'map', 'null_type', 'string', 'type', 'uint']);

/** What the evaluator does by itself, without a function: logic, choice and index. */
const operators: ReadonlySet<string> = new Set(['_&&_', '_||_', '_?_:_', '_[_]', '@not_strictly_false']);

/** They go through a list that may be the body's. */
const listFunctions: ReadonlySet<string> = new Set(['@in', 'join', 'sets.contains', 'sets.equivalent', 'sets.intersects', 'within']);

const flat: ExpressionShape = { nesting: 0, power: 0, isLinear: false };

/** Throws Undeclared. Writes `has(x.f)` as a call of our own, whose reading of null is CEL's. */
export function readExpression(expr: Expr, reading: Reading): ExpressionShape {
  const node = expr.exprKind;
  switch (node.case) {
    case 'constExpr':
      return flat;
    case 'identExpr':
      return readName(node.value.name, reading);
    case 'selectExpr': {
      const shape = readSelection(node.value, reading);
      if (node.value.testOnly) expr.exprKind = writePresence(expr, node.value);
      return shape;
    }
    case 'callExpr':
      return readCall(node.value, reading);
    case 'listExpr':
      return readAll(node.value.elements, reading);
    case 'structExpr':
      return readMap(node.value, reading);
    case 'comprehensionExpr':
      return readMacro(node.value, reading);
    case undefined:
      throw new Error('no expression');
  }
}

function readAll(expressions: readonly (Expr | undefined)[], reading: Reading): ExpressionShape {
  let { nesting, power, isLinear } = flat;
  for (const one of expressions) {
    if (one === undefined) continue;
    const shape = readExpression(one, reading);
    nesting = Math.max(nesting, shape.nesting);
    power = Math.max(power, shape.power);
    isLinear ||= shape.isLinear;
  }
  return { nesting, power, isLinear };
}

function readName(name: string, { declarations, locals, reads }: Reading): ExpressionShape {
  if (locals.has(name)) return flat;
  if (declarations.has(name)) reads.add(name);
  else if (!typeNames.has(name)) throw new Undeclared(`variable ${JSON.stringify(name)}`, `one of ${[...declarations.keys()].join(', ')}`);
  return flat;
}

function readSelection({ operand, field }: Node<'selectExpr'>, reading: Reading): ExpressionShape {
  if (operand === undefined) throw new Error('a selection of nothing');
  const shape = readExpression(operand, reading);
  const owner = operand.exprKind.case === 'identExpr' ? operand.exprKind.value.name : null;
  if (owner === null || reading.locals.has(owner)) return shape;
  const fields = reading.declarations.get(owner) ?? null;
  if (fields !== null && !fields.has(field)) {
    throw new Undeclared(
      `field ${JSON.stringify(`${owner}.${field}`)}`,
      `one of ${[...fields].map((one) => `${owner}.${one}`).join(', ')}`,
    );
  }
  if (owner === 'variables') reading.composed.add(field);
  return shape;
}

function writePresence({ id }: Expr, { operand, field }: Node<'selectExpr'>): Kind<'callExpr'> {
  const name: Expr = {
    $typeName: 'cel.expr.Expr',
    id,
    exprKind: { case: 'constExpr', value: { $typeName: 'cel.expr.Constant', constantKind: { case: 'stringValue', value: field } } },
  };
  const args = operand === undefined ? [name] : [operand, name];
  return { case: 'callExpr', value: { $typeName: 'cel.expr.Expr.Call', function: PRESENT, args } };
}

function readCall({ target, function: name, args }: Node<'callExpr'>, reading: Reading): ExpressionShape {
  const library = target?.exprKind.case === 'identExpr' ? `${target.exprKind.value.name}.${name}` : '';
  const isLibrary = celFunctionsByName.has(library);
  checkCall(isLibrary ? library : name, target !== undefined && !isLibrary, args.length);
  if (name === 'matches') checkPattern(args[0]);
  const shape = readAll(isLibrary ? args : [target, ...args], reading);
  return listFunctions.has(isLibrary ? library : name) ? { ...shape, isLinear: true } : shape;
}

function checkCall(name: string, isMethod: boolean, given: number): void {
  if (operators.has(name)) return;
  const overloads = celFunctionsByName.get(name);
  if (overloads === undefined) throw new Undeclared(`function ${JSON.stringify(name)}`, 'a function of docs/policy.md');
  if (overloads.some((one) => one.isMethod === isMethod && one.arguments === given)) return;
  const forms = overloads.map((one) => `${one.isMethod ? 'value.' : ''}${name}() with ${one.arguments}`);
  throw new Undeclared(`${isMethod ? 'value.' : ''}${name}() with ${given} arguments`, [...new Set(forms)].join(' or '));
}

/** A pattern is the policy's own text, never the body's, and it compiles (RE2 syntax). */
function checkPattern(pattern: Expr | undefined): void {
  const constant = pattern?.exprKind.case === 'constExpr' ? pattern.exprKind.value.constantKind : null;
  if (constant?.case !== 'stringValue') throw new Undeclared('a pattern that is computed', 'a pattern written as a text');
  if (isCelError(run("''.matches(pattern)", { pattern: constant.value }))) {
    throw new Undeclared(`the pattern ${JSON.stringify(constant.value.slice(0, 80))}`, 'a regular expression in the syntax of RE2');
  }
}

function readMap({ messageName, entries }: Node<'structExpr'>, reading: Reading): ExpressionShape {
  if (messageName !== '') throw new Undeclared(`message ${JSON.stringify(messageName)}`, 'a map, {"key": value}');
  return readAll(
    entries.flatMap(({ keyKind, value }) => [keyKind.case === 'mapKey' ? keyKind.value : undefined, value]),
    reading,
  );
}

/** `all`, `exists`, `exists_one`, `map` and `filter`, as the parser has expanded them. */
function readMacro(macro: Node<'comprehensionExpr'>, reading: Reading): ExpressionShape {
  const range = readAll([macro.iterRange], reading);
  if (reading.declarations.has(macro.iterVar) || reading.locals.has(macro.iterVar)) {
    throw new Undeclared(`the macro variable ${JSON.stringify(macro.iterVar)}`, 'a name that nothing else has');
  }
  const locals = new Set([...reading.locals, macro.iterVar, macro.accuVar]);
  const step = readAll([macro.accuInit, macro.loopCondition, macro.loopStep, macro.result], { ...reading, locals });
  // The list that `map` and `filter` build is a chain: to go through it costs its length for each element.
  const buildsList = macro.accuInit?.exprKind.case === 'listExpr';
  const inner = Math.max(step.power, step.isLinear ? 1 : 0);
  return {
    nesting: Math.max(range.nesting, step.nesting + 1),
    power: Math.max(range.power, inner + (buildsList ? 2 : 1)),
    isLinear: range.isLinear,
  };
}
