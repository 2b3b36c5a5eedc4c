// Certificates that a client sends besides its own: honoured as Go honours them, in any order, and refused where Go would refuse the chain.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { RefusalRule } from '../../src/errors.ts';
import { klusterletSubject, makeAuthority, makeClient } from '../pki.ts';
import type { AuthorityOptions, TestAuthority, TestClient } from '../pki.ts';
import { SERVER_AUTH, extension, testKey } from '../pki-certificate.ts';
import { exchangeRaw, openH1, openRaw, requestH1 } from '../proxy/test-client.ts';
import { eventually, startTestHub, startTestProxy } from '../proxy/test-proxy.ts';
import type { TestHub, TestProxy } from '../proxy/test-proxy.ts';

const DAY_MS = 86_400_000;
const now = { notBeforeMs: Date.now() - DAY_MS / 2, notAfterMs: Date.now() + DAY_MS / 2 };

interface Chain {
  /** Behind the client's own. */
  readonly sent: readonly TestAuthority[];
  readonly issuer: TestAuthority;
}

interface Case {
  readonly name: string;
  /** null: answered by the hub. */
  readonly rule: RefusalRule | null;
  make(proxy: TestProxy): Chain;
}

function below(issuer: TestAuthority, name: string, options: AuthorityOptions = {}): TestAuthority {
  return makeAuthority(name, { issuer, key: testKey('p256', name), ...now, ...options });
}

/** signer ← upper ← lower */
function twoBelow(proxy: TestProxy): { upper: TestAuthority; lower: TestAuthority } {
  const upper = below(proxy.pki.signer, 'upper');
  return { upper, lower: below(upper, 'lower') };
}

/** NameConstraints of RFC 5280 section 4.2.1.10: permitted dNSName .example.com. */
const nameConstraints = { oid: '2.5.29.30', critical: true, value: Buffer.from('3012a010300e820c2e6578616d706c652e636f6d', 'hex') };

const cases: readonly Case[] = [
  {
    name: 'one intermediate below the signer',
    rule: null,
    make: (proxy) => {
      const sub = below(proxy.pki.signer, 'sub');
      return { sent: [sub], issuer: sub };
    },
  },
  {
    name: 'two intermediates in order',
    rule: null,
    make: (proxy) => {
      const { upper, lower } = twoBelow(proxy);
      return { sent: [lower, upper], issuer: lower };
    },
  },
  {
    name: 'two intermediates out of order',
    rule: null,
    make: (proxy) => {
      const { upper, lower } = twoBelow(proxy);
      return { sent: [upper, lower], issuer: lower };
    },
  },
  {
    name: 'an intermediate among certificates that have nothing to do with it',
    rule: null,
    make: (proxy) => {
      const sub = below(proxy.pki.signer, 'sub');
      return { sent: [makeAuthority('stranger', now), sub, makeAuthority('another', now)], issuer: sub };
    },
  },
  {
    name: 'the trusted chain up to its root',
    rule: null,
    make: (proxy) => ({ sent: [proxy.pki.signer, proxy.pki.root], issuer: proxy.pki.signer }),
  },
  {
    name: 'an intermediate that is missing',
    rule: 'certificate-unknown-authority',
    make: (proxy) => {
      const { upper, lower } = twoBelow(proxy);
      return { sent: [upper], issuer: lower };
    },
  },
  {
    name: 'a chain that ends at a root of its own',
    rule: 'certificate-unknown-authority',
    make: () => {
      const root = makeAuthority('own root', { key: testKey('p256', 'own root'), ...now });
      const sub = below(root, 'own sub');
      return { sent: [sub, root], issuer: sub };
    },
  },
  {
    name: 'an intermediate with name constraints',
    rule: 'certificate-constraints',
    make: (proxy) => {
      const sub = below(proxy.pki.signer, 'sub', { extensions: [nameConstraints] });
      return { sent: [sub], issuer: sub };
    },
  },
  {
    name: 'more intermediates than a path length allows',
    rule: 'certificate-constraints',
    make: (proxy) => {
      const upper = below(proxy.pki.signer, 'upper', { pathLength: 0 });
      const lower = below(upper, 'lower');
      return { sent: [lower, upper], issuer: lower };
    },
  },
  {
    name: 'an intermediate with an unknown critical extension',
    rule: 'certificate-constraints',
    make: (proxy) => {
      const sub = below(proxy.pki.signer, 'sub', { extensions: [{ oid: '1.2.3.4.5', critical: true, value: Buffer.from([5, 0]) }] });
      return { sent: [sub], issuer: sub };
    },
  },
  {
    name: 'an intermediate for servers only',
    rule: 'certificate-constraints',
    make: (proxy) => {
      const sub = below(proxy.pki.signer, 'sub', { extensions: [extension.extendedKeyUsage(SERVER_AUTH)] });
      return { sent: [sub], issuer: sub };
    },
  },
  {
    name: 'an intermediate that is no authority',
    rule: 'certificate-unknown-authority',
    make: (proxy) => {
      const sub = below(proxy.pki.signer, 'sub', { extensions: [extension.basicConstraints(false)] });
      return { sent: [sub], issuer: sub };
    },
  },
  {
    name: 'an expired intermediate',
    rule: 'certificate-expired',
    make: (proxy) => {
      const sub = below(proxy.pki.signer, 'sub', { notAfterMs: Date.now() - 60_000 });
      return { sent: [sub], issuer: sub };
    },
  },
  {
    name: "another klusterlet's certificate as the issuer",
    rule: 'certificate-unknown-authority',
    make: (proxy) => {
      const key = testKey('p256', 'neighbour');
      const { der, pem } = proxy.client(klusterletSubject('cluster2'), { key });
      const certificate = { ...proxy.pki.signer.certificate, der, subjectDer: klusterletSubject('cluster2'), subjectKeyId: null };
      return { sent: [{ certificate, pem, key }], issuer: { certificate, pem, key } };
    },
  },
  {
    name: 'more certificates than are read',
    rule: 'certificate-malformed',
    make: (proxy) => ({ sent: Array.from({ length: 5 }, (_, n) => makeAuthority(`filler ${n}`, now)), issuer: proxy.pki.signer }),
  },
];

