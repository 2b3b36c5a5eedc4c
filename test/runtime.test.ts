// The first thing to hold: the tests run on the Node that the project is built for, whatever the machine's own is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNodeSupported } from '../src/node-version.ts';

test('runs on Node 24.15 or newer', () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  assert.ok(major > 24 || (major === 24 && minor >= 15), `this is Node ${process.versions.node}; npm ci brings the right one`);
  assert.ok(isNodeSupported(process.versions.node));
});

test('tells Node versions that are too old from those that are not', () => {
  for (const tooOld of ['20.20.2', '22.30.0', '24.0.0', '24.14.9']) assert.ok(!isNodeSupported(tooOld), tooOld);
  for (const fine of ['24.15.0', '24.21.0', '25.0.0', '26.1.2']) assert.ok(isNodeSupported(fine), fine);
});
