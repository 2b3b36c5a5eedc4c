// Extensions and public keys: see certificate-case.ts. Data only.

import { contextTag, encode, encodeBitString, encodeBoolean, encodeOid, encodeSequence, encodeUnsigned, tags } from '../src/der.ts';
import {
  bad,
  type CertificateCase,
  fine,
  hex,
  withAlternativeName,
  withExtensions,
  withPublicKey,
  withRaw,
  withValue,
} from './certificate-case.ts';
import { encodeName, extension, testKey } from './pki-certificate.ts';

const KEY_USAGE = '2.5.29.15';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const BASIC_CONSTRAINTS = '2.5.29.19';
const ALTERNATIVE_NAMES = '2.5.29.17';
const SUBJECT_KEY_ID = '2.5.29.14';
const AUTHORITY_KEY_ID = '2.5.29.35';
const DISTRIBUTION_POINTS = '2.5.29.31';
const POLICIES = '2.5.29.32';
const INFORMATION_ACCESS = '1.3.6.1.5.5.7.1.1';

const general = (number: number, value: string | Uint8Array): Buffer => encode(contextTag(number, 'primitive'), Buffer.from(value));
const directoryName = encode(contextTag(4, 'constructed'), encodeName([[{ type: 'CN', value: 'x' }]]));
const otherName = encode(contextTag(0, 'constructed'), encodeOid('1.2.3'), encode(contextTag(0, 'constructed'), hex('0c0178')));
const everyName = [
  general(2, '*.a-b.example'),
  general(1, 'a@b'),
  general(6, 'spiffe://a.b/c'),
  general(7, hex('0a000001')),
  directoryName,
  otherName,
];
const distributionPoint = encodeSequence(
  encode(contextTag(0, 'constructed'), encode(contextTag(0, 'constructed'), general(6, 'http://x/crl'))),
  encode(contextTag(2, 'constructed'), directoryName),
);
const clientAuthExtension = encodeSequence(
  encodeOid(EXTENDED_KEY_USAGE),
  hex('010100'),
  encode(tags.octetString, hex('300a06082b06010505070302')),
);

const extensions: readonly CertificateCase[] = [
  fine('an unknown extension', withValue('1.2.3.4', '0500')),
  fine('critical FALSE written out', withRaw({ tail: encode(contextTag(3, 'constructed'), encodeSequence(clientAuthExtension)) })),
  fine('no extensions', withRaw({ tail: Buffer.alloc(0) })),
  bad('an extension twice', 'both', /twice/, withExtensions(extension.dnsNames('a'), extension.dnsNames('a'))),
  bad('a critical that is neither true nor false', 'go', /BOOLEAN/, {
    ...withRaw({
      tail: encode(
        contextTag(3, 'constructed'),
        encodeSequence(encodeSequence(encodeOid(BASIC_CONSTRAINTS), hex('010101'), hex('04023000'))),
      ),
    }),
  }),
  fine('a key usage with octets of zeros behind it', withValue(KEY_USAGE, '030300a000', true)),
  bad('a key usage of no octets', 'openssl', /names none/, withValue(KEY_USAGE, '030100', true)),
  bad('a key usage of zeros', 'openssl', /names none/, withValue(KEY_USAGE, '03020000', true)),
  bad('a key usage whose unused bits are set', 'go', /unused bits/, withValue(KEY_USAGE, '030205a1', true)),
  bad('a key usage with something behind it', 'neither', /unexpected/, withValue(KEY_USAGE, '030205a00500', true)),
  bad('an extended key usage that is empty', 'openssl', /names none/, withValue(EXTENDED_KEY_USAGE, '3000')),
  bad('an extended key usage of a string', 'both', /tag/, withValue(EXTENDED_KEY_USAGE, '30030c0161')),
  fine('CA:FALSE written out', withExtensions({ oid: BASIC_CONSTRAINTS, value: encodeSequence(encodeBoolean(false)) })),
  bad('basic constraints of a string', 'openssl', /tag/, withValue(BASIC_CONSTRAINTS, '30030c0161')),
  bad('a path length without CA:TRUE', 'neither', /path length/, withValue(BASIC_CONSTRAINTS, '3003020100')),
  { ...bad('a negative path length', 'openssl', /below 0/, withValue(BASIC_CONSTRAINTS, '30060101ff0201ff')), go: 'varies' },
  fine('a subject key id', withValue(SUBJECT_KEY_ID, '04020102')),
  bad('a critical subject key id', 'both', /critical/, withValue(SUBJECT_KEY_ID, '04020102', true)),
  bad('a subject key id that is no OCTET STRING', 'both', /tag/, withValue(SUBJECT_KEY_ID, '0c020102')),
  fine('an authority key id that says nothing', withValue(AUTHORITY_KEY_ID, '3000')),
  bad('a critical authority key id', 'both', /critical/, withValue(AUTHORITY_KEY_ID, '3000', true)),
  bad('an authority key id with something behind it', 'neither', /unexpected/, withValue(AUTHORITY_KEY_ID, '30000500')),
  fine('CRL distribution points', withExtensions({ oid: DISTRIBUTION_POINTS, value: encodeSequence(distributionPoint) })),
  bad('CRL distribution points of a string', 'both', /tag/, withValue(DISTRIBUTION_POINTS, '30030c0161')),
  fine('certificate policies', withValue(POLICIES, '3009 3007 06052a03040506')),
  { ...bad('a certificate policy twice', 'neither', /twice/, withValue(POLICIES, '300c 3004 06022a03 3004 06022a03')), go: 'varies' },
  fine('information access', withValue(INFORMATION_ACCESS, '3013 3011 06082b06010505073001 8605 687474703a')),
  bad(
    'critical information access',
    'both',
    /critical/,
    withValue(INFORMATION_ACCESS, '3013 3011 06082b06010505073001 8605 687474703a', true),
  ),
];

