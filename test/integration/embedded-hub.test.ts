// The embedded hub at its socket: handshake, who a request is taken for, closing behaviour, what tests may look at and bring about.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { connect as tlsConnect } from 'node:tls';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { type ClientCertificate, type EmbeddedHub, startEmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';
import { connectAs, connectTo, get, statusFor, until } from './embedded-hub-client.ts';

const LEASE = '/apis/coordination.k8s.io/v1/namespaces/cluster1/leases/managed-cluster-lease';
const WATCH = '/apis/coordination.k8s.io/v1/namespaces/cluster1/leases?watch=true&timeoutSeconds=600';
const REVIEW = '/apis/authentication.k8s.io/v1/selfsubjectreviews';

let hub: EmbeddedHub;
let klusterlet: ClientCertificate;

before(async () => {
  hub = await startEmbeddedHub({ signerKeyType: 'ec-p256' });
  await hub.addCluster('cluster1');
});

beforeEach(async () => {
  hub.behave();
  klusterlet = await hub.issueClientCertificate({ subject: { kind: 'klusterlet', cluster: 'cluster1' } });
});

after(() => hub.close());

function http1(
  agent: Agent,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<IncomingMessage> {
  const { method = 'GET', headers = {}, body } = options;
  const outgoing = httpsRequest(new URL(path, hub.url), { agent, method, headers });
  outgoing.end(body);
  return once(outgoing, 'response').then(([response]) => response as IncomingMessage);
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

test('asks for a certificate, completes the handshake with any, and answers 401 or 403 for what it thinks of it', async () => {
  const other = await startEmbeddedHub({ signerKeyType: 'ec-p256' });
  try {
    const plan = { subject: { kind: 'klusterlet', cluster: 'cluster1' } } as const;
    assert.equal(await statusFor(klusterlet, LEASE, hub), 200);
    assert.equal(await statusFor(await other.issueClientCertificate(plan), LEASE, hub), 401, 'unknown authority');
    assert.equal(await statusFor(await hub.issueClientCertificate({ ...plan, notAfterMs: Date.now() - 1000 }), LEASE, hub), 401, 'expired');
    assert.equal(
      await statusFor(await hub.issueClientCertificate({ ...plan, notBeforeMs: Date.now() + 3_600_000 }), LEASE, hub),
      401,
      'not yet valid',
    );
    assert.equal(await statusFor(null, LEASE, hub), 403);
  } finally {
    await other.close();
  }
});

test('closes an HTTP/2 connection after a 401 or an anonymous request, and keeps an HTTP/1.1 connection', async () => {
  const anonymous = connectAs(null, hub);
  assert.equal((await get(anonymous, '/version')).status, 200);
  await until(() => anonymous.session.destroyed, 'the session is closed');
  assert.deepEqual(anonymous.goAways, [0]);
  const agent = new Agent({ ca: hub.servingCaPem, keepAlive: true, maxSockets: 1 });
  const earlier = hub.connections();
  for (const path of ['/version', LEASE, LEASE]) await textOf(await http1(agent, path));
  const bad = await http1(agent, LEASE, { headers: { authorization: 'Bearer bad' } });
  assert.equal(bad.statusCode, 401);
  await textOf(bad);
  const seen = hub.requests.slice(-4);
  assert.equal(new Set(seen.map(({ connection }) => connection)).size, 1);
  assert.deepEqual(
    seen.map(({ status, httpVersion }) => `${status} ${httpVersion}`),
    ['200 1.1', '403 1.1', '403 1.1', '401 1.1'],
  );
  agent.destroy();
  await until(() => hub.connections() <= earlier, 'the connection is gone');
});

test('offers HTTP/1.1 alone when told so', async () => {
  const plain = await startEmbeddedHub({ signerKeyType: 'ec-p256', offersHttp2: false });
  const socket = tlsConnect({ port: plain.port, host: '127.0.0.1', ca: plain.servingCaPem, ALPNProtocols: ['h2', 'http/1.1'] });
  await once(socket, 'secureConnect');
  assert.equal(socket.alpnProtocol, 'http/1.1');
  socket.destroy();
  await plain.close();
});

test('signs an approved request so that its holder is let in', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'embedded-hub-'));
  try {
    const [keyFile, csrFile] = [join(folder, 'key'), join(folder, 'csr')];
    const subject = '/O=system:open-cluster-management:cluster1/CN=system:open-cluster-management:cluster1:fresh';
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    await promisify(execFile)('openssl', ['req', '-new', ...curve, '-keyout', keyFile, '-out', csrFile, '-subj', subject]);
    const certificatePem = await joinWith(await readFile(csrFile));
    assert.equal(await statusFor({ certificatePem, keyPem: await readFile(keyFile, 'utf8') }, LEASE, hub), 200);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** As a new cluster does: asks with the bootstrap token; then an administrator approves, and kube-controller-manager signs. */
async function joinWith(csr: Buffer): Promise<string> {
  const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  const usages = ['digital signature', 'key encipherment', 'client auth'];
  const spec = { request: csr.toString('base64'), signerName: 'kubernetes.io/kube-apiserver-client', usages };
  const object = { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { generateName: 'cluster1-' }, spec };
  const bootstrap = connectAs(null, hub);
  const headers = { authorization: `Bearer ${hub.bootstrapToken}`, 'content-type': 'application/json' };
  const created = await bootstrap.request({ ':method': 'POST', ':path': requests, ...headers }, Buffer.from(JSON.stringify(object)));
  bootstrap.close();
  assert.equal(created.status, 201);
  const { metadata } = JSON.parse(created.body.toString()) as { metadata: { name: string } };
  const path = `${requests}/${metadata.name}`;
  const issued = new Promise<string>((resolve) => {
    const stop = hub.store.subscribe('certificatesigningrequests.certificates.k8s.io', ({ object: changed }) => {
      const { certificate } = (changed['status'] ?? {}) as { certificate?: string };
      if (changed.metadata.name !== metadata.name || certificate === undefined) return;
      stop();
      resolve(Buffer.from(certificate, 'base64').toString());
    });
  });
  const conditions = [{ type: 'Approved', status: 'True', reason: 'Test', message: 'by hand' }];
  const pending = (await hub.request('GET', path)).object as object;
  assert.equal((await hub.request('PUT', `${path}/approval`, { ...pending, status: { conditions } })).status, 200);
  return issued;
}

test('journals each request as it came in, and echoes its audit id as it is', async () => {
  const client = connectAs(klusterlet, hub);
  const body = randomBytes(64);
  const answer = await client.request(
    { ':method': 'POST', ':path': REVIEW, 'audit-id': 'as it is', 'x-twice': ['a', 'b'], 'content-type': 'text/plain' },
    body,
  );
  assert.equal(answer.status, 415);
  assert.equal(answer.headers['audit-id'], 'as it is');
  const seen = hub.requests.at(-1);
  assert.ok(seen);
  assert.deepEqual([seen.method, seen.target, seen.status, seen.isBodyComplete], ['POST', REVIEW, 415, true]);
  assert.ok(seen.body.equals(body));
  assert.deepEqual(
    seen.headers.filter(([name]) => name === 'x-twice'),
    [
      ['x-twice', 'a'],
      ['x-twice', 'b'],
    ],
  );
  assert.match(seen.credentialId ?? '', /^X509SHA256=[0-9a-f]{64}$/);
  assert.equal(hub.auditEvents().at(-1)?.auditID, 'as it is');
});

test('impersonates for whom RBAC allows it', async () => {
  const admin = connectTo(hub.url, adminCredentials());
  const headers = {
    'impersonate-user': 'jane',
    'impersonate-group': 'dev',
    'content-type': 'application/json',
    accept: 'application/json',
  };
  const body = Buffer.from('{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}');
  const answer = await admin.request({ ':method': 'POST', ':path': REVIEW, ...headers }, body);
  const { status } = JSON.parse(answer.body.toString()) as { status: { userInfo: object } };
  assert.deepEqual(status.userInfo, { username: 'jane', groups: ['dev', 'system:authenticated'] });
  assert.equal(hub.auditEvents().at(-1)?.impersonatedUser?.username, 'jane');
  const refused = await connectAs(klusterlet, hub).request({ ':method': 'POST', ':path': REVIEW, ...headers }, body);
  assert.equal(refused.status, 403);
});

function adminCredentials(): { ca: string; cert: string; key: string } {
  const value = (key: string): string =>
    Buffer.from(new RegExp(`${key}: (\\S+)`).exec(hub.adminKubeconfig())?.[1] ?? '', 'base64').toString();
  return { ca: hub.servingCaPem, cert: value('client-certificate-data'), key: value('client-key-data') };
}

test('refuses a body over 3 MiB and leaves the connection usable', async () => {
  const client = connectAs(klusterlet, hub);
  const answer = await client.request(
    { ':method': 'PUT', ':path': LEASE, 'content-type': 'application/json' },
    Buffer.alloc(3 * 1024 * 1024 + 1),
  );
  assert.equal(answer.status, 413);
  assert.equal((await get(client, LEASE)).status, 200);
});

test('answers a refused upload over HTTP/1.1 without asking for the body', async () => {
  const agent = new Agent({ ca: hub.servingCaPem });
  const outgoing = httpsRequest(new URL(LEASE, hub.url), {
    agent,
    method: 'PUT',
    headers: { expect: '100-continue', 'content-length': '10' },
  });
  let continued = false;
  outgoing.on('continue', () => {
    continued = true;
  });
  outgoing.flushHeaders();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  assert.deepEqual([response.statusCode, continued, response.headers.connection], [403, false, 'close']);
  outgoing.destroy();
  agent.destroy();
});

test('asks for the body of an upload that it accepts', async () => {
  const { certificatePem: cert, keyPem: key } = klusterlet;
  const agent = new Agent({ ca: hub.servingCaPem, cert, key });
  const body = '{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}';
  const headers = { expect: '100-continue', 'content-length': String(body.length), 'content-type': 'application/json' };
  const outgoing = httpsRequest(new URL(REVIEW, hub.url), { agent, method: 'POST', headers });
  outgoing.on('continue', () => outgoing.end(body));
  outgoing.flushHeaders();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  assert.equal(response.statusCode, 201);
  await textOf(response);
  agent.destroy();
});

test('misbehaves on demand', async () => {
  const client = connectAs(klusterlet, hub);
  hub.misbehave(() => ({ kind: 'refuse-stream' }));
  await assert.rejects(get(client, LEASE), /NGHTTP2_REFUSED_STREAM/);
  hub.misbehave(() => ({ kind: 'reset-stream' }));
  await assert.rejects(get(client, LEASE), /NGHTTP2_INTERNAL_ERROR/);
  hub.misbehave(() => ({ kind: 'answer', status: 302, headers: { location: 'https://elsewhere/' }, body: 'moved' }));
  assert.equal((await get(client, LEASE)).headers.location, 'https://elsewhere/');
  hub.misbehave(() => ({ kind: 'flood', bytes: 8 * 1024 * 1024 }));
  assert.equal((await get(client, LEASE)).body.length, 8 * 1024 * 1024);
  hub.misbehave(() => ({ kind: 'flood', bytes: 1024 * 1024, cutAfterBytes: 1024 }));
  await assert.rejects(get(client, LEASE), /NGHTTP2_INTERNAL_ERROR/);
  hub.behave();
  assert.equal((await get(client, LEASE)).status, 200);
  hub.misbehave(() => ({ kind: 'destroy-connection' }));
  await assert.rejects(get(client, LEASE));
});

test('lets go of everything when a client dies in a watch, in an upload, or unanswered', async () => {
  await until(() => hub.openStreams() === 0, 'nothing is open from before');
  hub.misbehave((seen) => (seen.target === LEASE && seen.method === 'GET' ? { kind: 'silence' } : null));
  const client = connectAs(klusterlet, hub);
  client.session
    .request({ ':method': 'GET', ':path': WATCH })
    .on('error', () => undefined)
    .resume();
  client.session.request({ ':method': 'GET', ':path': LEASE }).on('error', () => undefined);
  const upload = client.session.request(
    { ':method': 'PUT', ':path': LEASE, 'content-type': 'application/json', 'content-length': '100' },
    { endStream: false },
  );
  upload.on('error', () => undefined);
  upload.write('half of');
  await until(() => hub.openStreams() === 3, 'three streams are open');
  client.session.destroy();
  await until(() => hub.openStreams() === 0, 'no stream is left');
  await until(
    () =>
      hub.requests.some(({ method, isBodyComplete, body }) => method === 'PUT' && !isBodyComplete && 'half of'.startsWith(body.toString())),
    'the half upload is journalled',
  );
  assert.equal(
    hub
      .auditEvents()
      .filter(({ verb }) => verb === 'watch')
      .at(-1)?.stage,
    'ResponseComplete',
  );
});

test('compresses answers over 128 KiB for clients that take gzip', async () => {
  const data = { big: 'x'.repeat(200_000) };
  await hub.request('POST', '/api/v1/namespaces/default/configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'big' },
    data,
  });
  const admin = connectTo(hub.url, adminCredentials());
  const head = { ':method': 'GET', ':path': '/api/v1/namespaces/default/configmaps/big' };
  const [plain, packed] = [await admin.request(head), await admin.request({ ...head, 'accept-encoding': 'gzip' })];
  assert.deepEqual(
    [plain.headers['content-encoding'], packed.headers['content-encoding'], packed.headers.vary],
    [undefined, 'gzip', 'Accept-Encoding'],
  );
  assert.ok(gunzipSync(packed.body).equals(plain.body));
  admin.close();
});
