// A list of quarantined clusters as an administrator writes it: what it names, and what a bad one does not undo.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { emptyList, stepList } from '../../src/ca-sync/cluster-list.ts';
import type { ListState } from '../../src/ca-sync/cluster-list.ts';
import { isClusterName } from '../../src/cluster-name.ts';

const list = (text: string, before: ListState = emptyList): ReturnType<typeof stepList> => stepList(before, { kind: 'found', value: text });

test('one name a line, with remarks, blank lines, either line end and no order', () => {
  const { state, event } = list('# lab\r\n\r\nb\r\n  a   # stolen\n\ta\n#c\n');
  assert.deepEqual(state.names, ['a', 'b']);
  assert.deepEqual(event, { name: 'quarantine-list-published', fields: { clusters: 2 } });
});

test('the same list again is no news, another one of as many names is', () => {
  const first = list('a\n').state;
  assert.equal(list('a\n# remark\n', first).event, null);
  assert.deepEqual(list('b\n', first), {
    state: { names: ['b'], told: list('b\n', first).state.told },
    event: { name: 'quarantine-list-published', fields: { clusters: 1 } },
  });
});

test('a bad line is told of once, with its number and cut to a bound', () => {
  const refused = list(`a\n${'X'.repeat(500)}\n`);
  assert.deepEqual(refused.event, { name: 'quarantine-list-refused', fields: { lines: 1, detail: `line 2: "${'X'.repeat(80)}"` } });
  assert.equal(list(`a\n${'X'.repeat(500)}\n`, refused.state).event, null);
  const many = list('A\n'.repeat(20_000));
  assert.equal(String(many.event?.fields?.['detail']).split('; ').length, 5);
});

test('a list that is gone is told of as removed where it named somebody, and as missing where it did not', () => {
  const missing = { kind: 'missing', detail: 'none' } as const;
  assert.equal(stepList(emptyList, missing).event?.name, 'quarantine-list-missing');
  const held = list('a\n').state;
  const removed = stepList(held, missing);
  assert.deepEqual([removed.event?.name, removed.state.names], ['quarantine-list-removed', ['a']]);
  assert.equal(stepList(removed.state, missing).event, null);
});

test('no text makes reading throw, and none with a bad line releases anybody', () => {
  const name = fc.stringMatching(/^[a-z0-9][-a-z0-9]{0,9}[a-z0-9]$/);
  const text = fc.array(fc.oneof(name, fc.string(), fc.constant('not a name')), { maxLength: 20 }).map((lines) => lines.join('\n'));
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 10 }), text, (held, next) => {
      const before = list(held.join('\n')).state;
      const { state } = list(next, before);
      assert.ok(state.names.every(isClusterName));
      const isBad = next.split('\n').some((line) => {
        const written = (line.split('#', 1)[0] ?? '').trim();
        return written !== '' && !isClusterName(written);
      });
      if (isBad) assert.ok(held.every((each) => state.names.includes(each)));
    }),
  );
});
