// Clients whose certificate does not hold: the handshake succeeds, the answer names the rule, the audit says why, the hub never hears of them.

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { refusals } from '../../src/errors.ts';
import type { RefusalRule } from '../../src/errors.ts';
import { addonSubject, klusterletSubject, makeAuthority, makeClient, subjectOf } from '../pki.ts';
import type { TestClient } from '../pki.ts';
import { CLIENT_AUTH, encodeName, extension, SERVER_AUTH } from '../pki-certificate.ts';
import { exchangeRaw, openH2, openRaw, requestH2 } from '../proxy/test-client.ts';
import { eventually, startTestProxy } from '../proxy/test-proxy.ts';
import type { TestProxy } from '../proxy/test-proxy.ts';

const DAY_MS = 86_400_000;
const OCM = 'system:open-cluster-management';

interface Case {
  readonly name: string;
  readonly rule: RefusalRule;
  readonly code: 401 | 403;
  /** null: sends no certificate. */
  make(proxy: TestProxy): TestClient | null;
}

const subjectCase = (name: string, subject: Buffer, rule: RefusalRule = 'subject-grammar'): Case => ({
  name,
  rule,
  code: 403,
  make: (proxy) => proxy.client(subject),
});

const cases: readonly Case[] = [
  { name: 'no certificate at all', rule: 'no-client-certificate', code: 401, make: () => null },
  {
    name: 'an expired certificate',
    rule: 'certificate-expired',
    code: 401,
    make: (proxy) => proxy.client(undefined, { notBeforeMs: Date.now() - DAY_MS / 2, notAfterMs: Date.now() - 60_000 }),
  },
  {
    name: 'a certificate that begins tomorrow',
    rule: 'certificate-not-yet-valid',
    code: 401,
    make: (proxy) => proxy.client(undefined, { notBeforeMs: Date.now() + DAY_MS, notAfterMs: Date.now() + 2 * DAY_MS }),
  },
  {
    name: 'a certificate of another authority of the same name',
    rule: 'certificate-unknown-authority',
    code: 401,
    make: (proxy) => {
      const { subject, notBeforeMs, notAfterMs } = proxy.pki.signer.certificate;
      const impostor = makeAuthority(subject.replace(/^CN=/, ''), { notBeforeMs, notAfterMs });
      assert.deepEqual(impostor.certificate.subjectDer, proxy.pki.signer.certificate.subjectDer);
      return makeClient(klusterletSubject('cluster1'), impostor, { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + DAY_MS });
    },
  },
  {
    name: 'a certificate for servers only',
    rule: 'certificate-usage',
    code: 401,
    make: (proxy) => proxy.client(undefined, { extensions: [extension.extendedKeyUsage(SERVER_AUTH)] }),
  },
  {
    name: 'a certificate without any stated use',
    rule: 'certificate-usage',
    code: 401,
    make: (proxy) => proxy.client(undefined, { without: ['2.5.29.37'] }),
  },
  {
    name: 'a certificate with CA:TRUE',
    rule: 'certificate-is-authority',
    code: 401,
    make: (proxy) => proxy.client(undefined, { extensions: [extension.basicConstraints(true)] }),
  },
  {
    name: 'an unknown critical extension',
    rule: 'certificate-constraints',
    code: 401,
    make: (proxy) => proxy.client(undefined, { extensions: [{ oid: '1.3.6.1.4.1.57683.99', critical: true, value: Buffer.from([5, 0]) }] }),
  },
  {
    name: 'a negative serial number, which Go refuses to parse',
    rule: 'certificate-malformed',
    code: 401,
    make: (proxy) => proxy.client(undefined, { raw: { serial: Buffer.from([2, 1, 0x85]) } }),
  },
  {
    name: 'one extension twice, which Go refuses to parse',
    rule: 'certificate-malformed',
    code: 401,
    make: (proxy) => {
      const twice = extension.extendedKeyUsage(CLIENT_AUTH);
      return proxy.client(undefined, { extensions: [twice, twice] });
    },
  },
  {
    name: 'an underscore in a PrintableString, which Go refuses to parse',
    rule: 'certificate-malformed',
    code: 401,
    make: (proxy) => proxy.client(subjectOf(`${OCM}:cluster_1:a`, [`${OCM}:cluster_1`, `${OCM}:managed-clusters`])),
  },
  subjectCase(
    'two common names',
    encodeName([
      [{ type: 'O', value: `${OCM}:cluster1` }],
      [{ type: 'O', value: `${OCM}:managed-clusters` }],
      [{ type: 'CN', value: `${OCM}:cluster1:a` }],
      [{ type: 'CN', value: `${OCM}:cluster2:a` }],
    ]),
    'subject-ambiguous',
  ),
  subjectCase('O=system:masters', subjectOf('kubernetes-admin', ['system:masters'])),
  subjectCase(
    'system:masters besides the groups of a klusterlet',
    subjectOf(`${OCM}:cluster1:a`, [`${OCM}:cluster1`, `${OCM}:managed-clusters`, 'system:masters']),
  ),
  subjectCase('CN=kube:admin', subjectOf('kube:admin', [])),
  subjectCase('a node', subjectOf('system:node:worker-0', ['system:nodes'])),
  subjectCase('kube-controller-manager', subjectOf('system:kube-controller-manager', [])),
  subjectCase(
    'a klusterlet in the group of another cluster',
    subjectOf(`${OCM}:cluster1:a`, [`${OCM}:cluster2`, `${OCM}:managed-clusters`]),
  ),
  subjectCase('no name at all', encodeName([])),
];

