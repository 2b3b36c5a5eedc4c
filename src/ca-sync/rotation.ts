// How one signer follows another: a pure function of state, event and hour. Owns the way from candidate to current to retiring, and every
// reason not to go it. Never forgets a signer that is in use because of something that the source shows, or no longer shows.

import type { EventName } from '../events.ts';
import { isSameSigner } from './signer.ts';
import type { CheckedSigner, Signer, SignerRefusalCode, SignerVerdict } from './signer.ts';

/** What the source holds, as long as that is not the current signer. */
export type Incoming =
  | { readonly phase: 'candidate'; readonly signer: CheckedSigner; readonly sinceMs: number }
  | {
      readonly phase: 'refused';
      readonly code: SignerRefusalCode | TimeRefusalCode;
      readonly detail: string;
      /** Of the certificate, or of the whole tls.crt where no certificate could be read. Tells one refused signer from the next. */
      readonly fingerprintSHA256: string;
      readonly sinceMs: number;
    }
  | { readonly phase: 'missing'; readonly detail: string; readonly sinceMs: number };

/** Reasons that the hour or the current signer gives; signer.ts has the others. */
export type TimeRefusalCode = 'expired' | 'older-than-current';

export type Window = 'not-valid-yet' | 'in-window' | 'ended';

export interface RotationState {
  /** Of the last signer that was published; 0 before the first. */
  readonly generation: number;
  /** Published. Stays so after its end, for there is nothing better: whoever issues from it looks at the hour. */
  readonly current: Signer | null;
  readonly currentWindow: Window;
  readonly incoming: Incoming | null;
  /** Was current, has not ended; newest first. */
  readonly retiring: readonly Signer[];
}

export type RotationEvent =
  | { readonly kind: 'signer-found'; readonly verdict: SignerVerdict }
  | { readonly kind: 'signer-missing'; readonly detail: string }
  | { readonly kind: 'tick' };

export interface LogEffect {
  readonly kind: 'log';
  readonly event: EventName;
  readonly fields: Readonly<Record<string, string | number | readonly string[]>>;
}

export type RotationEffect = { readonly kind: 'publish-signer'; readonly signer: Signer } | LogEffect;

export interface RotationStep {
  readonly state: RotationState;
  readonly effects: readonly RotationEffect[];
}

export const initialRotation: RotationState = { generation: 0, current: null, currentWindow: 'in-window', incoming: null, retiring: [] };

/** OpenShift's signers live 30 days and are replaced after 15 (csr-signer.md §1), so one or two retire at a time; 8 leaves room for a bad day. */
export const MAX_RETIRING = 8;

export function stepRotation(state: RotationState, event: RotationEvent, nowMs: number): RotationStep {
  const step = takeEvent(state, event, nowMs);
  const aged = age(step.state, nowMs);
  return { state: aged.state, effects: [...step.effects, ...aged.effects] };
}

export function windowAt(signer: CheckedSigner, nowMs: number): Window {
  if (nowMs < signer.certificate.notBeforeMs) return 'not-valid-yet';
  return nowMs > signer.certificate.notAfterMs ? 'ended' : 'in-window';
}

/** For the log: never more of a certificate than this. */
function describeSigner(signer: CheckedSigner): Readonly<Record<string, string>> {
  const { subject, serial, fingerprintSHA256, notBeforeMs, notAfterMs } = signer.certificate;
  return { subject, serial, fingerprintSHA256, notBefore: rfc3339(notBeforeMs), notAfter: rfc3339(notAfterMs) };
}

function takeEvent(state: RotationState, event: RotationEvent, nowMs: number): RotationStep {
  switch (event.kind) {
    case 'signer-found':
      return event.verdict.ok ? takeSigner(state, event.verdict.signer, nowMs) : takeRefusal(state, event.verdict, nowMs);
    case 'signer-missing':
      return setIncoming(state, { phase: 'missing', detail: event.detail, sinceMs: nowMs });
    case 'tick':
      return state.incoming?.phase === 'candidate' ? considerCandidate(state, state.incoming, nowMs) : { state, effects: [] };
  }
}

function takeRefusal(state: RotationState, refusal: SignerVerdict & { ok: false }, nowMs: number): RotationStep {
  const { code, detail, materialSHA256 } = refusal;
  return setIncoming(state, { phase: 'refused', code, detail, fingerprintSHA256: materialSHA256, sinceMs: nowMs });
}

