// `countersign check` against the embedded hub: what it asks, and what it says when the hub is not as it should be.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { startEmbeddedHub } from '../../src/demo/demo.ts';
import type { EmbeddedHub } from '../../src/demo/demo.ts';
import { makeAuthority } from '../pki.ts';
import { runToEnd } from './command-line.ts';
import type { Ended } from './command-line.ts';
import { DAY_MS, makeSite } from './site.ts';
import type { Site } from './site.ts';

let site: Site;
let hub: EmbeddedHub;
before(async () => {
  hub = await startEmbeddedHub();
  site = await makeSite(Date.now());
});
after(async () => {
  await hub.close();
  await site.remove();
});

interface Differently {
  readonly url?: string;
  readonly hubCa?: string;
  readonly kubeconfig?: string;
  readonly secret?: string;
  /** Further settings. */
  readonly more?: string;
}

async function check({
  url = hub.url,
  hubCa = hub.servingCaPem,
  kubeconfig = hub.syncKubeconfig(),
  secret = 'csr-signer',
  more = '',
}: Differently): Promise<Ended> {
  await site.put('hub-ca.crt', hubCa);
  await site.put('kubeconfig', kubeconfig);
  const settings = `listen: { certificateFile: serving.crt, keyFile: serving.key }
hub: { url: "${url}", caFile: hub-ca.crt }
caSync: { kubeconfigFile: kubeconfig, signer: { secret: ${secret} } }
${more}`;
  return runToEnd('check', '--config', await site.put('hub.yaml', settings));
}

test('passes a hub in order, and changes nothing on it', async () => {
  hub.clearRequests();
  const { code, out, err } = await check({});
  assert.equal(code, 0, out + err);
  for (const item of ['hub', 'clocks', 'rights of the ca-sync account', 'signer', 'trust bundle', 'signer and trust bundle', 'canary']) {
    assert.match(out, new RegExp(`^ok    ${item}: `, 'm'), item);
  }
  const writes = hub
    .auditEvents()
    .filter(
      ({ verb, objectRef }) => verb !== 'get' && verb !== 'list' && verb !== 'watch' && objectRef?.resource?.endsWith('reviews') !== true,
    );
  assert.deepEqual(writes, []);
  const canary = hub.auditEvents().find(({ user }) => user.username === 'system:open-cluster-management:countersign-probe:canary');
  assert.deepEqual(canary?.user.groups, ['system:open-cluster-management:countersign-probe', 'system:authenticated']);
});

test('finds a hub whose certificate hub.caFile does not verify', async () => {
  const { code, out } = await check({
    hubCa: makeAuthority('other', { notBeforeMs: Date.now() - DAY_MS, notAfterMs: Date.now() + DAY_MS }).pem,
  });
  assert.equal(code, 1);
  assert.match(out, /^fail  hub: .*cannot be reached or verified \(.*(?:SIGNATURE|CERT|certificate).*\)$/im);
});

test('names each right that the account lacks', async () => {
  const { code, out } = await check({ kubeconfig: hub.bootstrapKubeconfig() });
  assert.equal(code, 1);
  const missing = /^fail {2}rights of the ca-sync account: missing: (.*)$/m.exec(out)?.[1]?.split('; ') ?? [];
  assert.ok(missing.includes('get secrets openshift-kube-controller-manager/csr-signer'), out);
  assert.ok(missing.includes('watch secrets openshift-kube-controller-manager/csr-signer'));
  assert.match(out, /^fail  ca-sync source: .*\(forbidden\)/m);
});

