// The way of a signer that the source shows until it is in use: refused, waiting for its time, shown to the hub, published. Never lets a signer that
// the hub rejects take the place of one that is not about to end.

import { describeGeneration, describeIncoming, rfc3339 } from './rotation-log.ts';
import { MAX_RETIRING, unchanged } from './rotation-state.ts';
import type { Candidate, Incoming, Probing, Proof, Retiring, RotationState, RotationStep, TimeRefusalCode } from './rotation-state.ts';
import { isAboutToEnd, isInLastStretch, windowAt } from './signer-window.ts';
import { isSameSigner } from './signer.ts';
import type { CheckedSigner, Signer, SignerVerdict } from './signer.ts';

export function takeMissing(state: RotationState, detail: string, nowMs: number): RotationStep {
  return setIncoming(state, { phase: 'missing', detail, sinceMs: nowMs });
}

export function takeRefusal(state: RotationState, refusal: SignerVerdict & { ok: false }, nowMs: number): RotationStep {
  const { code, detail, materialSHA256 } = refusal;
  return setIncoming(state, { phase: 'refused', code, detail, fingerprintSHA256: materialSHA256, sinceMs: nowMs });
}

export function takeSigner(state: RotationState, signer: CheckedSigner, nowMs: number): RotationStep {
  if (state.current !== null && isSameSigner(state.current, signer)) return unchanged({ ...state, incoming: null });
  const known = state.incoming;
  const isKnown = (known?.phase === 'candidate' || known?.phase === 'probing') && isSameSigner(known.signer, signer);
  return considerCandidate(state, isKnown ? known : { phase: 'candidate', signer, sinceMs: nowMs }, nowMs);
}

/** The one place where a candidate becomes current, waits or falls. */
export function considerCandidate(state: RotationState, candidate: Candidate | Probing, nowMs: number): RotationStep {
  const { signer } = candidate;
  switch (windowAt(signer, nowMs)) {
    case 'not-valid-yet':
      return setIncoming(state, candidate.phase === 'candidate' ? candidate : { phase: 'candidate', signer, sinceMs: nowMs });
    case 'ended':
      return setIncoming(state, refuse(signer, { code: 'expired', detail: `ended at ${rfc3339(signer.certificate.notAfterMs)}` }, nowMs));
    case 'in-window':
      return isStepBack(state, signer, nowMs)
        ? setIncoming(state, refuse(signer, { code: 'older-than-current', detail: 'begins before the signer that is in use' }, nowMs))
        : considerValid(state, candidate, nowMs);
  }
}

function considerValid(state: RotationState, candidate: Candidate | Probing, nowMs: number): RotationStep {
  const { signer } = candidate;
  if (!state.isProbed) return publish(state, { signer, proof: 'unasked' }, nowMs);
  if (candidate.phase === 'candidate') {
    return setIncoming(state, { ...startProbing(signer, nowMs), wasRolledBack: wasWithdrawn(state, signer) });
  }
  if (candidate.isProven) return publish(state, { signer, proof: 'accepted' }, nowMs);
  if (mustBeUsed(state, candidate, nowMs)) return publish(state, { signer, proof: 'unproven' }, nowMs);
  return setIncoming(state, candidate);
}

export function startProbing(signer: CheckedSigner, nowMs: number): Probing {
  const untried = { tries: 0, outcome: null, detail: 'the hub is being asked', acceptances: 0 };
  return { phase: 'probing', signer, sinceMs: nowMs, ...untried, wasRolledBack: false, isProven: false };
}

/** Also where the source has shown something else in between. */
function wasWithdrawn({ retiring }: RotationState, signer: CheckedSigner): boolean {
  return retiring.some((each) => each.isWithdrawn && isSameSigner(each.signer, signer));
}

/** An older signer, unless the current one cannot be used: by the hour, or because the hub, restored from a backup perhaps, rejects it. */
function isStepBack({ current, standing }: RotationState, signer: CheckedSigner, nowMs: number): boolean {
  if (current === null || standing === 'rejected' || windowAt(current, nowMs) !== 'in-window') return false;
  return signer.certificate.notBeforeMs < current.certificate.notBeforeMs;
}

/**
 * Without the hub's word: because the current signer is about to end and this one lasts longer. Once the hub has been asked, for that takes seconds;
 * and as late as can be where the hub has just said that it takes the current one and not this one.
 */
function mustBeUsed({ current, standing }: RotationState, { signer, outcome }: Probing, nowMs: number): boolean {
  if (current === null || outcome === null) return false;
  if (signer.certificate.notAfterMs <= current.certificate.notAfterMs && windowAt(current, nowMs) !== 'ended') return false;
  return outcome === 'rejected' && standing === 'accepted' ? isInLastStretch(current, nowMs) : isAboutToEnd(current, nowMs);
}

/** Also how a signer comes back that was in use before (hub-opinion.ts). */
export function publish(
  state: RotationState,
  { signer: checked, proof }: { readonly signer: CheckedSigner; readonly proof: Proof },
  nowMs: number,
): RotationStep {
  const { certificate, chain, key } = checked;
  const signer: Signer = Object.freeze({ certificate, chain, key, generation: state.generation + 1 });
  return {
    state: {
      ...state,
      generation: signer.generation,
      current: signer,
      currentWindow: windowAt(signer, nowMs),
      proof,
      standing: proof === 'accepted' ? 'accepted' : null,
      currentTries: 0,
      // What was asked for on account of the one before does not count against this one
      fallback: null,
      isCurrentInTrust: false,
      incoming: null,
      retiring: retire(state, nowMs),
    },
    effects: [
      { kind: 'publish-signer', signer },
      { kind: 'log', event: proof === 'unproven' ? 'signer-unproven' : 'signer-published', fields: describeGeneration(signer) },
    ],
  };
}

/** Those that are of no use any more make room first. */
function retire({ current, isCurrentInTrust, retiring }: RotationState, nowMs: number): readonly Retiring[] {
  if (current === null) return retiring;
  const all = [{ signer: current, window: windowAt(current, nowMs), isWithdrawn: false, isInTrust: isCurrentInTrust }, ...retiring];
  if (all.length <= MAX_RETIRING) return all;
  const useless = all.findLastIndex(({ window, isWithdrawn }) => isWithdrawn || window === 'ended');
  return all.toSpliced(useless === -1 ? all.length - 1 : useless, 1);
}

/** The same thing seen again changes nothing, so that `sinceMs` holds and a re-read each minute does not fill the log. */
function setIncoming(state: RotationState, incoming: Incoming): RotationStep {
  if (state.incoming !== null && isSameIncoming(state.incoming, incoming)) return unchanged(state);
  return { state: { ...state, incoming }, effects: [describeIncoming(incoming, state.current)] };
}

function isSameIncoming(one: Incoming, other: Incoming): boolean {
  if (one.phase === 'candidate' || one.phase === 'probing') return other.phase === one.phase && isSameSigner(one.signer, other.signer);
  if (one.phase === 'missing') return other.phase === 'missing' && one.detail === other.detail;
  return other.phase === 'refused' && one.code === other.code && one.fingerprintSHA256 === other.fingerprintSHA256;
}

function refuse(signer: CheckedSigner, why: { code: TimeRefusalCode; detail: string }, nowMs: number): Incoming {
  return { phase: 'refused', ...why, fingerprintSHA256: signer.certificate.fingerprintSHA256, sinceMs: nowMs };
}
