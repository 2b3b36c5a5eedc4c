// Durations and sizes, as people write them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDuration, formatSize, parseDuration, parseSize } from '../src/quantity.ts';

test('reads durations and sizes back as it writes them', () => {
  assert.deepEqual(
    ['500ms', '90s', '5m', '24h', '1m30s', '30d', '0s'].map(parseDuration),
    [500, 90_000, 300_000, 86_400_000, 90_000, 2_592_000_000, 0],
  );
  for (const bad of ['', '5', 's', '-5s', '1.5h', '5 s', '5S', '30s1m', '1m1m', '99999999999999999999d'])
    assert.equal(parseDuration(bad), null, bad);
  assert.deepEqual(['0B', '512B', '64KiB', '3MiB', '1GiB'].map(parseSize), [0, 512, 65_536, 3_145_728, 1_073_741_824]);
  for (const bad of ['', '64', '64kib', '64KB', '-1B', '1.5MiB', '64 KiB']) assert.equal(parseSize(bad), null, bad);
  fc.assert(fc.property(fc.nat(2 ** 40), (bytes) => parseSize(formatSize(bytes)) === bytes));
  fc.assert(
    fc.property(fc.nat(2 ** 40), (durationMs) => {
      const read = parseDuration(formatDuration(durationMs)) ?? Number.NaN;
      return read <= durationMs && durationMs - read <= durationMs / 24;
    }),
  );
});
