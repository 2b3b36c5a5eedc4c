// Certificates with one octet changed, all the way through: whatever OpenSSL lets into the handshake is refused, and nothing falls over.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { toPem } from '../../src/certificate.ts';
import { startTcpHub } from '../proxy/fault-hub.ts';
import { exchangeRaw, openRaw } from '../proxy/test-client.ts';
import { eventually, startTestHub, startTestProxy } from '../proxy/test-proxy.ts';
import type { TestProxy } from '../proxy/test-proxy.ts';

const request = (proxy: TestProxy): string => `GET /api HTTP/1.1\r\nHost: 127.0.0.1:${proxy.port}\r\nConnection: close\r\n\r\n`;

/** null where the client's own library, or the handshake, does not take the certificate. */
async function ask(t: TestContext, proxy: TestProxy, credentials: { pem: string; keyPem: string }): Promise<string | null> {
  try {
    return await exchangeRaw(await openRaw(t, proxy.port, credentials), request(proxy));
  } catch {
    return null;
  }
}

test('a certificate with any octet changed is refused, or does not get through the handshake', async (t) => {
  const hub = await startTcpHub(t, (socket) => socket.destroy());
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const { der, keyPem } = proxy.client();
  const answers = new Map<string, number>();
  for (let at = 0; at < der.length; at += 1) {
    const altered = Buffer.from(der);
    altered[at] = (altered[at] ?? 0) ^ (1 << (at % 8));
    const answer = await ask(t, proxy, { pem: toPem(altered), keyPem });
    const rule = answer === null ? 'no handshake' : (/^HTTP\/1\.1 40[13] [\s\S]*\(rule ([-a-z]+), /.exec(answer)?.[1] ?? answer);
    answers.set(rule, (answers.get(rule) ?? 0) + 1);
  }
  const expected = new Set([
    'no handshake',
    'certificate-malformed',
    'certificate-unknown-authority',
    'certificate-usage',
    'certificate-is-authority',
  ]);
  for (const rule of ['certificate-constraints', 'certificate-expired', 'certificate-not-yet-valid']) expected.add(rule);
  assert.deepEqual(
    [...answers.keys()].filter((rule) => !expected.has(rule)),
    [],
  );
  assert.ok((answers.get('certificate-unknown-authority') ?? 0) > 20, JSON.stringify([...answers]));
  assert.ok((answers.get('certificate-malformed') ?? 0) > 0, JSON.stringify([...answers]));
  assert.equal(hub.connections, 0);
  assert.equal(proxy.audit.filter(({ event }) => event === 'issue').length, 0);
  assert.equal(proxy.log.filter(({ name }) => name === 'internal-error').length, 0);
  await eventually('no connection is left', () => proxy.proxy.counts().connections === 0);
});

test('connections beyond limits.maxConnections are turned away, and the ones before them are not harmed', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url, limits: { maxConnections: 2 } });
  const first = await openRaw(t, proxy.port, proxy.client());
  const second = await openRaw(t, proxy.port, proxy.client());
  await assert.rejects(openRaw(t, proxy.port, proxy.client()));
  assert.match(await exchangeRaw(first, request(proxy)), /^HTTP\/1\.1 200 /);
  await eventually('there is room again', () => proxy.proxy.counts().connections === 1);
  const third = await openRaw(t, proxy.port, proxy.client());
  for (const socket of [second, third]) assert.match(await exchangeRaw(socket, request(proxy)), /^HTTP\/1\.1 200 /);
});
