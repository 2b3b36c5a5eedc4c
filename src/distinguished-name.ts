// X.501 names as they stand in a certificate: read as Go's crypto/x509 reads them, every value a string. Owns the string types and how a name is shown
// to people. Never re-encodes a name: whoever needs the bytes keeps the bytes.

import { DerError, DerReader, tags } from './der.ts';

export interface NameAttribute {
  /** Dotted object identifier of the attribute type. */
  readonly type: string;
  readonly tag: number;
  readonly value: string;
}

/** One inner array a RelativeDistinguishedName: more than one entry where it is multi-valued. */
export type DistinguishedName = readonly (readonly NameAttribute[])[];

export const nameTypes = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  organizationalUnit: '2.5.4.11',
  /** kube-apiserver's own (apiserver pkg/authentication/request/x509, `UIDOID`). */
  uid: '1.3.6.1.4.1.57683.2',
} as const;

/** Attributes in one name. Honest names have 3 to 5; this bounds the work on hostile ones. */
const MAX_ATTRIBUTES = 64;

/** Throws DerError for whatever Go's parseName refuses, and for empty RDNs, which X.501 does not know (`SIZE (1..MAX)`). */
export function parseName(der: Uint8Array): DistinguishedName {
  const outer = DerReader.over(der);
  const sequence = outer.enter(tags.sequence);
  outer.end();
  const name: NameAttribute[][] = [];
  let count = 0;
  while (!sequence.isEmpty) {
    const set = sequence.enter(tags.set);
    const attributes: NameAttribute[] = [];
    do {
      count += 1;
      if (count > MAX_ATTRIBUTES) throw new DerError('size', `a name of more than ${MAX_ATTRIBUTES} attributes`);
      attributes.push(parseAttribute(set.enter(tags.sequence)));
    } while (!set.isEmpty);
    name.push(attributes);
  }
  return name;
}

function parseAttribute(attribute: DerReader): NameAttribute {
  const type = attribute.oid();
  const tag = attribute.nextTag();
  const value = decodeString(tag, attribute.content(tag));
  attribute.end();
  return { type, tag, value };
}

/** As Go's parseASN1String: these six types and no other, each with its character set. */
function decodeString(tag: number, content: Buffer): string {
  switch (tag) {
    case tags.utf8String:
      return decodeUtf8(content);
    case tags.printableString:
      return decodeAscii(content, PRINTABLE);
    case tags.numericString:
      return decodeAscii(content, NUMERIC);
    case tags.ia5String:
      return decodeAscii(content, ASCII);
    case tags.t61String:
      // Latin-1, as Go from 1.25 and BoringSSL; older Go hands the octets on as they are, which is the same for ASCII.
      return content.toString('latin1');
    case tags.bmpString:
      return decodeBmp(content);
    default:
      throw new DerError('value', `a name with a value that is not a string (tag 0x${tag.toString(16)})`);
  }
}

/** Go's isPrintable: the PrintableString of X.680 §41.4, and `*` and `&`, which are common in practice. */
const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?*&]*$/;
const NUMERIC = /^[0-9 ]*$/;
// oxlint-disable-next-line no-control-regex -- IA5String is all of ASCII.
const ASCII = /^[\x00-\x7f]*$/;

function decodeAscii(content: Buffer, allowed: RegExp): string {
  const text = content.toString('latin1');
  if (!allowed.test(text)) throw new DerError('value', 'a name with a character that its string type does not have');
  return text;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUtf8(content: Buffer): string {
  try {
    return utf8.decode(content);
  } catch {
    throw new DerError('value', 'a name with a UTF8String that is not UTF-8');
  }
}

/** UCS-2: surrogates and noncharacters are refused, as Go does. So is a terminator, which Go drops and OpenSSL keeps. */
function decodeBmp(content: Buffer): string {
  if (content.length % 2 !== 0) throw new DerError('value', 'a name with a BMPString of odd length');
  const text = Buffer.from(content).swap16().toString('utf16le');
  if (/[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]|\0$/.test(text))
    throw new DerError('value', 'a name with a BMPString that is not plain UCS-2');
  return text;
}

/** RFC 4514 §3 and what OpenSSL and Go print for these. */
const shortNames: Readonly<Record<string, string>> = {
  [nameTypes.commonName]: 'CN',
  [nameTypes.organization]: 'O',
  [nameTypes.organizationalUnit]: 'OU',
  '2.5.4.5': 'SERIALNUMBER',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'STREET',
  '0.9.2342.19200300.100.1.25': 'DC',
};

/** For people and logs: one line, last RDN first (RFC 4514 §2.1), everything but plain ASCII as `\xx` of its UTF-8. Not for comparing. */
export function describeName(name: DistinguishedName): string {
  return name
    .toReversed()
    .map((rdn) => rdn.map(({ type, value }) => `${shortNames[type] ?? type}=${escapeValue(value)}`).join('+'))
    .join(',');
}

function escapeValue(value: string): string {
  return value
    .replace(/[,+"\\<>;=]/g, '\\$&')
    .replace(/^[# ]| $/g, '\\$&')
    .replace(/[^\x20-\x7e]+/g, (text) => Buffer.from(text).toString('hex').replace(/../g, '\\$&'));
}
