// What comes in between a move's beginning and its end: whoever is first wins, and nothing is left over.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../src/errors.ts';
import { openMoverScene } from './mover-scene.ts';

const SECOND_MS = 1_000;

test('for a client that has gone no leaf is made and no session opened', async (t) => {
  const scene = await openMoverScene(t, { agents: 2, movesPerSecond: 10 });
  const [stays, goes] = await Promise.all(scene.peers.map((peer) => scene.serving(peer)));
  assert.ok(stays !== undefined && goes !== undefined);
  scene.disconnected.add(goes.holder);
  scene.rotate();
  await scene.pass(30 * SECOND_MS);
  assert.deepEqual(
    scene.issued.map(({ holder }) => holder),
    [stays.holder],
  );
  assert.deepEqual(
    scene.sessions.tried.map(({ holder }) => holder),
    [stays.holder],
  );
});

test('a client that goes while its leaf is being made takes the session with it', async (t) => {
  const scene = await openMoverScene(t, { agents: 1, movesPerSecond: 10 });
  const old = await scene.serving(scene.peers[0]);
  scene.rotate();
  const passing = scene.clock.pass(SECOND_MS, async () => {
    // The key is being made now, on another thread.
    if (scene.mover.underWay === 1) scene.disconnected.add(old.holder);
    while (scene.mover.underWay > 0) await new Promise((resolve) => setImmediate(resolve));
  });
  await passing;
  assert.deepEqual([scene.issued.length, scene.sessions.tried.length], [1, 0]);
  assert.equal(scene.reissuer.serves(old), true);
});

test('a request that got a new leaf in between keeps it, and what was prepared is retired', async (t) => {
  const scene = await openMoverScene(t, { agents: 1, movesPerSecond: 10 });
  const opened = Promise.withResolvers<void>();
  scene.sessions.answer = () => opened.promise;
  scene.rotate();
  await scene.pass(SECOND_MS);
  // The hub has refused the old one: the next request gets another.
  scene.reissuer.discard(await scene.serving(scene.peers[0]));
  const asked = await scene.serving(scene.peers[0]);
  scene.sessions.open.clear();
  opened.resolve();
  await scene.pass(SECOND_MS);
  assert.equal(await scene.serving(scene.peers[0]), asked);
  assert.equal(scene.sessions.open.size, 0);
});

test('a generation that is withdrawn while a session under it is being opened is not moved to', async (t) => {
  const scene = await openMoverScene(t, { agents: 1, movesPerSecond: 10 });
  const old = await scene.serving(scene.peers[0]);
  const opened = Promise.withResolvers<void>();
  scene.sessions.answer = () => opened.promise;
  scene.rotate();
  await scene.pass(SECOND_MS);
  scene.usable.swap(new Set([1]));
  opened.resolve();
  await scene.pass(SECOND_MS);
  assert.equal(await scene.serving(scene.peers[0]), old);
  assert.deepEqual([...scene.sessions.open.keys()], [old.id]);
});

test('a hub that wants no connection with the new leaf is doubted, and the old leaf serves on', async (t) => {
  const scene = await openMoverScene(t, { agents: 5, movesPerSecond: 10 });
  scene.sessions.answer = () => Promise.reject(new Fault('hub-refused-leaf', 'unknown CA'));
  scene.rotate();
  await scene.pass(25 * SECOND_MS);
  assert.deepEqual([scene.sessions.tried.length, scene.generations()], [1, [1, 1, 1, 1, 1]]);
});

test("a hub that does not answer is called by no more at a time than a second's moves", async (t) => {
  const scene = await openMoverScene(t, { agents: 40, movesPerSecond: 10 });
  scene.sessions.answer = () => new Promise(() => undefined);
  scene.rotate();
  await scene.pass(30 * SECOND_MS);
  assert.deepEqual([scene.mover.underWay, scene.sessions.tried.length], [10, 10]);
});

test('after the end nothing moves any more, and no timer is left', async (t) => {
  const scene = await openMoverScene(t, { agents: 5, movesPerSecond: 10 });
  const called = Promise.withResolvers<void>();
  scene.sessions.answer = () => called.promise;
  scene.rotate();
  await scene.pass(SECOND_MS);
  const closed = scene.mover.close();
  called.reject(new Fault('draining', 'sessions end'));
  await closed;
  assert.deepEqual([scene.mover.underWay, scene.clock.pending, scene.generations()], [0, 0, [1, 1, 1, 1, 1]]);
});
