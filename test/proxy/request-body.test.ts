// A body that is collected for a judgement: it arrives whole, or the wait for it ends.

import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { RequestBody } from '../../src/proxy/request-body.ts';

function open(source: PassThrough): RequestBody {
  return new RequestBody({
    source,
    clock: systemClock,
    idleMs: 60_000,
    mostBytes: 1_000,
    declaredBytes: null,
    awaitsContinue: false,
    isComplete: () => true,
    trailers: () => ({ ok: true, trailers: [] }),
    onRefused: () => undefined,
    onProgress: () => undefined,
  });
}

test('a body is collected whole', async () => {
  const source = new PassThrough();
  const body = open(source);
  source.end('abc');
  assert.equal(String(await body.collect()), 'abc');
});

test('a body that was refused before anyone asked for it ends the wait for it at once', async () => {
  const body = open(new PassThrough());
  body.refuse({ rule: 'framing', detail: 'malformed' });
  assert.equal(await body.collect(), null);
});

test('a body whose client has gone before anyone asked for it ends the wait for it at once', async () => {
  const source = new PassThrough();
  source.destroy();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await open(source).collect(), null);
});

test('a body that is too long ends the wait for it', async () => {
  const source = new PassThrough();
  const body = open(source);
  source.write(Buffer.alloc(1_001));
  assert.equal(await body.collect(), null);
});
