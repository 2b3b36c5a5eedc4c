// What holds of one signer after another whatever the source shows and however the clock jumps.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as check, array, constantFrom, integer, oneof, property, record } from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { initialRotation, MAX_RETIRING, stepRotation, windowAt } from '../../src/ca-sync/rotation.ts';
import type { RotationEvent, RotationState } from '../../src/ca-sync/rotation.ts';
import { isSameSigner } from '../../src/ca-sync/signer.ts';
import type { SignerVerdict } from '../../src/ca-sync/signer.ts';
import { DAY_MS, first, found, makeSigner, missing, older, refusedAs, second, START_MS, third, tick } from './rotation-events.ts';

const pool = [first, second, third, older, makeSigner('twin of second', 5, 35), makeSigner('short', 2, 3)];
const badCodes = ['key-mismatch', 'certificate-unreadable'] as const;

const anyEvent: Arbitrary<RotationEvent> = oneof(
  { weight: 5, arbitrary: constantFrom(...pool).map(found) },
  { weight: 2, arbitrary: constantFrom(...badCodes).map((code) => refusedAs(code)) },
  { weight: 1, arbitrary: constantFrom(missing) },
  { weight: 3, arbitrary: constantFrom(tick) },
);
/** Days jump either way, as a wall clock may. */
const anyStep = record({ event: anyEvent, day: integer({ min: -25, max: 60 }) });

function checkStep(before: RotationState, event: RotationEvent, nowMs: number): RotationState {
  const { state, effects } = stepRotation(before, event, nowMs);
  const published = effects.filter((effect) => effect.kind === 'publish-signer').map((effect) => effect.signer);
  assert.ok(published.length <= 1);
  assert.equal(state.generation, before.generation + published.length);
  assert.ok(before.current === null || state.current !== null, 'the last good one is gone');
  assert.equal(state.current?.generation ?? 0, state.generation);
  const [next] = published;
  if (next === undefined) assert.equal(state.current, before.current, 'swapped without being published');
  else {
    assert.equal(state.current, next);
    assert.equal(windowAt(next, nowMs), 'in-window');
    assert.ok(
      pool.some((signer) => isSameSigner(signer, next)),
      'published something that was never found good',
    );
  }
  assert.ok(state.retiring.length <= MAX_RETIRING);
  for (const [index, signer] of state.retiring.entries()) {
    assert.notEqual(windowAt(signer, nowMs), 'ended');
    assert.ok(signer.generation < (state.retiring[index - 1]?.generation ?? state.generation));
  }
  if (state.incoming?.phase === 'candidate') {
    assert.equal(windowAt(state.incoming.signer, nowMs), 'not-valid-yet');
    assert.ok(state.current === null || !isSameSigner(state.current, state.incoming.signer));
  }
  const again = stepRotation(state, event, nowMs);
  assert.deepEqual(again.effects, [], 'the same event a second time has effects');
  assert.equal(again.state.incoming, state.incoming);
  return state;
}

test('after any sequence of events and hours: generations grow by one, the last good one stays, nothing refused is ever published', () => {
  check(
    property(array(anyStep, { maxLength: 40 }), (steps) => {
      let state = initialRotation;
      for (const { event, day } of steps) state = checkStep(state, event, START_MS + day * DAY_MS);
    }),
    { numRuns: 500 },
  );
});

test('whatever happened before, a good signer in its window is in use after one read, unless a newer one still is', () => {
  check(
    property(array(anyStep, { maxLength: 20 }), constantFrom(...pool), (steps, signer) => {
      let state = initialRotation;
      for (const { event, day } of steps) state = stepRotation(state, event, START_MS + day * DAY_MS).state;
      const nowMs = signer.certificate.notBeforeMs + DAY_MS / 2;
      const verdict: SignerVerdict = { ok: true, signer };
      const after = stepRotation(state, { kind: 'signer-found', verdict }, nowMs).state;
      const { current } = after;
      assert.ok(current !== null);
      const isNewer = current.certificate.notBeforeMs > signer.certificate.notBeforeMs && windowAt(current, nowMs) === 'in-window';
      assert.ok(isSameSigner(current, signer) || isNewer);
    }),
    { numRuns: 500 },
  );
});
