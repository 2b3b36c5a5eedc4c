// `countersign explain`, on certificates that a real hub issued and on ones that no hub would.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { addonSubject, klusterletSubject, makeAuthority, makeClient, subjectOf } from '../pki.ts';
import { extension, SERVER_AUTH } from '../pki-certificate.ts';
import { runToEnd } from './command-line.ts';
import type { Ended } from './command-line.ts';
import { DAY_MS, GOOD_SETTINGS, makeSite } from './site.ts';
import type { Site } from './site.ts';

const nowMs = Date.now();
const recorded = (name: string): string => fileURLToPath(new URL(`../../fixtures/recorded/certificates/${name}`, import.meta.url));
const RECORDED_AT = '2026-12-01T00:00:00Z';

let site: Site;
before(async () => {
  site = await makeSite(nowMs);
});
after(() => site.remove());

const explain = (...args: readonly string[]): Promise<Ended> => runToEnd('explain', '--config', site.settingsFile, ...args);

async function explainJson(...args: readonly string[]): Promise<{ code: number | null; explanation: Record<string, unknown> }> {
  const { code, out, err } = await explain('--json', ...args);
  assert.equal(err, '');
  return { code, explanation: JSON.parse(out) as Record<string, unknown> };
}

test('reads the certificates of a real hub as klusterlet and as add-on', async () => {
  const files = [
    '--trust-bundle',
    recorded('csr-controller-ca.crt'),
    '--signer-certificate',
    recorded('csr-signer-chain.crt'),
    '--at',
    RECORDED_AT,
  ];
  const klusterlet = await explainJson('--certificate', recorded('klusterlet.crt'), ...files);
  assert.equal(klusterlet.code, 0);
  assert.equal(klusterlet.explanation['verdict'], 'issued');
  assert.equal(klusterlet.explanation['kind'], 'klusterlet');
  assert.match(String(klusterlet.explanation['user']), /^system:open-cluster-management:[^:]+:[^:]+$/);
  const leaf = klusterlet.explanation['leaf'] as { issuer: string; notBefore: string; notAfter: string };
  assert.match(leaf.issuer, /kube-csr-signer_@\d+/);
  assert.equal(leaf.notBefore, '2026-11-30T23:55:00.000Z');
  assert.ok(Date.parse(leaf.notAfter) <= Date.parse(String(klusterlet.explanation['clientNotAfter'])));
  const addon = await explainJson('--certificate', recorded('addon-application-manager.crt'), ...files);
  assert.equal(addon.explanation['kind'], 'addon');
  assert.equal(addon.explanation['addon'], 'application-manager');
  assert.equal((addon.explanation['groups'] as string[]).length, 3);
});

test('says for people what it says in JSON', async () => {
  const { code, out } = await explain(
    ...['--certificate', recorded('klusterlet.crt'), '--trust-bundle', recorded('csr-controller-ca.crt'), '--at', RECORDED_AT],
    ...['--signer-certificate', recorded('csr-signer-chain.crt')],
  );
  assert.equal(code, 0);
  assert.match(out, /^verdict +a leaf is issued$/m);
  assert.match(out, /^subject +.*\(copied byte for byte\)$/m);
  assert.match(out, /^user +system:open-cluster-management:/m);
  assert.match(out, /^leaf not before +2026-11-30T23:55:00\.000Z$/m);
  const refused = await explain(
    '--certificate',
    recorded('klusterlet.crt'),
    '--trust-bundle',
    recorded('csr-controller-ca.crt'),
    '--at',
    '2030-01-01T00:00:00Z',
  );
  assert.equal(refused.code, 2);
  assert.match(refused.out, /^verdict +refused: nothing is issued$[^]*^stage +time$[^]*^rule +certificate-expired$/m);
});

test('names the stage, the rule and the reason of a refusal, and ends with 2', async () => {
  const { signer } = site.signer;
  const klusterlet = klusterletSubject('cluster1');
  const window = { notBeforeMs: nowMs - DAY_MS, notAfterMs: nowMs + DAY_MS };
  const stranger = makeAuthority('stranger', window);
  const good = makeClient(klusterlet, signer, window);
  const cases: readonly (readonly [string, string | Uint8Array, string, string])[] = [
    ['garbage', Buffer.concat([good.der, Buffer.from([0])]), 'parse', 'certificate-malformed'],
    ['of another authority', makeClient(klusterlet, stranger, window).pem, 'chain', 'certificate-unknown-authority'],
    [
      'a server',
      makeClient(klusterlet, signer, { ...window, extensions: [extension.extendedKeyUsage(SERVER_AUTH)] }).pem,
      'usage',
      'certificate-usage',
    ],
    ['an authority', makeAuthority('sub', { ...window, issuer: signer }).pem, 'usage', 'certificate-is-authority'],
    [
      'ended',
      makeClient(klusterlet, signer, { notBeforeMs: nowMs - 2 * DAY_MS, notAfterMs: nowMs - DAY_MS / 2 }).pem,
      'time',
      'certificate-expired',
    ],
    [
      'too early',
      makeClient(klusterlet, signer, { notBeforeMs: nowMs + DAY_MS / 2, notAfterMs: nowMs + DAY_MS }).pem,
      'time',
      'certificate-not-yet-valid',
    ],
    ['kube:admin', makeClient(subjectOf('kube:admin', ['system:masters']), signer, window).pem, 'subject', 'subject-grammar'],
  ];
  for (const [name, content, stage, rule] of cases) {
    const file = await site.put('client.crt', content);
    const { code, explanation } = await explainJson('--certificate', file);
    assert.equal(code, 2, name);
    assert.deepEqual([explanation['verdict'], explanation['stage'], explanation['rule']], ['refused', stage, rule], name);
    assert.ok(String(explanation['message']).length > 0 && String(explanation['detail']).length > 0);
  }
});

