// How one trust bundle follows another: a pure function, like rotation.ts for signers but without hours, for the authorities' own windows
// are judged with each verification. Never lets go of a good bundle for a bad or missing one.

import type { LogEffect } from './rotation-state.ts';
import type { TrustBundle, TrustRefusalCode, TrustVerdict } from './trust-bundle.ts';

/** What the source holds, as long as that is not the current bundle. */
export type IncomingTrust =
  | {
      readonly phase: 'refused';
      readonly code: TrustRefusalCode;
      readonly detail: string;
      readonly fingerprintSHA256: string;
      readonly sinceMs: number;
    }
  | { readonly phase: 'missing'; readonly detail: string; readonly sinceMs: number };

export interface TrustState {
  readonly current: TrustBundle | null;
  readonly incoming: IncomingTrust | null;
}

export type TrustEvent =
  | { readonly kind: 'trust-found'; readonly verdict: TrustVerdict }
  | { readonly kind: 'trust-missing'; readonly detail: string };

export type TrustEffect = { readonly kind: 'publish-trust'; readonly trust: TrustBundle } | LogEffect;

export interface TrustStep {
  readonly state: TrustState;
  readonly effects: readonly TrustEffect[];
}

export const initialTrust: TrustState = { current: null, incoming: null };

export function stepTrust(state: TrustState, event: TrustEvent, nowMs: number): TrustStep {
  switch (event.kind) {
    case 'trust-found':
      return event.verdict.ok ? takeBundle(state, event.verdict.trust) : takeRefusal(state, event.verdict, nowMs);
    case 'trust-missing':
      return setIncoming(state, { phase: 'missing', detail: event.detail, sinceMs: nowMs });
  }
}

function takeBundle(state: TrustState, trust: TrustBundle): TrustStep {
  if (state.current !== null && isSameBundle(state.current, trust)) return { state: { ...state, incoming: null }, effects: [] };
  const skippedBefore = new Set(state.current?.skipped);
  const newlySkipped = trust.skipped.filter((entry) => !skippedBefore.has(entry));
  const subjects = trust.authorities.map((authority) => authority.subject);
  return {
    state: { current: trust, incoming: null },
    effects: [
      { kind: 'publish-trust', trust },
      { kind: 'log', event: 'trust-published', fields: { fingerprintSHA256: trust.fingerprint, authorities: subjects } },
      ...newlySkipped.map((detail): LogEffect => ({ kind: 'log', event: 'trust-entry-skipped', fields: { detail } })),
    ],
  };
}

function takeRefusal(state: TrustState, refusal: TrustVerdict & { ok: false }, nowMs: number): TrustStep {
  const { code, detail, materialSHA256 } = refusal;
  return setIncoming(state, { phase: 'refused', code, detail, fingerprintSHA256: materialSHA256, sinceMs: nowMs });
}

function setIncoming(state: TrustState, incoming: IncomingTrust): TrustStep {
  if (state.incoming !== null && isSameIncoming(state.incoming, incoming)) return { state, effects: [] };
  return { state: { ...state, incoming }, effects: [describeIncoming(incoming, state.current)] };
}

function describeIncoming(incoming: IncomingTrust, current: TrustBundle | null): LogEffect {
  const { detail } = incoming;
  if (incoming.phase === 'missing') return { kind: 'log', event: current === null ? 'trust-missing' : 'trust-removed', fields: { detail } };
  return { kind: 'log', event: 'trust-refused', fields: { code: incoming.code, detail, fingerprintSHA256: incoming.fingerprintSHA256 } };
}

function isSameIncoming(one: IncomingTrust, other: IncomingTrust): boolean {
  if (one.phase === 'missing') return other.phase === 'missing' && one.detail === other.detail;
  return other.phase === 'refused' && one.code === other.code && one.fingerprintSHA256 === other.fingerprintSHA256;
}

function isSameBundle(one: TrustBundle, other: TrustBundle): boolean {
  return one.fingerprint === other.fingerprint && one.skipped.join('\n') === other.skipped.join('\n');
}