function takeSigner(state: RotationState, signer: CheckedSigner, nowMs: number): RotationStep {
  if (state.current !== null && isSameSigner(state.current, signer)) return { state: { ...state, incoming: null }, effects: [] };
  const waiting = state.incoming;
  const isKnown = waiting?.phase === 'candidate' && isSameSigner(waiting.signer, signer);
  return considerCandidate(state, isKnown ? waiting : { phase: 'candidate', signer, sinceMs: nowMs }, nowMs);
}

/** The one place where a candidate becomes current, waits or falls. */
function considerCandidate(state: RotationState, candidate: Incoming & { phase: 'candidate' }, nowMs: number): RotationStep {
  const { signer } = candidate;
  switch (windowAt(signer, nowMs)) {
    case 'not-valid-yet':
      return setIncoming(state, candidate);
    case 'ended':
      return setIncoming(state, refuse(signer, { code: 'expired', detail: `ended at ${rfc3339(signer.certificate.notAfterMs)}` }, nowMs));
    case 'in-window':
      return isOlderThanUsable(signer, state.current, nowMs)
        ? setIncoming(state, refuse(signer, { code: 'older-than-current', detail: 'begins before the signer that is in use' }, nowMs))
        : publish(state, signer, nowMs);
  }
}

/** An older signer is a step back, unless the newer one cannot be used anyway. */
function isOlderThanUsable(signer: CheckedSigner, current: Signer | null, nowMs: number): boolean {
  if (current === null || windowAt(current, nowMs) !== 'in-window') return false;
  return signer.certificate.notBeforeMs < current.certificate.notBeforeMs;
}

function publish(state: RotationState, checked: CheckedSigner, nowMs: number): RotationStep {
  const signer: Signer = Object.freeze({ ...checked, generation: state.generation + 1 });
  const retiring = state.current === null ? state.retiring : [state.current, ...state.retiring].slice(0, MAX_RETIRING);
  const fields = { generation: signer.generation, ...describeSigner(signer) };
  return {
    state: { generation: signer.generation, current: signer, currentWindow: windowAt(signer, nowMs), incoming: null, retiring },
    effects: [
      { kind: 'publish-signer', signer },
      { kind: 'log', event: 'signer-published', fields },
    ],
  };
}

/** What the hour alone does: ended signers leave, and the end of the current one is told once. */
function age(state: RotationState, nowMs: number): RotationStep {
  const retiring = state.retiring.filter((signer) => windowAt(signer, nowMs) !== 'ended');
  const currentWindow = state.current === null ? 'in-window' : windowAt(state.current, nowMs);
  const hasJustEnded = state.current !== null && currentWindow === 'ended' && state.currentWindow !== 'ended';
  const effects: RotationEffect[] = hasJustEnded ? [{ kind: 'log', event: 'signer-ended', fields: describeSigner(state.current) }] : [];
  return { state: { ...state, currentWindow, retiring }, effects };
}

/** The same thing seen again changes nothing, so that `sinceMs` holds and a re-read each minute does not fill the log. */
function setIncoming(state: RotationState, incoming: Incoming): RotationStep {
  if (state.incoming !== null && isSameIncoming(state.incoming, incoming)) return { state, effects: [] };
  return { state: { ...state, incoming }, effects: [describeIncoming(incoming, state.current)] };
}

function isSameIncoming(one: Incoming, other: Incoming): boolean {
  if (one.phase === 'candidate') return other.phase === 'candidate' && isSameSigner(one.signer, other.signer);
  if (one.phase === 'missing') return other.phase === 'missing' && one.detail === other.detail;
  return other.phase === 'refused' && one.code === other.code && one.fingerprintSHA256 === other.fingerprintSHA256;
}

function describeIncoming(incoming: Incoming, current: Signer | null): LogEffect {
  switch (incoming.phase) {
    case 'candidate':
      return { kind: 'log', event: 'signer-waits', fields: describeSigner(incoming.signer) };
    case 'missing':
      return { kind: 'log', event: current === null ? 'signer-missing' : 'signer-removed', fields: { detail: incoming.detail } };
    case 'refused': {
      const { code, detail, fingerprintSHA256 } = incoming;
      return { kind: 'log', event: 'signer-refused', fields: { code, detail, fingerprintSHA256 } };
    }
  }
}

function refuse(signer: CheckedSigner, why: { code: TimeRefusalCode; detail: string }, nowMs: number): Incoming {
  return { phase: 'refused', ...why, fingerprintSHA256: signer.certificate.fingerprintSHA256, sinceMs: nowMs };
}

function rfc3339(ms: number): string {
  return new Date(ms).toISOString();
}
