// What rotation looks like in a table of cases: where a script has led, in a few words, and the situations that most of them lead to or begin with.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { usableGenerations } from '../../src/ca-sync/usable-generations.ts';
import { first, type Happening, inUse, type Ran, runScript, second } from './rotation-events.ts';

/** In days. The first signer ends on day 20: about to end from day 19 on, in its last stretch half an hour before. */
export const MINUTE: number = 1 / 1_440;

export interface Summary {
  readonly current: string | null;
  readonly generation: number;
  readonly proof: string | null;
  readonly usable: readonly number[];
  readonly incoming: string | null;
  readonly asked: readonly string[];
  readonly effects: readonly string[];
}

function describe({ state, effects }: Ran): Summary {
  const { incoming } = state;
  return {
    current: state.current?.certificate.subject ?? null,
    generation: state.generation,
    proof: state.current === null ? null : state.proof,
    usable: [...usableGenerations(state)],
    incoming: incoming === null ? null : 'signer' in incoming ? `${incoming.phase} ${incoming.signer.certificate.subject}` : incoming.phase,
    asked: state.questions.map(({ purpose, signer }) => `${purpose} ${signer.certificate.subject}`),
    effects: effects.map((effect) => (effect.kind === 'log' ? effect.event : effect.kind)),
  };
}

const nothingYet: Summary = { current: null, generation: 0, proof: null, usable: [], incoming: null, asked: [], effects: [] };
export const onFirst: Summary = { ...nothingYet, current: 'CN=first', generation: 1, proof: 'accepted', usable: [1] };
export const askingForFirst: Summary = { ...nothingYet, incoming: 'probing CN=first', asked: ['candidate CN=first'] };
export const askingForSecond: Summary = { ...onFirst, incoming: 'probing CN=second', asked: ['candidate CN=second'] };
export const onSecond: Summary = { ...onFirst, current: 'CN=second', generation: 2, usable: [2, 1] };
export const published: readonly string[] = ['publish-usable', 'publish-signer', 'signer-published'];
export const rolledBack: Summary = { ...askingForSecond, generation: 3, usable: [3, 1] };
export const onBoth: Row['script'] = [...inUse(0, first), ...inUse(6, second)];

export interface Row {
  readonly name: string;
  readonly script: readonly (readonly [number, Happening])[];
  readonly expected: Summary;
}

export function testRows(rows: readonly Row[]): void {
  for (const { name, script, expected } of rows) test(name, () => assert.deepEqual(describe(runScript(true, script)), expected));
}
