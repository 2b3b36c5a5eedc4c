// What holds of one signer after another whatever the source shows, whatever the hub answers and however the clock jumps.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as check, array, boolean, constantFrom, property } from 'fast-check';
import { stepRotation } from '../../src/ca-sync/rotation.ts';
import { MAX_RETIRING, startRotation } from '../../src/ca-sync/rotation-state.ts';
import type { RotationEffect, RotationEvent, RotationState } from '../../src/ca-sync/rotation-state.ts';
import { isAboutToEnd, windowAt } from '../../src/ca-sync/signer-window.ts';
import { isSameSigner } from '../../src/ca-sync/signer.ts';
import type { Signer, SignerVerdict } from '../../src/ca-sync/signer.ts';
import { isSameSet, usableGenerations } from '../../src/ca-sync/usable-generations.ts';
import { answer, DAY_MS, found, START_MS, tick } from './rotation-events.ts';
import { anyBusyHour, anyHour, anyStep, everySigner, pool } from './rotation-histories.ts';

const published = (effects: readonly RotationEffect[]): Signer[] =>
  effects.filter((effect) => effect.kind === 'publish-signer').map((effect) => effect.signer);

function checkStep(before: RotationState, event: RotationEvent, nowMs: number): RotationState {
  const { state, effects } = stepRotation(before, event, nowMs);
  const [next, ...more] = published(effects);
  assert.deepEqual(more, []);
  assert.equal(state.generation, before.generation + (next === undefined ? 0 : 1));
  assert.ok(before.current === null || state.current !== null, 'the last good one is gone');
  assert.equal(state.current?.generation ?? 0, state.generation);
  if (next === undefined) assert.equal(state.current, before.current, 'swapped without being published');
  else checkPublication({ before, event, nowMs }, next);
  checkRetiring(state);
  checkIncoming(state, nowMs);
  checkUsable(before, state, effects);
  checkQuestions(before, state, effects);
  const again = stepRotation(state, event, nowMs);
  assert.deepEqual(again.effects, [], 'the same event a second time has effects');
  assert.equal(again.state.incoming, state.incoming);
  return state;
}

interface Circumstances {
  readonly before: RotationState;
  readonly event: RotationEvent;
  readonly nowMs: number;
}

function checkPublication({ before, event, nowMs }: Circumstances, next: Signer): void {
  assert.equal(windowAt(next, nowMs), 'in-window', 'a step to a signer that is not valid');
  assert.ok(
    everySigner.some((signer) => isSameSigner(signer, next)),
    'published something that was never found good',
  );
  if (!before.isProbed) return;
  const said = event.kind === 'hub-answered' ? event.answers.map(({ outcome }) => outcome) : [];
  if (before.current === null) assert.ok(said.includes('accepted'), 'the first signer is unproven');
  else if (said.length === 0 || said.some((outcome) => outcome !== 'accepted'))
    assert.ok(isAboutToEnd(before.current, nowMs), 'a signer that the hub has not accepted takes the place of a good one');
}

function checkRetiring({ retiring, generation }: RotationState): void {
  assert.ok(retiring.length <= MAX_RETIRING);
  const generations = [generation, ...retiring.map(({ signer }) => signer.generation)];
  assert.deepEqual(
    generations,
    [...new Set(generations)].toSorted((one, other) => other - one),
  );
}

function checkIncoming({ incoming, current, isProbed }: RotationState, nowMs: number): void {
  if (incoming?.phase !== 'candidate' && incoming?.phase !== 'probing') return;
  assert.equal(current !== null && isSameSigner(current, incoming.signer), false);
  if (incoming.phase === 'candidate') return;
  assert.ok(isProbed);
  assert.equal(incoming.outcome === 'accepted' && !incoming.wasRolledBack && windowAt(incoming.signer, nowMs) === 'in-window', false);
}

function checkUsable(before: RotationState, state: RotationState, effects: readonly RotationEffect[]): void {
  let usable = usableGenerations(before);
  for (const effect of effects) {
    if (effect.kind === 'publish-usable') usable = effect.usable;
    if (effect.kind === 'publish-signer') assert.ok(usable.has(effect.signer.generation), 'a signer is published before it is usable');
  }
  assert.ok(isSameSet(usable, usableGenerations(state)), 'what is usable was not told');
  if (state.current !== null) assert.ok(usable.has(state.current.generation));
}

