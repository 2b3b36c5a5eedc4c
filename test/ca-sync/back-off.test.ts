// Waiting times after failures.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backOffMs } from '../../src/ca-sync/back-off.ts';

test('does not wait when nothing has failed', () => {
  assert.equal(
    backOffMs(0, () => 0.9),
    0,
  );
});

test('doubles from one second to half a minute and stays there', () => {
  const longest = [1, 2, 3, 4, 5, 6, 7, 1_000_000].map((failures) => backOffMs(failures, () => 1));
  assert.deepEqual(longest, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

test('jitters over the upper half', () => {
  assert.equal(
    backOffMs(3, () => 0),
    2_000,
  );
  assert.equal(
    backOffMs(3, () => 0.5),
    3_000,
  );
});
