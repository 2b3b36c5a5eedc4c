// How one signer follows another: a pure function of state, event and hour. Owns what every step ends with: ended signers leave, questions that
// nobody needs answered any more are dropped, needed ones are asked, and the usable generations are published in the safe order.

import { considerCandidate, takeMissing, takeRefusal, takeSigner } from './candidate.ts';
import { ask, takeAnswers, takeCheck, takeRefusedLeaf, takeTrust } from './hub-opinion.ts';
import { describeSigner } from './rotation-log.ts';
import { andThen, unchanged } from './rotation-state.ts';
import type { Question, Retiring, RotationEffect, RotationEvent, RotationState, RotationStep } from './rotation-state.ts';
import { isLongGone, windowAt } from './signer-window.ts';
import { isSameSigner } from './signer.ts';
import { isSameSet, usableGenerations } from './usable-generations.ts';

export function stepRotation(before: RotationState, event: RotationEvent, nowMs: number): RotationStep {
  // What is usable is judged by the hour of the event
  const taken = takeEvent({ ...before, retiring: lookAtClock(before.retiring, nowMs) }, event, nowMs);
  const aged = andThen(taken, (state) => age(state, nowMs));
  const settled = andThen(aged, askWhatIsNeeded);
  const usable = { before: usableGenerations(before), after: usableGenerations(settled.state) };
  return { state: settled.state, effects: publishUsable(usable, settled.effects) };
}

function takeEvent(state: RotationState, event: RotationEvent, nowMs: number): RotationStep {
  switch (event.kind) {
    case 'signer-found':
      return event.verdict.ok ? takeSigner(state, event.verdict.signer, nowMs) : takeRefusal(state, event.verdict, nowMs);
    case 'signer-missing':
      return takeMissing(state, event.detail, nowMs);
    case 'tick':
      return takeTick(state, nowMs);
    case 'trust-read':
      return takeTrust(state, event.authorities, nowMs);
    case 'hub-answered':
      return takeAnswers(state, event, nowMs);
    case 'hub-refused':
      return takeRefusedLeaf(state, event.generation);
    case 'check-due':
      return takeCheck(state);
  }
}

function takeTick(state: RotationState, nowMs: number): RotationStep {
  const { incoming } = state;
  if (incoming?.phase !== 'candidate' && incoming?.phase !== 'probing') return unchanged(state);
  return considerCandidate(state, incoming, nowMs);
}

function lookAtClock(retiring: readonly Retiring[], nowMs: number): readonly Retiring[] {
  return retiring.map((each) => ({ ...each, window: windowAt(each.signer, nowMs) }));
}

/** What the hour alone does: signers that ended long ago leave, and the end of the current one is told once. */
function age(state: RotationState, nowMs: number): RotationStep {
  const retiring = state.retiring.filter(({ signer }) => !isLongGone(signer, nowMs));
  const currentWindow = state.current === null ? 'in-window' : windowAt(state.current, nowMs);
  const hasJustEnded = state.current !== null && currentWindow === 'ended' && state.currentWindow !== 'ended';
  const effects: RotationEffect[] = hasJustEnded ? [{ kind: 'log', event: 'signer-ended', fields: describeSigner(state.current) }] : [];
  return { state: { ...state, currentWindow, retiring }, effects };
}

/** A candidate is shown to the hub until it is accepted or gone, and so is a signer that had to be used unproven. */
function askWhatIsNeeded(before: RotationState): RotationStep {
  const state = dropQuestions(before);
  const { incoming, current, proof, currentTries } = state;
  const first =
    incoming?.phase === 'probing'
      ? ask(state, { purpose: 'candidate', signer: incoming.signer, generation: 0 }, incoming.tries)
      : unchanged(state);
  if (current === null || proof !== 'unproven') return first;
  return andThen(first, (asking) => ask(asking, { purpose: 'current', signer: current, generation: current.generation }, currentTries));
}

function dropQuestions(state: RotationState): RotationState {
  const questions = state.questions.filter((question) => isInQuestion(state, question));
  const isFallbackAsked = questions.some(({ purpose, generation }) => purpose === 'retiring' && generation === state.fallback);
  return { ...state, questions, fallback: isFallbackAsked ? state.fallback : null };
}

function isInQuestion(state: RotationState, { purpose, signer, generation }: Question): boolean {
  switch (purpose) {
    case 'candidate':
      return state.incoming?.phase === 'probing' && isSameSigner(state.incoming.signer, signer);
    case 'current':
      return state.generation === generation;
    case 'retiring':
      return generation !== state.generation && usableGenerations(state).has(generation);
  }
}

/**
 * A generation that is new is usable before the signer is swapped, one that is withdrawn only leaves after it: whoever hears of a signer finds it
 * usable, and whoever hears that a generation is not finds the better signer in place.
 */
function publishUsable(
  { before, after }: { readonly before: ReadonlySet<number>; readonly after: ReadonlySet<number> },
  effects: readonly RotationEffect[],
): readonly RotationEffect[] {
  const isPublication = effects.some(({ kind }) => kind === 'publish-signer');
  const between = isPublication ? new Set([...after, ...before]) : before;
  const publish = (usable: ReadonlySet<number>, than: ReadonlySet<number>): RotationEffect[] =>
    isSameSet(usable, than) ? [] : [{ kind: 'publish-usable', usable }];
  return [...publish(between, before), ...effects, ...publish(after, between)];
}