test('asks for the rights that quarantine takes, where it is followed on the hub', async () => {
  const more = 'quarantine: { configMap: { namespace: countersign, name: quarantine }, followHub: true }\n';
  const refused = await check({ more });
  assert.equal(refused.code, 1);
  assert.match(
    refused.out,
    /missing: get configmaps countersign\/quarantine; watch configmaps countersign\/quarantine; get managedclusters; watch managedclusters; list managedclusters$/m,
  );
  hub.applyRbac(`kind: Role
metadata: { name: countersign-quarantine, namespace: countersign }
rules: [{ apiGroups: [''], resources: [configmaps], resourceNames: [quarantine], verbs: [get, watch] }]
---
kind: RoleBinding
metadata: { name: countersign-quarantine, namespace: countersign }
roleRef: { kind: Role, name: countersign-quarantine }
subjects: [{ kind: ServiceAccount, namespace: countersign, name: ca-sync }]
---
kind: ClusterRole
metadata: { name: countersign-clusters }
rules: [{ apiGroups: [cluster.open-cluster-management.io], resources: [managedclusters], verbs: [get, list, watch] }]
---
kind: ClusterRoleBinding
metadata: { name: countersign-clusters }
roleRef: { kind: ClusterRole, name: countersign-clusters }
subjects: [{ kind: ServiceAccount, namespace: countersign, name: ca-sync }]
`);
  const granted = await check({ more });
  assert.match(granted.out, /^ok {4}rights of the ca-sync account: .*list managedclusters$/m);
});

test('finds an account that the API server does not know, and shows no token', async () => {
  const kubeconfig = hub.syncKubeconfig().replace(/token: .*/, 'token: s3cr3t-token');
  const { code, out, err } = await check({ kubeconfig });
  assert.equal(code, 1);
  assert.match(out, /^fail  rights of the ca-sync account: .*does not accept the account's credentials \(401\)/m);
  assert.doesNotMatch(out + err, /s3cr3t/);
});

test('looks at the keys of bootstrap tokens where bootstrap is on, and only there', async () => {
  const on = await check({});
  assert.equal(on.code, 0, on.out);
  assert.match(on.out, /^ok {4}token keys: 1 of the hub, issuer https:\/\/kubernetes\.default\.svc$/m);
  assert.doesNotMatch((await check({ more: 'bootstrap: { enabled: false }\n' })).out, /token keys/);
  const missing = await check({ more: 'bootstrap: { enabled: true, jwksFile: none.json }\n' });
  assert.equal(missing.code, 1);
  assert.match(missing.out, /^fail {2}token keys: .*none\.json cannot be read.*\n +-> .*get --raw \/openid\/v1\/jwks/m);
});

test('finds a Secret of another name, and a kubeconfig that is none', async () => {
  const missing = await check({ secret: 'csr-singer' });
  assert.equal(missing.code, 1);
  assert.match(missing.out, /^fail  rights of the ca-sync account: missing: .*csr-singer/m);
  const unreadable = await check({ kubeconfig: 'hello' });
  assert.equal(unreadable.code, 1);
  assert.match(unreadable.out, /^fail  rights of the ca-sync account: .*kubeconfig cannot be read as a kubeconfig/m);
});

test('says with the canary that the hub does not trust a new signer yet', async (t) => {
  const release = hub.holdTrust();
  t.after(release);
  await hub.rotate({ order: 'secret-first', newRoot: true });
  const untrusted = await check({});
  assert.equal(untrusted.code, 1, untrusted.out);
  assert.match(
    untrusted.out,
    /^fail  canary: the hub answers 401 to a leaf of this signer\n +-> the hub does not trust this signer \(yet\)/m,
  );
});

test('compares the clocks', async (t) => {
  const serving = await hub.issueServingCertificate('skewed');
  for (const [skewMs, level] of [
    [60_000, 'warn'],
    [-600_000, 'fail'],
  ] as const) {
    const server = createServer({ cert: serving.certificatePem, key: serving.keyPem }, (_request, response) => {
      response.setHeader('date', new Date(Date.now() + skewMs).toUTCString());
      response.end('{}');
    });
    t.after(() => server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { out } = await check({ url: `https://127.0.0.1:${(server.address() as AddressInfo).port}` });
    assert.match(out, new RegExp(`^${level}  clocks: the hub is .* ${skewMs > 0 ? 'ahead' : 'behind'}$`, 'm'));
    assert.match(out, /^fail  canary: the hub answers 200/m);
  }
});
