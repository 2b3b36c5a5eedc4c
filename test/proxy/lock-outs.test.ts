// Who is locked out, until when, and what the audit says of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { AuditLine } from '../../src/audit.ts';
import type { Identity } from '../../src/identity.ts';
import { LockOuts } from '../../src/proxy/lock-outs.ts';
import { keepLog } from '../ca-sync/waiting.ts';
import { eventually } from './test-proxy.ts';
import { SteppedClock } from './stepped-clock.ts';

const identity: Identity = { user: 'u', groups: [], uid: null, kind: 'addon', cluster: 'cluster1', addon: 'search-collector' };

function open(t: TestContext, clock: SteppedClock): { lockOuts: LockOuts; audit: AuditLine[] } {
  const audit: AuditLine[] = [];
  const sink = { write: (line: AuditLine) => void audit.push(line), reopen: () => Promise.resolve(), close: () => Promise.resolve() };
  const lockOuts = new LockOuts({ lockoutMs: 30_000, clock, log: keepLog(), audit: sink });
  t.after(() => lockOuts.close());
  return { lockOuts, audit };
}

const changes = (audit: readonly AuditLine[]): unknown[] =>
  audit.map((line) => (line.event === 'lockout' ? [line.change, line.requests] : line.event));

test('a lock-out lasts its time, is not prolonged by what happens meanwhile, and counts what it answered', (t) => {
  const clock = new SteppedClock();
  const { lockOuts, audit } = open(t, clock);
  assert.equal(lockOuts.refusalFor('key'), null);
  lockOuts.begin('key', identity, 'ping flood');
  assert.equal(lockOuts.refusalFor('other'), null);
  clock.advance(20_000);
  assert.deepEqual(lockOuts.refusalFor('key'), { rule: 'locked-out', detail: 'ping flood', retryAfterSeconds: 10 });
  lockOuts.begin('key', identity, 'reset flood');
  assert.equal(lockOuts.refusalFor('key')?.detail, 'ping flood');
  clock.advance(10_000);
  assert.equal(lockOuts.refusalFor('key'), null);
  assert.deepEqual(
    [changes(audit), lockOuts.size],
    [
      [
        ['begun', 0],
        ['ended', 2],
      ],
      0,
    ],
  );
  lockOuts.begin('key', identity, 'reset flood');
  assert.equal(lockOuts.refusalFor('key')?.detail, 'reset flood');
});

test('the end is told of although nobody asks any more, and at the latest on closing', async (t) => {
  const clock = new SteppedClock(1_000);
  const { lockOuts, audit } = open(t, clock);
  lockOuts.begin('key', identity, 'ping flood');
  clock.advance(30_000);
  await eventually('the end', () => lockOuts.size === 0);
  lockOuts.begin('key', identity, 'ping flood');
  lockOuts.close();
  assert.deepEqual(changes(audit), [
    ['begun', 0],
    ['ended', 0],
    ['begun', 0],
    ['ended', 0],
  ]);
});