function toClient({ sent, issuer }: Chain): TestClient {
  const client = makeClient(klusterletSubject('cluster1'), issuer, now);
  return { ...client, pem: [client.pem, ...sent.map(({ pem }) => pem)].join('') };
}

async function getApi(t: TestContext, proxy: TestProxy, client: TestClient, version: 'TLSv1.2' | 'TLSv1.3'): Promise<string> {
  const socket = await openRaw(t, proxy.port, client, { minVersion: version, maxVersion: version });
  return exchangeRaw(socket, `GET /api HTTP/1.1\r\nHost: 127.0.0.1:${proxy.port}\r\nConnection: close\r\n\r\n`);
}

function assertAnswer(received: string, rule: RefusalRule | null, of: { proxy: TestProxy; hub: TestHub }): void {
  const { proxy, hub } = of;
  const refusal = proxy.audit.find((line) => line.event === 'request');
  const why = JSON.stringify(refusal);
  assert.match(received, rule === null ? /^HTTP\/1\.1 200 / : /^HTTP\/1\.1 401 /, why);
  if (rule !== null) assert.ok(received.includes(`(rule ${rule}, audit-id `), why);
  assert.equal(hub.seen.length, rule === null ? 1 : 0);
  assert.equal(proxy.audit.filter(({ event }) => event === 'issue').length, rule === null ? 1 : 0);
}

for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
  for (const { name, rule, make } of cases) {
    test(`${version}: ${name}: ${rule === null ? 'accepted' : `refused by rule ${rule}`}`, async (t) => {
      const hub = await startTestHub(t);
      const proxy = await startTestProxy(t, { hubUrl: hub.url });
      const received = await getApi(t, proxy, toClient(make(proxy)), version);
      assertAnswer(received, rule, { proxy, hub });
      if (rule === null) assert.match(hub.seen[0]?.subject ?? '', /CN=system:open-cluster-management:cluster1:khnxf/);
    });
  }
}

test('an accepted chain stays accepted when it is judged again against a new bundle', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const { upper, lower } = twoBelow(proxy);
  const client = toClient({ sent: [upper, lower], issuer: lower });
  const agent = openH1(t, client);
  const issued = (): number => proxy.audit.filter(({ event }) => event === 'issue').length;
  for (let round = 1; round <= 3; round += 1) {
    assert.equal((await requestH1(agent, proxy.port)).status, 200);
    proxy.rotate();
    await eventually('it has moved', () => issued() === round + 1 && proxy.proxy.counts().moves === 0);
  }
  assert.equal(new Set(hub.seen.map(({ leafSHA256 }) => leafSHA256)).size, 3);
});
