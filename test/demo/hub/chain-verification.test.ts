// The hub's chain builder against the rules of Go's crypto/x509 that agents' certificates rarely reach.

import assert from 'node:assert/strict';
import { randomBytes, type KeyObject } from 'node:crypto';
import { before, test } from 'node:test';
import { verifyForClientAuth } from '../../../src/demo/hub/chain-verification.ts';
import { encode, encodeOid, TAG } from '../../../src/demo/hub/der.ts';
import { OID, writeName } from '../../../src/demo/hub/distinguished-name.ts';
import { type ParsedCertificate, parseCertificate } from '../../../src/demo/hub/parsed-certificate.ts';
import {
  type CertificatePlan,
  extendedKeyUsage,
  generatePrivateKey,
  issueCertificate,
  keyUsage,
  publicKeyDer,
  rawExtension,
} from '../../../src/demo/hub/x509.ts';

const NOW_MS = Date.UTC(2026, 10, 23);
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CERT_SIGN = 32;
let key: KeyObject;

before(async () => {
  key = await generatePrivateKey('ec-p256');
});

/** Everything shares one key: names alone link the chain, and each rule decides by itself. */
async function make(subject: string, issuer: string, ...extensions: CertificatePlan['extensions']): Promise<ParsedCertificate> {
  const name = (value: string): Buffer => writeName([[{ oid: OID.commonName, value }]]);
  const times = { notBeforeMs: NOW_MS - 1000, notAfterMs: NOW_MS + 1000 };
  const plan = { subject: name(subject), issuer: name(issuer), publicKey: publicKeyDer(key), serial: randomBytes(8), ...times, extensions };
  return parseCertificate((await issueCertificate(plan, key)).raw);
}

function authority(pathLength?: number): CertificatePlan['extensions'][number] {
  const length = pathLength === undefined ? [] : [encode(TAG.integer, Buffer.from([pathLength]))];
  return rawExtension('2.5.29.19', true, encode(TAG.sequence, encode(TAG.boolean, Buffer.from([0xff])), ...length));
}

async function verdict(
  leaf: ParsedCertificate,
  intermediates: readonly ParsedCertificate[],
  roots: readonly ParsedCertificate[],
): Promise<boolean> {
  return verifyForClientAuth(leaf, { intermediates, roots, nowMs: NOW_MS }).ok;
}

test('builds a chain over several intermediates and refuses one that is no authority', async () => {
  const [root, one, two, leaf] = [
    await make('root', 'root', authority()),
    await make('one', 'root', authority()),
    await make('two', 'one', authority()),
    await make('leaf', 'two'),
  ];
  assert.equal(await verdict(leaf, [one, two], [root]), true);
  assert.equal(await verdict(leaf, [two], [root]), false);
  assert.equal(await verdict(leaf, [await make('one', 'root'), two], [root]), false);
  assert.equal(await verdict(leaf, [await make('one', 'root', authority(), keyUsage(1)), two], [root]), false, 'no keyCertSign');
  assert.equal(await verdict(leaf, [await make('one', 'root', authority(), keyUsage(CERT_SIGN)), two], [root]), true);
});

test('holds path lengths', async () => {
  const [middle, leaf] = [await make('middle', 'root', authority()), await make('leaf', 'middle')];
  assert.equal(await verdict(leaf, [middle], [await make('root', 'root', authority(0))]), false);
  assert.equal(await verdict(leaf, [middle], [await make('root', 'root', authority(1))]), true);
});

test('nests extended key usages up to the root', async () => {
  const root = await make('root', 'root', authority());
  const leaf = (usage: string): Promise<ParsedCertificate> => make('leaf', 'root', extendedKeyUsage(usage));
  assert.equal(await verdict(await leaf(CLIENT_AUTH), [], [root]), true);
  assert.equal(await verdict(await leaf(SERVER_AUTH), [], [root]), false);
  assert.equal(await verdict(await leaf('2.5.29.37.0'), [], [root]), true);
  const narrow = await make('root', 'root', authority(), extendedKeyUsage(SERVER_AUTH));
  assert.equal(await verdict(await leaf(CLIENT_AUTH), [], [narrow]), false);
});

test('refuses unknown critical extensions anywhere in the chain', async () => {
  const strange = rawExtension('1.2.3.4', true, Buffer.from([5, 0]));
  const root = await make('root', 'root', authority());
  assert.equal(await verdict(await make('leaf', 'root', strange), [], [root]), false);
  assert.equal(await verdict(await make('leaf', 'root', rawExtension('1.2.3.4', false, Buffer.from([5, 0]))), [], [root]), true);
  assert.equal(await verdict(await make('leaf', 'root'), [], [await make('root', 'root', authority(), strange)]), false);
});

test('holds name constraints against DNS names and refuses kinds that nobody evaluates', async () => {
  const dns = (name: string): Buffer => encode(0x82, Buffer.from(name));
  const permitted = (base: Buffer): CertificatePlan['extensions'][number] =>
    rawExtension('2.5.29.30', true, encode(TAG.sequence, encode(0xa0, encode(TAG.sequence, base))));
  const named = (name: string): Promise<ParsedCertificate> =>
    make('leaf', 'root', rawExtension('2.5.29.17', false, encode(TAG.sequence, dns(name))));
  const root = await make('root', 'root', authority(), permitted(dns('example.com')));
  assert.equal(await verdict(await named('a.example.com'), [], [root]), true);
  assert.equal(await verdict(await named('a.example.org'), [], [root]), false);
  assert.equal(await verdict(await make('leaf', 'root'), [], [root]), true, 'no alternative name, nothing to constrain');
  const directory = await make('root', 'root', authority(), permitted(encode(0xa4, writeName([]))));
  assert.equal(await verdict(await make('leaf', 'root'), [], [directory]), false, 'critical directoryName constraints are unhandled');
});

test('gives up after a hundred signature checks', async () => {
  const root = await make('root', 'nobody', authority());
  const ring = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      make('same', 'same', authority(), rawExtension('2.5.29.17', false, encode(TAG.sequence, encode(0x82, Buffer.from(`n${index}`))))),
    ),
  );
  const verification = verifyForClientAuth(await make('leaf', 'same'), { intermediates: ring, roots: [root], nowMs: NOW_MS });
  assert.match(verification.ok ? '' : verification.detail, /signature check attempts limit reached/);
});

test('refuses to parse what a Go server breaks off the handshake for', async () => {
  await assert.rejects(make('leaf', 'root', authority(), authority()), /duplicate extensions/);
  await assert.rejects(
    make('leaf', 'root', rawExtension('2.5.29.35', true, encode(TAG.sequence))),
    /authority key identifier incorrectly marked critical/,
  );
  await assert.rejects(
    make('leaf', 'root', rawExtension('2.5.29.14', true, encode(TAG.octetString))),
    /subject key identifier incorrectly marked critical/,
  );
  await assert.rejects(
    make('leaf', 'root', rawExtension('2.5.29.37', false, encode(TAG.sequence, encode(TAG.integer, Buffer.from([1]))))),
    /extended key usages/,
  );
  await assert.rejects(
    make('leaf', 'root', rawExtension('2.5.29.17', false, encode(TAG.sequence, encode(0x87, Buffer.from([1, 2, 3]))))),
    /IP address/,
  );
  assert.equal(encodeOid('2.5.29.37').toString('hex'), '0603551d25');
});