interface Tripwire {
  readonly url: URL;
  /** Connections ever. */
  touched: number;
}

/** A hub that only counts who comes near it. */
async function startTripwire(t: TestContext): Promise<Tripwire> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    tripwire.touched += 1;
    sockets.add(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const tripwire = { url: new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`), touched: 0 };
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return tripwire;
}

function assertRefusal(body: string, refused: Case): void {
  const status = JSON.parse(body) as Record<string, unknown>;
  assert.equal(status['kind'], 'Status');
  assert.equal(status['apiVersion'], 'v1');
  assert.equal(status['code'], refused.code);
  assert.equal(status['reason'], refused.code === 401 ? 'Unauthorized' : 'Forbidden');
  assert.match(String(status['message']), new RegExp(`^countersign: .*\\(rule ${refused.rule}, audit-id [-0-9a-f]{36}\\)$`));
}

function assertAudited(proxy: TestProxy, refused: Case): void {
  const lines = proxy.audit.map((line) => [line.event, 'rule' in line ? line.rule : null, 'code' in line ? line.code : null]);
  assert.deepEqual(lines, [['request', refused.rule, refused.code]]);
  const [line] = proxy.audit;
  assert.ok(line?.event === 'request' && line.verdict === 'deny' && (line.detail ?? '').length > 0);
  assert.deepEqual([line.user, line.cluster], [null, null]);
}

test('the table above says of each rule what the table of answers says', () => {
  for (const refused of cases) assert.equal(refusals[refused.rule].status, refused.code, refused.rule);
});

for (const refused of cases) {
  test(`HTTP/2: ${refused.name} is answered ${refused.code} by rule ${refused.rule} and the connection closes`, async (t) => {
    const hub = await startTripwire(t);
    const proxy = await startTestProxy(t, { hubUrl: hub.url });
    const session = openH2(t, proxy.port, refused.make(proxy));
    const closed = new Promise<void>((resolve) => session.once('close', resolve));
    const answer = await requestH2(session);
    assert.equal(answer.status, refused.code);
    assert.equal(answer.headers['content-type'], 'application/json');
    assertRefusal(answer.body, refused);
    await closed;
    assertAudited(proxy, refused);
    await eventually('the proxy has let go of it', () => proxy.proxy.counts().connections === 0);
    assert.deepEqual(
      [hub.touched, proxy.proxy.counts()],
      [0, { connections: 0, requests: 0, watches: 0, hubSessions: 0, moves: 0, credentials: 0 }],
    );
  });

  test(`HTTP/1.1: ${refused.name} is answered ${refused.code} by rule ${refused.rule}, and nothing pipelined behind it`, async (t) => {
    const hub = await startTripwire(t);
    const proxy = await startTestProxy(t, { hubUrl: hub.url });
    const socket = await openRaw(t, proxy.port, refused.make(proxy));
    const request = `GET /api HTTP/1.1\r\nHost: 127.0.0.1:${proxy.port}\r\n\r\n`;
    const received = await exchangeRaw(socket, request + request);
    const [head = '', body = ''] = received.split('\r\n\r\n', 2);
    assert.match(head, new RegExp(`^HTTP/1\\.1 ${refused.code} `));
    assert.match(head, /^connection: close$/im);
    assert.equal(received.split('HTTP/1.1 ').length - 1, 1);
    assertRefusal(body, refused);
    assertAudited(proxy, refused);
    await eventually('the proxy has let go of it', () => proxy.proxy.counts().connections === 0);
    assert.equal(hub.touched, 0);
  });
}

test('a refused client that keeps its end of the connection open is cut off', async (t) => {
  const hub = await startTripwire(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  for (const alpn of ['http/1.1', 'h2']) {
    const held = await openRaw(t, proxy.port, null, { alpn: [alpn], allowHalfOpen: true });
    if (alpn === 'h2') held.write(Buffer.concat([PREFACE, GET_API]));
    else held.write(`GET /api HTTP/1.1\r\nHost: 127.0.0.1:${proxy.port}\r\n\r\n`);
    held.resume();
    await new Promise<void>((resolve) => held.once('end', resolve));
    assert.equal(held.writable, true);
    await eventually(`the proxy has cut ${alpn} off`, () => proxy.proxy.counts().connections === 0);
  }
});

/** RFC 9113 section 3.4: the preface with empty SETTINGS. */
const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]);
/** HEADERS with END_STREAM and END_HEADERS: indexed :method GET and :scheme https, :path /api and :authority x as literals (RFC 7541 section 6). */
const GET_API = Buffer.concat([
  Buffer.from([0, 0, 11, 1, 5, 0, 0, 0, 1, 0x82, 0x87, 0x04, 4]),
  Buffer.from('/api'),
  Buffer.from([0x01, 1]),
  Buffer.from('x'),
]);

test('an add-on and a klusterlet are let through where the others are refused', async (t) => {
  const hub = await startTripwire(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url, hub: { connectTimeoutMs: 200 } });
  for (const subject of [klusterletSubject('cluster1'), addonSubject('cluster1', 'work-manager')]) {
    const answer = await requestH2(openH2(t, proxy.port, proxy.client(subject)));
    assert.equal(answer.status, 504);
  }
  assert.equal(hub.touched, 2);
});
