// Requests with a bearer token and no client certificate, on real sockets: which are let through, as whom and to where, and by which rule all others
// are refused without a byte of theirs reaching the hub.

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { ask, bearer, bootstrapPack, CLUSTERS, key, own, ruleOf, setStage, shared, tokenOf } from '../proxy/bootstrap-stage.ts';
import { claimsOf, encode, jwksOf, makeTokenKey, signToken, signWithPublicKey } from '../proxy/bootstrap-tokens.ts';
import { openH1, openH2, openRaw, requestH1, requestH2 } from '../proxy/test-client.ts';
import type { Answer } from '../proxy/test-client.ts';
import { eventually, startTestHub, startTestProxy } from '../proxy/test-proxy.ts';

test("a cluster's bootstrap account reaches the hub over HTTP/2, with its token and without any certificate", async (t) => {
  const stage = await setStage(t);
  const answer = await ask(t, stage, bearer(own));
  assert.equal(answer.status, 200);
  assert.deepEqual(stage.authorizations, [`Bearer ${own}`]);
  assert.deepEqual(
    stage.hub.handshakes.map(({ chain, resumed }) => [chain.length, resumed]),
    [[0, false]],
  );
  const [line] = stage.proxy.audit;
  assert.ok(line?.event === 'request');
  assert.deepEqual([line.user, line.cluster, line.verdict], ['system:serviceaccount:cluster1:cluster1-bootstrap-sa', 'cluster1', 'allow']);
});

test('the same over HTTP/1.1, on either side', async (t) => {
  const stage = await setStage(t, { http2: false });
  const agent = openH1(t, null);
  const headers = bearer(own);
  assert.equal((await requestH1(agent, stage.proxy.port, { path: CLUSTERS, headers })).status, 200);
  assert.equal((await requestH1(agent, stage.proxy.port, { method: 'POST', path: CLUSTERS, headers, body: '{}' })).status, 200);
  assert.deepEqual(stage.authorizations, [headers['authorization'], headers['authorization']]);
  assert.equal(stage.hub.handshakes[0]?.chain.length, 0);
});

test('every other credential is refused by its rule, and no byte of it reaches the hub', async (t) => {
  const stage = await setStage(t);
  const [header, payload, signature] = own.split('.');
  const refused: readonly (readonly [string, Record<string, string | string[]>, string])[] = [
    ['nothing', {}, 'no-client-certificate'],
    ['a kubeadmin OAuth token', bearer('sha256~4pxn3ZVuyy8rG3i_1v4sQ0x2a2l1dR3oLWyoNtxNzYo'), 'token-malformed'],
    ['basic authentication', { authorization: `Basic ${Buffer.from('kubeadmin:secret').toString('base64')}` }, 'token-malformed'],
    ['another service account', bearer(tokenOf('openshift-cluster-version', 'default')), 'token-not-bootstrap'],
    ['the account of another name in the namespace', bearer(tokenOf('cluster1', 'cluster2-bootstrap-sa')), 'token-not-bootstrap'],
    [
      'an expired one',
      bearer(signToken(key, { claims: claimsOf('cluster1', 'cluster1-bootstrap-sa', Date.now() - 86_400_000) })),
      'token-expired',
    ],
    [
      'one to come',
      bearer(signToken(key, { claims: claimsOf('cluster1', 'cluster1-bootstrap-sa', Date.now() + 86_400_000) })),
      'token-not-yet-valid',
    ],
    ['one of another issuer', bearer(signToken(makeTokenKey())), 'token-unverified'],
    ['one of another issuer under the name of our key', bearer(signToken({ ...makeTokenKey(), kid: key.kid })), 'token-unverified'],
    ['one without an algorithm', bearer(`${encode({ alg: 'none', kid: key.kid })}.${payload}.${signature}`), 'token-malformed'],
    ['one without a signature', bearer(`${header}.${payload}.`), 'token-malformed'],
    ['HMAC with the public key', bearer(signWithPublicKey(key)), 'token-malformed'],
    ['a huge one', bearer(`${header}.${'a'.repeat(9_000)}.${signature}`), 'token-malformed'],
    ['four parts', bearer(`${own}.${signature}`), 'token-malformed'],
    ['ten thousand dots', bearer('.'.repeat(8_000)), 'token-malformed'],
  ];
  for (const [what, headers, rule] of refused) {
    const answer = await ask(t, stage, headers);
    assert.equal(answer.status, 401, what);
    assert.equal(ruleOf(answer), rule, what);
    assert.equal(JSON.parse(answer.body).reason, 'Unauthorized');
  }
  assert.equal(stage.hub.handshakes.length, 0);
  assert.ok(stage.proxy.audit.every((line) => line.event === 'request' && line.user === null && line.verdict === 'deny'));
  const secret = signature ?? '';
  assert.ok(!JSON.stringify([stage.proxy.audit, stage.proxy.log]).includes(secret), 'no token in audit and log');
});

