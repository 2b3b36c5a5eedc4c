// A folder as an operator has it: settings, serving certificate, hub CA, signer and trust bundle, all good until a test breaks one.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenShiftSigner, TestAuthority } from '../pki.ts';
import { makeAuthority, makeClient, makeOpenShiftSigner } from '../pki.ts';
import { encodeName, extension, SERVER_AUTH, testKey } from '../pki-certificate.ts';

export const DAY_MS = 86_400_000;

export interface Site {
  readonly folder: string;
  readonly settingsFile: string;
  readonly signer: OpenShiftSigner;
  readonly servingAuthority: TestAuthority;
  /** Writes a file of the folder; returns its path. */
  put(name: string, content: string | Uint8Array, mode?: number): Promise<string>;
  remove(): Promise<void>;
}

export const GOOD_SETTINGS = `listen: { address: 127.0.0.1, port: 0, certificateFile: serving.crt, keyFile: serving.key }
hub: { url: "https://127.0.0.1:1", caFile: hub-ca.crt, connectTimeout: 2s }
caSync:
  source: files
  files: { certificateFile: signer.crt, keyFile: signer.key, trustBundleFile: trust.crt }
  probe: { enabled: false }
admin: { port: 0 }
audit: { file: audit.jsonl }
bootstrap: { enabled: false }
`;

export async function makeSite(nowMs: number): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-site-'));
  const put = async (name: string, content: string | Uint8Array, mode = 0o600): Promise<string> => {
    const file = join(folder, name);
    await rm(file, { force: true });
    await writeFile(file, content, { mode });
    return file;
  };
  const window = { notBeforeMs: nowMs - DAY_MS, notAfterMs: nowMs + 20 * DAY_MS };
  const servingAuthority = makeAuthority('serving-ca', { ...window, key: testKey('p256', 'serving-ca') });
  const serving = makeClient(encodeName([[{ type: 'CN', value: 'proxy.example.com' }]]), servingAuthority, {
    ...window,
    key: testKey('p256', 'serving'),
    extensions: [extension.extendedKeyUsage(SERVER_AUTH), extension.dnsNames('proxy.example.com')],
  });
  const signer = makeOpenShiftSigner(nowMs - DAY_MS);
  await put('serving.crt', serving.pem);
  await put('serving.key', serving.keyPem);
  await put('hub-ca.crt', servingAuthority.pem);
  await put('signer.crt', signer.tlsCrt);
  await put('signer.key', signer.tlsKey);
  await put('trust.crt', signer.bundle);
  const settingsFile = await put('countersign.yaml', GOOD_SETTINGS);
  return { folder, settingsFile, signer, servingAuthority, put, remove: () => rm(folder, { recursive: true, force: true }) };
}
