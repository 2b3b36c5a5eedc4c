// What other implementations say of a certificate: OpenSSL (its command), Go (kubectl, as a program that parses and verifies with crypto/x509) and
// @peculiar/x509. Files go to a folder of their own that is removed; the only server listens on 127.0.0.1 and ends with its question.

import 'reflect-metadata';
import { type ChildProcess, execFile, execFileSync } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import * as peculiar from '@peculiar/x509';
import { toPem } from '../src/certificate.ts';

/** One child at most this long; a busy machine needs a second or two. */
const PATIENCE_MS = 60_000;

function firstLine(command: string, args: readonly string[]): string | null {
  try {
    return execFileSync(command, args, { encoding: 'utf8', timeout: PATIENCE_MS, stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return null;
  }
}

/** For `skip` of a test: false, or why. */
export function opensslMissing(): string | false {
  return firstLine('openssl', ['version'])?.startsWith('OpenSSL 3.') === true ? false : 'needs the openssl 3 command on the PATH';
}

/** Go's parser of 1.23 and later is what kube-apiserver has; kubectl is built with it and says with which. */
export function goMissing(): string | false {
  const version = /"goVersion": "go1\.(\d+)/.exec(firstLine('kubectl', ['version', '--client', '--output=json']) ?? '')?.[1];
  return version !== undefined && Number(version) >= 23 ? false : 'needs a kubectl on the PATH that is built with Go 1.23 or later';
}

async function inFolder<T>(files: Readonly<Record<string, string>>, use: (path: (name: string) => string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-x509-'));
  const path = (name: string): string => join(folder, name);
  try {
    await Promise.all(Object.entries(files).map(([name, text]) => writeFile(path(name), text, { mode: 0o600 })));
    return await use(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Standard output and error of a command in plain English, whatever its exit code; ends with the timeout. */
async function run(command: string, args: readonly string[]): Promise<string> {
  const child: ChildProcess = execFile(command, args, { timeout: PATIENCE_MS, env: { ...process.env, LC_ALL: 'C', LANG: 'C' } });
  const parts: string[] = [];
  child.stdout?.on('data', (text: string) => parts.push(text));
  child.stderr?.on('data', (text: string) => parts.push(text));
  await once(child, 'close');
  return parts.join('').trim();
}

export interface ChainQuestion {
  readonly leaf: Uint8Array;
  readonly untrusted: readonly Uint8Array[];
  readonly anchors: readonly Uint8Array[];
  readonly atMs: number;
}

/** 'accepts', or what `openssl verify` says; intermediates are anchors too, as in the trust bundle of a hub. */
export async function askOpenssl({ leaf, untrusted, anchors, atMs }: ChainQuestion): Promise<string> {
  const pem = (ders: readonly Uint8Array[]): string => ders.map(toPem).join('');
  const files = { 'leaf.pem': toPem(leaf), 'untrusted.pem': pem([leaf, ...untrusted]), 'anchors.pem': pem(anchors) };
  return inFolder(files, async (path) => {
    const trust = ['-partial_chain', '-purpose', 'sslclient', '-attime', String(Math.floor(atMs / 1_000)), '-CAfile', path('anchors.pem')];
    const said = await run('openssl', ['verify', ...trust, '-untrusted', path('untrusted.pem'), path('leaf.pem')]);
    return said === `${path('leaf.pem')}: OK` ? 'accepts' : said.replaceAll(path(''), '');
  });
}

const KUBECTL = ['--request-timeout=30s', '--token=none', 'get', '--raw', '/'];

/**
 * 'accepts', or why Go's parser refuses: asked through a client certificate that kubectl is to show, which stands in the kubeconfig itself (from files
 * it is loaded in the background, and a fault may come too late to be heard). No connection comes about.
 */
export async function askGoToParse(der: Uint8Array, keyPem: string): Promise<string> {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const user = { name: 'u', user: { 'client-certificate-data': base64(toPem(der)), 'client-key-data': base64(keyPem) } };
  const cluster = { name: 'c', cluster: { server: 'https://127.0.0.1:1', 'insecure-skip-tls-verify': true } };
  const context = { name: 'x', context: { cluster: 'c', user: 'u' } };
  const kubeconfig = { apiVersion: 'v1', kind: 'Config', clusters: [cluster], users: [user], contexts: [context], 'current-context': 'x' };
  return inFolder({ kubeconfig: JSON.stringify(kubeconfig) }, async (path) => {
    const said = await run('kubectl', [`--kubeconfig=${path('kubeconfig')}`, ...KUBECTL]);
    // Only what was parsed can be of a kind that TLS has no use for, can fail to match its key, or can go on to fail to connect.
    return /refused - did you specify|does not match|unknown public key algorithm/.test(said) ? 'accepts' : said;
  });
}

/**
 * 'accepts', or why Go's verifier refuses. kubectl is a TLS client, so the leaf stands as a server's: it needs serverAuth and the address 127.0.0.1,
 * and the time is now.
 */
export async function askGoToVerify(question: Omit<ChainQuestion, 'atMs'>, keyPem: string): Promise<string> {
  const server = createServer({ cert: [question.leaf, ...question.untrusted].map(toPem).join(''), key: keyPem }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'));
  });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await inFolder({ 'anchors.pem': question.anchors.map(toPem).join('') }, async (path) => {
      const port = (server.address() as AddressInfo).port;
      const said = await run('kubectl', [
        `--server=https://127.0.0.1:${port}`,
        `--certificate-authority=${path('anchors.pem')}`,
        ...KUBECTL,
      ]);
      return said === 'ok' ? 'accepts' : said;
    });
  } finally {
    server.close();
    await once(server, 'close');
  }
}

/** Whether @peculiar/x509 reads both, and finds the one signed by the other and valid then. */
export async function askPeculiar(leaf: Uint8Array, authority: Uint8Array, atMs: number): Promise<boolean> {
  const certificate = new peculiar.X509Certificate(leaf);
  return certificate.verify({ publicKey: new peculiar.X509Certificate(authority), date: new Date(atMs) }, webcrypto);
}
