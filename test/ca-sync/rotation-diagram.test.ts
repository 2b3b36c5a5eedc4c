// The diagram in docs/rotation.md against the reducer: each arrow is taken by it, and no other is.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assert as check, array, property } from 'fast-check';
import { stepRotation } from '../../src/ca-sync/rotation.ts';
import { startRotation } from '../../src/ca-sync/rotation-state.ts';
import type { Incoming, RotationState } from '../../src/ca-sync/rotation-state.ts';
import {
  DAY_MS,
  first,
  found,
  type Happening,
  inUse,
  makeSigner,
  missing,
  older,
  refusedAs,
  refusedLeaf,
  runScript,
  says,
  second,
  START_MS,
  third,
  tick,
  trusts,
} from './rotation-events.ts';
import { anyBusyHour, anyHour, anyStep } from './rotation-histories.ts';

const page = readFileSync(new URL('../../docs/rotation.md', import.meta.url), 'utf8');
const diagram = /```mermaid\nstateDiagram-v2\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
const arrows = diagram.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
const withoutWhy = (arrow: string): string => arrow.split(':')[0] ?? '';

/** What became of each signer in one step, as the arrows without their reasons. */
function observe(before: RotationState, after: RotationState): string[] {
  return [...observeIncoming(before, after), ...observeGenerations(before, after)];
}

function observeIncoming(before: RotationState, after: RotationState): string[] {
  const [from, to] = [shown(before.incoming), shown(after.incoming)];
  if (from?.fingerprint === to?.fingerprint)
    return from === null || to === null || from.phase === to.phase ? [] : [`${from.phase} --> ${to.phase}`];
  const isPublished = after.generation > before.generation && after.current?.certificate.fingerprintSHA256 === from?.fingerprint;
  const isGivenBack = after.generation > before.generation && before.current?.certificate.fingerprintSHA256 === to?.fingerprint;
  return [
    ...(from === null || isPublished ? [] : [`${from.phase} --> [*]`]),
    ...(to === null ? [] : [`${isGivenBack ? 'current' : '[*]'} --> ${to.phase}`]),
  ];
}

function shown(incoming: Incoming | null): { readonly phase: string; readonly fingerprint: string } | null {
  if (incoming === null || incoming.phase === 'missing') return null;
  return {
    phase: incoming.phase,
    fingerprint: incoming.phase === 'refused' ? incoming.fingerprintSHA256 : incoming.signer.certificate.fingerprintSHA256,
  };
}

function observeGenerations(before: RotationState, after: RotationState): string[] {
  return Array.from({ length: after.generation }, (_, index) => index + 1).flatMap((generation) => {
    const from = generation > before.generation ? originOf(before, after) : phaseOf(before, generation);
    const to = phaseOf(after, generation);
    return from === to ? [] : [`${from} --> ${to}`];
  });
}

function originOf({ incoming, retiring }: RotationState, { current }: RotationState): string {
  const fingerprint = current?.certificate.fingerprintSHA256;
  if (incoming?.phase === 'probing' && shown(incoming)?.fingerprint === fingerprint) return 'probing';
  return retiring.some(({ signer, isWithdrawn }) => !isWithdrawn && signer.certificate.fingerprintSHA256 === fingerprint)
    ? 'retiring'
    : '[*]';
}

function phaseOf({ current, retiring }: RotationState, generation: number): string {
  if (current?.generation === generation) return 'current';
  const before = retiring.find(({ signer }) => signer.generation === generation);
  if (before === undefined) return '[*]';
  return before.isWithdrawn ? 'withdrawn' : 'retiring';
}

const rejectedSecond = [...inUse(0, first), ...inUse(6, second), [7, refusedLeaf(2)], [7, says('current', 'rejected')]] as const;
const withdrawnFirst = [...inUse(0, first), ...inUse(6, second), [7, trusts(first, second)], [7, trusts(second)]] as const;
/** Begins before `second`, and may be probed only while that seems not to have begun. */
const beforeSecond = makeSigner('before second', 1, 40);

/** For each arrow a story whose last step takes it. */
const stories: Readonly<Record<string, readonly (readonly [number, Happening])[]>> = {
  '[*] --> candidate: found, not valid yet': [[0, found(second)]],
  '[*] --> probing: found, valid': [[0, found(first)]],
  '[*] --> refused: found, not fit for use': [[0, refusedAs('key-mismatch')]],
  'candidate --> probing: its time has come': [
    [0, found(second)],
    [6, tick],
  ],
  'candidate --> refused: ended, or older than the one in use': [
    [0, found(second)],
    [36, tick],
  ],
  'candidate --> [*]: the source holds something else': [
    [0, found(second)],
    [1, missing],
  ],
  'probing --> current: the hub accepts it': [
    [0, found(first)],
    [0, says('candidate', 'accepted')],
  ],
  'probing --> current: the current one is about to end': [
    ...inUse(0, first),
    [6, found(second)],
    [6, says('candidate', 'unreachable')],
    [19.5, tick],
  ],
  'probing --> candidate: the clock went back': [
    [6, found(second)],
    [4, tick],
  ],
  'probing --> refused: ended, or older than the one in use': [...inUse(6, second), [4, found(beforeSecond)], [6, tick]],
  'probing --> [*]: the source holds something else': [
    [0, found(first)],
    [1, refusedAs('key-mismatch')],
  ],
  'refused --> probing: nothing speaks against it any more': [...inUse(0, first), [1, found(older)], [-11, found(older)]],
  'refused --> candidate: the clock went back': [
    [36, found(second)],
    [4, found(second)],
  ],
  'refused --> [*]: the source holds something else': [...inUse(0, first), [1, refusedAs('key-mismatch')], [2, found(first)]],
  'current --> retiring: another one is published': [...inUse(0, first), ...inUse(6, second)],
  'current --> withdrawn: the hub rejects it and accepts the one before': [...rejectedSecond, [7, says('retiring', 'accepted')]],
  'current --> probing: rolled back, while the source still holds it': [...rejectedSecond, [7, says('retiring', 'accepted')]],
  'current --> [*]: replaced long after its end': [...inUse(0, first), ...inUse(23, third)],
  'retiring --> current: rolled back to, as a new generation': [...rejectedSecond, [7, says('retiring', 'accepted')]],
  'retiring --> withdrawn: the hub rejects it, or it left the trust bundle': withdrawnFirst,
  'retiring --> [*]: two days after its end': [...inUse(0, first), ...inUse(6, second), [22.1, tick]],
  'withdrawn --> [*]: two days after its end': [...withdrawnFirst, [22.1, tick]],
};

test('the diagram has an arrow for each story, and each of its arrows has one', () => {
  assert.deepEqual(arrows.toSorted(), Object.keys(stories).toSorted());
});

for (const [arrow, story] of Object.entries(stories)) {
  test(`the reducer goes ${arrow}`, () => {
    const steps: string[][] = [];
    const { state } = runScript(true, story, (before, after) => steps.push(observe(before, after)));
    assert.ok(steps.at(-1)?.includes(withoutWhy(arrow)), `took ${steps.at(-1)?.join(', ') ?? ''}`);
    if (arrow.includes('about to end')) assert.equal(state.proof, 'unproven');
    if (arrow.includes('the hub accepts it')) assert.equal(state.proof, 'accepted');
  });
}

test('a retiring signer leaves two days after its end, and not before', () => {
  const story = [...inUse(0, first), ...inUse(6, second), ...inUse(20.5, third)] as const;
  for (const [day, expected] of [
    [21.9, []],
    [22.1, ['retiring --> [*]']],
  ] as const) {
    const steps: string[][] = [];
    runScript(true, [...story, [day, tick]], (before, after) => steps.push(observe(before, after)));
    assert.deepEqual(steps.at(-1), expected);
  }
});

for (const [name, steps] of [
  ['whatever the clock does', anyStep],
  ['in weeks', anyHour],
  ['in busy days', anyBusyHour],
] as const) {
  test(`the reducer takes no arrow that the diagram does not have, ${name}`, () => {
    const known = new Set(arrows.map(withoutWhy));
    check(
      property(
        array<{ happening: (state: RotationState) => Parameters<typeof stepRotation>[1]; day?: number; hours?: number }>(steps, {
          maxLength: 80,
          size: 'max',
        }),
        (happenings) => {
          let state = startRotation(true);
          let nowMs = START_MS;
          for (const { happening, day, hours = 0 } of happenings) {
            nowMs = day === undefined ? nowMs + hours * 3_600_000 : START_MS + day * DAY_MS;
            const next = stepRotation(state, happening(state), nowMs).state;
            assert.deepEqual(
              observe(state, next).filter((arrow) => !known.has(arrow)),
              [],
            );
            state = next;
          }
        },
      ),
      { numRuns: 500 },
    );
  });
}
