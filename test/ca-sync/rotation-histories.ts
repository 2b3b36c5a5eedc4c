// What may happen to signers in any order, for the properties of rotation: what the source shows, what the hub says, how the clock goes.

import { array, constantFrom, integer, oneof, record } from 'fast-check';
import type { Arbitrary } from 'fast-check';
import type { Outcome, RotationEvent, RotationState } from '../../src/ca-sync/rotation-state.ts';
import type { CheckedSigner } from '../../src/ca-sync/signer.ts';
import { answer, first, found, makeSigner, missing, older, refusedAs, second, third, tick } from './rotation-events.ts';

export const pool: readonly CheckedSigner[] = [first, second, third, older, makeSigner('twin of second', 5, 35), makeSigner('short', 2, 3)];
/** One a day, so that several are valid together. */
const crowd = [0, 1, 2, 3, 4, 5].map((day) => makeSigner(`of day ${day}`, day - 6, day + 24));
export const everySigner: readonly CheckedSigner[] = [...pool, ...crowd];
const badCodes = ['key-mismatch', 'certificate-unreadable'] as const;

/** What happens next; some of it depends on what is being asked by then. */
export type Happening = (state: RotationState) => RotationEvent;

const always = (event: RotationEvent): Happening => {
  return () => event;
};

const fromSource = (signers: readonly CheckedSigner[]): Arbitrary<Happening> =>
  oneof(
    { weight: 5, arbitrary: constantFrom(...signers).map((signer) => always(found(signer))) },
    { weight: 1, arbitrary: constantFrom(...badCodes).map((code) => always(refusedAs(code))) },
    { weight: 1, arbitrary: constantFrom(always(missing)) },
    { weight: 3, arbitrary: constantFrom(always(tick)) },
  );

const anyOutcome = constantFrom<Outcome>('accepted', 'accepted', 'accepted', 'rejected', 'unreachable');
const anyAnswer: Arbitrary<Happening> = record({ which: integer({ min: 0, max: 3 }), answers: array(anyOutcome, { maxLength: 2 }) }).map(
  ({ which, answers }): Happening =>
    ({ questions }) =>
      answer(questions.at(which % Math.max(questions.length, 1))?.id ?? 0, ...answers),
);
/** To a question of long ago, or to one that was never asked. */
const anyLateAnswer = integer({ min: 0, max: 60 }).map((question) => always(answer(question, 'accepted')));
const anyRefusedLeaf = integer({ min: 0, max: 4 }).map(
  (back): Happening =>
    ({ generation }) => ({ kind: 'hub-refused', generation: generation - back }),
);
const fromHub = (signers: readonly CheckedSigner[]): Arbitrary<Happening> =>
  oneof(
    { weight: 8, arbitrary: anyAnswer },
    { weight: 1, arbitrary: anyLateAnswer },
    { weight: 3, arbitrary: anyRefusedLeaf },
    { weight: 2, arbitrary: constantFrom(always({ kind: 'check-due' })) },
    {
      weight: 1,
      arbitrary: array(constantFrom(...signers), { maxLength: 4 }).map((trusted) =>
        always({ kind: 'trust-read', authorities: trusted.map(({ certificate }) => certificate) }),
      ),
    },
  );

const anyOf = (signers: readonly CheckedSigner[], hubWeight: number): Arbitrary<Happening> =>
  oneof({ weight: 1, arbitrary: fromSource(signers) }, { weight: hubWeight, arbitrary: fromHub(signers) });
/** Days jump either way, as a wall clock may. */
export const anyStep: Arbitrary<{ happening: Happening; day: number }> = record({
  happening: anyOf(pool, 1),
  day: integer({ min: -25, max: 60 }),
});
/** Time goes on by hours, and jumps by a day either way now and then. */
export const anyHour: Arbitrary<{ happening: Happening; hours: number }> = record({
  happening: anyOf(everySigner, 1),
  hours: oneof({ weight: 9, arbitrary: integer({ min: 0, max: 48 }) }, constantFrom(-24, 24)),
});
/** Much is asked and answered within days. */
export const anyBusyHour: Arbitrary<{ happening: Happening; hours: number }> = record({
  happening: anyOf(crowd, 4),
  hours: oneof({ weight: 9, arbitrary: integer({ min: 0, max: 12 }) }, constantFrom(-24, 24)),
});
