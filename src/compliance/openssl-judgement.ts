// OpenSSL's word on the certificates that the hub received: whether each chains to an authority of the hub for the purpose of a TLS client.

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pem } from './pki/der.ts';

export interface OpensslJudgement {
  /** False: there is no openssl on this machine, or nothing to judge without it. */
  readonly asked: boolean;
  readonly faults: readonly string[];
}

/** Certificates of one command line. */
const BATCH = 100;
const TIMEOUT_MS = 30_000;

/** @param folder where the certificates are written to */
export async function judgeWithOpenssl(
  leaves: readonly Buffer[],
  authorities: readonly string[],
  folder: string,
): Promise<OpensslJudgement> {
  const authoritiesFile = join(folder, 'authorities.pem');
  await writeFile(authoritiesFile, authorities.join(''));
  const files = await Promise.all(
    leaves.map(async (leaf, at) => {
      const file = join(folder, `leaf-${at}.pem`);
      await writeFile(file, pem('CERTIFICATE', leaf));
      return file;
    }),
  );
  const faults: string[] = [];
  for (let at = 0; at < files.length; at += BATCH) {
    const found = await verify(authoritiesFile, files.slice(at, at + BATCH));
    if (found === null) return { asked: false, faults: [] };
    faults.push(...found);
  }
  return { asked: true, faults };
}

/** null: there is no openssl. */
async function verify(authoritiesFile: string, files: readonly string[]): Promise<readonly string[] | null> {
  const args = ['verify', '-purpose', 'sslclient', '-x509_strict', '-partial_chain', '-CAfile', authoritiesFile, ...files];
  try {
    await promisify(execFile)('openssl', args, { timeout: TIMEOUT_MS });
    return [];
  } catch (error) {
    const failed = error as { readonly code?: unknown; readonly stderr?: string };
    if (failed.code === 'ENOENT') return null;
    return [`openssl verify refuses a certificate that was issued: ${(failed.stderr ?? String(error)).slice(0, 1_000)}`];
  }
}
