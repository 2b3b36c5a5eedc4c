// Who moves first and how fast, as a function of what is known: no session, no time passes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CredentialTimes } from '../../src/proxy/credential.ts';
import { orderMoves, paceOf, reasonForHolder } from '../../src/proxy/move-order.ts';
import type { Move } from '../../src/proxy/move-order.ts';
import { makeKept } from './credentials.ts';

const HOUR_MS = 3_600_000;
const times: CredentialTimes = { nowMs: 0, signer: { generation: 3, certificate: { notAfterMs: 720 * HOUR_MS } }, usable: new Set([2, 3]) };
const inUse = { isConnected: true, hasSession: true };

const move: fc.Arbitrary<Move> = fc
  .record({
    notAfterMs: fc.integer({ min: 1, max: 20 }),
    reason: fc.constantFrom('withdrawn' as const, 'newer-signer' as const, 'due' as const),
  })
  .map(({ notAfterMs, reason }) => ({ reason, kept: makeKept({ notAfterMs }) }));

test('what was withdrawn moves first, then whose leaf ends sooner, whatever the order and the chances', () => {
  fc.assert(
    fc.property(fc.array(move), fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })), (moves, chances) => {
      const ordered = orderMoves(moves, () => chances.next().value ?? 0);
      assert.deepEqual(new Set(ordered), new Set(moves));
      const keys = ordered.map(({ reason, kept }) => (reason === 'withdrawn' ? 0 : 1_000) + kept.serving.notAfterMs);
      assert.deepEqual(
        keys,
        keys.toSorted((one, other) => one - other),
      );
    }),
  );
});

test('of leaves that end together, chance decides which moves first', () => {
  const moves = Array.from({ length: 5 }, (_, n) => ({ reason: 'newer-signer' as const, kept: makeKept({ holder: `h${n}` }) }));
  const first = new Set<string | undefined>();
  for (let round = 0; round < 200; round += 1) first.add(orderMoves(moves, Math.random)[0]?.kept.serving.holder);
  assert.equal(first.size, 5);
});

test('no number of moves a second begins more than that in any second, nor less than half of it', () => {
  for (let movesPerSecond = 1; movesPerSecond <= 10_000; movesPerSecond += 1) {
    const { atOnce, everyMs } = paceOf(movesPerSecond);
    // Beginnings at 0, everyMs, 2 everyMs, …: as many of them as one second can hold.
    const most = atOnce * Math.ceil(1_000 / everyMs - 1e-9);
    assert.ok(most <= movesPerSecond && most * 2 > movesPerSecond && everyMs >= 10, `${movesPerSecond}: ${most}`);
  }
});

test('up to a hundred a second begin one by one', () => {
  for (const movesPerSecond of [1, 20, 100]) assert.deepEqual(paceOf(movesPerSecond), { atOnce: 1, everyMs: 1_000 / movesPerSecond });
});

test('who is not connected stays, and so does who has no hub session, unless that went with what was withdrawn', () => {
  const older = makeKept({ generation: 2 });
  const withdrawn = makeKept({ generation: 1 });
  assert.equal(reasonForHolder(older, inUse, times), 'newer-signer');
  assert.equal(reasonForHolder(older, { ...inUse, hasSession: false }, times), null);
  assert.equal(reasonForHolder(older, { ...inUse, isConnected: false }, times), null);
  assert.equal(reasonForHolder(withdrawn, { ...inUse, hasSession: false }, times), 'withdrawn');
  assert.equal(reasonForHolder(withdrawn, { isConnected: false, hasSession: true }, times), null);
});

test('who has the newest there is stays until it is due', () => {
  const kept = makeKept({ generation: 3, renewAtMs: 80, notAfterMs: 100 });
  assert.equal(reasonForHolder(kept, inUse, { ...times, nowMs: 79 }), null);
  assert.equal(reasonForHolder(kept, inUse, { ...times, nowMs: 80 }), 'due');
});
