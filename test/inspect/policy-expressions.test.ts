// Expressions by themselves: what loads and what does not, what the functions answer, and how the cost of each is bounded.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { celList, celMap } from '@bufbuild/cel';
import * as fc from 'fast-check';
import { bodyDeclarations } from '../../src/inspect/policy/bindings.ts';
import { toCelInput } from '../../src/inspect/policy/cel-value.ts';
import { compileExpression, type Expression } from '../../src/inspect/policy/expression.ts';

const declarations = bodyDeclarations(['before']);

function compile(text: string): Expression {
  const compiled = compileExpression(text, declarations);
  assert.ok(compiled.ok, compiled.ok ? '' : `${text}: ${compiled.found}`);
  return compiled.expression;
}

/** Why it does not load. */
function faultOf(text: string): string {
  const compiled = compileExpression(text, declarations);
  return compiled.ok ? 'loads' : `${compiled.found}; expected ${compiled.expected}`;
}

/** With `object` as given, and `touched` where it is a list of texts. */
function valueOf(text: string, object: unknown = {}, touched: readonly string[] = []): unknown {
  const outcome = compile(text).evaluate({
    object: toCelInput(object as never),
    patch: null,
    touched: celList(touched),
    csr: null,
    request: celMap(new Map()),
    identity: celMap(new Map()),
    variables: celMap(new Map()),
  });
  return outcome.ok ? outcome.value : `error: ${outcome.detail}`;
}

test('names, fields and functions that nothing declares do not load', () => {
  for (const [text, found] of [
    ['objekt.spec == 1', 'variable "objekt"'],
    ['request.nmae == ""', 'field "request.nmae"'],
    ['has(identity.tenant)', 'field "identity.tenant"'],
    ['csr.key == ""', 'field "csr.key"'],
    ['variables.after == 1', 'field "variables.after"'],
    ['launch(object)', 'function "launch"'],
    ['object.spec.launch()', 'function "launch"'],
    ['sets.unite([1], [2]) == []', 'function "unite"'],
    ['Thing{a: 1}.a == 1', 'message "Thing"'],
    ['[1].all(x, y == x)', 'variable "y"'],
  ] as const) {
    assert.ok(faultOf(text).startsWith(found), `${text}: ${faultOf(text)}`);
  }
});

test('a field is checked wherever its owner is read, and free where the body decides', () => {
  for (const text of [
    'object.anything.at.all == 1',
    'patch[0].op == "add"',
    'request.verb == "get"',
    '[object].all(x, x.anything == 1)',
    'variables.before == 1',
    'type(object.a) == string',
  ]) {
    assert.equal(faultOf(text), 'loads', text);
  }
});

test('a function is called as it is declared', () => {
  for (const [text, found] of [
    ['size()', 'size() with 0 arguments'],
    ['"a".startsWith()', 'value.startsWith() with 0 arguments'],
    ['startsWith("a", "b")', 'startsWith() with 2 arguments'],
    ['valueAt(object, "/a")', 'valueAt() with 2 arguments'],
    ['touched.within("/a", "/b")', 'value.within() with 2 arguments'],
    ['sets.contains([1])', 'sets.contains() with 1 arguments'],
  ] as const) {
    assert.ok(faultOf(text).startsWith(found), `${text}: ${faultOf(text)}`);
  }
});

test("a macro's variable hides nothing", () => {
  for (const text of ['[1].all(object, object == 1)', '[1].all(x, [2].all(x, x == 2))', '[1].map(csr, csr) == [1]']) {
    assert.match(faultOf(text), /^the macro variable .*; expected a name that nothing else has$/, text);
  }
  assert.equal(faultOf('[1].all(x, x == 1) && [2].all(x, x == 2)'), 'loads');
});

test('patterns are written out and compile', () => {
  assert.equal(faultOf("object.a.matches('^[a-z]+$')"), 'loads');
  assert.match(faultOf('object.a.matches(object.b)'), /^a pattern that is computed/);
  assert.match(faultOf("object.a.matches('a' + 'b')"), /^a pattern that is computed/);
  assert.match(faultOf("object.a.matches('(')"), /^the pattern "\("/);
  assert.match(faultOf("object.a.matches('(?=a)')"), /regular expression in the syntax of RE2/);
});

test('text that is no expression does not load, whatever it is', () => {
  for (const text of ['', '1 +', 'a b', '"', '((', '${object}', `${'('.repeat(1000)}1${')'.repeat(1000)}`, '!'.repeat(2000)]) {
    assert.notEqual(faultOf(text), 'loads', text.slice(0, 20));
  }
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => {
      const compiled = compileExpression(text, declarations);
      return compiled.ok || compiled.found.length > 0 || text.trim() === '';
    }),
  );
});

test('length and nesting are bounded', () => {
  assert.equal(faultOf(`"${'x'.repeat(2040)}" == ""`), 'loads');
  assert.match(faultOf(`"${'x'.repeat(2048)}" == ""`), /^2056 characters; expected at most 2048 characters/);
  const nested = (depth: number): string =>
    Array.from({ length: depth }, (_, at) => `object.l.all(x${at}, `).join('') + 'true' + ')'.repeat(depth);
  assert.equal(faultOf(nested(2)), 'loads');
  assert.match(faultOf(nested(3)), /^macros nested 3 deep; expected at most 2 deep/);
});

