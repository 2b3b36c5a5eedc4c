// Verification of client chains: every case of the table, asked of Countersign, Go and OpenSSL; then time, bounds and odd bundles.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Certificate, parseCertificate, readCertificates } from '../src/certificate.ts';
import { type ChainVerdict, verifyClientChain } from '../src/chain.ts';
import { type ChainCase, describeChain, makeChainCases } from './chain-cases.ts';
import { askGoToVerify, askOpenssl, goMissing, opensslMissing } from './other-verifiers.ts';
import { klusterletSubject, makeAuthority, makeClient, makeOpenShiftSigner } from './pki.ts';
import { extension, TEST_NOT_AFTER_MS, TEST_NOT_BEFORE_MS, TEST_NOW_MS, testKey } from './pki-certificate.ts';

/** Go's verifier knows no other time than the machine's. */
const nowMs = Date.now();
const cases = makeChainCases(nowMs);

function verdictOf({ client, intermediates, anchors }: ChainCase): ChainVerdict {
  return verifyClientChain(parseCertificate(client.der), intermediates, anchors, nowMs);
}

for (const one of cases) {
  test(`${one.rule === null ? 'verifies' : 'refuses'} a client certificate with ${one.what}`, () => {
    const verdict = verdictOf(one);
    assert.equal(verdict.ok ? null : verdict.rule, one.rule, verdict.ok ? describeChain(one) : verdict.detail);
  });
}

test('verifies no chain that Go refuses', () => {
  assert.deepEqual(
    cases.filter(({ rule, go }) => rule === null && go !== 'accepts'),
    [],
  );
});

function question({ client, intermediates, anchors }: ChainCase): { leaf: Buffer; untrusted: Buffer[]; anchors: Buffer[] } {
  return { leaf: client.der, untrusted: intermediates.map(({ der }) => der), anchors: anchors.map(({ der }) => der) };
}

test('Go judges every chain as the table says', { skip: goMissing() }, async () => {
  // kubectl verifies a server: what depends on clientAuth alone is left to Go's source (verify.go, KeyUsages).
  for (const one of cases.filter(({ go, rule }) => go !== 'varies' && rule !== 'certificate-usage')) {
    const said = await askGoToVerify(question(one), one.client.keyPem);
    assert.equal(said === 'accepts' ? 'accepts' : 'refuses', one.go, `${one.what}: ${said}`);
  }
});

test('OpenSSL judges every chain as the table says', { skip: opensslMissing() }, async () => {
  for (const one of cases) {
    const said = await askOpenssl({ ...question(one), atMs: nowMs });
    assert.equal(said === 'accepts' ? 'accepts' : 'refuses', one.openssl, `${one.what}: ${said}`);
  }
});

const recorded = (name: string): readonly Certificate[] =>
  readCertificates(readFileSync(new URL(`../fixtures/recorded/certificates/${name}`, import.meta.url), 'utf8'));

function ruleOf(verdict: ChainVerdict): string {
  return verdict.ok ? 'verified' : verdict.rule;
}

test('verifies the recorded clients under the recorded bundle until they end, and not a millisecond longer', () => {
  const anchors = recorded('csr-controller-ca.crt');
  for (const name of ['klusterlet.crt', 'addon-application-manager.crt']) {
    const [leaf] = recorded(name);
    assert.ok(leaf !== undefined);
    const [signer] = anchors;
    const at = (ms: number): string => ruleOf(verifyClientChain(leaf, [], anchors, ms));
    const beginMs = Math.max(leaf.notBeforeMs, signer?.notBeforeMs ?? 0);
    assert.equal(at(beginMs - 1), 'certificate-not-yet-valid');
    assert.equal(at(beginMs), 'verified');
    assert.equal(at(leaf.notAfterMs), 'verified');
    assert.equal(at(leaf.notAfterMs + 1), 'certificate-expired');
  }
});

test('verifies under the root alone when the signer is sent, which closes the gap while trust follows the signer', () => {
  const { root, signer } = makeOpenShiftSigner(TEST_NOW_MS);
  const leaf = parseCertificate(makeClient(klusterletSubject('cluster1'), signer).der);
  assert.equal(ruleOf(verifyClientChain(leaf, [], [root.certificate], TEST_NOW_MS)), 'certificate-unknown-authority');
  assert.equal(ruleOf(verifyClientChain(leaf, [signer.certificate], [root.certificate], TEST_NOW_MS)), 'verified');
});

test('gives the window in which the verdict holds, and holds in all of it', () => {
  const day = 86_400_000;
  const offset = fc.integer({ min: -20, max: 20 });
  fc.assert(
    fc.property(fc.array(fc.tuple(offset, offset), { minLength: 3, maxLength: 3 }), offset, (windows, at) => {
      const [root, signer, client] = windows.map(([a, b]) => ({
        notBeforeMs: TEST_NOW_MS + a * day,
        notAfterMs: TEST_NOW_MS + (a + Math.abs(b)) * day,
      }));
      const authority = makeAuthority('windowed root', root);
      const issuer = makeAuthority('windowed signer', { ...signer, issuer: authority });
      const leaf = parseCertificate(makeClient(klusterletSubject('cluster1'), issuer, client).der);
      const verify = (ms: number): ChainVerdict => verifyClientChain(leaf, [issuer.certificate], [authority.certificate], ms);
      const verdict = verify(TEST_NOW_MS + at * day);
      const members = [leaf, issuer.certificate, authority.certificate];
      const fromMs = Math.max(...members.map(({ notBeforeMs }) => notBeforeMs));
      const untilMs = Math.min(...members.map(({ notAfterMs }) => notAfterMs));
      assert.equal(verdict.ok, fromMs <= TEST_NOW_MS + at * day && TEST_NOW_MS + at * day <= untilMs);
      if (!verdict.ok) return;
      assert.deepEqual([verdict.validFromMs, verdict.validUntilMs], [fromMs, untilMs]);
      assert.deepEqual(
        [fromMs - 1, fromMs, untilMs, untilMs + 1].map((ms) => verify(ms).ok),
        [false, true, true, false],
      );
    }),
    { numRuns: 60 },
  );
});