test('says of a cluster that the settings cut off that it is in quarantine, add-ons included', async () => {
  const settings = await site.put('quarantine.yaml', `${GOOD_SETTINGS}quarantine: { clusters: [cluster1] }\n`);
  for (const [cluster, subject] of [
    ['cluster1', klusterletSubject('cluster1')],
    ['cluster1', addonSubject('cluster1', 'search-collector')],
    ['cluster2', klusterletSubject('cluster2')],
  ] as const) {
    const client = makeClient(subject, site.signer.signer, { notBeforeMs: nowMs - DAY_MS, notAfterMs: nowMs + DAY_MS });
    const file = await site.put('client.crt', client.pem);
    const { code, out } = await runToEnd('explain', '--config', settings, '--json', '--certificate', file);
    const { verdict, stage, rule } = JSON.parse(out) as Record<string, unknown>;
    const expected = cluster === 'cluster1' ? [2, 'refused', 'quarantine', 'quarantined'] : [0, 'issued', undefined, undefined];
    assert.deepEqual([code, verdict, stage, rule], expected);
  }
});

test('with source files it reads trust bundle and signer from the files of the settings, not the key', async () => {
  const client = makeClient(addonSubject('cluster1', 'work-manager'), site.signer.signer, {
    notBeforeMs: nowMs - DAY_MS,
    notAfterMs: nowMs + DAY_MS,
  });
  const file = await site.put('client.der', client.der);
  const key = await readFile(`${site.folder}/signer.key`);
  await site.put('signer.key', 'not a key');
  const { code, explanation } = await explainJson('--certificate', file);
  await site.put('signer.key', key);
  assert.equal(code, 0);
  assert.equal((explanation['leaf'] as { issuer: string }).issuer, site.signer.signer.certificate.subject);
  const online = await explainJson('--certificate', file, '--online');
  assert.deepEqual({ ...online.explanation, at: '', leaf: null }, { ...explanation, at: '', leaf: null });
});

test('with source kubernetes it contacts nothing unless asked, and says what it needs instead', async () => {
  const settings = GOOD_SETTINGS.replace(/caSync:[^]*?audit/, 'caSync: { kubeconfigFile: nowhere }\naudit');
  const file = await site.put('kubernetes.yaml', settings);
  const withoutFiles = await runToEnd('explain', '--config', file, '--certificate', recorded('klusterlet.crt'));
  assert.equal(withoutFiles.code, 64);
  assert.match(withoutFiles.err, /give --trust-bundle FILE or --online/);
  const trustOnly = await runToEnd(
    ...['explain', '--config', file, '--certificate', recorded('klusterlet.crt')],
    ...['--trust-bundle', recorded('csr-controller-ca.crt'), '--at', RECORDED_AT, '--json'],
  );
  assert.equal(trustOnly.code, 0, trustOnly.err);
  assert.equal((JSON.parse(trustOnly.out) as { verdict: string }).verdict, 'accepted');
});

test('ends with 64 on what it cannot read, and names it', async () => {
  const good = recorded('klusterlet.crt');
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['--certificate', '/nowhere.crt'], /--certificate \/nowhere\.crt cannot be read \(ENOENT\)/],
    [['--certificate', await site.put('empty.crt', '')], /holds no certificate, neither PEM nor DER/],
    [['--certificate', good, '--at', 'tomorrow'], /--at tomorrow is not an RFC 3339 time/],
    [['--certificate', good, '--at', '2026-13-01T00:00:00Z'], /not an RFC 3339 time/],
    [['--certificate', good, '--trust-bundle', await site.put('text.crt', 'hello')], /trust bundle .*no PEM block/],
    [['--certificate', good, '--signer-certificate', await site.put('text.crt', 'hello')], /signer certificate .*no PEM block/],
  ];
  for (const [args, said] of cases) {
    const { code, out, err } = await explain(...args);
    assert.equal(code, 64, args.join(' '));
    assert.match(err, said);
    assert.equal(out, '');
  }
});