function checkQuestions(before: RotationState, state: RotationState, effects: readonly RotationEffect[]): void {
  const { questions, isProbed, incoming, current, proof } = state;
  if (!isProbed) assert.deepEqual(questions, []);
  assert.ok(questions.length <= MAX_RETIRING + 2);
  assert.equal(new Set(questions.map(({ purpose, generation }) => `${purpose} ${generation}`)).size, questions.length);
  const open = new Set(before.questions.map(({ id }) => id));
  const asked = effects.filter((effect) => effect.kind === 'ask-hub').map(({ question }) => question.id);
  assert.deepEqual(
    questions.filter(({ id }) => !open.has(id) && !asked.includes(id)),
    [],
    'a question is open that nobody was told to ask',
  );
  if (incoming?.phase === 'probing') assert.ok(questions.some(({ purpose }) => purpose === 'candidate'));
  if (current !== null && proof === 'unproven') assert.ok(questions.some(({ purpose }) => purpose === 'current'));
}

test('after any sequence of events, answers and hours: generations grow by one, the last good one stays, nothing refused is ever published', () => {
  check(
    property(array(anyStep, { maxLength: 40, size: 'max' }), boolean(), (steps, isProbed) => {
      let state = startRotation(isProbed);
      for (const { happening, day } of steps) state = checkStep(state, happening(state), START_MS + day * DAY_MS);
    }),
    { numRuns: 1_000 },
  );
});

for (const [name, steps] of [
  ['time goes on by hours and jumps by a day either way now and then', anyHour],
  ['the hub says now this and now that of several good signers', anyBusyHour],
] as const) {
  test(`the same holds while ${name}`, () => {
    check(
      property(array(steps, { maxLength: 100, size: 'max' }), (happenings) => {
        let state = startRotation(true);
        let nowMs = START_MS;
        for (const { happening, hours } of happenings) {
          nowMs += hours * 3_600_000;
          state = checkStep(state, happening(state), nowMs);
        }
      }),
      { numRuns: 1_000 },
    );
  });
}

test('without a probe, whatever happened before, a good signer in its window is in use after one read, unless a newer one still is', () => {
  check(
    property(array(anyStep, { maxLength: 20, size: 'max' }), constantFrom(...pool), (steps, signer) => {
      let state = startRotation(false);
      for (const { happening, day } of steps) state = stepRotation(state, happening(state), START_MS + day * DAY_MS).state;
      const nowMs = signer.certificate.notBeforeMs + DAY_MS / 2;
      const verdict: SignerVerdict = { ok: true, signer };
      const after = stepRotation(state, { kind: 'signer-found', verdict }, nowMs).state;
      assert.ok(isSameOrNewer(after.current, signer, nowMs));
    }),
    { numRuns: 500 },
  );
});

test('with a probe, the same after three rounds of questions that the hub says yes to', () => {
  check(
    property(array(anyStep, { maxLength: 30, size: 'max' }), constantFrom(...pool), (steps, signer) => {
      let state = startRotation(true);
      for (const { happening, day } of steps) state = stepRotation(state, happening(state), START_MS + day * DAY_MS).state;
      const nowMs = signer.certificate.notBeforeMs + DAY_MS / 2;
      state = stepRotation(state, found(signer), nowMs).state;
      for (let round = 0; round < 3; round += 1) {
        for (const { id } of state.questions) state = stepRotation(state, answer(id, 'accepted', 'accepted'), nowMs).state;
      }
      assert.ok(isSameOrNewer(state.current, signer, nowMs) || wasRolledBackTo(state));
    }),
    { numRuns: 1_000 },
  );
});

test('a clock that jumps by a day and back leaves every generation where it was', () => {
  check(
    property(array(anyBusyHour, { maxLength: 60, size: 'max' }), constantFrom(-1, 1), (steps, jump) => {
      let state = startRotation(true);
      let nowMs = START_MS;
      for (const { happening, hours } of steps) {
        nowMs += hours * 3_600_000;
        state = stepRotation(state, happening(state), nowMs).state;
      }
      const before = stepRotation(state, tick, nowMs).state;
      const jumped = stepRotation(before, tick, nowMs + jump * DAY_MS).state;
      if (jumped.generation !== before.generation) return;
      const after = stepRotation(jumped, tick, nowMs).state;
      assert.equal(after.current, before.current);
      assert.deepEqual([...usableGenerations(after)], [...usableGenerations(before)]);
    }),
    { numRuns: 1_000 },
  );
});

function isSameOrNewer(current: Signer | null, signer: { readonly certificate: Signer['certificate'] }, nowMs: number): boolean {
  if (current === null) return false;
  const isNewer = current.certificate.notBeforeMs > signer.certificate.notBeforeMs && windowAt(current, nowMs) === 'in-window';
  return current.certificate.fingerprintSHA256 === signer.certificate.fingerprintSHA256 || isNewer;
}

/** The hub had refused the one in use, and accepted the one before when it was asked just now. */
function wasRolledBackTo({ incoming }: RotationState): boolean {
  return incoming?.phase === 'probing' && incoming.wasRolledBack;
}
