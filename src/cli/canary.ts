// A request to the hub with a leaf of the present signer, for a user that nothing is bound to: shows that the hub accepts what the signer issues.
// The leaf lives ten minutes, its key never leaves this process, and the request is one that every authenticated user may make.

import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Signer } from '../ca-sync/ca-sync.ts';
import { parseCertificate, toPem } from '../certificate.ts';
import type { Certificate } from '../certificate.ts';
import { extensionOids } from '../certificate-extensions.ts';
import { contextTag, encode, encodeBitString, encodeBoolean, encodeOid, encodeSequence, encodeTime, encodeUnsigned, tags } from '../der.ts';
import { nameTypes } from '../distinguished-name.ts';
import { createLeafProfile, reissueLeaf } from '../proxy/proxy.ts';
import type { HubSettings } from '../settings.ts';
import { fail, ok, sayError } from './finding.ts';
import type { Finding } from './finding.ts';
import { exchange, fieldOf } from './https-exchange.ts';
import type { HttpsIdentity } from './https-exchange.ts';

/** A klusterlet of a cluster that does not exist: no RBAC names it, and without the group managed-clusters no shared rule does either. */
const CANARY_GROUP = 'system:open-cluster-management:countersign-probe';
const CANARY_USER = `${CANARY_GROUP}:canary`;

/** The shortest that a hub would issue (csr-signer.md §5). */
const LIFETIME_MS = 10 * 60_000;

const REVIEW_PATH = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const REVIEW = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };

export async function checkCanary(hub: HubSettings, signer: Signer, nowMs: number): Promise<Finding> {
  const item = 'canary';
  const issued = issueCanary(signer, nowMs);
  if ('problem' in issued) return fail(item, `no leaf can be issued: ${issued.problem}`, 'see the line on the signer');
  try {
    const ca = await readFile(hub.caFile);
    const answer = await exchange(new URL(REVIEW_PATH, hub.url), { ...issued, ca }, hub.responseTimeoutMs, REVIEW);
    if (answer.status !== 201) {
      return fail(item, `the hub answers ${answer.status} to a leaf of this signer`, adviseOnStatus(answer.status));
    }
    const user = fieldOf(answer.body, 'status', 'userInfo', 'username');
    if (user === CANARY_USER) return ok(item, `the hub accepts a leaf of this signer and calls it ${CANARY_USER}`);
    return fail(
      item,
      `the hub takes the leaf for ${JSON.stringify(user)}`,
      'something between here and the hub ends TLS; hub.url must reach the API server itself',
    );
  } catch (error) {
    return fail(item, `the hub gives no answer to a leaf of this signer (${sayError(error)})`, 'see the line on the hub');
  }
}

function adviseOnStatus(status: number): string {
  if (status === 401)
    return "the hub does not trust this signer (yet): while it rotates, wait 5 minutes; otherwise caSync reads another hub's";
  if (status === 403)
    return 'something between here and the hub ends TLS: the hub saw no certificate; hub.url must reach the API server itself';
  return "see the hub API server's log";
}

function issueCanary(signer: Signer, nowMs: number): Pick<HttpsIdentity, 'cert' | 'key'> | { readonly problem: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const request = {
    client: canaryClient(nowMs),
    publicKeySpki: publicKey.export({ type: 'spki', format: 'der' }),
    serial: randomBytes(16),
    nowMs,
  };
  const made = reissueLeaf(request, signer, createLeafProfile({ lifetimeMs: LIFETIME_MS }));
  if (!made.ok) return { problem: made.detail };
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  return { cert: toPem(made.leaf.der) + toPem(signer.certificate.der), key };
}

/** The client certificate that the canary would have come with: signed by itself, believed by nobody, read for its subject only. */
function canaryClient(nowMs: number): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = encodeSequence(encodeOid('1.2.840.10045.4.3.2'));
  const subject = encodeSequence(encodeName(nameTypes.organization, CANARY_GROUP), encodeName(nameTypes.commonName, CANARY_USER));
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
  const signature = sign('sha256', tbs, privateKey);
  return parseCertificate(encodeSequence(tbs, algorithm, encodeBitString(signature)));
}

function encodeName(type: string, value: string): Buffer {
  return encode(tags.set, encodeSequence(encodeOid(type), encode(tags.utf8String, Buffer.from(value))));
}

function encodeClientAuth(): Buffer {
  const usages = encodeSequence(encodeOid('1.3.6.1.5.5.7.3.2'));
  return encodeSequence(encodeOid(extensionOids.extendedKeyUsage), encodeBoolean(true), encode(tags.octetString, usages));
}
