// `countersign check` finds what an operator has got wrong, offline and against a hub that is not there. Against a hub: check-hub.test.ts.

import assert from 'node:assert/strict';
import { chmod, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeAuthority, makeClient } from '../pki.ts';
import { encodeName, testKey } from '../pki-certificate.ts';
import { runToEnd } from './command-line.ts';
import { DAY_MS, GOOD_SETTINGS, makeSite } from './site.ts';
import type { Site } from './site.ts';

const nowMs = Date.now();
let site: Site;
before(async () => {
  site = await makeSite(nowMs);
});
after(() => site.remove());

const checkOffline = (): ReturnType<typeof runToEnd> => runToEnd('check', '--config', site.settingsFile, '--offline');

test('passes a folder in order, and says what it did not look at', async () => {
  const { code, out, err } = await checkOffline();
  assert.equal(code, 0, out + err);
  assert.equal(err, '');
  for (const item of ['settings', 'serving certificate', 'hub CA', 'audit file', 'signer', 'trust bundle', 'signer and trust bundle']) {
    assert.match(out, new RegExp(`^ok    ${item}: `, 'm'), item);
  }
  assert.match(out, /DNS:proxy\.example\.com/);
  assert.match(out, /^skip  hub: --offline$/m);
  assert.doesNotMatch(out, /^(?:warn|fail)/m);
  await assert.rejects(stat(join(site.folder, 'audit.jsonl')), 'looking does not create the audit file');
});

test('reports every problem of the settings, each with file and line, and ends with 64', async () => {
  await site.put('countersign.yaml', GOOD_SETTINGS.replace('port: 0', 'port: high').replace('caFile', 'caFiles'));
  const { code, out, err } = await checkOffline();
  await site.put('countersign.yaml', GOOD_SETTINGS);
  assert.equal(code, 64);
  assert.equal(out, '');
  assert.match(err, /countersign\.yaml:1: listen\.port: found "high"; expected a whole number from 0 to 65535/);
  assert.match(err, /countersign\.yaml:2: hub\.caFiles: found a key that is not known; expected one of url, caFile/);
  assert.match(err, /countersign\.yaml:2: hub\.caFile: found nothing; expected a file name/);
});

interface Broken {
  readonly name: string;
  readonly file: string;
  readonly content: () => string;
  readonly mode?: number;
  readonly code: number;
  readonly says: RegExp;
}

const serving = (window: { notBeforeMs: number; notAfterMs: number }): string =>
  makeClient(encodeName([[{ type: 'CN', value: 'proxy' }]]), site.servingAuthority, { ...window, key: testKey('p256', 'serving') }).pem;

