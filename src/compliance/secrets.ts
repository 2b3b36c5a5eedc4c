// Looks for secrets where none may be: the signer's private key, in any of the forms in which a program would write it, in what a proxy said, audited
// and left in its folder.

import type { KeyObject } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Stage } from './stage.ts';
import { STAGE_FILES } from './stage-settings.ts';

/** Of a text form: long enough to be no coincidence, and within 30 octets, which every kind of private number has from any place on. */
const PROBE_CHARACTERS = 40;

/** Where a secret was found, in words. */
export async function findSecrets(stage: Stage): Promise<readonly string[]> {
  const probes = probesOf(stage.hub.signer().signer.key);
  const places: (readonly [string, string])[] = [['its output', stage.program.output]];
  for (const name of await readdir(stage.folder)) {
    // The kubeconfig and its own serving key are the stage's gift.
    if (name === STAGE_FILES.kubeconfig || name === STAGE_FILES.servingKey) continue;
    places.push([`its file ${name}`, await readFile(join(stage.folder, name), 'latin1')]);
  }
  return places.flatMap(([where, text]) => {
    const unwrapped = text.replaceAll(/\\n|\s/g, '');
    return probes.some((probe) => unwrapped.includes(probe)) ? [`the private key of the signer is in ${where}`] : [];
  });
}

/** The private number in hexadecimal and in base64, which depends on where in a text it begins: one piece for each place. */
function probesOf(key: KeyObject): readonly string[] {
  const secret = Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url');
  const base64 = [0, 1, 2].flatMap((skip) => [secret.subarray(skip).toString('base64'), secret.subarray(skip).toString('base64url')]);
  return [secret.toString('hex'), ...base64].map((text) => text.slice(0, PROBE_CHARACTERS));
}
