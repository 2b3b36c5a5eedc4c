// What the hub's answers do: prove a candidate, take one back, withdraw one that it trusts no longer. Owns when it is asked and about whom. Never takes
// silence, or an answer that is not the API server's, for an opinion.

import { isSignedBy } from '../certificate.ts';
import type { Certificate } from '../certificate.ts';
import type { ProbeAnswer } from '../sync-view.ts';
import { considerCandidate, publish, startProbing } from './candidate.ts';
import { describeGeneration, describeSigner } from './rotation-log.ts';
import { andThen, unchanged } from './rotation-state.ts';
import type { Incoming, LogEffect, Outcome, Question, Retiring, RotationEvent, RotationState, RotationStep } from './rotation-state.ts';
import { isInLastStretch, windowAt } from './signer-window.ts';
import { isSameSigner } from './signer.ts';
import type { CheckedSigner } from './signer.ts';
import { usableGenerations } from './usable-generations.ts';

/** A signer that the hub accepted and then refused is accepted this often in a row before it is used again: one lagging API server had said yes. */
const ACCEPTANCES_AFTER_ROLLBACK = 3;

/** Asks, unless that question is open already. */
export function ask(state: RotationState, what: Omit<Question, 'id'>, tries: number): RotationStep {
  const isOpen = state.questions.some(({ purpose, generation }) => purpose === what.purpose && generation === what.generation);
  if (isOpen || !state.isProbed) return unchanged(state);
  const question: Question = { id: state.asked + 1, ...what };
  return {
    state: { ...state, asked: question.id, questions: [...state.questions, question] },
    effects: [{ kind: 'ask-hub', question, tries }],
  };
}

export function takeCheck(state: RotationState): RotationStep {
  const { current } = state;
  return current === null ? unchanged(state) : ask(state, { purpose: 'current', signer: current, generation: current.generation }, 0);
}

/** One leaf may be refused for its own sake, so the hub is asked about the generation before anything is done. */
export function takeRefusedLeaf(state: RotationState, generation: number): RotationStep {
  if (generation === state.generation) return takeCheck(state);
  const retiring = state.retiring.find(({ signer }) => signer.generation === generation);
  return retiring !== undefined && usableGenerations(state).has(generation) ? askRetiring(state, retiring) : unchanged(state);
}

function askRetiring(state: RotationState, { signer }: Retiring): RotationStep {
  return ask(state, { purpose: 'retiring', signer, generation: signer.generation }, 0);
}

/** An answer to a question that is not open any more is no answer. */
export function takeAnswers(state: RotationState, event: RotationEvent & { kind: 'hub-answered' }, nowMs: number): RotationStep {
  const question = state.questions.find(({ id }) => id === event.question);
  if (question === undefined) return unchanged(state);
  const closed = { ...state, questions: state.questions.filter((each) => each !== question) };
  const opinion = summarise(event.answers);
  switch (question.purpose) {
    case 'candidate':
      return takeOnCandidate(closed, opinion, nowMs);
    case 'current':
      return takeOnCurrent(closed, opinion, nowMs);
    case 'retiring':
      return takeOnRetiring(closed, question.generation, { opinion, nowMs });
  }
}

/** Of the hub as a whole. */
interface Opinion {
  /** `accepted` by every endpoint, `rejected` by any. */
  readonly outcome: Outcome;
  readonly isAcceptedByAny: boolean;
  /** The endpoint that decided, and what it said. */
  readonly detail: string;
}

function summarise(answers: readonly ProbeAnswer[]): Opinion {
  const decisive =
    answers.find(({ outcome }) => outcome === 'rejected') ?? answers.find(({ outcome }) => outcome === 'unreachable') ?? answers[0];
  if (decisive === undefined) return { outcome: 'unreachable', isAcceptedByAny: false, detail: 'the hub could not be asked' };
  const isAcceptedByAny = answers.some(({ outcome }) => outcome === 'accepted');
  return { outcome: decisive.outcome, isAcceptedByAny, detail: `${decisive.endpoint}: ${decisive.detail}` };
}

function takeOnCandidate(state: RotationState, { outcome, isAcceptedByAny, detail }: Opinion, nowMs: number): RotationStep {
  const { incoming, current } = state;
  if (incoming?.phase !== 'probing') return unchanged(state);
  const acceptances = outcome === 'accepted' ? incoming.acceptances + 1 : 0;
  // Where nothing is in use there is nothing to lose: one API server that takes its leaves is better than none
  const isProven = current === null ? isAcceptedByAny : acceptances >= (incoming.wasRolledBack ? ACCEPTANCES_AFTER_ROLLBACK : 1);
  const next = { ...incoming, tries: incoming.tries + 1, outcome, detail, acceptances, isProven };
  const isNews = outcome !== 'accepted' && outcome !== incoming.outcome && !isProven;
  const news: LogEffect[] = isNews
    ? [{ kind: 'log', event: 'signer-not-accepted', fields: { outcome, detail, ...describeSigner(incoming.signer) } }]
    : [];
  return andThen({ state: { ...state, incoming: next }, effects: news }, (asked) => considerCandidate(asked, next, nowMs));
}