const broken: readonly Broken[] = [
  {
    name: 'a serving certificate that has ended',
    file: 'serving.crt',
    content: () => serving({ notBeforeMs: nowMs - 2 * DAY_MS, notAfterMs: nowMs - DAY_MS }),
    code: 1,
    says: /^fail  serving certificate: .*it has ended\n +-> renew it$/m,
  },
  {
    name: 'a serving certificate that ends soon and names no host',
    file: 'serving.crt',
    content: () => serving({ notBeforeMs: nowMs - 2 * DAY_MS, notAfterMs: nowMs + DAY_MS }),
    code: 0,
    says: /^warn  serving certificate: it has no subject alternative names[^]*^warn  serving certificate: .*it ends in 23h59m/m,
  },
  {
    name: 'a serving certificate that begins in the future',
    file: 'serving.crt',
    content: () => serving({ notBeforeMs: nowMs + DAY_MS, notAfterMs: nowMs + 2 * DAY_MS }),
    code: 1,
    says: /^fail  serving certificate: .*it begins only at /m,
  },
  {
    name: 'text in place of a certificate',
    file: 'serving.crt',
    content: () => 'hello',
    code: 1,
    says: /^fail  serving certificate: .*no PEM block/m,
  },
  {
    name: 'a key of another certificate',
    file: 'serving.key',
    content: () => testKey('p256', 'other').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    code: 1,
    says: /^fail  serving key: .*is not the key of the first certificate/m,
  },
  {
    name: 'a key that is none',
    file: 'serving.key',
    content: () => 'hunter2',
    code: 1,
    says: /^fail  serving key: .*holds no private key/m,
  },
  {
    name: 'a signer key that everyone can read',
    file: 'signer.key',
    content: () => site.signer.tlsKey,
    mode: 0o644,
    code: 0,
    says: /^warn  signer key: .*open to everyone \(mode 0644\)\n +-> chmod 600/m,
  },
  {
    name: 'a hub CA file without a CA',
    file: 'hub-ca.crt',
    content: () => serving({ notBeforeMs: nowMs - DAY_MS, notAfterMs: nowMs + DAY_MS }),
    code: 1,
    says: /^fail  hub CA: none of the 1 certificates/m,
  },
  {
    name: 'a signer key that does not belong to the signer',
    file: 'signer.key',
    content: () => testKey('p256', 'other').privateKey.export({ type: 'sec1', format: 'pem' }).toString(),
    code: 1,
    says: /^fail  signer: .*\(key-mismatch\)/m,
  },
  {
    name: 'a signer that is garbage',
    file: 'signer.crt',
    content: () => 'garbage',
    code: 1,
    says: /^fail  signer: .*\(certificate-unreadable\)/m,
  },
  { name: 'an empty trust bundle', file: 'trust.crt', content: () => '', code: 1, says: /^fail  trust bundle: .*\(trust-empty\)/m },
  {
    name: 'a trust bundle of another hub',
    file: 'trust.crt',
    content: () => makeAuthority('elsewhere', { notBeforeMs: nowMs - DAY_MS, notAfterMs: nowMs + DAY_MS }).pem,
    code: 0,
    says: /^warn  signer and trust bundle: neither the signer nor its issuer/m,
  },
];

for (const { name, file, content, mode, code, says } of broken) {
  test(`finds ${name}`, async () => {
    const good = await makeSite(nowMs);
    try {
      await good.put(file, content(), mode);
      const ended = await runToEnd('check', '--config', good.settingsFile, '--offline');
      assert.equal(ended.code, code, ended.out + ended.err);
      assert.match(ended.out, says);
      assert.doesNotMatch(ended.out + ended.err, /hunter2|PRIVATE KEY-/);
    } finally {
      await good.remove();
    }
  });
}

test('finds files that are missing, each by name', async () => {
  await site.put('countersign.yaml', GOOD_SETTINGS.replaceAll(/(\w+)\.(crt|key|jsonl)/g, 'nowhere/$1.$2'));
  const { code, out } = await checkOffline();
  await site.put('countersign.yaml', GOOD_SETTINGS);
  assert.equal(code, 1);
  for (const name of ['serving.crt', 'serving.key', 'ca.crt', 'audit.jsonl', 'signer.crt', 'trust.crt']) {
    assert.match(out, new RegExp(`^fail .*nowhere/${name}.*(?:ENOENT|does not exist)`, 'm'), name);
  }
});

test('finds an audit file that everyone can read', async () => {
  const file = await site.put('audit.jsonl', '');
  await chmod(file, 0o644);
  const { code, out } = await checkOffline();
  assert.equal(code, 0);
  assert.match(out, /^warn  audit file: .*open to everyone \(mode 0644\)/m);
});

test('says that a hub cannot be reached, and still looks at the rest', async () => {
  const { code, out } = await runToEnd('check', '--config', site.settingsFile);
  assert.equal(code, 1);
  assert.match(out, /^fail  hub: 127\.0\.0\.1:1 cannot be reached or verified \(.*ECONNREFUSED.*\)\n +-> check hub\.url/m);
  assert.match(out, /^ok    signer: /m);
  assert.match(out, /^fail  canary: the hub gives no answer/m);
});
