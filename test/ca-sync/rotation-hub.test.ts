// A signer's way into use where the hub is asked: what its answers and its silence do, and what the nearing end of the current signer does.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAY_MS, first, found, inUse, makeSigner, missing, runScript, says, second, START_MS, third, tick } from './rotation-events.ts';
import { askingForFirst, askingForSecond, MINUTE, onFirst, onSecond, published, rolledBack, type Row, testRows } from './rotation-rows.ts';

const beforeUse: readonly Row[] = [
  {
    name: 'shows the first signer to the hub before anything is issued from it',
    script: [[0, found(first)]],
    expected: { ...askingForFirst, effects: ['signer-probing', 'ask-hub'] },
  },
  {
    name: 'publishes the first one that any endpoint accepts, for there is nothing to lose',
    script: [
      [0, found(first)],
      [0, says('candidate', 'rejected', 'accepted')],
    ],
    expected: { ...onFirst, effects: published },
  },
  {
    name: 'never publishes a first one that no endpoint accepts',
    script: [
      [0, found(first)],
      [0, says('candidate', 'rejected', 'unreachable')],
      [9, says('candidate', 'unreachable')],
      [19.9, tick],
    ],
    expected: askingForFirst,
  },
  {
    name: 'keeps the current signer while the hub is asked about the next',
    script: [...inUse(0, first), [6, found(second)]],
    expected: { ...askingForSecond, effects: ['signer-probing', 'ask-hub'] },
  },
  {
    name: 'publishes the next when every endpoint accepts it',
    script: [...inUse(0, first), [6, found(second)], [6, says('candidate', 'accepted', 'accepted')]],
    expected: { ...onSecond, effects: published },
  },
  {
    name: 'asks again, and says so once, while one endpoint rejects it',
    script: [...inUse(0, first), [6, found(second)], [6, says('candidate', 'accepted', 'rejected')]],
    expected: { ...askingForSecond, effects: ['signer-not-accepted', 'ask-hub'] },
  },
  {
    name: 'does not repeat itself while the answer stays the same',
    script: [...inUse(0, first), [6, found(second)], [6, says('candidate', 'rejected')], [6, says('candidate', 'rejected')]],
    expected: { ...askingForSecond, effects: ['ask-hub'] },
  },
  {
    name: 'takes silence for no opinion, and waits',
    script: [...inUse(0, first), [6, found(second)], [6, says('candidate', 'accepted', 'unreachable')], [7, tick], [7, found(second)]],
    expected: askingForSecond,
  },
  {
    name: 'takes no answer at all for no opinion either',
    script: [...inUse(0, first), [6, found(second)], [6, says('candidate')]],
    expected: { ...askingForSecond, effects: ['signer-not-accepted', 'ask-hub'] },
  },
  {
    name: 'forgets the question when the source shows another signer, and asks about that',
    script: [...inUse(0, first), [6, found(second)], [6, found(makeSigner('other', 5, 35))]],
    expected: { ...askingForSecond, incoming: 'probing CN=other', asked: ['candidate CN=other'], effects: ['signer-probing', 'ask-hub'] },
  },
  {
    name: 'ignores the late answer about a candidate that is gone',
    script: [...inUse(0, first), [6, found(second)], [6, missing], [6, () => ({ kind: 'hub-answered', question: 2, answers: [] })]],
    expected: { ...onFirst, incoming: 'missing' },
  },
  {
    name: 'asks about a signer that is not valid yet when its time has come',
    script: [...inUse(0, first), [1, found(second)], [5, tick]],
    expected: { ...askingForSecond, effects: ['signer-probing', 'ask-hub'] },
  },
  {
    name: 'lets a candidate wait again when the clock goes back before its time',
    script: [...inUse(0, first), [6, found(second)], [4, tick], [4, says('candidate', 'accepted')]],
    expected: { ...onFirst, incoming: 'candidate CN=second' },
  },
];

