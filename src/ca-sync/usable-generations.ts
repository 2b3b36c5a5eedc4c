// Whose leaves the hub is held to accept. Pure; a set is a value here and is never changed.

import type { RotationState } from './rotation-state.ts';

/** The current one, and those before it that have neither ended nor been withdrawn. */
export function usableGenerations({ current, retiring }: RotationState): ReadonlySet<number> {
  const usable = retiring.filter(({ window, isWithdrawn }) => window !== 'ended' && !isWithdrawn).map(({ signer }) => signer.generation);
  return new Set(current === null ? usable : [current.generation, ...usable]);
}

export function isSameSet(one: ReadonlySet<number>, other: ReadonlySet<number>): boolean {
  return one.size === other.size && [...one].every((each) => other.has(each));
}
