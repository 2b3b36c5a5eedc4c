// A signer in use, and those before it, where the hub is asked: refused leaves, going back, withdrawal.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { usableGenerations } from '../../src/ca-sync/usable-generations.ts';
import {
  checkDue,
  first,
  found,
  type Happening,
  inUse,
  missing,
  older,
  refusedAs,
  refusedLeaf,
  runScript,
  says,
  second,
  third,
  tick,
  trusts,
} from './rotation-events.ts';
import { MINUTE, onBoth, onFirst, onSecond, published, rolledBack, type Row, testRows } from './rotation-rows.ts';

const inService: readonly Row[] = [
  {
    name: 'takes an older signer that the hub accepts where it rejects the current one: it was restored from a backup',
    script: [
      ...inUse(0, first),
      [1, found(older)],
      [1, checkDue],
      [1, says('current', 'rejected')],
      [1, found(older)],
      [1, says('candidate', 'accepted')],
    ],
    expected: { ...onFirst, current: 'CN=older', generation: 2, usable: [2, 1], effects: published },
  },
  {
    name: 'takes no older signer that the hub rejects as well, and none once it accepts the current one again',
    script: [
      ...inUse(0, first),
      [1, checkDue],
      [1, says('current', 'rejected')],
      [1, found(older)],
      [1, says('candidate', 'rejected')],
      [1, checkDue],
      [1, says('current', 'accepted')],
      [1, tick],
    ],
    expected: { ...onFirst, incoming: 'refused', effects: ['signer-refused'] },
  },
  {
    name: 'asks after the current signer when that is due, once',
    script: [...inUse(0, first), [1, checkDue], [1, checkDue]],
    expected: { ...onFirst, asked: ['current CN=first'] },
  },
  {
    name: 'does nothing but raise the alarm when the hub rejects the only signer there is',
    script: [...inUse(0, first), [1, checkDue], [1, says('current', 'rejected')]],
    expected: { ...onFirst, effects: ['signer-rejected'] },
  },
  {
    name: 'says when the hub accepts it again',
    script: [...inUse(0, first), [1, checkDue], [1, says('current', 'rejected')], [2, checkDue], [2, says('current', 'accepted')]],
    expected: { ...onFirst, effects: ['signer-proven'] },
  },
  {
    name: 'asks about the current generation when the hub refuses a leaf of it',
    script: [...onBoth, [7, refusedLeaf(2)]],
    expected: { ...onSecond, asked: ['current CN=second'], effects: ['ask-hub'] },
  },
  {
    name: 'does nothing about a refused leaf when the hub accepts the generation',
    script: [...onBoth, [7, refusedLeaf(2)], [7, says('current', 'accepted')]],
    expected: onSecond,
  },
  {
    name: 'asks about the one before when the hub rejects the current one',
    script: [...onBoth, [7, refusedLeaf(2)], [7, says('current', 'accepted', 'rejected')]],
    expected: { ...onSecond, asked: ['retiring CN=first'], effects: ['signer-rejected', 'ask-hub'] },
  },
  {
    name: 'rolls back when the hub rejects the current one and accepts the one before',
    script: [...onBoth, [7, refusedLeaf(2)], [7, says('current', 'rejected')], [7, says('retiring', 'accepted', 'accepted')]],
    expected: { ...rolledBack, effects: ['publish-usable', 'publish-signer', 'signer-rolled-back', 'ask-hub', 'publish-usable'] },
  },
  {
    name: 'does not roll back to one that not every endpoint accepts',
    script: [...onBoth, [7, refusedLeaf(2)], [7, says('current', 'rejected')], [7, says('retiring', 'accepted', 'unreachable')]],
    expected: onSecond,
  },
  {
    name: 'withdraws nothing when the hub rejects both',
    script: [...onBoth, [7, refusedLeaf(2)], [7, says('current', 'rejected')], [7, says('retiring', 'rejected')]],
    expected: onSecond,
  },
  {
    name: 'does not roll back to one that ended while the hub was being asked',
    script: [...onBoth, [19, refusedLeaf(2)], [19, says('current', 'rejected')], [20.1, says('retiring', 'accepted')]],
    expected: { ...onSecond, usable: [2], effects: ['publish-usable'] },
  },
  {
    name: 'does not ask about one that is about to end anyway',
    script: [...onBoth, [20 - 29 * MINUTE, refusedLeaf(2)], [20 - 29 * MINUTE, says('current', 'rejected')]],
    expected: { ...onSecond, effects: ['signer-rejected'] },
  },
  {
    name: 'uses a signer that was rolled back again after three yeses in a row, and not before',
    script: [
      ...([...onBoth, [7, refusedLeaf(2)], [7, says('current', 'rejected')], [7, says('retiring', 'accepted')]] as const),
      ...[says('candidate', 'accepted'), says('candidate', 'accepted'), says('candidate', 'rejected')].map((each) => [8, each] as const),
      ...[says('candidate', 'accepted'), says('candidate', 'accepted')].map((each) => [8, each] as const),
    ],
    expected: { ...rolledBack, effects: ['ask-hub'] },
  },
  {
    name: 'publishes it as a new generation after the third',
    script: [
      ...([...onBoth, [7, refusedLeaf(2)], [7, says('current', 'rejected')], [7, says('retiring', 'accepted')]] as const),
      ...[1, 2, 3].map(() => [8, says('candidate', 'accepted')] as const),
    ],
    expected: { ...onSecond, generation: 4, usable: [4, 3, 1], effects: published },
  },
  {
    name: 'does not forget the three where the Secret is deleted and re-created meanwhile',
    script: [
      ...([...onBoth, [7, refusedLeaf(2)], [7, says('current', 'rejected')], [7, says('retiring', 'accepted')]] as const),
      [8, missing],
      [8, found(second)],
      [8, says('candidate', 'accepted')],
    ],
    expected: { ...rolledBack, effects: ['ask-hub'] },
  },
  {
    name: 'does not go on refusing the signer that it goes back to, where the source shows that again',
    script: [...onBoth, [7, found(first)], [7, refusedLeaf(2)], [7, says('current', 'rejected')], [7, says('retiring', 'accepted')]],
    expected: {
      ...rolledBack,
      incoming: null,
      asked: [],
      effects: ['publish-usable', 'publish-signer', 'signer-rolled-back', 'publish-usable'],
    },
  },
  {
    name: 'does not let a rolled back signer come again that the source holds no more',
    script: [...onBoth, [7, missing], [7, refusedLeaf(2)], [7, says('current', 'rejected')], [7, says('retiring', 'accepted')]],
    expected: {
      ...rolledBack,
      incoming: 'missing',
      asked: [],
      effects: ['publish-usable', 'publish-signer', 'signer-rolled-back', 'publish-usable'],
    },
  },
];

