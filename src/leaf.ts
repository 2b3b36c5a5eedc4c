// What Countersign issues, octet by octet: the client certificate's subject, a new key, the hub signer's signature, and nothing that could be used
// for more (design.md §3, invariants 1 and 2). Pure: time, serial number and key come in. Whether the client is to be believed is chain.ts's affair.

import type { Certificate, KeyUsage } from './certificate.ts';
import { extensionOids, keyUsages } from './certificate-extensions.ts';
import {
  contextTag,
  DerError,
  DerReader,
  encode,
  encodeBitString,
  encodeBoolean,
  encodeOid,
  encodeSequence,
  encodeTime,
  encodeUnsigned,
  tags,
} from './der.ts';
import { checkPublicKey } from './public-key.ts';
import { readIdentity } from './identity.ts';

/** What of the settings decides over a leaf, checked. Made by createLeafProfile only. */
export interface LeafProfile {
  readonly lifetimeMs: number | 'match';
}

export interface LeafRequest {
  /** Verified (chain.ts) at `nowMs`. */
  readonly client: Certificate;
  /** SubjectPublicKeyInfo DER of a key that nobody else has had a certificate for. */
  readonly publicKeySpki: Uint8Array;
  /** SERIAL_BYTES random octets. */
  readonly serial: Uint8Array;
  readonly nowMs: number;
}

/** What a leaf needs of ca-sync's Signer. */
export interface LeafSigner {
  readonly certificate: Certificate;
  readonly key: {
    readonly signatureAlgorithmDer: Uint8Array;
    sign(tbs: Uint8Array): Uint8Array;
  };
}