const alternativeNames: readonly CertificateCase[] = [
  fine('alternative names of many kinds', withExtensions({ oid: ALTERNATIVE_NAMES, value: encodeSequence(...everyName) })),
  bad('no alternative names in their extension', 'neither', /without names/, withValue(ALTERNATIVE_NAMES, '3000')),
  bad('an alternative name of an unknown kind', 'openssl', /tag/, withAlternativeName(9, 'x')),
  bad('a dNSName beyond ASCII', 'go', /dNSName/, withAlternativeName(2, hex('e9'))),
  bad('a dNSName with an empty label', 'neither', /dNSName/, withAlternativeName(2, 'a..b')),
  bad('an rfc822Name beyond ASCII', 'go', /rfc822Name/, withAlternativeName(1, hex('e9'))),
  bad('an iPAddress of 5 octets', 'go', /iPAddress/, withAlternativeName(7, hex('0a00000101'))),
  bad('an iPAddress that is IPv4 in IPv6', 'neither', /iPAddress/, withAlternativeName(7, hex('00000000000000000000ffff0a000001'))),
  bad('a URI that is none', 'go', /uniformResource/, withAlternativeName(6, 'http://[')),
  bad('a URI that Go may read in its own way', 'neither', /uniformResource/, withAlternativeName(6, 'urn:uuid:1')),
];

const rsa = '2a864886f70d010101';
/** SubjectPublicKeyInfo: algorithm OID by its content octets, parameters and key. */
function encodeSpki(oid: string, parameters: Buffer, key: Buffer): Buffer {
  return encodeSequence(encodeSequence(encode(tags.oid, hex(oid)), parameters), encodeBitString(key));
}
const rsaKey = (modulus: Buffer, exponent: Buffer = hex('010001')): Buffer =>
  encodeSequence(encodeUnsigned(modulus), encodeUnsigned(exponent));
const NULL = hex('0500');
const modulus = (octets: number): Buffer => Buffer.alloc(octets, 0xc5);
const point = testKey().spkiDer.subarray(-65);
const ec = '2a8648ce3d0201';
const P256 = hex('06082a8648ce3d030107');
const ed25519 = testKey('ed25519').spkiDer.subarray(-32);

const publicKeys: readonly CertificateCase[] = [
  ...(['rsa', 'p224', 'p384', 'p521', 'ed25519'] as const).map((type) =>
    fine(`a key of type ${type}`, { options: { key: testKey(type) } }),
  ),
  fine('an RSA key of 8192 bits', withPublicKey(encodeSpki(rsa, NULL, rsaKey(modulus(1024))))),
  bad('an RSA key of 8200 bits', 'neither', /8200 bits/, withPublicKey(encodeSpki(rsa, NULL, rsaKey(modulus(1025))))),
  bad('an RSA key of 1016 bits', 'neither', /1016 bits/, withPublicKey(encodeSpki(rsa, NULL, rsaKey(modulus(127))))),
  bad('an RSA key without NULL', 'go', /element is missing/, withPublicKey(encodeSpki(rsa, Buffer.alloc(0), rsaKey(modulus(256))))),
  bad('an RSA key with an even modulus', 'neither', /cannot be one/, withPublicKey(encodeSpki(rsa, NULL, rsaKey(Buffer.alloc(256, 0xc4))))),
  bad('an RSA key with the exponent 1', 'neither', /cannot be one/, withPublicKey(encodeSpki(rsa, NULL, rsaKey(modulus(256), hex('01'))))),
  bad(
    'an RSA key with a negative modulus',
    'go',
    /negative/,
    withPublicKey(encodeSpki(rsa, NULL, encodeSequence(encode(tags.integer, modulus(256)), hex('0203010001')))),
  ),
  bad(
    'an RSA key with something behind it',
    'neither',
    /unexpected/,
    withPublicKey(encodeSpki(rsa, NULL, Buffer.concat([rsaKey(modulus(256)), NULL]))),
  ),
  bad('a compressed point', 'go', /uncompressed/, withPublicKey(encodeSpki(ec, P256, Buffer.concat([hex('02'), point.subarray(1, 33)])))),
  bad('a point outside its curve', 'both', /outside/, withPublicKey(encodeSpki(ec, P256, Buffer.alloc(65, 4)))),
  bad('the curve secp256k1', 'both', /curve/, withPublicKey(encodeSpki(ec, hex('06052b8104000a'), point))),
  bad('a curve without a name', 'both', /tag/, withPublicKey(encodeSpki(ec, NULL, point))),
  bad('an Ed25519 key with parameters', 'both', /unexpected/, withPublicKey(encodeSpki('2b6570', NULL, ed25519))),
  bad('an Ed25519 key of 31 octets', 'both', /32 octets/, withPublicKey(encodeSpki('2b6570', Buffer.alloc(0), ed25519.subarray(1)))),
  bad('an X25519 key', 'neither', /type/, withPublicKey(encodeSpki('2b656e', Buffer.alloc(0), ed25519))),
  bad('an unknown kind of key', 'openssl', /type/, withPublicKey(encodeSpki('2a0304', Buffer.alloc(0), ed25519))),
];

export const certificateExtensionCases: readonly CertificateCase[] = [...extensions, ...alternativeNames, ...publicKeys];
