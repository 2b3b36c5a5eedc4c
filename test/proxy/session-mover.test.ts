// How hub sessions move to newer leaves: at the pace that is set, in order, and never so that anybody is left without.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../src/errors.ts';
import { openMoverScene } from './mover-scene.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

test('in no second are more leaves issued than movesPerSecond, and they are spread over it', async (t) => {
  const scene = await openMoverScene(t, { agents: 100, movesPerSecond: 20 });
  scene.rotate();
  // A quarter of jitter on each, and the wait for the first.
  await scene.pass(100 * 50 * 1.25 + 50);
  const at = scene.issued.map(({ atMs }) => atMs);
  assert.equal(at.length, 100);
  for (const [n, startMs] of at.entries()) {
    assert.ok(at.filter((atMs) => atMs >= startMs && atMs < startMs + SECOND_MS).length <= 20);
    assert.ok(n === 0 || startMs - (at[n - 1] ?? 0) >= 50, `${startMs - (at[n - 1] ?? 0)} ms`);
  }
  assert.ok(new Set(at.map((atMs, n) => atMs - (at[n - 1] ?? 0))).size > 10, 'jittered');
  assert.deepEqual(new Set(scene.generations()), new Set([2]));
  await scene.pass(MINUTE_MS);
  assert.equal(scene.issued.length, 100);
  assert.deepEqual(scene.log, ['sessions-moving', 'sessions-moved']);
});

test('a pace that timers cannot keep one by one is kept in small groups', async (t) => {
  const scene = await openMoverScene(t, { agents: 300, movesPerSecond: 250 });
  scene.rotate();
  await scene.pass(5 * SECOND_MS);
  const at = scene.issued.map(({ atMs }) => atMs);
  assert.equal(at.length, 300);
  for (const startMs of at) assert.ok(at.filter((atMs) => atMs >= startMs && atMs < startMs + SECOND_MS).length <= 250);
  for (const startMs of at) assert.ok(at.filter((atMs) => atMs === startMs).length <= 3);
});

test('whose leaf ends sooner moves sooner', async (t) => {
  const scene = await openMoverScene(t, { agents: 20, movesPerSecond: 100, daysLeft: (agent) => 1 + ((agent * 7) % 20) });
  scene.rotate();
  await scene.pass(SECOND_MS);
  const ends = scene.issued.map(
    ({ holder }) => scene.peers.find(({ certificate }) => certificate.fingerprintSHA256 === holder)?.certificate.notAfterMs,
  );
  assert.equal(ends.length, 20);
  assert.deepEqual(
    ends,
    ends.toSorted((one = 0, other = 0) => one - other),
  );
});

test('the old leaf serves until the session under the new one is open, and its own session goes after that', async (t) => {
  const scene = await openMoverScene(t, { agents: 1, movesPerSecond: 100 });
  const [peer] = scene.peers;
  const old = await scene.serving(peer);
  const opened = Promise.withResolvers<void>();
  scene.sessions.answer = () => opened.promise;
  scene.rotate();
  await scene.pass(SECOND_MS);
  assert.deepEqual([scene.sessions.tried.length, scene.mover.underWay], [1, 1]);
  assert.equal(await scene.serving(peer), old);
  assert.equal(scene.sessions.open.has(old.id), true);
  opened.resolve();
  await scene.pass(SECOND_MS);
  const next = await scene.serving(peer);
  assert.deepEqual([next.generation, scene.issued.length], [2, 1]);
  assert.deepEqual([...scene.sessions.open.keys()], [next.id]);
});

test('while the hub is away everybody keeps the old leaf, and is tried again ever more seldom with the same new one', async (t) => {
  const scene = await openMoverScene(t, { agents: 3, movesPerSecond: 100 });
  scene.sessions.answer = () => Promise.reject(new Fault('hub-unreachable', 'away'));
  scene.rotate();
  await scene.pass(60 * MINUTE_MS);
  assert.deepEqual(scene.generations(), [1, 1, 1]);
  assert.equal(scene.issued.length, 3);
  assert.ok(scene.log.includes('session-moves-failed'));
  for (const { certificate } of scene.peers) {
    const at = scene.sessions.tried.filter(({ holder }) => holder === certificate.fingerprintSHA256).map(({ atMs }) => atMs);
    // 5, 10, … 300 s, or half of that, and up to one look later.
    assert.ok(at.length >= 15 && at.length <= 40, `${at.length} tries in an hour`);
    assert.ok((at[1] ?? 0) - (at[0] ?? 0) >= 2_500 && (at.at(-1) ?? 0) - (at.at(-2) ?? 0) >= 150_000);
  }
  scene.sessions.answer = () => Promise.resolve();
  await scene.pass(6 * MINUTE_MS);
  assert.deepEqual(scene.generations(), [2, 2, 2]);
  assert.equal(scene.issued.length, 3);
});