const leaving: readonly Row[] = [
  {
    name: 'withdraws a retiring generation that the hub rejects',
    script: [...onBoth, [7, refusedLeaf(1)], [7, says('retiring', 'rejected', 'accepted')]],
    expected: { ...onSecond, usable: [2], effects: ['signer-withdrawn', 'publish-usable'] },
  },
  {
    name: 'keeps a retiring generation that the hub accepts, or says nothing about',
    script: [...onBoth, [7, refusedLeaf(1)], [7, says('retiring', 'accepted')], [8, refusedLeaf(1)], [8, says('retiring', 'unreachable')]],
    expected: onSecond,
  },
  {
    name: 'asks nothing about a generation that was withdrawn or never was',
    script: [...onBoth, [7, refusedLeaf(1)], [7, says('retiring', 'rejected')], [8, refusedLeaf(1)], [8, refusedLeaf(7)]],
    expected: { ...onSecond, usable: [2] },
  },
  {
    name: 'withdraws a retiring generation when it and its issuer leave the trust bundle',
    script: [...onBoth, [7, trusts(first, second)], [8, trusts(second)]],
    expected: { ...onSecond, usable: [2], effects: ['signer-withdrawn', 'publish-usable'] },
  },
  {
    name: 'does not withdraw what never was in the trust bundle',
    script: [...onBoth, [7, trusts(second)], [8, trusts(second, third)]],
    expected: onSecond,
  },
  {
    name: 'says nothing of an ended signer that leaves the trust bundle',
    script: [...onBoth, [7, trusts(first, second)], [21, tick], [21, trusts(second)]],
    expected: { ...onSecond, usable: [2] },
  },
  {
    name: 'asks the hub at once when the current signer leaves the trust bundle',
    script: [...inUse(0, first), [1, trusts(first)], [2, trusts(second)]],
    expected: { ...onFirst, asked: ['current CN=first'], effects: ['ask-hub'] },
  },
  {
    name: 'finds an ended generation again when the clock that said so jumps back a day',
    script: [...onBoth, [20.5, tick], [19.5, tick]],
    expected: { ...onSecond, effects: ['publish-usable'] },
  },
  {
    name: 'forgets a generation two days after its end',
    script: [...onBoth, [22.1, tick], [19.5, tick]],
    expected: { ...onSecond, usable: [2] },
  },
  {
    name: 'keeps what it has through garbage, without a question',
    script: [...onBoth, [7, refusedAs('certificate-unreadable')], [7, checkDue], [7, says('current', 'unreachable')]],
    expected: { ...onSecond, incoming: 'refused' },
  },
];

testRows([...inService, ...leaving]);

test('makes room for a generation that is in use by letting go of one that is not', () => {
  const script: (readonly [number, Happening])[] = [...onBoth];
  for (let round = 0; round < 6; round += 1) {
    script.push([7, checkDue], [7, says('current', 'rejected')], [7, says('retiring', 'accepted')]);
    script.push(...[1, 2, 3].map(() => [7, says('candidate', 'accepted')] as const));
  }
  const { state } = runScript(true, script);
  assert.equal(state.generation, 14);
  assert.ok(usableGenerations(state).has(1), 'leaves of generation 1 may still be in use');
});
