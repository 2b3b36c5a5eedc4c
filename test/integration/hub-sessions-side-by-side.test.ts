// Hub sessions of one holder under two credentials at once: which of them stay, whoever asks for which in whatever order.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { HubCredential } from '../../src/proxy/hub-credential.ts';
import type { HubSession } from '../../src/proxy/hub-exchange.ts';
import { HubSessions } from '../../src/proxy/hub-sessions.ts';
import { SteppedClock } from '../proxy/stepped-clock.ts';
import { eventually, servingCaPem, startTestHub } from '../proxy/test-proxy.ts';

/** As a leaf and its renewal: of one generation, told apart by nothing but their order. */
const credential = (ordinal: number): HubCredential => ({ holder: 'one', id: `leaf ${ordinal}`, generation: 1, ordinal, tls: null });
const [older, newer] = [credential(1), credential(2)];

const clock = new SteppedClock(100);

async function open(t: TestContext, serves: (one: HubCredential) => boolean = () => true): Promise<HubSessions> {
  const hub = await startTestHub(t);
  const sessions = new HubSessions({
    hub: () => ({ url: hub.url, caPem: servingCaPem, connectTimeoutMs: 5_000 }),
    clock,
    idleTimeoutMs: 80_000,
    serves,
  });
  t.after(() => sessions.close());
  return sessions;
}

const use = (sessions: HubSessions, one: HubCredential): Promise<HubSession> => sessions.use(one, (session) => session);

test('a session that is opened ahead leaves the one in use alone, and a late request under the old leaf leaves the new one alone', async (t) => {
  const sessions = await open(t);
  const inUse = await use(sessions, older);
  await sessions.prepare(newer);
  assert.deepEqual([inUse.usable, sessions.count], [true, 2]);
  assert.equal(await use(sessions, older), inUse);
  const next = await use(sessions, newer);
  assert.deepEqual([inUse.usable, next.usable], [false, true]);
  const late = await use(sessions, older);
  assert.deepEqual([late.usable, next.usable], [true, true]);
  assert.equal(await use(sessions, newer), next);
  assert.equal(late.usable, false);
});

test('a session is opened ahead once, however often it is asked for, and by whom', async (t) => {
  const sessions = await open(t);
  const [, , session] = await Promise.all([sessions.prepare(newer), sessions.prepare(newer), use(sessions, newer)]);
  await sessions.prepare(newer);
  assert.equal(sessions.count, 1);
  assert.equal(await use(sessions, newer), session);
});

test('an idle session that no request can come for any more is closed long before its idle time', async (t) => {
  const sessions = await open(t, ({ ordinal }) => ordinal === 2);
  await use(sessions, older);
  const serving = await use(sessions, newer);
  await use(sessions, older);
  clock.advance(6_000);
  await eventually('the old one has gone', () => sessions.count === 1);
  assert.equal(serving.usable, true);
});

test('a holder that is released while a session is being opened ahead gets none', async (t) => {
  const sessions = await open(t);
  const prepared = sessions.prepare(newer);
  sessions.release(newer.holder);
  await assert.rejects(prepared, { faultCause: 'draining' });
  assert.deepEqual([sessions.count, sessions.holds(newer.holder)], [0, false]);
});
