// CPU for an issued leaf, key pair and all, against the one thing that cannot be saved: the signature of an RSA-2048 signer.

import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { parseCertificate } from '../src/certificate.ts';
import { createLeafProfile, reissueLeaf } from '../src/leaf.ts';
import { klusterletSubject, makeClient, makeOpenShiftSigner } from '../test/pki.ts';
import { toSigner } from '../test/proxy/test-proxy.ts';
import { median, sayMedian } from './median.ts';

const ROUNDS = 7;
const LEAVES_A_ROUND = 300;
const DAY_MS = 86_400_000;

export function benchLeaf(): Promise<readonly string[]> {
  const now = Date.now();
  const pki = makeOpenShiftSigner(now - DAY_MS, 'rsa');
  const signer = toSigner(pki, 1);
  const client = makeClient(klusterletSubject('cluster1'), pki.signer, { notBeforeMs: now - DAY_MS / 2, notAfterMs: now + DAY_MS });
  const profile = createLeafProfile({ lifetimeMs: 'match' });
  const certificate = parseCertificate(client.der);
  const issue = (): void => {
    const pair = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'der' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const made = reissueLeaf({ client: certificate, publicKeySpki: pair.publicKey, serial: randomBytes(16), nowMs: now }, signer, profile);
    if (!made.ok) throw new Error(made.detail);
  };
  const tbs = randomBytes(700);
  const { privateKey } = pki.signer.key;
  const rawSign = (): void => void sign('sha256', tbs, privateKey);
  const [leaves, signatures]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    leaves.push(cpuMicroseconds(issue));
    signatures.push(cpuMicroseconds(rawSign));
  }
  return Promise.resolve([
    `CPU per issued leaf        ${sayMedian(leaves, 'µs')}`,
    `CPU per RSA-2048 signature ${sayMedian(signatures, 'µs')}`,
    `ratio                      ${(median(leaves) / median(signatures)).toFixed(2)}`,
  ]);
}

function cpuMicroseconds(operation: () => void): number {
  const before = process.cpuUsage();
  for (let n = 0; n < LEAVES_A_ROUND; n += 1) operation();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / LEAVES_A_ROUND;
}
