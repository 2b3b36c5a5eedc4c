// The DER reader and writer: what is refused and how, and that what is written is read back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  contextTag,
  DerError,
  type DerFault,
  DerReader,
  encode,
  encodeBitString,
  encodeBoolean,
  encodeOid,
  encodeSequence,
  encodeTime,
  encodeUnsigned,
  MAX_DER_BYTES,
  requireWellFormed,
  tags,
} from '../src/der.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

function faultOf(read: () => unknown): DerFault | null {
  try {
    read();
    return null;
  } catch (error) {
    assert.ok(error instanceof DerError, `threw ${String(error)}`);
    return error.fault;
  }
}

type Row = readonly [what: string, der: string, read: (reader: DerReader) => unknown, fault: DerFault];

const refused: readonly Row[] = [
  ['nothing at all', '', (r) => r.integer(), 'truncated'],
  ['a tag alone', '02', (r) => r.integer(), 'truncated'],
  ['content that is cut off', '0202 01', (r) => r.integer(), 'truncated'],
  ['a length that is cut off', '0282 01', (r) => r.integer(), 'truncated'],
  ['another tag', '0401 01', (r) => r.integer(), 'tag'],
  ['an indefinite length', '3080 0000', (r) => r.enter(tags.sequence), 'length'],
  ['a short length in the long form', '028101 01', (r) => r.integer(), 'length'],
  ['a length with a leading zero', `04820080${'00'.repeat(128)}`, (r) => r.content(tags.octetString), 'length'],
  ['a length of four octets', '0484 00000001 00', (r) => r.content(tags.octetString), 'length'],
  ['the reserved length octet', '04ff', (r) => r.content(tags.octetString), 'length'],
  ['an inner element longer than the outer', '3003 0402 00 00', (r) => r.enter(tags.sequence).content(tags.octetString), 'truncated'],
  ['something behind', '020101 00', (r) => (r.integer(), r.end()), 'trailing'],
  ['an INTEGER without content', '0200', (r) => r.integer(), 'value'],
  ['an INTEGER with a zero too many', '0202 0001', (r) => r.integer(), 'value'],
  ['a negative INTEGER with an octet too many', '0202 ff80', (r) => r.integer(), 'value'],
  ['a small INTEGER that is negative', '0201 80', (r) => r.smallInteger(), 'value'],
  ['a small INTEGER above 2^31-1', '0205 0080000000', (r) => r.smallInteger(), 'value'],
  ['a BOOLEAN as in BER', '0101 01', (r) => r.boolean(), 'value'],
  ['a BOOLEAN of two octets', '0102 0000', (r) => r.boolean(), 'value'],
  ['an OBJECT IDENTIFIER without content', '0600', (r) => r.oid(), 'value'],
  ['an OBJECT IDENTIFIER that is cut off', '0602 5581', (r) => r.oid(), 'value'],
  ['an arc with a leading zero', '0603 558001', (r) => r.oid(), 'value'],
  ['an arc of 2^31', '0606 558880808000', (r) => r.oid(), 'value'],
  ['a BIT STRING without content', '0300', (r) => r.bitString(), 'value'],
  ['a BIT STRING with 8 unused bits', '0302 0800', (r) => r.bitString(), 'value'],
  ['a BIT STRING with unused bits of nothing', '0301 01', (r) => r.bitString(), 'value'],
  ['a BIT STRING whose unused bits are set', '0302 0101', (r) => r.bitString(), 'value'],
  ['a tag of two octets', '1f8101 00', requireWellFormed, 'tag'],
  ['well-formed outside only', '3002 0405', requireWellFormed, 'truncated'],
];

test('refuses whatever is not strict DER, with the kind of fault', () => {
  for (const [what, der, read, fault] of refused)
    assert.equal(
      faultOf(() => read(DerReader.over(hex(der)))),
      fault,
      what,
    );
});