export interface Leaf {
  readonly der: Buffer;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export type LeafVerdict =
  | { readonly ok: true; readonly leaf: Leaf }
  | { readonly ok: false; readonly reason: LeafRefusal; readonly detail: string };

export type LeafRefusal = 'signer-not-valid' | 'client-not-valid' | 'client-not-a-client' | 'subject-outside-grammar';

/** kube-apiserver-client certificates live at least this long (kubernetes pkg/apis/certificates/validation: expirationSeconds >= 600). */
const MIN_LIFETIME_MS = 10 * 60_000;
/** As long as upstream's default for client certificates (`--cluster-signing-duration` 8760h); OpenShift's is 720h. */
const MAX_LIFETIME_MS = 8_760 * 3_600_000;

/**
 * For clocks that differ, as kube-controller-manager does (authority.go, `Backdate: 5 * time.Minute`). It may lie before the signer's own notBefore: the
 * hub checks each certificate for itself and accepts that (recorded-traffic.md, measured), and does so with its own certificates.
 */
const BACKDATE_MS = 5 * 60_000;

/** RFC 5280 §4.1.2.2 allows 20; 16 are what kube-controller-manager draws (authority.go, `serialNumberLimit` 2^128). */
const SERIAL_BYTES = 16;

/** The only way to a LeafProfile. Throws RangeError for what no hub would issue. */
export function createLeafProfile({ lifetimeMs }: { readonly lifetimeMs: number | 'match' }): LeafProfile {
  if (lifetimeMs !== 'match' && !(lifetimeMs >= MIN_LIFETIME_MS && lifetimeMs <= MAX_LIFETIME_MS)) {
    throw new RangeError(`a leaf lifetime of ${lifetimeMs} ms is outside ${MIN_LIFETIME_MS} to ${MAX_LIFETIME_MS}`);
  }
  return Object.freeze({ lifetimeMs });
}

/** Makes and signs one leaf, or says why none may be made. Throws RangeError or DerError only where the caller breaks LeafRequest's word. */
export function reissueLeaf(request: LeafRequest, signer: LeafSigner, profile: LeafProfile): LeafVerdict {
  const refusal = judge(request, signer.certificate);
  if (refusal !== null) return refusal;
  const validity = chooseValidity(request, signer.certificate, profile);
  if (validity === null) return { ok: false, reason: 'client-not-valid', detail: 'less than a second is left' };
  const algorithm = signer.key.signatureAlgorithmDer;
  const tbs = encodeTbs(request, signer.certificate, algorithm, validity);
  const der = encodeSequence(tbs, algorithm, encodeBitString(signer.key.sign(tbs)));
  return { ok: true, leaf: { der, ...validity } };
}

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** Everything that invariant 2 wants of the two certificates, once more and in one place, whoever has asked before. */
function judge({ client, nowMs }: LeafRequest, signer: Certificate): Extract<LeafVerdict, { ok: false }> | null {
  // x509.go isValid of every certificate in the chain, and CheckSignatureFrom.
  if (nowMs < signer.notBeforeMs || nowMs > signer.notAfterMs)
    return refuse('signer-not-valid', 'now is outside the validity of the signer');
  if (signer.basicConstraints?.isAuthority !== true || signer.keyUsage?.has('keyCertSign') === false) {
    return refuse('signer-not-valid', 'the signer is not a certificate authority');
  }
  if (nowMs < client.notBeforeMs || nowMs > client.notAfterMs)
    return refuse('client-not-valid', 'now is outside the validity of the client certificate');
  if (client.basicConstraints?.isAuthority === true) return refuse('client-not-a-client', 'the client certificate is an authority');
  if (client.extendedKeyUsage?.includes(CLIENT_AUTH) !== true)
    return refuse('client-not-a-client', 'the client certificate is not for clientAuth');
  const identity = readIdentity(client.subjectDer);
  return identity.ok ? null : refuse('subject-outside-grammar', identity.detail);
}

function refuse(reason: LeafRefusal, detail: string): Extract<LeafVerdict, { ok: false }> {
  return { ok: false, reason, detail };
}

/** notAfter = min(policy, client certificate, signer), in whole seconds; null where nothing would be left. */
function chooseValidity({ client, nowMs }: LeafRequest, signer: Certificate, { lifetimeMs }: LeafProfile): Omit<Leaf, 'der'> | null {
  const policyEndMs = lifetimeMs === 'match' ? client.notAfterMs : nowMs + lifetimeMs;
  const notAfterMs = floorToSecond(Math.min(policyEndMs, client.notAfterMs, signer.notAfterMs));
  return notAfterMs <= nowMs ? null : { notBeforeMs: floorToSecond(nowMs - BACKDATE_MS), notAfterMs };
}

/** RFC 5280 §4.1.2.5: no fractions of a second. */
function floorToSecond(ms: number): number {
  return ms - (ms % 1_000);
}

/** RFC 5280 §4.1.2, version 3. Issuer and subject are copied, never written anew: the hub finds authorities by these bytes (csr-signer.md §4). */
function encodeTbs(request: LeafRequest, signer: Certificate, algorithm: Uint8Array, validity: Omit<Leaf, 'der'>): Buffer {
  const { client, serial, publicKeySpki } = request;
  return encodeSequence(
    VERSION_3,
    encodeSerial(serial),
    algorithm,
    signer.subjectDer,
    encodeSequence(encodeTime(validity.notBeforeMs), encodeTime(validity.notAfterMs)),
    client.subjectDer,
    requireNewKey(publicKeySpki, client),
    encode(contextTag(3, 'constructed'), encodeExtensions(client, signer)),
  );
}

const VERSION_3 = encode(contextTag(0, 'constructed'), encodeUnsigned(Buffer.from([2])));

function encodeSerial(serial: Uint8Array): Buffer {
  if (serial.length !== SERIAL_BYTES || serial.every((octet) => octet === 0)) {
    throw new RangeError(`a serial number is ${SERIAL_BYTES} random octets`);
  }
  return encodeUnsigned(serial);
}

/** A key that the hub takes, and not the client's own: with that, whoever has the client's key could use our leaf. */
function requireNewKey(spki: Uint8Array, client: Certificate): Uint8Array {
  const outer = DerReader.over(spki);
  checkPublicKey(outer.enter(tags.sequence));
  outer.end();
  if (client.spkiDer.equals(spki)) throw new DerError('value', "the public key is the client's own");
  return spki;
}

/** In Go's order (x509.go buildCertExtensions), as kube-controller-manager issues them. Alternative names are not copied: the hub ignores them. */
function encodeExtensions(client: Certificate, signer: Certificate): Buffer {
  const parts = [EXTENDED_KEY_USAGE, BASIC_CONSTRAINTS];
  const usage = encodeKeyUsage(client.keyUsage);
  if (usage !== null) parts.unshift(usage);
  // RFC 5280 §4.2.1.1: the signer's own identifier, copied. How it was computed differs between signers (csr-signer.md §1).
  if (signer.subjectKeyId !== null) parts.push(encodeAuthorityKeyId(signer.subjectKeyId));
  return encodeSequence(...parts);
}

/** kubernetes pkg/controller/certificates/signer: of the key usages, kube-apiserver-client certificates have these two at most. */
const grantableUsages: readonly KeyUsage[] = ['digitalSignature', 'keyEncipherment'];

/** What the client's certificate says, less what a client has no use for. X.690 §11.2.2: a named bit list without trailing zero bits. */
function encodeKeyUsage(clientUsage: ReadonlySet<KeyUsage> | null): Buffer | null {
  const bits = grantableUsages.filter((usage) => clientUsage?.has(usage) === true).map((usage) => keyUsages.indexOf(usage));
  if (bits.length === 0) return null;
  const octet = bits.reduce((sum, bit) => sum | (0x80 >> bit), 0);
  return encodeExtension(KEY_USAGE_OID, true, encodeBitString(Buffer.from([octet]), 7 - Math.max(...bits)));
}

function encodeAuthorityKeyId(keyId: Buffer): Buffer {
  return encodeExtension(AUTHORITY_KEY_ID_OID, false, encodeSequence(encode(contextTag(0, 'primitive'), keyId)));
}

function encodeExtension(oidDer: Buffer, critical: boolean, value: Buffer): Buffer {
  return encodeSequence(oidDer, ...(critical ? [TRUE] : []), encode(tags.octetString, value));
}

const TRUE = encodeBoolean(true);
const KEY_USAGE_OID = encodeOid(extensionOids.keyUsage);
const AUTHORITY_KEY_ID_OID = encodeOid(extensionOids.authorityKeyId);

const EXTENDED_KEY_USAGE = encodeExtension(encodeOid(extensionOids.extendedKeyUsage), false, encodeSequence(encodeOid(CLIENT_AUTH)));

/** CA:FALSE is the default and so is not written (X.690 §11.5). */
const BASIC_CONSTRAINTS = encodeExtension(encodeOid(extensionOids.basicConstraints), true, encodeSequence());