test('how the cost of an expression grows is known before it is evaluated', () => {
  for (const [text, power] of [
    ['object.a == 1', 0],
    ['object.a in object.b', 0],
    ["touched.within(['/status'])", 0],
    ['object.l.all(x, x > 0)', 1],
    ['object.l.all(x, x > 0) && object.m.exists(x, x > 0)', 1],
    ['object.l.all(x, x in object.m)', 2],
    ['object.l.all(x, object.m.exists(y, x == y))', 2],
    ['object.l.map(x, x + 1) == []', 2],
    ['object.l.all(x, sets.contains(object.m, [x]))', 2],
    ['object.l.all(x, object.m.all(y, y in object.n))', 3],
    ['object.l.filter(x, x in object.m).size() == 0', 3],
  ] as const) {
    assert.equal(compile(text).power, power, text);
  }
});

test('what an expression reads is known before it is evaluated', () => {
  const { reads, composed } = compile("object.a == request.name && variables.before == 'x' && [1].all(touch, touch == 1)");
  assert.deepEqual([...reads].toSorted(), ['object', 'request', 'variables']);
  assert.deepEqual([...composed], ['before']);
});

test('sets are compared as sets of texts', () => {
  for (const [text, expected] of [
    ["sets.contains(['a', 'b'], ['b'])", true],
    ["sets.contains(['a'], ['a', 'b'])", false],
    ["sets.contains(['a'], [])", true],
    ["sets.equivalent(['a', 'b', 'a'], ['b', 'a'])", true],
    ["sets.equivalent(['a'], ['a', 'b'])", false],
    ["sets.intersects(['a'], ['b', 'a'])", true],
    ["sets.intersects([], ['a'])", false],
    ["sets.contains(['a'], [1])", 'error: a value does not have the form that the expression expects'],
  ] as const) {
    assert.equal(valueOf(text), expected, text);
  }
});

test('a value is read by its pointer, or the other one is taken', () => {
  const object = { metadata: { labels: { 'a/b': 'x', '': 'empty', 'c~d': 'y' } }, list: [{ a: 1 }], none: null };
  for (const [text, expected] of [
    ["valueAt(object, '/metadata/labels/a~1b', '')", 'x'],
    ["valueAt(object, '/metadata/labels/c~0d', '')", 'y'],
    ["valueAt(object, '/metadata/labels/', '')", 'empty'],
    ["valueAt(object, '/metadata/annotations/x', 'other')", 'other'],
    ["valueAt(object, '/none', 'other')", 'other'],
    ["valueAt(object, '/none/deeper', 'other')", 'other'],
    ["valueAt(object, '/list/0/a', 'other')", 'other'],
    ["valueAt(object, '/metadata/labels/a~1b/x', 'other')", 'other'],
    ["valueAt(object, '', 'other') == object", true],
    ["valueAt(object, 'metadata', '')", 'error: a value does not have the form that the expression expects'],
  ] as const) {
    assert.equal(valueOf(text, object), expected, text);
  }
});

test('what is touched is within, or it is not', () => {
  const within = (touched: readonly string[]): unknown => valueOf("touched.within(['/status', '/metadata/uid'])", {}, touched);
  assert.equal(within([]), true);
  assert.equal(within(['/status', '/status/conditions/0', '/metadata/uid']), true);
  for (const touched of ['', '/', '/metadata', '/statusx', '/metadata/uids', '/spec/status', 'status', '/STATUS', '/metadata/uid~1x'])
    assert.equal(within(['/status', touched]), false, touched);
  const token = fc.constantFrom('a', 'ab', 'b', '~0', '~1', '');
  const pointer = fc.array(token, { maxLength: 3 }).map((tokens) => tokens.map((one) => `/${one}`).join(''));
  fc.assert(
    fc.property(fc.array(pointer, { maxLength: 4 }), fc.array(pointer, { maxLength: 3 }), (pointers, roots) => {
      const isBelow = (one: string, root: string): boolean => {
        const [tokens, rootTokens] = [one.split('/'), root.split('/')];
        return rootTokens.every((part, at) => tokens[at] === part);
      };
      assert.equal(
        valueOf(`touched.within(${JSON.stringify(roots)})`, {}, pointers),
        pointers.every((one) => roots.some((root) => isBelow(one, root))),
      );
    }),
  );
});

test('absent, null and false are three things', () => {
  const object = { no: false, none: null, inner: { none: null } };
  for (const [text, expected] of [
    ['has(object.no)', true],
    ['has(object.none)', true],
    ['has(object.gone)', false],
    ['has(object.inner.none)', true],
    ["'none' in object", true],
    ["'gone' in object", false],
    ['object.none == null', true],
    ['object.gone == null', 'error: field not found: gone'],
    ['has(object.gone.deeper)', 'error: field not found: gone'],
    ['has(object.none.deeper)', 'error: a value does not have the form that the expression expects'],
    ["[object].exists(x, has(x.none) && 'none' in x)", true],
  ] as const) {
    assert.equal(valueOf(text, object), expected, text);
  }
});

test('an answer that is there is taken although another part has none', () => {
  assert.equal(valueOf('object.gone == 1 || true'), true);
  assert.equal(valueOf('object.gone == 1 && false'), false);
  assert.equal(valueOf('object.gone == 1 && true'), 'error: field not found: gone');
  assert.equal(valueOf('object.l.exists(x, x.gone == 1 || x.a == 1)', { l: [{}, { a: 1 }] }), true);
});

test('nothing of the evaluator lets a body say how it is read', () => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    assert.equal(valueOf(`has(object.${name})`), false, name);
    assert.equal(valueOf(`'${name}' in object`), false, name);
    assert.equal(valueOf(`object['${name}'] == 1`), `error: field not found: ${name}`, name);
  }
  const owned = JSON.parse('{"__proto__": {"a": 1}}') as object;
  assert.equal(valueOf("'__proto__' in object && !has(object.a)", owned), true);
});
