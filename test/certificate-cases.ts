// Names, times and the frame of a certificate: see certificate-case.ts. Data only.

import { encode, encodeOid, encodeSequence, encodeTime, tags } from '../src/der.ts';
import { bad, type CertificateCase, type Difference, fine, hex, withName, withRaw } from './certificate-case.ts';
import { encodeName, encodeString, TEST_NOT_AFTER_MS, TEST_NOT_BEFORE_MS } from './pki-certificate.ts';

const names: readonly CertificateCase[] = [
  ...(['utf8', 'printable', 't61', 'bmp', 'ia5'] as const).map((as) =>
    fine(`a name in ${as}`, withName({ type: 'CN', value: 'system:open-cluster-management:c1:a', as })),
  ),
  fine('a name in digits', withName({ type: 'CN', value: '1 2 3', as: 'numeric' })),
  fine('a PrintableString with & and *', withName({ type: 'CN', value: 'a&*', as: 'printable' })),
  fine('a T61String beyond ASCII', withName({ type: 'CN', der: encode(tags.t61String, hex('e9')) })),
  fine('an RDN of several values in another order than DER has', {
    subject: encodeName([
      [
        { type: 'O', value: 'longer than the next' },
        { type: 'O', value: 'a' },
        { type: 'CN', value: 'c' },
      ],
    ]),
  }),
  fine('a common name of 300 characters', withName({ type: 'CN', value: 'x'.repeat(300) })),
  bad('a PrintableString with _', 'go', /character/, withName({ type: 'CN', value: 'kube-csr-signer_1', as: 'printable' })),
  bad('an IA5String beyond ASCII', 'go', /character/, withName({ type: 'CN', der: encode(tags.ia5String, hex('e9')) })),
  bad('a NumericString with a letter', 'go', /character/, withName({ type: 'CN', value: 'a', as: 'numeric' })),
  bad('a UTF8String that is not UTF-8', 'both', /UTF-8/, withName({ type: 'CN', der: encode(tags.utf8String, hex('61c0af')) })),
  bad('a BMPString of odd length', 'both', /odd length/, withName({ type: 'CN', der: encode(tags.bmpString, hex('006100')) })),
  {
    ...bad('a BMPString with a surrogate', 'openssl', /UCS-2/, withName({ type: 'CN', der: encode(tags.bmpString, hex('d83dde00')) })),
    go: 'varies',
  },
  bad('a BMPString with a terminator', 'neither', /UCS-2/, withName({ type: 'CN', der: encode(tags.bmpString, hex('00610000')) })),
  bad('a UniversalString', 'go', /not a string/, withName({ type: 'CN', der: encode(0x1c, hex('00000061')) })),
  bad('a VisibleString', 'both', /not a string/, withName({ type: 'CN', der: encode(0x1a, hex('61')) })),
  bad('a constructed string', 'go', /not a string/, withName({ type: 'CN', der: encode(0x2c, encodeString('a', 'utf8')) })),
  bad('an INTEGER for a name', 'both', /not a string/, withName({ type: 'CN', der: hex('020101') })),
  bad('a BIT STRING for a name', 'go', /not a string/, withName({ type: 'CN', der: hex('03020061') })),
  bad('an empty RDN', 'neither', /missing/, { subject: encodeSequence(encode(tags.set)) }),
  bad('an attribute with something behind its value', 'openssl', /unexpected/, {
    subject: encodeSequence(encode(tags.set, encodeSequence(encodeOid('2.5.4.3'), encodeString('a', 'utf8'), encode(tags.null)))),
  }),
];

const utcTime = (text: string): Buffer => encode(tags.utcTime, Buffer.from(text));
const generalizedTime = (text: string): Buffer => encode(tags.generalizedTime, Buffer.from(text));

function withTimes(notBefore: Buffer, notAfter: Buffer = encodeTime(TEST_NOT_AFTER_MS)): Difference {
  return withRaw({ validity: encodeSequence(notBefore, notAfter) });
}

const times: readonly CertificateCase[] = [
  fine('a GeneralizedTime before 2050', withTimes(generalizedTime('20260101000000Z'))),
  fine('a beginning in the year 1', withTimes(generalizedTime('00010101000000Z'))),
  fine('an end in 9999', withTimes(encodeTime(TEST_NOT_BEFORE_MS), generalizedTime('99991231235959Z'))),
  bad('a UTCTime without seconds', 'openssl', /malformed time/, withTimes(utcTime('2601010000Z'))),
  bad('a UTCTime with an offset', 'openssl', /malformed time/, withTimes(utcTime('260101000000+0100'))),
  bad('a GeneralizedTime with a fraction', 'both', /malformed time/, withTimes(generalizedTime('20260101000000.5Z'))),
  bad('the 30th of February', 'both', /does not exist/, withTimes(utcTime('260230000000Z'))),
  bad('a 61st second', 'both', /does not exist/, withTimes(utcTime('260101000060Z'))),
  bad('a time that is a string', 'both', /tag/, withTimes(encodeString('260101000000Z', 'ia5'))),
  bad(
    'three times',
    'openssl',
    /unexpected/,
    withRaw({ validity: encodeSequence(encodeTime(TEST_NOT_BEFORE_MS), encodeTime(TEST_NOT_AFTER_MS), encodeTime(TEST_NOT_AFTER_MS)) }),
  ),
];

const frames: readonly CertificateCase[] = [
  fine('a plain client certificate', {}),
  fine('the serial number 0', { options: { serial: hex('00') } }),
  fine('a serial number of 21 octets', { options: { serial: Buffer.alloc(21, 0x11) } }),
  bad('a negative serial number', 'go', /negative/, withRaw({ serial: hex('0201ff') })),
  bad('a serial number with a zero too many', 'both', /minimal/, withRaw({ serial: hex('02020001') })),
  bad('version 1', 'neither', /version 3|tag/, withRaw({ version: hex('a003020100') })),
  bad('version 4', 'go', /version 3/, withRaw({ version: hex('a003020103') })),
  bad('no version', 'neither', /tag/, withRaw({ version: Buffer.alloc(0) })),
  bad('two different signature algorithms', 'both', /two different/, withRaw({ innerAlgorithm: hex('300a06082a8648ce3d040303') })),
  bad('unique identifiers', 'neither', /tag/, withRaw({ tail: hex('81020061') })),
  bad('something behind the extensions', 'openssl', /unexpected/, withRaw({ tail: hex('a3023000 0500') })),
  bad('something behind the signature', 'openssl', /unexpected/, withRaw({ end: hex('0500') })),
  bad('something behind the certificate', 'go', /unexpected/, { change: (der) => Buffer.concat([der, hex('0500')]) }),
  bad('a length that is not minimal', 'go', /minimal/, { change: (der) => Buffer.concat([hex('308300'), der.subarray(2)]) }),
  bad('an indefinite length', 'go', /indefinite/, { change: (der) => Buffer.concat([hex('3080'), der.subarray(4), hex('0000')]) }),
  bad('a certificate that is cut off', 'both', /longer/, { change: (der) => der.subarray(0, -1) }),
];

export const certificateCases: readonly CertificateCase[] = [...names, ...times, ...frames];