test('takes the chain that lasts longest where there are several', () => {
  const key = testKey('p256', 'twin');
  const soon = makeAuthority('twin', { key, notAfterMs: TEST_NOW_MS + 1_000 });
  const late = makeAuthority('twin', { key });
  const leaf = parseCertificate(makeClient(klusterletSubject('cluster1'), late).der);
  const verdict = verifyClientChain(leaf, [], [soon.certificate, late.certificate], TEST_NOW_MS);
  assert.ok(verdict.ok);
  assert.equal(verdict.validUntilMs, TEST_NOT_AFTER_MS);
  assert.equal(verdict.validFromMs, TEST_NOT_BEFORE_MS);
});

test('finds its issuer among many of the same name and another key', () => {
  const right = makeAuthority('crowd', { key: testKey('p256', 'right') });
  const wrong = Array.from({ length: 300 }, (_, index) =>
    makeAuthority('crowd', { key: testKey('p256', 'wrong'), subjectKeyId: Buffer.from([index & 255]) }),
  );
  const leaf = parseCertificate(makeClient(klusterletSubject('cluster1'), right).der);
  const anchors = [...wrong, right].map(({ certificate }) => certificate);
  assert.equal(ruleOf(verifyClientChain(leaf, [], anchors, TEST_NOW_MS)), 'verified', 'the key identifier puts it first');
});

test('gives up after 100 signatures and says so', () => {
  const crowd = Array.from({ length: 150 }, (_, index) =>
    makeAuthority('crowd', { key: testKey('p256', 'wrong'), subjectKeyId: null, notAfterMs: TEST_NOT_AFTER_MS + index * 1_000 }),
  );
  const right = makeAuthority('crowd', { key: testKey('p256', 'right'), subjectKeyId: null });
  const leaf = parseCertificate(makeClient(klusterletSubject('cluster1'), right).der);
  const anchors = [...crowd, right].map(({ certificate }) => certificate);
  assert.equal(ruleOf(verifyClientChain(leaf, [], anchors, TEST_NOW_MS)), 'certificate-unknown-authority');
});

test('ends on authorities that have signed each other', () => {
  const [one, two] = [testKey('p256', 'one'), testKey('p256', 'two')];
  const oneAlone = makeAuthority('one', { key: one });
  const twoAlone = makeAuthority('two', { key: two });
  const oneByTwo = makeAuthority('one', { key: one, issuer: twoAlone });
  const twoByOne = makeAuthority('two', { key: two, issuer: oneAlone });
  const leaf = parseCertificate(makeClient(klusterletSubject('cluster1'), oneAlone).der);
  const intermediates = [oneByTwo, twoByOne, oneAlone, twoAlone].map(({ certificate }) => certificate);
  const stranger = makeAuthority('stranger').certificate;
  assert.equal(ruleOf(verifyClientChain(leaf, intermediates, [stranger], TEST_NOW_MS)), 'certificate-unknown-authority');
  assert.equal(ruleOf(verifyClientChain(leaf, intermediates, [twoAlone.certificate], TEST_NOW_MS)), 'verified');
});

test('reads 8 intermediates and refuses more', () => {
  const signer = makeAuthority('signer');
  const leaf = parseCertificate(makeClient(klusterletSubject('cluster1'), signer).der);
  const sent = (count: number): readonly Certificate[] => Array.from({ length: count }, () => makeAuthority('noise').certificate);
  assert.equal(ruleOf(verifyClientChain(leaf, sent(8), [signer.certificate], TEST_NOW_MS)), 'verified');
  assert.equal(ruleOf(verifyClientChain(leaf, sent(9), [signer.certificate], TEST_NOW_MS)), 'certificate-constraints');
});

test('does not trust a client certificate for standing in the bundle itself', () => {
  const signer = makeAuthority('signer');
  const leaf = parseCertificate(makeClient(klusterletSubject('cluster1'), signer).der);
  assert.equal(ruleOf(verifyClientChain(leaf, [], [leaf], TEST_NOW_MS)), 'certificate-unknown-authority');
});

test('says why in one line of bounded length, however long the identifiers of a certificate are', () => {
  const signer = makeAuthority('signer');
  const oid = `1.2${'.2147483647'.repeat(2_000)}`;
  const leaf = parseCertificate(makeClient(klusterletSubject('cluster1'), signer, { extensions: [extension.extendedKeyUsage(oid)] }).der);
  const verdict = verifyClientChain(leaf, [], [signer.certificate], TEST_NOW_MS);
  assert.ok(!verdict.ok && verdict.rule === 'certificate-usage' && verdict.detail.length <= 600);
  const twice = [oid, oid].map((one) => ({ oid: one, value: Buffer.alloc(0) }));
  const { der } = makeClient(klusterletSubject('cluster1'), signer, { extensions: twice });
  assert.throws(() => parseCertificate(der), /^CertificateError: .{20,300}$/);
});
