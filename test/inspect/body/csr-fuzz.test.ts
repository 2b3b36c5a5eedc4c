import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeSequence } from '../../../src/der.ts';
import { encodeName } from '../../pki-certificate.ts';
import { addonSubject } from '../../pki.ts';
import {
  acceptObject,
  alternativeNames,
  dnsName,
  encodeObject,
  encodeRequest,
  extensionRequest,
  ruleForObject,
  toRequestPem,
} from './certificate-request.ts';
import { cpuMs, paths, plain, read } from './reading.ts';

test('a changed request is never accepted with another meaning', () => {
  const names = extensionRequest(alternativeNames(dnsName('search.addon.open-cluster-management.io')));
  const original = encodeRequest({ subject: addonSubject('cluster1', 'search'), attributes: [names] });
  const expected = plain(acceptObject({ pem: toRequestPem(original) }).csr);
  const change = fc.record({ at: fc.nat({ max: original.length - 1 }), cut: fc.nat({ max: 2 }), put: fc.uint8Array({ maxLength: 2 }) });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      let changed: Buffer = original;
      for (const { at, cut, put } of changes) changed = Buffer.concat([changed.subarray(0, at), put, changed.subarray(at + cut)]);
      const result = read({ path: paths.csrs, body: encodeObject({ pem: toRequestPem(changed) }) });
      // The signature covers all that is read: what is accepted is the original.
      if (result.ok) assert.deepEqual(plain(result.body.csr), expected);
    }),
    { numRuns: 1_000 },
  );
});

test('random requests end in a refusal', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }).map((octets) => toRequestPem(octets)),
        fc.string(),
      ),
      (pem) => {
        assert.notEqual(ruleForObject({ pem }), 'accepted');
      },
    ),
    { numRuns: 1_000 },
  );
});

test('a request of 16 KiB of anything costs less than 50 ms', () => {
  const filled = (part: Uint8Array): Buffer => encodeSequence(Buffer.alloc(11_000 - (11_000 % part.length), part));
  const requests = [
    toRequestPem(filled(Buffer.from([0x30, 0x00]))),
    toRequestPem(Buffer.alloc(11_000, 0x30)),
    toRequestPem(encodeRequest({ subject: encodeName(Array.from({ length: 60 }, () => [{ type: 'O', value: 'o'.repeat(150) }])) })),
    toRequestPem(
      encodeRequest({
        attributes: [extensionRequest(alternativeNames(...Array.from({ length: 900 }, (_, n) => dnsName(`a${n}.example`))))],
      }),
    ),
    `-----BEGIN CERTIFICATE REQUEST-----\n${'A\n'.repeat(8_000)}`,
    `-----BEGIN CERTIFICATE REQUEST-----\n${'='.repeat(16_000)}`,
  ];
  for (const pem of requests) {
    const runs = Array.from({ length: 5 }, () => cpuMs(() => void ruleForObject({ pem })));
    assert.ok(Math.min(...runs) < 50, runs.join(' '));
  }
});