test('two Authorization headers are refused, however they are written', async (t) => {
  const stage = await setStage(t);
  const socket = await openRaw(t, stage.proxy.port, null);
  socket.write(`GET ${CLUSTERS} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${own}\r\nauthorization: Bearer ${own}\r\n\r\n`);
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  const answer = Buffer.concat(chunks).toString();
  assert.match(answer, /^HTTP\/1.1 401 /);
  assert.match(answer, /rule token-malformed,/);
  assert.match(answer, /connection: close/i);
  assert.equal(stage.hub.handshakes.length, 0);
});

test('beside a client certificate a token counts for nothing, be it good or bad', async (t) => {
  const stage = await setStage(t);
  const session = openH2(t, stage.proxy.port, stage.proxy.client());
  for (const token of [own, 'sha256~4pxn3ZVuyy8rG3i', 'x.y.z']) {
    assert.equal((await requestH2(session, { path: '/api', headers: bearer(token) })).status, 200);
  }
  assert.deepEqual(stage.authorizations, [undefined, undefined, undefined]);
  assert.equal(stage.hub.handshakes.length, 1);
  assert.equal(stage.hub.handshakes[0]?.chain.length, 2);
});

test('a client certificate that is refused is not helped by a good token', async (t) => {
  const stage = await setStage(t);
  const expired = stage.proxy.client(undefined, { notBeforeMs: Date.now() - 7_200_000, notAfterMs: Date.now() - 3_600_000 });
  const answer = await requestH2(openH2(t, stage.proxy.port, expired), { path: CLUSTERS, headers: bearer(own) });
  assert.deepEqual([answer.status, ruleOf(answer)], [401, 'certificate-expired']);
  assert.equal(stage.hub.handshakes.length, 0);
});

test('a shared account is pinned to the first cluster that its connection names', async (t) => {
  const stage = await setStage(t);
  const headers = bearer(tokenOf(shared.namespace, shared.name));
  const session = openH2(t, stage.proxy.port, null);
  const get = (path: string): Promise<Answer> => requestH2(session, { path, headers });
  assert.equal((await get(CLUSTERS)).status, 200, 'names none');
  assert.equal((await get(`${CLUSTERS}/cluster1`)).status, 200);
  const other = await get(`${CLUSTERS}/cluster2`);
  assert.deepEqual([other.status, ruleOf(other)], [403, 'bootstrap-other-cluster']);
  assert.equal((await get(`${CLUSTERS}?fieldSelector=metadata.name%3Dcluster2`)).status, 403);
  assert.equal((await get(`${CLUSTERS}/cluster1`)).status, 200);
  const own2 = openH2(t, stage.proxy.port, null);
  assert.equal((await requestH2(own2, { path: `${CLUSTERS}/cluster2`, headers })).status, 200, 'another connection, another cluster');
  assert.deepEqual(
    stage.proxy.audit.map((line) => (line.event === 'request' ? line.cluster : '')),
    [null, 'cluster1', 'cluster1', 'cluster1', 'cluster1', 'cluster2'],
  );
});

test("a cluster's own account is pinned to its cluster from the beginning", async (t) => {
  const stage = await setStage(t);
  const answer = await ask(t, stage, bearer(own), `${CLUSTERS}/cluster2`);
  assert.deepEqual([answer.status, ruleOf(answer)], [403, 'bootstrap-other-cluster']);
  assert.equal(stage.hub.seen.length, 0);
});

test('a connection has one token for good', async (t) => {
  const stage = await setStage(t);
  const session = openH2(t, stage.proxy.port, null);
  assert.equal((await requestH2(session, { path: CLUSTERS, headers: bearer(own) })).status, 200);
  const answer = await requestH2(session, { path: CLUSTERS, headers: bearer(tokenOf('cluster2', 'cluster2-bootstrap-sa')) });
  assert.deepEqual([answer.status, ruleOf(answer)], [401, 'token-changed']);
  assert.equal(stage.authorizations.length, 1);
});

test('requests at once on a new connection agree on who it is', async (t) => {
  const stage = await setStage(t);
  const session = openH2(t, stage.proxy.port, null);
  const tokens = [own, tokenOf('cluster2', 'cluster2-bootstrap-sa'), tokenOf('cluster3', 'cluster3-bootstrap-sa')];
  const answers = await Promise.all(
    tokens.map((token) => requestH2(session, { path: CLUSTERS, headers: bearer(token) }).catch(() => null)),
  );
  const passed = answers.filter((answer) => answer?.status === 200);
  assert.equal(passed.length, 1);
  assert.equal(new Set(stage.authorizations).size, 1);
});

test('each connection has hub sessions of its own, and they end with it', async (t) => {
  const stage = await setStage(t);
  const sessions = [
    openH2(t, stage.proxy.port, null),
    openH2(t, stage.proxy.port, null),
    openH2(t, stage.proxy.port, stage.proxy.client()),
  ];
  for (const session of sessions) await requestH2(session, { path: CLUSTERS, headers: bearer(own) });
  await Promise.all(sessions.map((session) => requestH2(session, { path: CLUSTERS, headers: bearer(own) })));
  assert.deepEqual(
    stage.hub.handshakes.map(({ chain }) => chain.length),
    [0, 0, 2],
  );
  for (const session of sessions) session.destroy();
  await eventually('no hub session is left', () => stage.proxy.proxy.counts().hubSessions === 0);
  await eventually('no socket is left at the hub', () => stage.hub.sockets.size === 0);
});

