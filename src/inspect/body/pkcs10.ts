// PKCS#10 certificate requests (RFC 2986) in PEM: read as Go's crypto/x509 reads them, refusing what OpenSSL, BoringSSL and Go read differently, with the
// request's own signature verified. Knows nothing of who may ask for what.

import { isSignatureBy, readSignatureAlgorithm } from '../../certificate.ts';
import { type Extension, extensionOids, parseExtensions } from '../../certificate-extensions.ts';
import { contextTag, DerError, DerReader, tags } from '../../der.ts';
import { type DistinguishedName, parseName } from '../../distinguished-name.ts';
import { checkPublicKey } from '../../public-key.ts';
import { BodyFault } from './body-fault.ts';

export interface Pkcs10 {
  readonly subjectDer: Buffer;
  readonly subject: DistinguishedName;
  /** `EC P-256`, `RSA 2048`, `Ed25519`. */
  readonly keyType: string;
  /** What the extensionRequest attribute asks for; other attributes are refused. */
  readonly extensions: readonly Extension[];
  /** Of the subject alternative name. */
  readonly dnsNames: readonly string[];
  /** Names of other forms there, each as `form:value`. */
  readonly otherNames: readonly string[];
}

/** Bytes of PEM. A request with an RSA-4096 key and the longest names has 3 KiB. */
const MAX_PEM_BYTES = 16 * 1024;

/** One block and nothing else: readers differ in what they skip around blocks, and in which block they take. */
const PEM = /^-----BEGIN CERTIFICATE REQUEST-----\r?\n((?:[A-Za-z0-9+/]{1,76}={0,2}\r?\n)+)-----END CERTIFICATE REQUEST-----(?:\r?\n)?$/;

/** Throws BodyFault. */
export function readPkcs10(pem: Buffer): Pkcs10 {
  if (pem.length > MAX_PEM_BYTES) throw new BodyFault('body-bounds', `a certificate request of more than ${MAX_PEM_BYTES} bytes`);
  const text = PEM.exec(pem.toString('latin1'))?.[1]?.replace(/\r?\n/g, '');
  const der = text === undefined ? null : decodeBase64(text);
  if (der === null) throw new BodyFault('csr-malformed', 'the request is not exactly one PEM block CERTIFICATE REQUEST');
  try {
    return readDer(der);
  } catch (error) {
    if (error instanceof DerError)
      throw new BodyFault('csr-malformed', `the request does not read as PKCS#10: ${error.message}`, { cause: error });
    throw error;
  }
}

/** null where the text is not what an encoder writes for these bytes: padding, stray bits, characters of another alphabet. */
export function decodeBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}

function readDer(der: Buffer): Pkcs10 {
  const outer = DerReader.over(der);
  const request = outer.enter(tags.sequence);
  outer.end();
  const tbsDer = request.element(tags.sequence);
  const signatureAlgorithm = readSignatureAlgorithm(request.element(tags.sequence));
  const signature = request.bitString();
  request.end();
  if (signature.unusedBits !== 0) throw new DerError('value', 'a signature that is not whole octets');
  const tbs = DerReader.over(tbsDer).enter(tags.sequence);
  // RFC 2986 section 4.1: v1(0). Go does not look, OpenSSL does.
  if (tbs.smallInteger() !== 0) throw new DerError('value', 'a version that is not 0');
  const subjectDer = tbs.element(tags.sequence);
  const subject = parseName(subjectDer);
  const spkiDer = tbs.element(tags.sequence);
  const { type, name: keyType } = checkPublicKey(DerReader.over(spkiDer).enter(tags.sequence));
  const extensions = readAttributes(tbs.enter(contextTag(0, 'constructed')));
  tbs.end();
  if (!isSignatureBy(publicKeyPem(spkiDer), type, { tbsDer, signatureAlgorithm, signature: signature.bytes }))
    throw new BodyFault('csr-malformed', 'the request is not signed with its own key, by an algorithm that the hub takes');
  return { subjectDer, subject, keyType, extensions, ...readAlternativeNames(extensions) };
}

/** Characters of base64 in a line of PEM (RFC 7468 section 2). */
const PEM_LINE = 64;

/** OpenSSL reads the very bytes that have been checked; around them there is nothing to read. */
function publicKeyPem(spkiDer: Buffer): string {
  const base64 = spkiDer.toString('base64');
  let pem = '-----BEGIN PUBLIC KEY-----\n';
  for (let at = 0; at < base64.length; at += PEM_LINE) pem += `${base64.slice(at, at + PEM_LINE)}\n`;
  return `${pem}-----END PUBLIC KEY-----\n`;
}

/** RFC 2985 section 5.4.2. */
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';

/** Go passes over attributes that it does not know or that do not parse; a signer with another library may not. */
function readAttributes(attributes: DerReader): readonly Extension[] {
  if (attributes.isEmpty) return [];
  const attribute = attributes.enter(tags.sequence);
  attributes.end();
  if (attribute.oid() !== EXTENSION_REQUEST) throw new DerError('value', 'an attribute other than extensionRequest');
  const values = attribute.enter(tags.set);
  attribute.end();
  return parseExtensions(values).extensions;
}

const otherForms: Readonly<Record<number, string>> = {
  [contextTag(1, 'primitive')]: 'email',
  [contextTag(6, 'primitive')]: 'uri',
  [contextTag(7, 'primitive')]: 'ip',
};

/** parseExtensions has checked the names already. */
function readAlternativeNames(extensions: readonly Extension[]): Pick<Pkcs10, 'dnsNames' | 'otherNames'> {
  const dnsNames: string[] = [];
  const otherNames: string[] = [];
  const found = extensions.find(({ oid }) => oid === extensionOids.subjectAltName);
  if (found === undefined) return { dnsNames, otherNames };
  const names = DerReader.over(found.value).enter(tags.sequence);
  while (!names.isEmpty) {
    const tag = names.nextTag();
    const content = names.content(tag);
    if (tag === contextTag(2, 'primitive')) dnsNames.push(content.toString('latin1'));
    else otherNames.push(describeOther(tag, content));
  }
  return { dnsNames, otherNames };
}

function describeOther(tag: number, content: Buffer): string {
  const form = otherForms[tag] ?? `tag-${tag}`;
  return form === 'email' || form === 'uri' ? `${form}:${content.toString('latin1')}` : `${form}:${content.toString('hex')}`;
}
