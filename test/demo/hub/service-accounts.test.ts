// The hub's service-account tokens: that a library which knows nothing of the hub verifies them, and that the hub itself takes no others.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { createLocalJWKSet, jwtVerify } from 'jose';
import type { JSONWebKeySet } from 'jose';
import type { Clock } from '../../../src/clock.ts';
import { systemClock } from '../../../src/clock.ts';
import { importAccountOf, openServiceAccounts, type ServiceAccounts } from '../../../src/demo/hub/service-accounts.ts';

let nowMs = Date.now();
const clock: Clock = { ...systemClock, now: () => nowMs };
const account = { namespace: 'cluster1', name: 'cluster1-bootstrap-sa' };
let accounts: ServiceAccounts;

before(async () => {
  accounts = await openServiceAccounts(clock);
});

function publishedKeys(): JSONWebKeySet {
  const answer = accounts.describe('/openid/v1/jwks', 'hub:6443');
  assert.equal(answer?.headers['content-type'], 'application/jwk-set+json');
  return JSON.parse(String(answer?.body)) as JSONWebKeySet;
}

test('its tokens verify against the keys and the issuer that it publishes', async () => {
  const token = accounts.issue(account);
  const { issuer } = JSON.parse(String(accounts.describe('/.well-known/openid-configuration', 'hub:6443')?.body)) as { issuer: string };
  const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(publishedKeys()), { issuer, audience: issuer });
  assert.equal(payload.sub, 'system:serviceaccount:cluster1:cluster1-bootstrap-sa');
  assert.deepEqual(protectedHeader, { alg: 'RS256', kid: publishedKeys().keys[0]?.kid });
  const user = accounts.authenticate(token);
  assert.equal(user?.username, payload.sub);
  assert.deepEqual(user?.groups, ['system:serviceaccounts', 'system:serviceaccounts:cluster1']);
  assert.deepEqual(user?.extra, { 'authentication.kubernetes.io/credential-id': [`JTI=${String(payload.jti)}`] });
});

test('no public key holds a private member', () => {
  assert.deepEqual(
    publishedKeys().keys.map((key) => Object.keys(key)),
    [['use', 'kty', 'kid', 'alg', 'n', 'e']],
  );
});

test('a token that was changed, is too old or too young, or of an account that is gone is not accepted', () => {
  const token = accounts.issue(account);
  const [header = '', payload = '', signature = ''] = token.split('.');
  const other = Buffer.from(Buffer.from(payload, 'base64url').toString().replaceAll('cluster1', 'cluster2')).toString('base64url');
  assert.equal(accounts.authenticate(`${header}.${other}.${signature}`), null);
  const none = Buffer.from(JSON.stringify({ alg: 'none', kid: publishedKeys().keys[0]?.kid })).toString('base64url');
  assert.equal(accounts.authenticate(`${none}.${payload}.`), null);
  assert.equal(accounts.authenticate('sha256~opaque'), null);
  assert.equal(accounts.authenticate(accounts.issue({ ...account, notBeforeMs: nowMs + 600_000 })), null);
  const short = accounts.issue({ ...account, lifetimeMs: 600_000 });
  assert.notEqual(accounts.authenticate(short), null);
  nowMs += 700_000;
  assert.equal(accounts.authenticate(short), null);
  assert.notEqual(accounts.authenticate(token), null);
  accounts.remove(account.namespace, account.name);
  assert.equal(accounts.authenticate(token), null);
  assert.equal(accounts.issue(account) === token, false);
  assert.equal(accounts.authenticate(token), null, 'an account of the same name is another one');
});

test('a new key signs, the one before it verifies until it is forgotten', async () => {
  const token = accounts.issue(account);
  await accounts.rotateKey();
  const next = accounts.issue(account);
  assert.equal(publishedKeys().keys.length, 2);
  assert.notEqual(accounts.authenticate(token), null);
  assert.notEqual(accounts.authenticate(next), null);
  accounts.forgetOldKeys();
  assert.equal(accounts.authenticate(token), null);
  assert.notEqual(accounts.authenticate(next), null);
});

// stolostron/managedcluster-import-controller pkg/helpers, TestGetBootstrapSAName.
test('the account of an import is named as the import controller names it', () => {
  assert.equal(importAccountOf('123456789'), '123456789-bootstrap-sa');
  assert.equal(
    importAccountOf('123456789-123456789-123456789-123456789-123456789-123456789'),
    '123456789-123456789-123456789-123456789-123456789--bootstrap-sa',
  );
});