test("the hub's own 401 to a token passes unchanged", async (t) => {
  const stage = await setStage(t);
  stage.hub.handler = (request, response) => {
    request.resume();
    (response as ServerResponse).writeHead(401, { 'content-type': 'application/json' }).end('{"kind":"Status","code":401}');
  };
  const answer = await ask(t, stage, bearer(own));
  assert.deepEqual([answer.status, answer.body], [401, '{"kind":"Status","code":401}']);
  assert.equal(stage.proxy.hubRefused.length, 0);
});

test('a new key is asked for once a token names it, and one that is gone ends its connections', async (t) => {
  const stage = await setStage(t);
  const next = makeTokenKey('ES256');
  stage.refresh = () => {
    stage.jwks.swap(jwksOf([key, next]));
    return Promise.resolve(true);
  };
  const session = openH2(t, stage.proxy.port, null);
  const closed = new Promise<void>((resolve) => session.once('close', resolve));
  assert.equal((await requestH2(session, { path: CLUSTERS, headers: bearer(own) })).status, 200);
  assert.equal(stage.refreshes, 0);
  const answer = await ask(t, stage, bearer(signToken(next)));
  assert.deepEqual([answer.status, stage.refreshes], [200, 1]);
  stage.refresh = () => Promise.resolve(true);
  stage.jwks.swap(jwksOf([next]));
  await closed;
  assert.equal(ruleOf(await ask(t, stage, bearer(own))), 'token-unverified');
  assert.ok(stage.proxy.log.some(({ name, fields }) => name === 'connection-closed-by-policy' && fields['rule'] === 'token-unverified'));
});

test('without keys, and with a key that is unknown while the hub is away, the answer is 503 and no refusal', async (t) => {
  const stage = await setStage(t);
  stage.refresh = () => Promise.resolve(false);
  const unknown = await ask(t, stage, bearer(signToken(makeTokenKey())));
  assert.deepEqual([unknown.status, ruleOf(unknown), unknown.headers['retry-after']], [503, 'no-token-keys', '5']);
  assert.equal((await ask(t, stage, bearer(own))).status, 200, 'the keys that are known go on');
  stage.jwks.swap(null);
  const none = await ask(t, stage, bearer(own));
  assert.deepEqual([none.status, ruleOf(none)], [503, 'no-token-keys']);
});

test('a connection ends with its token, watches included', async (t) => {
  const stage = await setStage(t);
  stage.hub.handler = (request, response) => {
    request.resume();
    (response as ServerResponse).writeHead(200, { 'content-type': 'application/json' });
    (response as ServerResponse).write('{}\n');
  };
  const session = openH2(t, stage.proxy.port, null);
  const watch = session.request({ ':path': `${CLUSTERS}?watch=true`, ...bearer(own) });
  watch.on('error', () => undefined);
  const gone = new Promise<void>((resolve) => watch.once('close', resolve));
  await new Promise((resolve) => watch.once('data', resolve));
  stage.clock.advance(3_700_000);
  await gone;
  assert.ok(stage.proxy.log.some(({ name, fields }) => name === 'connection-closed-by-policy' && fields['rule'] === 'token-expired'));
});

test('what the policy does not allow goes no further', async (t) => {
  const stage = await setStage(t, { policies: bootstrapPack() });
  for (const path of [CLUSTERS, '/api/v1/namespaces/cluster1/secrets/cluster1-import', '/openid/v1/jwks', '/version']) {
    const answer = await ask(t, stage, bearer(own), path);
    assert.deepEqual([answer.status, ruleOf(answer)], [403, 'policy-denied'], path);
  }
  assert.equal(stage.hub.handshakes.length, 0);
});

test('the rules of message hygiene hold for a token as for a certificate', async (t) => {
  const stage = await setStage(t);
  assert.equal(ruleOf(await ask(t, stage, { ...bearer(own), 'impersonate-user': 'system:admin' })), 'identity-header');
  assert.equal(ruleOf(await ask(t, stage, { ...bearer(own), 'x-remote-user': 'system:admin' })), 'identity-header');
  assert.equal(stage.hub.handshakes.length, 0);
});

test('where bootstrap is off the best token is refused like none', async (t) => {
  const hub = await startTestHub(t);
  const proxy = await startTestProxy(t, { hubUrl: hub.url });
  const session = openH2(t, proxy.port, null);
  const answer = await requestH2(session, { path: CLUSTERS, headers: bearer(own) });
  assert.deepEqual([answer.status, ruleOf(answer)], [401, 'no-client-certificate']);
  assert.equal(hub.handshakes.length, 0);
});