test('an issuer that cannot issue takes nothing away either', async (t) => {
  const scene = await openMoverScene(t, { agents: 2, movesPerSecond: 100 });
  scene.issuerFault = { kind: 'fault', cause: 'no-signer' };
  scene.rotate();
  await scene.pass(MINUTE_MS);
  assert.deepEqual([scene.sessions.tried.length, scene.generations()], [0, [1, 1]]);
  scene.issuerFault = null;
  await scene.pass(5 * MINUTE_MS);
  assert.deepEqual(scene.generations(), [2, 2]);
});

test('two publications in a row leave nobody on the first of them, and nobody without', async (t) => {
  const scene = await openMoverScene(t, { agents: 20, movesPerSecond: 10 });
  scene.rotate();
  await scene.pass(SECOND_MS);
  assert.deepEqual(new Set(scene.generations()), new Set([1, 2]));
  scene.rotate();
  await scene.pass(10 * SECOND_MS);
  assert.deepEqual(new Set(scene.generations()), new Set([3]));
  assert.equal(scene.sessions.open.size, 20);
});

test('a generation that is withdrawn loses its sessions at once, and its agents go back to the leaf before it without a new one', async (t) => {
  const scene = await openMoverScene(t, { agents: 10, movesPerSecond: 10 });
  const before = await Promise.all(scene.peers.map((peer) => scene.serving(peer)));
  scene.rotate();
  await scene.pass(5 * SECOND_MS);
  assert.deepEqual(new Set(scene.generations()), new Set([2]));
  scene.issued.splice(0);
  scene.usable.swap(new Set([1]));
  assert.equal(scene.sessions.open.size, 0);
  assert.deepEqual(await Promise.all(scene.peers.map((peer) => scene.serving(peer))), before);
  assert.equal(scene.issued.length, 0);
});

test('who has nothing but a withdrawn leaf is moved first, at the same pace', async (t) => {
  const scene = await openMoverScene(t, { agents: 20, movesPerSecond: 10, daysLeft: (agent) => 5 + (agent % 2) });
  scene.rotate([1]);
  assert.equal(scene.sessions.open.size, 0);
  await scene.pass(5 * SECOND_MS);
  const at = scene.issued.map(({ atMs }) => atMs);
  assert.equal(at.length, 20);
  assert.ok(at.every((startMs) => at.filter((atMs) => atMs >= startMs && atMs < startMs + SECOND_MS).length <= 10));
  assert.deepEqual([new Set(scene.generations()), scene.sessions.open.size], [new Set([2]), 20]);
});

test('a request of a withdrawn leaf does not wait for its turn', async (t) => {
  const scene = await openMoverScene(t, { agents: 5, movesPerSecond: 1 });
  scene.rotate([1]);
  const asked = await Promise.all(scene.peers.map((peer) => scene.serving(peer)));
  assert.deepEqual(
    asked.map(({ generation }) => generation),
    [2, 2, 2, 2, 2],
  );
  await scene.pass(MINUTE_MS);
  assert.equal(scene.issued.length, 5);
});

test('after a refused leaf nobody else moves to its signer for half a minute, and longer only while it goes on, two minutes at the most', async (t) => {
  const scene = await openMoverScene(t, { agents: 50, movesPerSecond: 1 });
  scene.rotate();
  await scene.pass(5 * SECOND_MS);
  const moved = scene.issued.length;
  assert.ok(moved > 0 && moved < 10);
  const refused = await scene.serving(scene.peers.find((_, n) => scene.generations()[n] === 2));
  scene.mover.doubt(refused);
  await scene.pass(20 * SECOND_MS);
  assert.equal(scene.issued.length, moved);
  scene.mover.doubt(refused);
  await scene.pass(29 * SECOND_MS);
  assert.equal(scene.issued.length, moved);
  await scene.pass(10 * SECOND_MS);
  assert.ok(scene.issued.length > moved);
  for (let round = 0; round < 8; round += 1) {
    scene.mover.doubt(refused);
    await scene.pass(10 * SECOND_MS);
  }
  const doubted = scene.issued.length;
  scene.mover.doubt(refused);
  await scene.pass(10 * SECOND_MS);
  assert.ok(scene.issued.length > doubted, 'ca-sync has had its say');
});

test('a doubted signer does not hold up the next one', async (t) => {
  const scene = await openMoverScene(t, { agents: 2, movesPerSecond: 10 });
  scene.rotate();
  scene.mover.doubt({ ...(await scene.serving(scene.peers[0])), generation: 2 });
  await scene.pass(10 * SECOND_MS);
  assert.equal(scene.issued.length, 0);
  scene.rotate([2]);
  await scene.pass(10 * SECOND_MS);
  assert.deepEqual(scene.generations(), [3, 3]);
});