test('reads elements one after the other without copying them', () => {
  const der = encodeSequence(
    encodeBoolean(true),
    encodeOid('2.5.29.37.0'),
    encodeBitString(hex('a0'), 5),
    encode(contextTag(0, 'primitive'), hex('01')),
  );
  const outer = DerReader.over(der);
  const reader = outer.enter(tags.sequence);
  outer.end();
  assert.equal(reader.boolean(), true);
  assert.equal(reader.oid(), '2.5.29.37.0');
  assert.deepEqual(reader.bitString(), { bytes: hex('a0'), unusedBits: 5 });
  assert.equal(reader.nextIs(0x80), true);
  const rest = reader.element(0x80);
  assert.equal(rest.buffer, der.buffer);
  assert.equal(reader.isEmpty, true);
});

test('reads any identifier, integer and octets back as they were written', () => {
  const arc = fc.nat({ max: 2 ** 31 - 1 });
  const identifier = fc.tuple(fc.constantFrom('0', '1', '2'), fc.nat({ max: 39 }), fc.array(arc, { maxLength: 12 }));
  fc.assert(
    fc.property(identifier, fc.uint8Array({ minLength: 1, maxLength: 40 }), ([root, second, rest], octets) => {
      const oid = [root, second, ...rest].join('.');
      const reader = DerReader.over(Buffer.concat([encodeOid(oid), encodeUnsigned(octets), encode(tags.octetString, octets)]));
      assert.equal(reader.oid(), oid);
      assert.equal(BigInt(`0x${reader.integer().toString('hex')}`), BigInt(`0x${Buffer.from(octets).toString('hex')}`));
      assert.deepEqual(reader.content(tags.octetString), Buffer.from(octets));
      reader.end();
    }),
  );
});

test('writes and reads lengths on both sides of every form', () => {
  for (const length of [0, 1, 127, 128, 255, 256, 65_000]) {
    const der = encode(tags.octetString, Buffer.alloc(length, 7));
    assert.equal(DerReader.over(der).content(tags.octetString).length, length);
  }
  assert.equal(
    faultOf(() => encode(tags.octetString, Buffer.alloc(65_536))),
    'size',
  );
});

test('never throws anything but DerError on random octets, and ends', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
      for (const read of [
        requireWellFormed,
        (r: DerReader) => r.oid(),
        (r: DerReader) => r.bitString(),
        (r: DerReader) => r.enter(tags.sequence),
      ]) {
        faultOf(() => read(DerReader.over(octets)));
      }
    }),
    { numRuns: 500 },
  );
});

test('reads neither more octets nor deeper nesting than a certificate has', () => {
  assert.equal(
    faultOf(() => DerReader.over(Buffer.alloc(MAX_DER_BYTES + 1))),
    'size',
  );
  let nested: Buffer = encodeSequence();
  for (let level = 0; level < 200; level += 1) nested = encodeSequence(nested);
  assert.equal(
    faultOf(() => requireWellFormed(DerReader.over(nested))),
    'depth',
  );
});

test('writes times as RFC 5280 wants them on both sides of 2050', () => {
  const written = (iso: string): string => encodeTime(Date.parse(iso)).toString('latin1').slice(2);
  assert.equal(written('2049-12-31T23:59:59.999Z'), '491231235959Z');
  assert.equal(encodeTime(Date.parse('2049-12-31T23:59:59Z'))[0], tags.utcTime);
  assert.equal(written('2050-01-01T00:00:00Z'), '20500101000000Z');
  assert.equal(encodeTime(Date.parse('2050-01-01T00:00:00Z'))[0], tags.generalizedTime);
  assert.equal(written('1950-01-01T00:00:00Z'), '500101000000Z');
  for (const year of ['1949-12-31T23:59:59Z', '-000001-01-01T00:00:00Z', '+010000-01-01T00:00:00Z'])
    assert.equal(
      faultOf(() => written(year)),
      'value',
      year,
    );
});

test('writes no identifier that cannot be one', () => {
  for (const oid of ['', '1', '3.1', '0.40', '1.2.-3', '1.2.x', '1.2.2147483648'])
    assert.equal(
      faultOf(() => encodeOid(oid)),
      'value',
      oid,
    );
});
