// For how long a leaf serves, and when another one is to take its place.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { chooseRenewal, mayServe, reasonToMove } from '../../src/proxy/credential.ts';
import type { CredentialTimes } from '../../src/proxy/credential.ts';
import { makeCredential } from './credentials.ts';

const at = (nowMs: number, more: Partial<CredentialTimes> = {}): CredentialTimes => ({
  nowMs,
  signer: { generation: 2, certificate: { notAfterMs: 1_000 } },
  usable: new Set([1, 2]),
  ...more,
});

test('a leaf is due after 75 to 85 hundredths of its life, and asked for no more after 90 to 96', () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1e12 }),
      fc.integer({ min: 900_000, max: 4e10 }),
      chance,
      chance,
      (notBeforeMs, lifeMs, one, other) => {
        const chances = [one, other];
        const { renewAtMs, lastCallMs } = chooseRenewal({ notBeforeMs, notAfterMs: notBeforeMs + lifeMs }, () => chances.shift() ?? 0);
        const part = (ms: number): number => (ms - notBeforeMs) / lifeMs;
        assert.ok(part(renewAtMs) > 0.7499 && part(renewAtMs) < 0.8501);
        assert.ok(part(lastCallMs) > 0.8999 && part(lastCallMs) < 0.9601);
      },
    ),
  );
});

test('leaves that were made together do not fall due together', () => {
  const life = { notBeforeMs: 0, notAfterMs: 3_600_000 };
  const due = new Set(Array.from({ length: 100 }, () => Math.floor(chooseRenewal(life, Math.random).renewAtMs / 1_000)));
  assert.ok(due.size > 50, `${due.size} different seconds`);
});

test('a leaf of an older signer serves while the hub is held to accept it, and no longer', () => {
  const older = makeCredential({ generation: 1 });
  assert.equal(mayServe(older, at(10)), true);
  assert.equal(reasonToMove(older, at(10)), 'newer-signer');
  assert.equal(mayServe(older, at(10, { usable: new Set([2]) })), false);
  assert.equal(reasonToMove(older, at(10, { usable: new Set([2]) })), 'withdrawn');
});

test('a leaf never serves past its end, whatever would come after it', () => {
  for (const signer of [null, { generation: 2, certificate: { notAfterMs: 100 } }]) {
    const leaf = makeCredential({ generation: 2 });
    assert.equal(mayServe(leaf, at(99, { signer })), true);
    assert.equal(mayServe(leaf, at(100, { signer })), false);
  }
});

test('a leaf that another one could outlive serves until its last call, and is due before that', () => {
  const leaf = makeCredential({ generation: 2 });
  assert.deepEqual([reasonToMove(leaf, at(79)), reasonToMove(leaf, at(80))], [null, 'due']);
  assert.deepEqual([mayServe(leaf, at(92)), mayServe(leaf, at(93))], [true, false]);
});

test('a leaf that ends with its client certificate or with the signer is not renewed', () => {
  const withClient = makeCredential({ generation: 2, clientNotAfterMs: 100 });
  const withSigner = at(95, { signer: { generation: 2, certificate: { notAfterMs: 100 } } });
  assert.deepEqual([reasonToMove(withClient, at(95)), mayServe(withClient, at(95))], [null, true]);
  const leaf = makeCredential({ generation: 2 });
  assert.deepEqual([reasonToMove(leaf, withSigner), mayServe(leaf, withSigner)], [null, true]);
});

test('nothing moves to a signer that the hub is not held to accept, nor without one', () => {
  const leaf = makeCredential({ generation: 1 });
  for (const more of [{ usable: new Set([1]) }, { usable: new Set<number>() }, { signer: null }]) {
    assert.equal(reasonToMove(leaf, at(95, more)), null);
  }
});
