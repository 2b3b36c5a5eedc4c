// Whom the hub has turned out, in every order in which one can hear of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClusterAcceptance } from '../../src/ca-sync/cluster-acceptance.ts';
import type { HubCluster } from '../../src/ca-sync/hub-clusters.ts';

const accepted = (name: string): HubCluster => ({ name, isAccepted: true, wasAccepted: true });
const waiting = (name: string): HubCluster => ({ name, isAccepted: false, wasAccepted: false });
const denied = (name: string): HubCluster => ({ name, isAccepted: false, wasAccepted: true });

test('who was accepted and is not any more is turned out, by its condition or by our memory', () => {
  const acceptance = new ClusterAcceptance();
  acceptance.takeList([accepted('a'), accepted('b'), waiting('c'), denied('d')]);
  assert.deepEqual(acceptance.turnedOut(), ['d']);
  // The administrator's word, before the hub's controller has set the condition.
  acceptance.takeOne('a', waiting('a'));
  assert.deepEqual(acceptance.turnedOut(), ['a', 'd']);
  acceptance.takeList([waiting('a'), accepted('b'), waiting('c'), accepted('d')]);
  assert.deepEqual(acceptance.turnedOut(), ['a']);
});

test('who was here and is gone is turned out until it is here again; who was never here is not', () => {
  const acceptance = new ClusterAcceptance();
  acceptance.takeOne('stranger', null);
  acceptance.takeList([accepted('a'), accepted('b')]);
  acceptance.takeOne('a', null);
  acceptance.takeList([]);
  assert.deepEqual(acceptance.turnedOut(), ['a', 'b']);
  acceptance.takeOne('a', waiting('a'));
  assert.deepEqual(acceptance.turnedOut(), ['b'], 'imported anew, it waits like any other');
  acceptance.takeList([accepted('a'), accepted('b')]);
  assert.deepEqual(acceptance.turnedOut(), []);
});

test('only what changes something is news', () => {
  const acceptance = new ClusterAcceptance();
  acceptance.takeList([accepted('a'), waiting('w')]);
  assert.deepEqual(
    [
      acceptance.isNews('a', accepted('a')),
      acceptance.isNews('w', waiting('w')),
      acceptance.isNews('stranger', null),
      acceptance.isNews('a', denied('a')),
      acceptance.isNews('a', null),
      acceptance.isNews('w', denied('w')),
      acceptance.isNews('new', waiting('new')),
    ],
    [false, false, false, true, true, true, true],
  );
});
