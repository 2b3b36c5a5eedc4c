// What the hub's CSR signer makes of recorded requests, beside what the real kube-controller-manager made of them.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { systemClock } from '../../../src/clock.ts';
import type { SigningRequest } from '../../../src/demo/hub/api/exchange.ts';
import { KUBE_APISERVER_CLIENT, signRequest } from '../../../src/demo/hub/controller-manager.ts';
import { readElements, readSequence } from '../../../src/demo/hub/der.ts';
import { readName, rewriteAsController, writeName } from '../../../src/demo/hub/distinguished-name.ts';
import { parseCertificate } from '../../../src/demo/hub/parsed-certificate.ts';
import { CsrSigners, OPENSHIFT_LIFETIMES, type SignerGeneration } from '../../../src/demo/hub/pki.ts';

const recorded = new URL('../../../fixtures/recorded/', import.meta.url);
const HOUR_MS = 3_600_000;
let generation: SignerGeneration;

before(async () => {
  generation = await new CsrSigners(systemClock, 'rsa-2048', OPENSHIFT_LIFETIMES).next(true);
});

/** PEM of each CertificateSigningRequest that a real agent sent, in order; the protobuf body holds it as it is. */
function recordedRequests(): readonly string[] {
  const lines = readFileSync(new URL('recorded-requests.jsonl', recorded), 'utf8').trim().split('\n');
  return lines.flatMap((line) => {
    const { method, target, body } = JSON.parse(line) as { method: string; target: string; body: string };
    if (method !== 'POST' || !target.endsWith('/certificatesigningrequests')) return [];
    const text = Buffer.from(body, 'base64').toString('latin1');
    return text.match(/-----BEGIN CERTIFICATE REQUEST-----[^-]*-----END CERTIFICATE REQUEST-----/) ?? [];
  });
}

function request(requestPem: string, change: Partial<SigningRequest> = {}): SigningRequest {
  const user = { username: 'bootstrap', groups: [], extra: {} };
  const usages = ['digital signature', 'key encipherment', 'client auth'];
  return { name: 'csr', signerName: KUBE_APISERVER_CLIENT, requestPem, usages, expirationSeconds: null, user, ...change };
}

/** Fields of the TBS by which two issuers must not differ: version, algorithm, subject, key; and the extensions but for the key id. */
function comparable(pem: string): readonly string[] {
  const tbs = readSequence(readSequence(new X509Certificate(pem).raw)[0]?.der ?? Buffer.alloc(0));
  const [version, , algorithm, , , subject, key, extensions] = tbs;
  const list = readSequence(extensions?.content ?? Buffer.alloc(0)).map((extension) => {
    const isKeyId = readElements(extension.content)[0]?.content.toString('hex') === '551d23';
    return isKeyId ? 'authority key id' : extension.der.toString('hex');
  });
  return [...[version, algorithm, subject, key].map((field) => field?.der.toString('hex') ?? ''), ...list];
}

test('signs the recorded requests of klusterlet and add-on into what the real controller manager issued for them', async () => {
  const issued = ['klusterlet.crt', 'addon-application-manager.crt'].map((name) =>
    readFileSync(new URL(`certificates/${name}`, recorded), 'utf8'),
  );
  for (const real of issued) {
    const key = new X509Certificate(real).publicKey.export({ format: 'der', type: 'spki' });
    const signed = await Promise.all(recordedRequests().map((pem) => signRequest(request(pem), generation.signer, Date.now())));
    const ours = signed.filter((pem) => new X509Certificate(pem).publicKey.export({ format: 'der', type: 'spki' }).equals(key));
    assert.equal(ours.length, 1, 'one recorded request is for this key');
    assert.deepEqual(comparable(ours[0] ?? ''), comparable(real));
  }
});

test('backdates by 5 minutes and never outlives the signer', async () => {
  const [pem = ''] = recordedRequests();
  const nowMs = Math.floor(Date.now() / 1000) * 1000;
  const long = parseCertificate(new X509Certificate(await signRequest(request(pem), generation.signer, nowMs)).raw);
  assert.equal(long.notBeforeMs, nowMs - 5 * 60_000);
  assert.equal(long.notAfterMs, Math.min(nowMs - 5 * 60_000 + 720 * HOUR_MS, Math.floor(generation.signer.notAfterMs / 1000) * 1000));
  const short = parseCertificate(
    new X509Certificate(await signRequest(request(pem, { expirationSeconds: 3600 }), generation.signer, nowMs)).raw,
  );
  assert.equal(short.notAfterMs, nowMs + HOUR_MS);
  const late = parseCertificate(new X509Certificate(await signRequest(request(pem), generation.signer, nowMs + 29 * 24 * HOUR_MS)).raw);
  assert.equal(late.notAfterMs, Math.floor(generation.signer.notAfterMs / 1000) * 1000);
});

test('refuses usages that a client certificate may not have, other signers, and requests whose signature does not hold', async () => {
  const [pem = ''] = recordedRequests();
  await assert.rejects(signRequest(request(pem, { usages: ['server auth'] }), generation.signer, Date.now()), /invalid usages/);
  await assert.rejects(signRequest(request(pem, { usages: ['digital signature'] }), generation.signer, Date.now()), /invalid usages/);
  await assert.rejects(signRequest(request(pem, { signerName: 'example.com/other' }), generation.signer, Date.now()), /no controller/);
  const der = Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64');
  const at = der.length - 5;
  der[at] = (der[at] ?? 0) ^ 1;
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
  await assert.rejects(signRequest(request(forged), generation.signer, Date.now()));
});

test('rewrites subjects as Go does: known attributes in its order, one RDN for all groups, the last common name, no UID', () => {
  const rewritten = rewriteAsController(
    writeName([
      [{ oid: '2.5.4.3', value: 'first' }],
      [{ oid: '2.5.4.10', value: 'longer group' }],
      [{ oid: '1.3.6.1.4.1.57683.2', value: 'uid' }],
      [{ oid: '2.5.4.10', value: 'group' }],
      [{ oid: '2.5.4.3', value: 'a_b' }],
      [{ oid: '2.5.4.6', value: 'CH' }],
    ]),
  );
  assert.deepEqual(
    readName(rewritten).map(({ oid, value }) => `${oid}=${value}`),
    ['2.5.4.6=CH', '2.5.4.10=group', '2.5.4.10=longer group', '2.5.4.3=a_b'],
  );
  assert.equal(readSequence(rewritten).length, 3);
});