function takeOnCurrent(state: RotationState, { outcome, detail }: Opinion, nowMs: number): RotationStep {
  const { current, standing, proof } = state;
  if (current === null) return unchanged(state);
  const next = { ...state, standing: outcome, currentTries: outcome === 'accepted' ? 0 : state.currentTries + 1, fallback: null };
  const fields = { detail, ...describeGeneration(current) };
  switch (outcome) {
    case 'accepted': {
      const isNews = proof === 'unproven' || standing === 'rejected';
      return { state: { ...next, proof: 'accepted' }, effects: isNews ? [{ kind: 'log', event: 'signer-proven', fields }] : [] };
    }
    case 'unreachable':
      return unchanged(next);
    case 'rejected': {
      const news: LogEffect[] = standing === 'rejected' ? [] : [{ kind: 'log', event: 'signer-rejected', fields }];
      return andThen({ state: next, effects: news }, (doubtful) => askForFallback(doubtful, nowMs));
    }
  }
}

/** The newest generation before the current one, of another signer, that is good for a while yet. Never one that has ended. */
function askForFallback(state: RotationState, nowMs: number): RotationStep {
  const usable = usableGenerations(state);
  const fallback = state.retiring.find(({ signer }) => {
    const isOther = state.current === null || !isSameSigner(state.current, signer);
    return isOther && usable.has(signer.generation) && windowAt(signer, nowMs) === 'in-window' && !isInLastStretch(signer, nowMs);
  });
  return fallback === undefined ? unchanged(state) : askRetiring({ ...state, fallback: fallback.signer.generation }, fallback);
}

function takeOnRetiring(
  state: RotationState,
  generation: number,
  { opinion, nowMs }: { readonly opinion: Opinion; readonly nowMs: number },
): RotationStep {
  const retiring = state.retiring.find(({ signer }) => signer.generation === generation);
  if (retiring === undefined) return unchanged(state);
  const isFallback = state.fallback === generation;
  const next = isFallback ? { ...state, fallback: null } : state;
  if (opinion.outcome === 'accepted' && isFallback && windowAt(retiring.signer, nowMs) === 'in-window')
    return rollBack(next, retiring.signer, nowMs);
  // Where the hub rejects the current one as well, nothing is gained by moving to that
  if (opinion.outcome === 'rejected' && state.standing !== 'rejected') return withdraw(next, generation, `the hub: ${opinion.detail}`);
  return unchanged(next);
}

/** The one before is published again; the one that failed is withdrawn and, if the source still holds it, has to be accepted anew. */
function rollBack(state: RotationState, signer: CheckedSigner, nowMs: number): RotationStep {
  const { current: failed, incoming } = state;
  const { state: published, effects } = publish(state, { signer, proof: 'accepted' }, nowMs);
  if (failed === null || published.current === null) return unchanged(state);
  const { certificate, chain, key } = failed;
  const again = { ...startProbing({ certificate, chain, key }, nowMs), outcome: 'rejected' as const, detail: 'the hub refused its leaves' };
  const retiring = published.retiring.map((each) => (each.signer === failed ? { ...each, isWithdrawn: true } : each));
  const fields = { failed: failed.generation, ...describeGeneration(published.current) };
  // Where nothing else is known of the source, it holds the one that failed
  return {
    state: { ...published, retiring, incoming: isOf(incoming, signer) ? null : (incoming ?? { ...again, tries: 1, wasRolledBack: true }) },
    effects: [...effects.filter(({ kind }) => kind !== 'log'), { kind: 'log', event: 'signer-rolled-back', fields }],
  };
}

function isOf(incoming: Incoming | null, { certificate }: CheckedSigner): boolean {
  if (incoming === null || incoming.phase === 'missing') return false;
  const shown = incoming.phase === 'refused' ? incoming.fingerprintSHA256 : incoming.signer.certificate.fingerprintSHA256;
  return shown === certificate.fingerprintSHA256;
}

function withdraw(state: RotationState, generation: number, detail: string): RotationStep {
  const found = state.retiring.find(({ signer }) => signer.generation === generation);
  if (found === undefined || found.isWithdrawn) return unchanged(state);
  const retiring = state.retiring.map((each) => (each === found ? { ...each, isWithdrawn: true } : each));
  return {
    state: { ...state, retiring },
    effects: [{ kind: 'log', event: 'signer-withdrawn', fields: { detail, ...describeGeneration(found.signer) } }],
  };
}

/** The bundle is what the hub is told to trust. What was in it and is not any more is withdrawn; the current one only makes us ask. */
export function takeTrust(state: RotationState, authorities: readonly Certificate[], nowMs: number): RotationStep {
  const isCurrentInTrust = state.current !== null && isTrusted(state.current, authorities);
  const retiring = state.retiring.map((each) => ({ ...each, isInTrust: isTrusted(each.signer, authorities) }));
  const hasLeft = ({ signer, isInTrust }: Retiring, index: number): boolean =>
    isInTrust && retiring[index]?.isInTrust === false && windowAt(signer, nowMs) !== 'ended';
  const withdrawn = state.retiring
    .filter(hasLeft)
    .reduce(
      (step, { signer }) =>
        andThen(step, (next) => withdraw(next, signer.generation, 'neither it nor its issuer is in the trust bundle any more')),
      unchanged({ ...state, retiring, isCurrentInTrust }),
    );
  return state.isCurrentInTrust && !isCurrentInTrust ? andThen(withdrawn, takeCheck) : withdrawn;
}

/** The signer certificate travels with each leaf, so its issuer's place in the bundle is enough (csr-signer.md §2, "Chain trick"). */
function isTrusted({ certificate }: CheckedSigner, authorities: readonly Certificate[]): boolean {
  return authorities.some(
    (authority) =>
      authority.fingerprintSHA256 === certificate.fingerprintSHA256 ||
      (certificate.issuerDer.equals(authority.subjectDer) && isSignedBy(certificate, authority)),
  );
}
