// What the listener brings to a TLS handshake: its certificate, its suites, the authorities it names. OpenSSL's own verdict on a client certificate
// is never used and must never be needed: judgePeer alone decides.

import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import type { TrustBundle } from '../ca-sync/ca-sync.ts';
import { toPem } from '../certificate.ts';
import { encode, encodeBitString, encodeOid, encodeSequence, encodeTime, tags } from '../der.ts';
import type { ServingCertificate } from './serving-certificate.ts';

/** TLS 1.2 with ephemeral keys and authenticated encryption only; the TLS 1.3 suites are all of that kind. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** The CAs named in the CertificateRequest are those of the trust bundle. A new context has new ticket keys: old tickets end with it. */
export function toListenerContext(serving: ServingCertificate, trust: TrustBundle | null): SecureContextOptions {
  return {
    cert: serving.certificatePem,
    key: serving.keyPem,
    ca: (trust?.authorities ?? []).map((authority) => toPem(authority.der)),
    crl: NOBODYS_REVOCATION_LIST,
    minVersion: 'TLSv1.2',
    ciphers: CIPHERS,
    honorCipherOrder: true,
    // No tickets at all: client-go never resumes (crypto/tls without ClientSessionCache), and a resumed session has lost the client's chain.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
}

/**
 * With a revocation list in its store OpenSSL wants one for every authority, and so verifies no client chain. It has to stay like that: for a chain
 * that OpenSSL did verify, Node 24.21 (lib/internal/tls/wrap.js onServerSocketSecure, nodejs/node#65579) reads the peer certificate before we can,
 * and the first reading takes the intermediates that the client sent out of OpenSSL's hands. Signed by nobody, never looked at.
 */
const NOBODYS_REVOCATION_LIST = makeEmptyRevocationList();

/** CertificateList of RFC 5280 section 5.1, version 1, without entries. */
function makeEmptyRevocationList(): string {
  const algorithm = encodeSequence(encodeOid('1.2.840.10045.4.3.2'));
  const issuer = encodeSequence(
    encode(tags.set, encodeSequence(encodeOid('2.5.4.3'), encode(tags.utf8String, Buffer.from('countersign: no revocation list')))),
  );
  const list = encodeSequence(encodeSequence(algorithm, issuer, encodeTime(0)), algorithm, encodeBitString(Buffer.from([0])));
  const lines = list.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN X509 CRL-----\n${lines.join('\n')}\n-----END X509 CRL-----\n`;
}
