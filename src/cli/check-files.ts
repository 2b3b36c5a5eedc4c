// The part of `check` that reads the files which settings name: served certificate and key, the hub's CA, the audit file's place. Changes
// nothing; never shows what a key file holds.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readBounded } from '../bounded-file.ts';
import { formatDuration } from '../quantity.ts';
import type { AuditSettings, HubSettings, ListenSettings } from '../settings.ts';
import { fail, ok, sayError, warn } from './finding.ts';
import type { Finding } from './finding.ts';

/** Of a certificate or key file; the same bound as ca-sync's. */
const MAX_FILE_BYTES = 1024 * 1024;
/** Time to act on a certificate that ends. */
const EXPIRY_WARNING_MS = 7 * 86_400_000;

export async function checkServingCertificate({ certificateFile, keyFile }: ListenSettings, nowMs: number): Promise<Finding[]> {
  const item = 'serving certificate';
  const [certificates, key] = await Promise.all([readCertificates(certificateFile), readKey(keyFile)]);
  const findings: Finding[] = [];
  if (typeof certificates === 'string')
    findings.push(fail(item, certificates, 'name a PEM file with the served certificate first in listen.certificateFile'));
  if (typeof key === 'string') findings.push(fail('serving key', key, 'name the PEM file with its private key in listen.keyFile'));
  else findings.push(...(await checkKeyPermissions('serving key', keyFile)));
  if (typeof certificates === 'string') return findings;
  const [leaf] = certificates;
  if (leaf === undefined) return findings;
  if (typeof key !== 'string' && !leaf.checkPrivateKey(key)) {
    findings.push(
      fail(
        'serving key',
        `${keyFile} is not the key of the first certificate in ${certificateFile}`,
        'put the pair that belongs together in place',
      ),
    );
  }
  const names = leaf.subjectAltName;
  if (names === undefined) {
    findings.push(
      warn(item, 'it has no subject alternative names, so no agent can verify it', 'have it issued for the host name that agents use'),
    );
  }
  findings.push(checkWindow(item, leaf, nowMs, `for ${names ?? 'no name'}`));
  for (const [index, issuer] of certificates.slice(1).entries()) {
    if (certificates[index]?.checkIssued(issuer) === true) continue;
    findings.push(
      warn(item, `certificate ${index + 2} of ${certificateFile} did not issue the one before it`, 'put the chain in order, leaf first'),
    );
  }
  return findings;
}

export async function checkHubAuthorities({ caFile }: HubSettings, nowMs: number): Promise<Finding[]> {
  const item = 'hub CA';
  const advice =
    "put the CA of the hub's API server into hub.caFile (on OpenShift: ConfigMap kube-apiserver-server-ca in openshift-config-managed)";
  const certificates = await readCertificates(caFile);
  if (typeof certificates === 'string') return [fail(item, certificates, advice)];
  const usable = certificates.filter(
    ({ ca, validFromDate, validToDate }) => ca && validFromDate.getTime() <= nowMs && nowMs <= validToDate.getTime(),
  );
  if (usable.length === 0)
    return [fail(item, `none of the ${certificates.length} certificates in ${caFile} is a CA that is valid now`, advice)];
  return [ok(item, `${usable.length} of ${certificates.length} certificates in ${caFile} are CAs that are valid now`)];
}

export async function checkAuditFile({ file }: AuditSettings): Promise<Finding[]> {
  const item = 'audit file';
  if (file === '-') return [ok(item, 'standard output')];
  const existing = await stat(file).catch(() => null);
  if (existing?.isDirectory() === true) return [fail(item, `${file} is a folder`, 'name a file in audit.file')];
  try {
    await (existing === null ? access(dirname(file), constants.W_OK | constants.X_OK) : access(file, constants.W_OK));
  } catch (error) {
    return [
      fail(
        item,
        `${file} cannot be written (${sayError(error)})`,
        'create its folder, or let the account that runs Countersign write there',
      ),
    ];
  }
  if (existing !== null && (existing.mode & 0o007) !== 0) {
    return [warn(item, `${file} is open to everyone (mode ${octal(existing.mode)})`, `chmod 600 ${file}: it says who did what`)];
  }
  return [ok(item, file)];
}

/** A key that everyone on the machine can read is no secret. Group access is how Kubernetes mounts Secrets for a pod (fsGroup). */
export async function checkKeyPermissions(item: string, keyFile: string): Promise<Finding[]> {
  const found = await stat(keyFile).catch(() => null);
  if (found === null || (found.mode & 0o007) === 0) return [];
  return [warn(item, `${keyFile} is open to everyone (mode ${octal(found.mode)})`, `chmod 600 ${keyFile}`)];
}

function checkWindow(item: string, { validFromDate, validToDate, subject }: X509Certificate, nowMs: number, what: string): Finding {
  const leftMs = validToDate.getTime() - nowMs;
  const described = `${what}, subject ${JSON.stringify(subject ?? '')}, until ${validToDate.toISOString()}`;
  if (leftMs < 0) return fail(item, `${described}: it has ended`, 'renew it');
  if (validFromDate.getTime() > nowMs)
    return fail(item, `${described}: it begins only at ${validFromDate.toISOString()}`, 'check the clocks');
  if (leftMs < EXPIRY_WARNING_MS) return warn(item, `${described}: it ends in ${formatDuration(leftMs)}`, 'renew it');
  return ok(item, described);
}

/** At least one, or why there is none. */
async function readCertificates(file: string): Promise<readonly X509Certificate[] | string> {
  const text = await readNamed(file);
  if (typeof text !== 'string') return text.problem;
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) return `${file} holds no PEM block CERTIFICATE`;
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    return `${file} holds a certificate that does not parse (${sayError(error)})`;
  }
}

async function readKey(file: string): Promise<KeyObject | string> {
  const text = await readNamed(file);
  if (typeof text !== 'string') return text.problem;
  try {
    return createPrivateKey(text);
  } catch (error) {
    // OpenSSL's messages name the decoder that failed, never what it read.
    return `${file} holds no private key without a passphrase (${sayError(error)})`;
  }
}

async function readNamed(file: string): Promise<string | { readonly problem: string }> {
  try {
    return (await readBounded(file, MAX_FILE_BYTES)).toString('latin1');
  } catch (error) {
    return { problem: sayError(error) };
  }
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0');
}
