// One signer after another without a trust probe: what each event does in each situation. rotation-hub.test.ts has what the hub's opinion does.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stepRotation } from '../../src/ca-sync/rotation.ts';
import { MAX_RETIRING, startRotation } from '../../src/ca-sync/rotation-state.ts';
import type { RotationEffect, RotationEvent, RotationState } from '../../src/ca-sync/rotation-state.ts';
import { DAY_MS, first, found, makeSigner, missing, older, refusedAs, second, START_MS, tick } from './rotation-events.ts';

interface Outcome {
  readonly state: RotationState;
  /** Effects of the last step only. */
  readonly effects: readonly RotationEffect[];
}

/** Each event with the day on which it comes. */
function run(...events: readonly (readonly [number, RotationEvent])[]): Outcome {
  let outcome: Outcome = { state: startRotation(false), effects: [] };
  for (const [day, event] of events) outcome = stepRotation(outcome.state, event, START_MS + day * DAY_MS);
  return outcome;
}

const describe = ({ state, effects }: Outcome): object => ({
  current: state.current?.certificate.subject ?? null,
  generation: state.generation,
  window: state.currentWindow,
  incoming: state.incoming === null ? null : 'code' in state.incoming ? `refused ${state.incoming.code}` : state.incoming.phase,
  retiring: state.retiring.filter(({ window }) => window !== 'ended').map(({ signer }) => signer.certificate.subject),
  effects: effects.map((effect) => (effect.kind === 'log' ? effect.event : effect.kind)),
});

const nothingYet = { current: null, generation: 0, window: 'in-window', incoming: null, retiring: [], effects: [] };
const onFirst = { ...nothingYet, current: 'CN=first', generation: 1 };
const onSecond = { ...onFirst, current: 'CN=second', generation: 2, retiring: ['CN=first'] };

