// What the hub's CertificateRequest lists: the subjects of the trust bundle (crypto/tls: ClientCAs.Subjects()). Node writes that list only
// from certificates that it also verifies and completes chains with, which the hub must not do. So it is handed doubles: same subject,
// another key.

import { randomBytes } from 'node:crypto';
import type { ParsedCertificate } from './parsed-certificate.ts';
import { basicConstraints, generatePrivateKey, issueCertificate, publicKeyDer, subjectKeyId } from './x509.ts';

/** Long enough that no clock matters; nothing is ever verified with these. */
const NOT_BEFORE_MS = Date.UTC(2020, 0, 1);
const NOT_AFTER_MS = Date.UTC(2049, 11, 31);

export async function doublesOf(authorities: readonly ParsedCertificate[]): Promise<readonly string[]> {
  const key = await generatePrivateKey('ec-p256');
  const subjects = new Map(authorities.map(({ subject }) => [subject.toString('hex'), subject]));
  const doubles = [...subjects.values()].map(async (subject) => {
    // A key id of its own keeps OpenSSL from taking the double for the issuer of a leaf.
    const extensions = [basicConstraints(true), subjectKeyId(randomBytes(20))];
    const times = { notBeforeMs: NOT_BEFORE_MS, notAfterMs: NOT_AFTER_MS };
    const plan = { subject, issuer: subject, publicKey: publicKeyDer(key), serial: randomBytes(8), ...times, extensions };
    return (await issueCertificate(plan, key)).toString();
  });
  return Promise.all(doubles);
}
