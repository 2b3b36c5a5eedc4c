// hub.caFile: the authorities that the hub's serving certificate may come from. A file that does not parse leaves the one before in use.

import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { splitPemCertificates } from '../certificate.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import { followFiles } from './followed-files.ts';
import type { FollowedFiles } from './followed-files.ts';

/** PEM. @throws Error naming the setting, when the file cannot be used at the start */
export function followHubCa(file: string, { clock, log }: { clock: Clock; log: Log }): Promise<FollowedFiles<string>> {
  return followFiles({
    read: () => readHubCa(file),
    isSame: (one, other) => one === other,
    onPublished: () => undefined,
    onRefused: (reason) => log.event('hub-ca-refused', { reason }),
    clock,
  });
}

async function readHubCa(file: string): Promise<string> {
  try {
    const pem = await readFile(file, 'utf8');
    if (splitPemCertificates(pem).length === 0) throw new Error(`${file} holds no certificate (PEM)`);
    createSecureContext({ ca: pem });
    return pem;
  } catch (error) {
    throw new Error(`hub.caFile: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
