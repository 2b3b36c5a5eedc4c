// The hub's csr-signer beside what OpenShift's operator makes (facts/csr-signer.md §1) and what OpenSSL accepts.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Clock, systemClock } from '../../../src/clock.ts';
import { issueClientCertificate } from '../../../src/demo/hub/client-certificates.ts';
import { parseCertificate } from '../../../src/demo/hub/parsed-certificate.ts';
import { CsrSigners, mergeBundle, OPENSHIFT_LIFETIMES } from '../../../src/demo/hub/pki.ts';
import { type KeyType, privateKeyPem } from '../../../src/demo/hub/x509.ts';

const DAY_MS = 86_400_000;

function clockAt(nowMs: () => number): Clock {
  return { ...systemClock, now: nowMs };
}

test('makes csr-signer under csr-signer-signer as the operator does', async () => {
  const nowMs = 1_795_460_990_000;
  const { signer, root } = await new CsrSigners(
    clockAt(() => nowMs),
    'rsa-2048',
    OPENSHIFT_LIFETIMES,
  ).next(true);
  assert.equal(signer.commonName, 'kube-csr-signer_@1795460990');
  assert.equal(root.commonName, 'openshift-kube-controller-manager-operator_csr-signer-signer@1795460990');
  assert.match(privateKeyPem(signer.key), /^-----BEGIN RSA PRIVATE KEY-----/);
  const [child, parent] = [parseCertificate(signer.certificate.raw), parseCertificate(root.certificate.raw)];
  assert.ok(child.issuer.equals(parent.subject) && parent.issuer.equals(parent.subject));
  // The name holds "_" and "@": UTF8String in DER.
  assert.ok(child.subject.includes(Buffer.concat([Buffer.from([0x0c, 27]), Buffer.from(signer.commonName)])));
  assert.deepEqual([child.notBeforeMs, child.notAfterMs], [nowMs - 1000, nowMs + 30 * DAY_MS]);
  assert.deepEqual([parent.notBeforeMs, parent.notAfterMs], [nowMs - 1000, nowMs + 60 * DAY_MS]);
  assert.deepEqual(child.authority, { isAuthority: true, pathLength: null });
  assert.deepEqual([child.mayCertSign, child.extendedUsages], [true, []]);
  const modulus = Buffer.from(createPrivateKey(privateKeyPem(signer.key)).export({ format: 'jwk' }).n ?? '', 'base64url');
  assert.ok(child.subjectKeyId?.equals(createHash('sha1').update(modulus).digest()));
  assert.deepEqual([child.authorityKeyId, parent.authorityKeyId], [root.keyId, root.keyId]);
  assert.equal(new X509Certificate(child.der).serialNumber.length <= 16, true, 'Int63');
});

test('keeps the root over generations unless told otherwise, clamps a signer to it, and never repeats a name', async () => {
  let nowMs = Date.UTC(2026, 10, 23);
  const signers = new CsrSigners(
    clockAt(() => nowMs),
    'ec-p256',
    OPENSHIFT_LIFETIMES,
  );
  const first = await signers.next(false);
  const second = await signers.next(false);
  assert.equal(second.root, first.root);
  assert.notEqual(second.signer.commonName, first.signer.commonName);
  nowMs += 45 * DAY_MS;
  const third = await signers.next(false);
  assert.equal(third.signer.notAfterMs, first.root.notAfterMs);
  const fourth = await signers.next(true);
  assert.notEqual(fourth.root, first.root);
  assert.deepEqual(
    [first, second, third, fourth].map(({ number }) => number),
    [1, 2, 3, 4],
  );
});

test('merges signers before roots, oldest first, each once, and leaves expired ones out', async () => {
  let nowMs = Date.UTC(2026, 10, 23);
  const signers = new CsrSigners(
    clockAt(() => nowMs),
    'ec-p256',
    OPENSHIFT_LIFETIMES,
  );
  const generations = [await signers.next(true), await signers.next(false), await signers.next(true)];
  const names = (): readonly string[] => {
    const blocks = mergeBundle(generations, nowMs).match(/-----BEGIN[^-]*-----[^-]*-----END[^-]*-----/g) ?? [];
    return blocks.map((pem) => new X509Certificate(pem).subject.slice('CN='.length));
  };
  const [one, two, three] = generations;
  const all = [one?.signer, two?.signer, three?.signer, one?.root, three?.root].map((authority) => authority?.commonName);
  assert.deepEqual(names(), all);
  nowMs += 31 * DAY_MS;
  assert.deepEqual(names(), [one?.root.commonName, three?.root.commonName]);
});

test('signs with each key type in a way that OpenSSL verifies', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'hub-pki-'));
  try {
    for (const keyType of ['rsa-2048', 'rsa-3072', 'ec-p256', 'ec-p384', 'ec-p521'] satisfies KeyType[]) {
      const generation = await new CsrSigners(systemClock, keyType, OPENSHIFT_LIFETIMES).next(true);
      const { certificatePem } = await issueClientCertificate(
        { subject: { kind: 'klusterlet', cluster: 'c1' } },
        generation.signer,
        Date.now(),
      );
      const [bundle, leaf] = [join(directory, 'bundle'), join(directory, 'leaf')];
      writeFileSync(bundle, mergeBundle([generation], Date.now()));
      writeFileSync(leaf, certificatePem);
      const verified = execFileSync('openssl', ['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', bundle, leaf], {
        encoding: 'utf8',
      });
      assert.match(verified, /: OK/, keyType);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});
