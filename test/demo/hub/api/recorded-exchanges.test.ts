import assert from 'node:assert/strict';
import { test } from 'node:test';
import { klusterlet, START_MS, TestApi } from './api-client.ts';
import { bodyOf, type Exchange, exchange, exchanges, restoreRecordedHub } from './recorded-exchanges.ts';

/** Decided before a request comes to the API machinery: by authentication, impersonation and authorization. */
function isOfNetworkSide({ status }: Exchange): boolean {
  return status === 401 || status === 403;
}

const RBAC =
  'RBAC: allowed by RoleBinding "open-cluster-management:managedcluster:cluster1:registration/cluster1" of ClusterRole "open-cluster-management:managedcluster:registration" to Group "system:open-cluster-management:cluster1"';

async function replay(recorded: Exchange): Promise<{ status: number; contentType: string; cacheControl: string; body: Buffer }> {
  const hub = new TestApi({ allows: () => ({ allowed: true, reason: RBAC }), serverAddress: () => '127.0.0.1:27443' });
  restoreRecordedHub(hub, recorded.target);
  // Other resources had moved the counter on by then: the list or bookmark says where it stood.
  const revision = Number(/"resourceVersion":"(\d+)"/.exec(tailOf(recorded))?.[1] ?? 0);
  hub.api.store.advanceTo(revision);
  hub.clock.advance(Date.parse(recorded.responseHeaders['date'] ?? '') - START_MS);
  const body = recorded.requestBody === undefined ? undefined : Buffer.from(recorded.requestBody, 'base64');
  const sink = await hub.watch(recorded.target, { method: recorded.method, headers: recorded.requestHeaders, body, user: klusterlet });
  const { status, headers } = sink.answer;
  hub.api.close();
  return {
    status,
    contentType: headers['content-type'] ?? '',
    cacheControl: headers['cache-control'] ?? '',
    body: sink.answer.body ?? sink.bytes,
  };
}

/** The metadata of a list, of a table, or of the last event. */
function tailOf(recorded: Exchange): string {
  const text = bodyOf(recorded).toString('latin1');
  if (recorded.target.includes('sendInitialEvents')) return text.includes('423') ? '"resourceVersion":"423"' : '';
  if (text.startsWith('{"apiVersion"')) return text.slice(text.lastIndexOf('"metadata"'));
  return text.slice(0, 200);
}

const byteForByte = exchanges.filter(
  (recorded) => !isOfNetworkSide(recorded) && !['HEAD', 'discovery, aggregated'].includes(recorded.name),
);

for (const recorded of byteForByte) {
  test(`answers "${recorded.name}" as the recorded kube-apiserver did, byte for byte`, async () => {
    const answer = await replay(recorded);
    assert.equal(answer.body.toString('latin1'), bodyOf(recorded).toString('latin1'));
    assert.equal(answer.status, recorded.status);
    assert.equal(answer.contentType, recorded.responseHeaders['content-type']);
    assert.equal(answer.cacheControl, recorded.responseHeaders['cache-control']);
  });
}

test('refuses HEAD of a built-in kind with a body of the recorded length', async () => {
  const recorded = exchange('HEAD');
  const answer = await replay(recorded);
  assert.equal(answer.status, 405);
  assert.equal(String(answer.body.length), recorded.responseHeaders['content-length']);
});

test('replays every recorded exchange that reaches the API machinery', () => {
  assert.equal(byteForByte.length, exchanges.length - exchanges.filter(isOfNetworkSide).length - 2);
  assert.ok(byteForByte.length >= 17);
});
