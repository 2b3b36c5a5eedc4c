// The certificate that agents see: read from its two files, checked, and read again when they change. A pair that does not check out leaves the
// one before in use.

import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import type { ListenSettings } from '../settings.ts';
import { followFiles } from './followed-files.ts';
import type { FollowedFiles } from './followed-files.ts';

export interface ServingCertificate {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly certificate: X509Certificate;
}

/** @throws Error naming the setting, when the pair cannot be used at the start */
export function followServingFiles(
  listen: ListenSettings,
  { clock, log }: { clock: Clock; log: Log },
): Promise<FollowedFiles<ServingCertificate>> {
  return followFiles({
    read: () => readPair(listen, clock.now()),
    isSame: (one, other) => one.certificatePem === other.certificatePem && one.keyPem === other.keyPem,
    onPublished: (serving) => announce(serving, log),
    onRefused: (reason) => log.event('serving-certificate-refused', { reason }),
    clock,
  });
}

async function readPair(listen: ListenSettings, nowMs: number): Promise<ServingCertificate> {
  const certificatePem = await readNamed('listen.certificateFile', listen.certificateFile);
  const keyPem = await readNamed('listen.keyFile', listen.keyFile);
  // Agents judge it, not we: whatever OpenSSL can serve will do. With a chain behind it, the first is meant.
  const certificate = named('listen.certificateFile', () => new X509Certificate(certificatePem));
  const publicKey = named('listen.keyFile', () => createPublicKey(createPrivateKey(keyPem)));
  // Not KeyObject.equals: between keys of two kinds it leaves an error behind that OpenSSL reports for the next key (Node 24.21).
  if (!toSpki(publicKey).equals(toSpki(certificate.publicKey)))
    throw new Error('listen.keyFile: the key does not belong to the certificate in listen.certificateFile');
  if (certificate.validToDate.getTime() < nowMs) {
    throw new Error(`listen.certificateFile: the certificate ended on ${certificate.validToDate.toISOString()}`);
  }
  named('listen.certificateFile', () => createSecureContext({ cert: certificatePem, key: keyPem }));
  return { certificatePem, keyPem, certificate };
}

function toSpki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

async function readNamed(setting: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Error(`${setting}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function named<T>(setting: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`${setting}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function announce(serving: ServingCertificate, log: Log): void {
  const { certificate } = serving;
  log.event('serving-certificate-published', {
    fingerprintSHA256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    subject: certificate.subject.replaceAll('\n', ', '),
    notAfter: certificate.validToDate.toISOString(),
  });
}
