// What has to hold before anything in a message means something: method, version, body, and the form of the target.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { judgeFraming } from '../../src/inspect/framing.ts';
import type { HeadLimits, RequestHead } from '../../src/inspect/head.ts';
import { judgeTarget } from '../../src/inspect/target.ts';

const limits: HeadLimits = {
  maxHeaderBytes: 16_384,
  maxHeaders: 64,
  maxQueryParameters: 32,
  maxTargetBytes: 100,
  maxRequestBodyBytes: 1_000,
};

const head = (more: Partial<RequestHead>): RequestHead => ({
  ...{ httpVersion: '1.1', method: 'GET', target: '/api', authority: null, headers: [], hasBody: false },
  ...more,
});

test('only the methods that the Kubernetes API knows go on, written as it writes them', () => {
  const known = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
  for (const method of known) assert.equal(judgeFraming(head({ method })), null, method);
  fc.assert(
    fc.property(
      fc.oneof(fc.constantFrom('TRACE', 'CONNECT', 'PRI', 'get', 'Get', 'GET ', '', '__proto__'), fc.string({ unit: 'binary' })),
      (method) => {
        fc.pre(!known.includes(method));
        assert.notEqual(judgeFraming(head({ method })), null);
      },
    ),
  );
  assert.equal(judgeFraming(head({ method: 'CONNECT' }))?.rule, 'upgrade-refused');
});

test('a body has its place in some methods only, and HTTP/1.0 has none', () => {
  for (const method of ['GET', 'HEAD', 'OPTIONS']) assert.equal(judgeFraming(head({ method, hasBody: true }))?.rule, 'framing', method);
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) assert.equal(judgeFraming(head({ method, hasBody: true })), null, method);
  assert.equal(judgeFraming(head({ httpVersion: '1.0' }))?.rule, 'framing');
});

test('a target is a path and a query in printable ASCII, without what anybody reads differently', () => {
  const target = fc.string({
    unit: fc.oneof(fc.constantFrom(...'/ab?=&%20.:-_~#\\ \t\r\n\0é'.split('')), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })),
    maxLength: 40,
  });
  fc.assert(
    fc.property(target, (text) => {
      const accepted = judgeTarget(text, limits) === null;
      const plain = text.startsWith('/') && text.split('').every((one) => one > ' ' && one <= '~' && one !== '#' && one !== '\\');
      assert.equal(accepted, plain);
    }),
  );
  for (const text of ['', '*', 'api', 'https://hub/api', 'hub:443', '/a\n'])
    assert.equal(judgeTarget(text, limits)?.rule, 'target-form', text);
  assert.equal(judgeTarget(`/${'a'.repeat(99)}`, limits), null);
  assert.equal(judgeTarget(`/${'a'.repeat(100)}`, limits)?.rule, 'target-length');
});
