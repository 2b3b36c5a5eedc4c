// Everything that ca-sync knows, as one value, and what each read, answer or tick makes of it. Owns the order: trust before signer, so that whoever
// hears of a new signer already sees the newest trust. Pure.

import type { ProbeAnswer, RotationResult, SyncView } from '../sync-view.ts';
import { stepRotation } from './rotation.ts';
import { startRotation } from './rotation-state.ts';
import type { LogEffect, RotationEffect, RotationEvent, RotationState, RotationStep } from './rotation-state.ts';
import type { SignerVerdict } from './signer.ts';
import type { Found, SourceFailure } from './source.ts';
import type { TrustVerdict } from './trust-bundle.ts';
import { initialTrust, stepTrust } from './trust-following.ts';
import type { TrustEffect, TrustState } from './trust-following.ts';

export interface SyncModel {
  readonly rotation: RotationState;
  readonly trust: TrustState;
  /** Of the newest round, whichever signer it was about. */
  readonly probe: readonly ProbeAnswer[];
  readonly probeOfCurrent: readonly ProbeAnswer[];
  readonly rotations: SyncView['rotations'];
  readonly errors: SyncView['errors'];
  readonly lastSuccessMs: number | null;
  readonly lastError: SyncView['lastError'];
}

export type SyncEvent =
  | { readonly kind: 'read'; readonly signer: Found<SignerVerdict>; readonly trust: Found<TrustVerdict> }
  | Extract<RotationEvent, { kind: 'tick' | 'hub-answered' | 'hub-refused' | 'check-due' }>;

export type SyncEffect = RotationEffect | TrustEffect;

export interface SyncStep {
  readonly model: SyncModel;
  readonly effects: readonly SyncEffect[];
}

/** `isProbed`: whether the hub is asked before a signer is used. */
export function startModel(isProbed: boolean): SyncModel {
  const rotations = { published: 0, unproven: 0, refused: 0, 'rolled-back': 0 };
  const asked = { probe: [], probeOfCurrent: [] };
  return { rotation: startRotation(isProbed), trust: initialTrust, ...asked, rotations, errors: {}, lastSuccessMs: null, lastError: null };
}

export function stepSync(model: SyncModel, event: SyncEvent, nowMs: number): SyncStep {
  const step = event.kind === 'read' ? takeReading(model, event, nowMs) : takeOther(model, event, nowMs);
  const rotations = countRotations(model.rotations, step.effects);
  return { model: { ...step.model, rotations, probeOfCurrent: keepAboutCurrent(step.model) }, effects: step.effects };
}

/** Whichever signer is asked about next, and whether the newest round came before or after a publication. */
function keepAboutCurrent({ rotation: { current }, probe, probeOfCurrent }: SyncModel): readonly ProbeAnswer[] {
  const isAbout = (answers: readonly ProbeAnswer[]): boolean =>
    answers.some(({ fingerprintSHA256 }) => fingerprintSHA256 === current?.certificate.fingerprintSHA256);
  return [probe, probeOfCurrent].find(isAbout) ?? [];
}

type ReadEvent = SyncEvent & { readonly kind: 'read' };

function takeOther(model: SyncModel, event: Exclude<SyncEvent, ReadEvent>, nowMs: number): SyncStep {
  const { state, effects } = stepRotation(model.rotation, event, nowMs);
  const isAnswer = event.kind === 'hub-answered' && model.rotation.questions.some(({ id }) => id === event.question);
  return { model: { ...model, rotation: state, probe: isAnswer ? event.answers : model.probe }, effects };
}

function takeReading(model: SyncModel, event: ReadEvent, nowMs: number): SyncStep {
  const trust = takeTrust(model.trust, event.trust, nowMs);
  const found = takeSigner(model.rotation, event.signer, nowMs);
  const rotation = compareWithTrust(found, event, nowMs);
  const source = takeOutcome(model, [event.signer, event.trust], nowMs);
  return {
    model: { ...model, rotation: rotation.state, trust: trust.state, ...source.model },
    effects: [...source.effects, ...trust.effects, ...rotation.effects],
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

function takeSigner(state: RotationState, found: Found<SignerVerdict>, nowMs: number): RotationStep {
  switch (found.kind) {
    case 'found':
      return stepRotation(state, { kind: 'signer-found', verdict: found.value }, nowMs);
    case 'missing':
      return stepRotation(state, { kind: 'signer-missing', detail: found.detail }, nowMs);
    case 'failed':
      return stepRotation(state, { kind: 'tick' }, nowMs);
  }
}

/** Only where both were read in one go: a bundle alone may be of another time than the signers that we know. */
function compareWithTrust(step: RotationStep, { signer, trust }: ReadEvent, nowMs: number): RotationStep {
  if (signer.kind === 'failed' || trust.kind !== 'found' || !trust.value.ok) return step;
  const compared = stepRotation(step.state, { kind: 'trust-read', authorities: trust.value.trust.authorities }, nowMs);
  return { state: compared.state, effects: [...step.effects, ...compared.effects] };
}

type Outcome = Pick<SyncModel, 'lastSuccessMs' | 'lastError' | 'errors'>;

/** A failure is told when it begins or becomes another one, and its end is told once. */
function takeOutcome(model: SyncModel, found: readonly Found<unknown>[], nowMs: number): { model: Outcome; effects: readonly LogEffect[] } {
  const before = model.lastError;
  const failures = found.filter((each) => each.kind === 'failed');
  if (failures.length === 0) {
    const effects: LogEffect[] =
      before === null ? [] : [{ kind: 'log', event: 'sync-recovered', fields: { failedSince: new Date(before.sinceMs).toISOString() } }];
    return { model: { lastSuccessMs: nowMs, lastError: null, errors: model.errors }, effects };
  }
  const { code, detail } = joinFailures(failures);
  const lastError = { code, detail, sinceMs: before?.sinceMs ?? nowMs };
  const isNews = before === null || before.code !== code;
  return {
    model: { lastSuccessMs: model.lastSuccessMs, lastError, errors: countErrors(model.errors, failures) },
    effects: isNews ? [{ kind: 'log', event: 'sync-failed', fields: { code, detail } }] : [],
  };
}

function joinFailures(failures: readonly SourceFailure[]): { code: string; detail: string } {
  const details = new Set(failures.map((failure) => failure.detail));
  return { code: failures[0]?.code ?? '', detail: [...details].join('; ') };
}

/** A read that fails for both objects for one reason is one failed read. */
function countErrors(errors: SyncView['errors'], failures: readonly SourceFailure[]): SyncView['errors'] {
  const codes = new Set(failures.map(({ code }) => code));
  return { ...errors, ...Object.fromEntries([...codes].map((code) => [code, (errors[code] ?? 0) + 1])) };
}

const results: Partial<Record<LogEffect['event'], RotationResult>> = {
  'signer-published': 'published',
  'signer-unproven': 'unproven',
  'signer-refused': 'refused',
  'signer-rolled-back': 'rolled-back',
};

function countRotations(rotations: SyncView['rotations'], effects: readonly SyncEffect[]): SyncView['rotations'] {
  const seen = effects
    .map((effect) => (effect.kind === 'log' ? results[effect.event] : undefined))
    .filter((result) => result !== undefined);
  if (seen.length === 0) return rotations;
  const counted = { ...rotations };
  for (const result of seen) counted[result] += 1;
  return counted;
}
