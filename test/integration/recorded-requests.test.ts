// Ground truth: every request that a real klusterlet and its operator sent, as recorded, goes through the proxy and arrives at the hub the same.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { test } from 'node:test';
import { setStage } from '../../src/cli/demo-stage.ts';
import type { DemoStage } from '../../src/cli/demo-stage.ts';
import { systemClock } from '../../src/clock.ts';
import type { SeenRequest } from '../../src/demo/hub/embedded-hub.ts';
import { eventually } from '../proxy/test-proxy.ts';

interface Recorded {
  readonly seq: number;
  readonly subject: string | null;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/** Sent on as they came; `authorization` is not, and the recorder's own TLS ended at the relay. */
const HEADERS_SENT_ON = ['accept', 'accept-encoding', 'content-length', 'content-type', 'user-agent'];

const recorded = readFileSync(new URL('../../fixtures/recorded/recorded-requests.jsonl', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Recorded);

const user = 'system:open-cluster-management:cluster1:khnxf';
const groups = ['system:open-cluster-management:cluster1', 'system:open-cluster-management:managed-clusters'];

test('every recorded request of a joined klusterlet arrives at the hub byte for byte and under the same identity', async (t) => {
  const stage = await setStage(systemClock);
  t.after(() => stage.close());
  const session = await openKlusterlet(stage);
  t.after(() => session.destroy());
  const joined = recorded.filter(({ subject }) => subject !== null);
  assert.ok(joined.length > 90, `only ${joined.length} recorded requests have a subject`);
  for (const request of joined) {
    stage.hub.clearRequests();
    const status = await replay(session, request);
    await eventually(`request ${request.seq} arrives`, () => seenOfKlusterlet(stage).length > 0);
    const [seen] = seenOfKlusterlet(stage);
    assert.ok(seen !== undefined && status > 0 && status !== 401);
    assertSame(seen, request);
  }
});

test('recorded requests that come with a token and no certificate are refused, and nothing of them reaches the hub', async (t) => {
  const stage = await setStage(systemClock);
  t.after(() => stage.close());
  const bootstrap = recorded.filter(({ subject }) => subject === null);
  assert.ok(bootstrap.length > 0);
  stage.hub.clearRequests();
  for (const request of bootstrap) {
    const session = connect(stage.countersignUrl, { ca: stage.hub.servingCaPem });
    session.on('error', () => undefined);
    assert.equal(await replay(session, request), 401);
    session.destroy();
  }
  assert.deepEqual(
    stage.hub.requests.filter(
      ({ headers }) => headers.some(([name]) => name === 'user-agent') && headers.some(([, value]) => value.startsWith('registration/')),
    ),
    [],
  );
});

async function openKlusterlet(stage: DemoStage): Promise<ClientHttp2Session> {
  await stage.hub.addCluster('cluster1');
  const { certificatePem, keyPem } = await stage.hub.issueClientCertificate({
    subject: { kind: 'klusterlet', cluster: 'cluster1', agent: 'khnxf' },
  });
  const session = connect(stage.countersignUrl, { ca: stage.hub.servingCaPem, cert: certificatePem, key: keyPem });
  session.on('error', () => undefined);
  return session;
}

/** Sends it as it was sent and returns the status; a watch is left as soon as it has answered. */
function replay(session: ClientHttp2Session, request: Recorded): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const body = Buffer.from(request.body, 'base64');
  const stream = session.request(
    { ':method': request.method, ':path': request.target, ...Object.fromEntries(request.headers) },
    { endStream: body.length === 0 },
  );
  stream.on('response', (headers) => {
    resolve(headers[':status'] ?? 0);
    stream.destroy();
  });
  stream.on('error', reject);
  if (body.length > 0) stream.end(body);
  return promise;
}

function seenOfKlusterlet(stage: DemoStage): readonly SeenRequest[] {
  return stage.hub.requests.filter((seen) => seen.user === user);
}

function assertSame(seen: SeenRequest, request: Recorded): void {
  assert.equal(seen.method, request.method);
  assert.equal(seen.target, request.target);
  assert.deepEqual(Buffer.from(seen.body), Buffer.from(request.body, 'base64'), `the body of request ${request.seq}`);
  assert.equal(seen.user, user);
  assert.deepEqual(seen.groups.filter((group) => group !== 'system:authenticated').toSorted(), groups.toSorted());
  const sentOn = (headers: readonly (readonly [string, string])[]): string[][] =>
    headers
      .filter(([name]) => HEADERS_SENT_ON.includes(name.toLowerCase()))
      .map(([name, value]) => [name, value])
      .toSorted(([a = ''], [b = '']) => a.localeCompare(b));
  assert.deepEqual(sentOn(seen.headers), sentOn(request.headers), `the headers of request ${request.seq}`);
}
