// What is known of the signers at one moment: the one that comes, the one in use, those before it, and what the hub is being asked about them. Owns
// the words for it; what changes it is rotation.ts.

import type { Certificate } from '../certificate.ts';
import type { EventName } from '../events.ts';
import type { ProbeAnswer } from '../sync-view.ts';
import type { CheckedSigner, Signer, SignerRefusalCode, SignerVerdict } from './signer.ts';
import type { Window } from './signer-window.ts';

/** What the source holds, as long as that is not the current signer. */
export type Incoming = Candidate | Probing | RefusedSigner | MissingSigner;

/** Not valid yet. */
export interface Candidate {
  readonly phase: 'candidate';
  readonly signer: CheckedSigner;
  readonly sinceMs: number;
}

/** Valid, and shown to the hub until that accepts it. */
export interface Probing {
  readonly phase: 'probing';
  readonly signer: CheckedSigner;
  readonly sinceMs: number;
  /** Rounds of questions that were answered. */
  readonly tries: number;
  /** Of the newest round; null before the first. */
  readonly outcome: Outcome | null;
  /** Whom of the hub the newest answer is from, and what it says. */
  readonly detail: string;
  /** Rounds in a row in which the hub accepted it. */
  readonly acceptances: number;
  /** It was in use, and was withdrawn. */
  readonly wasRolledBack: boolean;
  /** The newest round was enough to publish it. */
  readonly isProven: boolean;
}

export interface RefusedSigner {
  readonly phase: 'refused';
  readonly code: SignerRefusalCode | TimeRefusalCode;
  readonly detail: string;
  /** Of the certificate, or of the whole tls.crt where no certificate could be read. Tells one refused signer from the next. */
  readonly fingerprintSHA256: string;
  readonly sinceMs: number;
}

export interface MissingSigner {
  readonly phase: 'missing';
  readonly detail: string;
  readonly sinceMs: number;
}

/** Reasons that the hour or the current signer gives; signer.ts has the others. */
export type TimeRefusalCode = 'expired' | 'older-than-current';

export type Outcome = ProbeAnswer['outcome'];

/** `accepted`: the hub took a leaf of it; `unproven`: it has not yet; `unasked`: the probe is off. */
export type Proof = 'accepted' | 'unproven' | 'unasked';

/** Was current. Kept a while after its end as well, for the hour may turn out to be wrong. */
export interface Retiring {
  readonly signer: Signer;
  readonly window: Window;
  /** The hub does not trust it any more: hub sessions under it move at once. For good. */
  readonly isWithdrawn: boolean;
  /** The trust bundle that was read last holds it or its issuer. */
  readonly isInTrust: boolean;
}

/** Open from the effect `ask-hub` to the event `hub-answered`. */
export interface Question {
  readonly id: number;
  readonly purpose: 'candidate' | 'current' | 'retiring';
  readonly signer: CheckedSigner;
  /** 0 for a candidate. */
  readonly generation: number;
}

export interface RotationState {
  /** Whether the hub is asked at all. */
  readonly isProbed: boolean;
  /** Of the last signer that was published; 0 before the first. */
  readonly generation: number;
  /** Published. Stays so after its end, for there is nothing better: whoever issues from it looks at the hour. */
  readonly current: Signer | null;
  readonly currentWindow: Window;
  readonly proof: Proof;
  /** What the hub said of the current signer last; null where it was not asked yet. */
  readonly standing: Outcome | null;
  /** Rounds since the hub last accepted the current signer. */
  readonly currentTries: number;
  readonly isCurrentInTrust: boolean;
  readonly incoming: Incoming | null;
  /** Newest first. */
  readonly retiring: readonly Retiring[];
  readonly questions: readonly Question[];
  /** Questions so far; the next has the next number. */
  readonly asked: number;
  /** The hub has just rejected the current signer and is being asked about this generation, to go back to. */
  readonly fallback: number | null;
}

export type RotationEvent =
  | { readonly kind: 'signer-found'; readonly verdict: SignerVerdict }
  | { readonly kind: 'signer-missing'; readonly detail: string }
  | { readonly kind: 'tick' }
  /** The bundle as it was read together with the signer. */
  | { readonly kind: 'trust-read'; readonly authorities: readonly Certificate[] }
  /** One answer for each endpoint. */
  | { readonly kind: 'hub-answered'; readonly question: number; readonly answers: readonly ProbeAnswer[] }
  /** The hub answered 401 to a leaf of this generation that we hold valid. */
  | { readonly kind: 'hub-refused'; readonly generation: number }
  /** It is time to ask after the current signer. */
  | { readonly kind: 'check-due' };

export interface LogEffect {
  readonly kind: 'log';
  readonly event: EventName;
  readonly fields: Readonly<Record<string, string | number | readonly string[]>>;
}

export type RotationEffect =
  | { readonly kind: 'publish-signer'; readonly signer: Signer }
  | { readonly kind: 'publish-usable'; readonly usable: ReadonlySet<number> }
  /** `tries`: rounds before this one that did not settle it; whoever asks waits the longer, the more there were. */
  | { readonly kind: 'ask-hub'; readonly question: Question; readonly tries: number }
  | LogEffect;

export interface RotationStep {
  readonly state: RotationState;
  readonly effects: readonly RotationEffect[];
}

/** OpenShift's signers live 30 days and are replaced after 15 (csr-signer.md §1), so one or two retire at a time; 8 leaves room for a bad day. */
export const MAX_RETIRING = 8;

/** Before anything was read. `isProbed`: whether the hub is asked before a signer is used. */
export function startRotation(isProbed: boolean): RotationState {
  return {
    isProbed,
    generation: 0,
    current: null,
    currentWindow: 'in-window',
    proof: 'unasked',
    standing: null,
    currentTries: 0,
    isCurrentInTrust: false,
    incoming: null,
    retiring: [],
    questions: [],
    asked: 0,
    fallback: null,
  };
}

export function unchanged(state: RotationState): RotationStep {
  return { state, effects: [] };
}

/** One thing after another. */
export function andThen(step: RotationStep, next: (state: RotationState) => RotationStep): RotationStep {
  const { state, effects } = next(step.state);
  return { state, effects: [...step.effects, ...effects] };
}
