// A leaf for a user that nothing is bound to: shows whether the hub accepts what a signer issues. It lives ten minutes, and its key is made for one
// question and never leaves this process.

import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { parseCertificate, toPem } from '../certificate.ts';
import type { Certificate } from '../certificate.ts';
import { extensionOids } from '../certificate-extensions.ts';
import { contextTag, encode, encodeBitString, encodeBoolean, encodeOid, encodeSequence, encodeTime, encodeUnsigned, tags } from '../der.ts';
import { nameTypes } from '../distinguished-name.ts';
import { createLeafProfile, reissueLeaf } from '../leaf.ts';
import type { CheckedSigner } from './signer.ts';

export interface Canary {
  /** What the hub calls it, if it accepts it. */
  readonly user: string;
  /** Leaf, then signer certificate: enough for a hub that trusts the signer or its issuer (csr-signer.md §2, "Chain trick"). */
  readonly cert: string;
  readonly key: string;
}

export type CanaryVerdict = { readonly ok: true; readonly canary: Canary } | { readonly ok: false; readonly detail: string };

/** The shortest that a hub would issue (csr-signer.md §5). */
const LIFETIME_MS = 10 * 60_000;

/**
 * @param cluster one that does not exist: no RBAC names its group, and without the group managed-clusters no shared rule does either
 */
export function issueCanary(cluster: string, signer: CheckedSigner, nowMs: number): CanaryVerdict {
  const group = `system:open-cluster-management:${cluster}`;
  const user = `${group}:canary`;
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const request = {
    client: makeClient(group, user, nowMs),
    publicKeySpki: publicKey.export({ type: 'spki', format: 'der' }),
    serial: randomBytes(16),
    nowMs,
  };
  const made = reissueLeaf(request, signer, createLeafProfile({ lifetimeMs: LIFETIME_MS }));
  if (!made.ok) return { ok: false, detail: `no leaf can be issued: ${made.detail}` };
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { ok: true, canary: { user, cert: toPem(made.leaf.der) + toPem(signer.certificate.der), key } };
}

/** The client certificate that the canary would have come with: signed by itself, believed by nobody, read for its subject only. */
function makeClient(group: string, user: string, nowMs: number): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = encodeSequence(encodeOid('1.2.840.10045.4.3.2'));
  const subject = encodeSequence(encodeName(nameTypes.organization, group), encodeName(nameTypes.commonName, user));
  const tbs = encodeSequence(
    encode(contextTag(0, 'constructed'), encodeUnsigned(Buffer.from([2]))),
    encodeUnsigned(randomBytes(16)),
    algorithm,
    subject,
    encodeSequence(encodeTime(nowMs - LIFETIME_MS), encodeTime(nowMs + LIFETIME_MS)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    encode(contextTag(3, 'constructed'), encodeSequence(encodeClientAuth())),
  );
  return parseCertificate(encodeSequence(tbs, algorithm, encodeBitString(sign('sha256', tbs, privateKey))));
}

function encodeName(type: string, value: string): Buffer {
  return encode(tags.set, encodeSequence(encodeOid(type), encode(tags.utf8String, Buffer.from(value))));
}

function encodeClientAuth(): Buffer {
  const usages = encodeSequence(encodeOid('1.3.6.1.5.5.7.3.2'));
  return encodeSequence(encodeOid(extensionOids.extendedKeyUsage), encodeBoolean(true), encode(tags.octetString, usages));
}