const nearTheEnd: readonly Row[] = [
  {
    name: 'uses a signer that the hub cannot be asked about when the current one is about to end, loudly, and goes on asking',
    script: [...inUse(0, first), [6, found(second)], [6, says('candidate', 'unreachable')], [18.9, tick], [19.1, tick]],
    expected: {
      ...onSecond,
      proof: 'unproven',
      asked: ['current CN=second'],
      effects: ['publish-usable', 'publish-signer', 'signer-unproven', 'ask-hub'],
    },
  },
  {
    name: 'asks the hub first, also when the current one is about to end',
    script: [...inUse(0, first), [19.5, found(second)], [19.5, tick]],
    expected: askingForSecond,
  },
  {
    name: 'holds on to a signer that the hub takes, and from one that it rejects, until the last stretch',
    script: [...inUse(0, first), [6, found(second)], [6, says('candidate', 'rejected')], [20 - 31 * MINUTE, tick]],
    expected: askingForSecond,
  },
  {
    name: 'uses even a rejected one in the last stretch of the current',
    script: [...inUse(0, first), [6, found(second)], [6, says('candidate', 'rejected')], [20 - 29 * MINUTE, tick]],
    expected: {
      ...onSecond,
      proof: 'unproven',
      asked: ['current CN=second'],
      effects: ['publish-usable', 'publish-signer', 'signer-unproven', 'ask-hub'],
    },
  },
  {
    name: 'uses the next one, when it was asked about, where the current one has ended while the hub was away for a month',
    script: [...inUse(0, first), [40, found(third)], [40, says('candidate', 'unreachable')]],
    expected: {
      ...onFirst,
      current: 'CN=third',
      generation: 2,
      proof: 'unproven',
      usable: [2],
      asked: ['current CN=third'],
      effects: ['publish-usable', 'signer-not-accepted', 'publish-signer', 'signer-unproven', 'ask-hub', 'publish-usable'],
    },
  },
  {
    name: 'does not use one that ends even sooner',
    script: [...inUse(0, first), [2, found(makeSigner('brief', 1, 19.7))], [2, says('candidate', 'unreachable')], [19.5, tick]],
    expected: { ...onFirst, incoming: 'probing CN=brief', asked: ['candidate CN=brief'] },
  },
  {
    name: 'says when the hub accepts the unproven one at last',
    script: [
      ...inUse(0, first),
      [6, found(second)],
      [6, says('candidate', 'unreachable')],
      [19.1, tick],
      [19.2, says('current', 'accepted')],
    ],
    expected: { ...onSecond, effects: ['signer-proven'] },
  },
  {
    name: 'goes back from the unproven one if the hub rejects it and takes the one before',
    script: [
      ...inUse(0, first),
      [6, found(second)],
      [6, says('candidate', 'unreachable')],
      [19.1, tick],
      [19.2, says('current', 'rejected')],
      [19.2, says('retiring', 'accepted')],
    ],
    expected: { ...rolledBack, effects: ['publish-usable', 'publish-signer', 'signer-rolled-back', 'ask-hub', 'publish-usable'] },
  },
];

testRows([...beforeUse, ...nearTheEnd]);

test('asks the more slowly, the more rounds did not settle it', () => {
  const { effects } = runScript(true, [
    ...inUse(0, first),
    [6, found(second)],
    ...[1, 2, 3].map(() => [6, says('candidate', 'rejected')] as const),
  ]);
  assert.deepEqual(
    effects.map((effect) => effect.kind === 'ask-hub' && effect.tries),
    [3],
  );
});

test('counts the wait for the hub from when the signer was valid', () => {
  const { state } = runScript(true, [
    ...inUse(0, first),
    [1, found(second)],
    [5, tick],
    [6, found(second)],
    [6, says('candidate', 'rejected')],
  ]);
  assert.equal(state.incoming?.sinceMs, START_MS + 5 * DAY_MS);
});
