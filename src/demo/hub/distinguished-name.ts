// Distinguished names as Go's crypto/x509 reads them and as kube-controller-manager writes them. Never repairs a string: what Go's parser
// refuses is a DerError here.

import { DerError, encode, encodeOid, encodeSetOf, readElements, readOid, readSequence, TAG } from './der.ts';

export interface Attribute {
  readonly oid: string;
  readonly value: string;
}

/** `tag` left out: PrintableString where its alphabet allows, else UTF8String (Go, encoding/asn1 marshal.go). */
export interface AttributeToWrite extends Attribute {
  readonly tag?: number;
}

export const OID = {
  commonName: '2.5.4.3',
  serialNumber: '2.5.4.5',
  country: '2.5.4.6',
  locality: '2.5.4.7',
  province: '2.5.4.8',
  street: '2.5.4.9',
  organization: '2.5.4.10',
  organizationalUnit: '2.5.4.11',
  postalCode: '2.5.4.17',
  /** k8s.io/apiserver pkg/authentication/request/x509: the user's UID. */
  uid: '1.3.6.1.4.1.57683.2',
} as const;

/** What Go's pkix.Name keeps, in the order in which Name.ToRDNSequence writes it; all other attributes are dropped. */
const PKIX_ORDER = [OID.country, OID.province, OID.locality, OID.street, OID.postalCode, OID.organization, OID.organizationalUnit];

/** Go's isPrintable with `*` and `&`, which its parser lets through (crypto/x509 parser.go). */
const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?*&]*$/;
/** Go's marshaller does not choose PrintableString for `*` and `&` (encoding/asn1 rejectAsterisk, rejectAmpersand). */
const WRITTEN_AS_PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?]*$/;
const NUMERIC = /^[0-9 ]*$/;

/** Every attribute in the order of the DER, RDN boundaries gone, as Go's Name.FillFromRDNSequence walks them. */
export function readName(nameDer: Uint8Array): readonly Attribute[] {
  return readSequence(nameDer).flatMap((rdn) => {
    if (rdn.tag !== TAG.set) throw new DerError('a relative distinguished name is not a SET');
    return readElements(rdn.content).map((pair) => {
      const [type, value, ...rest] = pair.tag === TAG.sequence ? readElements(pair.content) : [];
      if (type?.tag !== TAG.oid || value === undefined || rest.length > 0) throw new DerError('malformed attribute in a name');
      return { oid: readOid(type.content), value: readString(value.tag, value.content) };
    });
  });
}

/** crypto/x509 parser.go, parseASN1String. */
function readString(tag: number, content: Buffer): string {
  const latin1 = content.toString('latin1');
  switch (tag) {
    case TAG.t61String:
      return latin1;
    case TAG.printableString:
      if (!PRINTABLE.test(latin1)) throw new DerError('invalid PrintableString');
      return latin1;
    case TAG.numericString:
      if (!NUMERIC.test(latin1)) throw new DerError('invalid NumericString');
      return latin1;
    case TAG.ia5String:
      if (content.some((octet) => octet > 0x7f)) throw new DerError('invalid IA5String');
      return latin1;
    case TAG.utf8String:
      return readUtf8(content);
    case TAG.bmpString:
      return readBmp(content);
    default:
      throw new DerError('unsupported string type');
  }
}

function readUtf8(content: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    throw new DerError('invalid UTF-8 string');
  }
}

/** Go strips one terminating NUL character, as PKCS#12 writes it. */
function readBmp(content: Buffer): string {
  if (content.length % 2 !== 0) throw new DerError('invalid BMPString');
  const text = Buffer.from(content).swap16().toString('utf16le');
  return text.endsWith('\0') ? text.slice(0, -1) : text;
}

/** One RDN for each inner list; a SET is written in DER order. */
export function writeName(rdns: readonly (readonly AttributeToWrite[])[]): Buffer {
  return encode(TAG.sequence, ...rdns.map((rdn) => encodeSetOf(rdn.map(writeAttribute))));
}

function writeAttribute(attribute: AttributeToWrite): Buffer {
  const tag = attribute.tag ?? (WRITTEN_AS_PRINTABLE.test(attribute.value) ? TAG.printableString : TAG.utf8String);
  return encode(TAG.sequence, encodeOid(attribute.oid), encode(tag, writeString(tag, attribute.value)));
}

function writeString(tag: number, value: string): Buffer {
  if (tag === TAG.bmpString) return Buffer.from(value, 'utf16le').swap16();
  return Buffer.from(value, tag === TAG.utf8String ? 'utf8' : 'latin1');
}

/** How kube-controller-manager writes the subject of a request again: `Subject: cr.Subject` through pkix.Name.ToRDNSequence. */
export function rewriteAsController(nameDer: Uint8Array): Buffer {
  const attributes = readName(nameDer);
  const several = PKIX_ORDER.map((oid) => attributes.filter((attribute) => attribute.oid === oid));
  const lastOf = [OID.commonName, OID.serialNumber].map((oid) => {
    const last = attributes.findLast((attribute) => attribute.oid === oid);
    return last === undefined || last.value === '' ? [] : [last];
  });
  return writeName([...several, ...lastOf].filter((rdn) => rdn.length > 0));
}

/** The subject that a klusterlet asks for: one multi-valued RDN with all groups, then the user (OCM pkg/registration/register/csr). */
export function agentName(user: string, groups: readonly string[]): Buffer {
  const organizations = groups.map((value) => ({ oid: OID.organization, value }));
  return writeName([organizations, [{ oid: OID.commonName, value: user }]].filter((rdn) => rdn.length > 0));
}