const table: readonly {
  readonly name: string;
  readonly events: readonly (readonly [number, RotationEvent])[];
  readonly expected: object;
}[] = [
  {
    name: 'publishes the first good signer as generation 1',
    events: [[0, found(first)]],
    expected: { ...onFirst, effects: ['publish-usable', 'publish-signer', 'signer-published'] },
  },
  {
    name: 'makes no new generation when the same signer is read again',
    events: [
      [0, found(first)],
      [1, found(first)],
    ],
    expected: onFirst,
  },
  {
    name: 'publishes the next signer and lets the one before retire',
    events: [
      [0, found(first)],
      [6, found(second)],
    ],
    expected: { ...onSecond, effects: ['publish-usable', 'publish-signer', 'signer-published'] },
  },
  {
    name: 'lets go of a retiring signer when it ends',
    events: [
      [0, found(first)],
      [6, found(second)],
      [21, tick],
    ],
    expected: { ...onSecond, retiring: [], effects: ['publish-usable'] },
  },
  {
    name: 'keeps the current signer when the source shows a bad one, and says so',
    events: [
      [0, found(first)],
      [1, refusedAs('key-mismatch')],
    ],
    expected: { ...onFirst, incoming: 'refused key-mismatch', effects: ['signer-refused'] },
  },
  {
    name: 'does not repeat itself while the same bad one stays',
    events: [
      [0, found(first)],
      [1, refusedAs('key-mismatch')],
      [2, refusedAs('key-mismatch')],
    ],
    expected: { ...onFirst, incoming: 'refused key-mismatch' },
  },
  {
    name: 'tells of a bad one that is another than before',
    events: [
      [0, found(first)],
      [1, refusedAs('key-mismatch')],
      [2, refusedAs('key-mismatch', 'bb')],
    ],
    expected: { ...onFirst, incoming: 'refused key-mismatch', effects: ['signer-refused'] },
  },
  {
    name: 'forgets a bad one when the current signer is back',
    events: [
      [0, found(first)],
      [1, refusedAs('key-mismatch')],
      [2, found(first)],
    ],
    expected: onFirst,
  },
  {
    name: 'keeps the current signer when the Secret is deleted',
    events: [
      [0, found(first)],
      [1, missing],
    ],
    expected: { ...onFirst, incoming: 'missing', effects: ['signer-removed'] },
  },
  {
    name: 'publishes the signer of a Secret that was deleted and created again',
    events: [
      [0, found(first)],
      [6, missing],
      [6, found(second)],
    ],
    expected: { ...onSecond, effects: ['publish-usable', 'publish-signer', 'signer-published'] },
  },
  {
    name: 'says that there is no signer yet when there never was one',
    events: [[0, missing]],
    expected: { ...nothingYet, incoming: 'missing', effects: ['signer-missing'] },
  },
  {
    name: 'lets a signer that is not valid yet wait',
    events: [
      [0, found(first)],
      [1, found(second)],
    ],
    expected: { ...onFirst, incoming: 'candidate', effects: ['signer-waits'] },
  },
  {
    name: 'publishes the waiting one when its time has come, without another read',
    events: [
      [0, found(first)],
      [1, found(second)],
      [5, tick],
    ],
    expected: { ...onSecond, effects: ['publish-usable', 'publish-signer', 'signer-published'] },
  },
  {
    name: 'lets nothing wait that the source no longer holds',
    events: [
      [0, found(first)],
      [1, found(second)],
      [2, refusedAs('certificate-unreadable')],
      [6, tick],
    ],
    expected: { ...onFirst, incoming: 'refused certificate-unreadable' },
  },
  {
    name: 'refuses a signer that has ended',
    events: [[11, found(older)]],
    expected: { ...nothingYet, incoming: 'refused expired', effects: ['signer-refused'] },
  },
  {
    name: 'takes the ended one after all when the clock turns out to have been ahead',
    events: [
      [11, found(older)],
      [9, found(older)],
    ],
    expected: { ...onFirst, current: 'CN=older', effects: ['publish-usable', 'publish-signer', 'signer-published'] },
  },
  {
    name: 'refuses a signer that begins before the current one',
    events: [
      [0, found(first)],
      [1, found(older)],
    ],
    expected: { ...onFirst, incoming: 'refused older-than-current', effects: ['signer-refused'] },
  },
  {
    name: 'takes an older signer when the current one has ended',
    events: [
      [6, found(makeSigner('short', 5, 7))],
      [8, found(first)],
    ],
    expected: { ...onFirst, generation: 2, effects: ['publish-usable', 'publish-signer', 'signer-published', 'publish-usable'] },
  },
  {
    name: 'keeps an ended signer published, for want of a better one, and says so once',
    events: [
      [0, found(first)],
      [21, tick],
    ],
    expected: { ...onFirst, window: 'ended', effects: ['signer-ended'] },
  },
  {
    name: 'does not repeat that the current one has ended',
    events: [
      [0, found(first)],
      [21, tick],
      [22, tick],
    ],
    expected: { ...onFirst, window: 'ended' },
  },
  {
    name: 'survives a clock that jumps ahead a year and back',
    events: [
      [0, found(first)],
      [365, tick],
      [1, tick],
    ],
    expected: onFirst,
  },
  {
    name: 'survives a clock that jumps back before the current signer begins',
    events: [
      [0, found(first)],
      [-100, found(first)],
    ],
    expected: { ...onFirst, window: 'not-valid-yet' },
  },
];

for (const { name, events, expected } of table) {
  test(name, () => assert.deepEqual(describe(run(...events)), expected));
}

test('remembers since when the source has shown what it shows', () => {
  const { state } = run([0, found(first)], [1, refusedAs('key-mismatch')], [3, refusedAs('key-mismatch')]);
  assert.equal(state.incoming?.sinceMs, START_MS + DAY_MS);
  const waiting = run([0, found(first)], [1, found(second)], [3, found(second)], [4, tick]);
  assert.equal(waiting.state.incoming?.sinceMs, START_MS + DAY_MS);
});

test('names certificate and reason in the log and nothing else', () => {
  const [, , log] = run([0, found(first)]).effects;
  assert.ok(log?.kind === 'log');
  assert.deepEqual(Object.keys(log.fields), ['generation', 'subject', 'serial', 'fingerprintSHA256', 'notBefore', 'notAfter']);
  const [refusal] = run([0, refusedAs('key-mismatch')]).effects;
  assert.deepEqual(refusal, {
    kind: 'log',
    event: 'signer-refused',
    fields: { code: 'key-mismatch', detail: 'as the test says', fingerprintSHA256: 'aa' },
  });
});

test('keeps a bounded number of retiring signers over a thousand rotations', () => {
  let state = startRotation(false);
  const pool = Array.from({ length: 40 }, (_, index) => makeSigner(`signer ${index}`, -1, 1_000));
  for (let rotation = 0; rotation < 1_000; rotation += 1) {
    const next = pool[rotation % pool.length];
    assert.ok(next !== undefined);
    state = stepRotation(state, found(next), START_MS).state;
    assert.ok(state.retiring.length <= MAX_RETIRING);
  }
  assert.equal(state.generation, 1_000);
});
