// Everything that ca-sync knows, as one value, and what each read or tick makes of it. Owns the order: trust before signer, so that whoever
// hears of a new signer already sees the newest trust. Pure; and what it shows of itself is plain data, never a key.

import type { Certificate } from '../certificate.ts';
import { initialRotation, stepRotation } from './rotation.ts';
import type { Incoming, LogEffect, RotationEffect, RotationState, Window } from './rotation.ts';
import type { SignerVerdict } from './signer.ts';
import type { Found, SourceFailure } from './source.ts';
import type { TrustVerdict } from './trust-bundle.ts';
import { initialTrust, stepTrust } from './trust-following.ts';
import type { IncomingTrust, TrustEffect, TrustState } from './trust-following.ts';

/** What an operator may see of ca-sync. Times are epoch milliseconds. */
export interface SyncState {
  readonly source: 'kubernetes' | 'files';
  readonly signer: {
    readonly current: (PublishedSigner & { readonly window: Window }) | null;
    /** Checked, but not valid yet. */
    readonly candidate: (CertificateSummary & { readonly sinceMs: number }) | null;
    readonly refused: Refused | null;
    readonly missing: Missing | null;
    /** Was current and has not ended; newest first. */
    readonly retiring: readonly PublishedSigner[];
  };
  readonly trust: {
    readonly current: {
      readonly fingerprint: string;
      readonly authorities: readonly CertificateSummary[];
      readonly skipped: readonly string[];
    } | null;
    readonly refused: Refused | null;
    readonly missing: Missing | null;
  };
  /** When both were last read, whatever they held. */
  readonly lastSuccessMs: number | null;
  /** Why they cannot both be read now; null while they can. */
  readonly lastError: { readonly code: string; readonly detail: string; readonly sinceMs: number } | null;
}

export interface CertificateSummary {
  readonly subject: string;
  readonly serial: string;
  readonly fingerprintSHA256: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface PublishedSigner extends CertificateSummary {
  readonly generation: number;
}

export interface Refused {
  readonly code: string;
  readonly detail: string;
  readonly fingerprintSHA256: string;
  readonly sinceMs: number;
}

export interface Missing {
  readonly detail: string;
  readonly sinceMs: number;
}

export interface SyncModel {
  readonly rotation: RotationState;
  readonly trust: TrustState;
  readonly lastSuccessMs: number | null;
  readonly lastError: SyncState['lastError'];
}

export type SyncEvent =
  | { readonly kind: 'read'; readonly signer: Found<SignerVerdict>; readonly trust: Found<TrustVerdict> }
  | { readonly kind: 'tick' };

export type SyncEffect = RotationEffect | TrustEffect;

export interface SyncStep {
  readonly model: SyncModel;
  readonly effects: readonly SyncEffect[];
}

export const initialModel: SyncModel = { rotation: initialRotation, trust: initialTrust, lastSuccessMs: null, lastError: null };

export function stepSync(model: SyncModel, event: SyncEvent, nowMs: number): SyncStep {
  if (event.kind === 'tick') {
    const { state, effects } = stepRotation(model.rotation, event, nowMs);
    return { model: { ...model, rotation: state }, effects };
  }
  const trust = takeTrust(model.trust, event.trust, nowMs);
  const rotation = takeSigner(model.rotation, event.signer, nowMs);
  const source = takeOutcome(model, [event.signer, event.trust], nowMs);
  return {
    model: { rotation: rotation.state, trust: trust.state, ...source.model },
    effects: [...source.effects, ...trust.effects, ...rotation.effects],
  };
}

export function showState(source: SyncState['source'], model: SyncModel): SyncState {
  const { rotation, trust, lastSuccessMs, lastError } = model;
  const { current, incoming } = rotation;
  return {
    source,
    signer: {
      current:
        current === null ? null : { generation: current.generation, ...summarise(current.certificate), window: rotation.currentWindow },
      candidate: incoming?.phase === 'candidate' ? { ...summarise(incoming.signer.certificate), sinceMs: incoming.sinceMs } : null,
      refused: showRefused(incoming),
      missing: showMissing(incoming),
      retiring: rotation.retiring.map((signer) => ({ generation: signer.generation, ...summarise(signer.certificate) })),
    },
    trust: { current: showBundle(trust), refused: showRefused(trust.incoming), missing: showMissing(trust.incoming) },
    lastSuccessMs,
    lastError,
  };
}

function takeTrust(state: TrustState, found: Found<TrustVerdict>, nowMs: number): ReturnType<typeof stepTrust> {
  switch (found.kind) {
    case 'found':
      return stepTrust(state, { kind: 'trust-found', verdict: found.value }, nowMs);
    case 'missing':
      return stepTrust(state, { kind: 'trust-missing', detail: found.detail }, nowMs);
    case 'failed':
      return { state, effects: [] };
  }
}

function takeSigner(state: RotationState, found: Found<SignerVerdict>, nowMs: number): ReturnType<typeof stepRotation> {
  switch (found.kind) {
    case 'found':
      return stepRotation(state, { kind: 'signer-found', verdict: found.value }, nowMs);
    case 'missing':
      return stepRotation(state, { kind: 'signer-missing', detail: found.detail }, nowMs);
    case 'failed':
      return stepRotation(state, { kind: 'tick' }, nowMs);
  }
}

type Outcome = Pick<SyncModel, 'lastSuccessMs' | 'lastError'>;

/** A failure is told when it begins or becomes another one, and its end is told once. */
function takeOutcome(model: SyncModel, found: readonly Found<unknown>[], nowMs: number): { model: Outcome; effects: readonly LogEffect[] } {
  const before = model.lastError;
  const failures = found.filter((each) => each.kind === 'failed');
  if (failures.length === 0) {
    const effects: LogEffect[] =
      before === null ? [] : [{ kind: 'log', event: 'sync-recovered', fields: { failedSince: new Date(before.sinceMs).toISOString() } }];
    return { model: { lastSuccessMs: nowMs, lastError: null }, effects };
  }
  const { code, detail } = joinFailures(failures);
  const lastError = { code, detail, sinceMs: before?.sinceMs ?? nowMs };
  const isNews = before === null || before.code !== code;
  return {
    model: { lastSuccessMs: model.lastSuccessMs, lastError },
    effects: isNews ? [{ kind: 'log', event: 'sync-failed', fields: { code, detail } }] : [],
  };
}

function joinFailures(failures: readonly SourceFailure[]): { code: string; detail: string } {
  const details = new Set(failures.map((failure) => failure.detail));
  return { code: failures[0]?.code ?? '', detail: [...details].join('; ') };
}

function summarise(certificate: Certificate): CertificateSummary {
  const { subject, serial, fingerprintSHA256, notBeforeMs, notAfterMs } = certificate;
  return { subject, serial, fingerprintSHA256, notBeforeMs, notAfterMs };
}

function showBundle(trust: TrustState): SyncState['trust']['current'] {
  if (trust.current === null) return null;
  const { fingerprint, skipped, authorities } = trust.current;
  return { fingerprint, skipped, authorities: authorities.map(summarise) };
}

function showRefused(incoming: Incoming | IncomingTrust | null): Refused | null {
  if (incoming?.phase !== 'refused') return null;
  const { code, detail, fingerprintSHA256, sinceMs } = incoming;
  return { code, detail, fingerprintSHA256, sinceMs };
}

function showMissing(incoming: Incoming | IncomingTrust | null): Missing | null {
  return incoming?.phase === 'missing' ? { detail: incoming.detail, sinceMs: incoming.sinceMs } : null;
}
