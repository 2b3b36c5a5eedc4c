// `countersign explain --request`: what an administrator learns about a request that was refused, without reading the source.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { klusterletSubject, makeClient } from '../pki.ts';
import { encodeBody } from '../requests/kubernetes-body.ts';
import { makeSigningRequest } from '../requests/certificate-request.ts';
import { runToEnd } from './command-line.ts';
import type { Ended } from './command-line.ts';
import { DAY_MS, GOOD_SETTINGS, makeSite } from './site.ts';
import type { Site } from './site.ts';

const nowMs = Date.now();
const USER = 'system:open-cluster-management:cluster1:khnxf';
const CLUSTER = '/apis/cluster.open-cluster-management.io/v1/managedclusters/cluster1';
const CSRS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

let site: Site;
let certificate: string;
before(async () => {
  site = await makeSite(nowMs);
  const { pem } = makeClient(klusterletSubject('cluster1'), site.signer.signer, {
    notBeforeMs: nowMs - DAY_MS,
    notAfterMs: nowMs + DAY_MS,
  });
  certificate = await site.put('client.crt', pem);
});
after(() => site.remove());

const explain = (...args: readonly string[]): Promise<Ended> => runToEnd('explain', '--config', site.settingsFile, ...args);
const asUser = (...args: readonly string[]): Promise<Ended> => explain('--user', USER, ...args);

interface Explained {
  readonly code: number | null;
  readonly request: Record<string, unknown>;
}

async function explainJson(...args: readonly string[]): Promise<Explained> {
  const { code, out, err } = await asUser('--json', ...args);
  assert.equal(err, '');
  return { code, request: (JSON.parse(out) as { request: Record<string, unknown> }).request };
}

test('says of an allowed request what it was read as and which rule allows it, beside what is said of the certificate', async () => {
  const { code, out } = await explain('--certificate', certificate, '--request', `GET ${CLUSTER}`);
  assert.equal(code, 0, out);
  assert.match(out, /^verdict +a leaf is issued$[^]*^request +allowed$/m);
  assert.match(out, /^rule +klusterlet\/own-managedcluster$/m);
  assert.match(out, /^read as +get managedclusters of cluster\.open-cluster-management\.io v1, cluster scope, name cluster1$/m);
});

test('says of a request that no rule admits which comes closest and what it lacks', async () => {
  const { code, out } = await asUser('--request', `GET ${CSRS}?limit=500`);
  assert.equal(code, 2);
  assert.match(out, /^request +refused$[^]*^stage +policy$[^]*^refusal +policy-denied$/m);
  assert.match(
    out,
    /^closest rule +klusterlet\/own-csrs: labelSelector has to demand open-cluster-management\.io\/cluster-name=cluster1$/m,
  );
  const { request } = await explainJson('--request', `GET ${CSRS}?limit=500`);
  assert.deepEqual(request['closest'], {
    rule: 'klusterlet/own-csrs',
    because: 'labelSelector has to demand open-cluster-management.io/cluster-name=cluster1',
  });
  assert.deepEqual([request['verdict'], request['stage'], request['refusal'], request['rule']], ['deny', 'policy', 'policy-denied', null]);
});

test('names the check that refuses a message before any policy is asked', async () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [['--request', `GET ${CLUSTER}`, '--header', 'Impersonate-User: system:admin'], 'identity-header'],
    [['--request', `GET ${CLUSTER}`, '--header', 'Host: a', '--header', 'Host: b'], 'host-mismatch'],
    [['--request', `GET ${CLUSTER}/../cluster2`], 'path-form'],
    [['--request', `GET ${CLUSTER}?watch=TRUE`], 'query-type'],
    [['--request', `GET ${CLUSTER}#x`], 'target-form'],
    [['--request', `BREW ${CLUSTER}`], 'method-not-supported'],
    [['--request', `GET ${CLUSTER}`, '--header', 'Connection: upgrade'], 'upgrade-refused'],
  ];
  for (const [args, refusal] of cases) {
    const { code, request } = await explainJson(...args);
    assert.deepEqual([code, request['verdict'], request['stage'], request['refusal']], [2, 'deny', 'message', refusal], args.join(' '));
    assert.ok(String(request['message']).length > 0 && String(request['detail']).length > 0);
  }
});

test('shows what a patch touches, and which condition of the rule it does not meet', async () => {
  const patch = await site.put('patch.json', '{"metadata":{"labels":{"a":"b"}},"status":{"version":{}}}');
  const asked = ['--request', `PATCH ${CLUSTER}/status`, '--header', 'Content-Type: application/merge-patch+json'];
  const { code, out } = await asUser(...asked, '--body', patch);
  assert.equal(code, 2);
  assert.match(out, /^stage +body$[^]*^refusal +policy-body$[^]*^rule +klusterlet\/own-managedcluster-status$/m);
  assert.match(out, /^touches +\/metadata\/labels\/a\n +\/status\/version$/m);
  assert.match(out, /^the audit says +klusterlet\/own-managedcluster-status: a status patch touches nothing but the status$/m);
  const good = await site.put('good.json', '{"status":{"version":{}}}');
  assert.equal((await asUser(...asked, '--body', good)).code, 0);
  const broken = await explainJson(...asked, '--body', await site.put('broken.json', '{"status":{},"status":{}}'));
  assert.deepEqual([broken.code, broken.request['stage'], broken.request['refusal']], [2, 'body', 'body-form']);
});

test('shows what a certificate request in protobuf asks for', async () => {
  const plan = { signerName: 'kubernetes.io/kube-apiserver-client', usages: ['digital signature', 'key encipherment', 'client auth'] };
  const cluster2 = 'system:open-cluster-management:cluster2';
  const csr = makeSigningRequest({
    ...{ ...plan, user: `${cluster2}:khnxf`, groups: [cluster2], generateName: 'cluster1-' },
    labels: { 'open-cluster-management.io/cluster-name': 'cluster1' },
  });
  const { bytes, contentType } = encodeBody(csr, 'protobuf');
  const { code, out } = await asUser(
    ...['--request', `POST ${CSRS}`, '--header', `Content-Type: ${contentType}`, '--body', await site.put('csr.pb', bytes)],
  );
  assert.equal(code, 2);
  assert.match(out, /^asks for user +system:open-cluster-management:cluster2:khnxf$/m);
  assert.match(
    out,
    /^of signer +kubernetes\.io\/kube-apiserver-client, for digital signature, key encipherment, client auth; key EC P-256$/m,
  );
  assert.match(out, /^the audit says +klusterlet\/own-csr: the certificate request is for the caller's own name$/m);
});

test('judges a body that is not given as an empty one, and says so', async () => {
  const { out } = await asUser('--request', `POST ${CSRS}`);
  assert.match(out, /^request +\w+ \(judged with an empty body; --body FILE gives one\)$/m);
});

test('in report mode it says that the request is let through, and what enforce would do; hygiene refuses all the same', async () => {
  const settings = await site.put('report.yaml', `${GOOD_SETTINGS}inspect: { mode: report }\n`);
  const ask = (...args: readonly string[]): Promise<Ended> => runToEnd('explain', '--config', settings, '--user', USER, ...args);
  const reported = await ask('--request', 'GET /api/v1/secrets', '--json');
  assert.equal(reported.code, 2);
  const { request } = JSON.parse(reported.out) as { request: Record<string, unknown> };
  assert.deepEqual([request['verdict'], request['stage'], request['refusal']], ['would-deny', 'policy', 'policy-denied']);
  assert.match(
    (await ask('--request', 'GET /api/v1/secrets')).out,
    /^request +let through, for inspect\.mode is report; enforce would refuse it$/m,
  );
  assert.match((await ask('--request', 'GET /api/v1//secrets')).out, /^request +refused$/m);
});

test('asks the policies of the settings, the own ones among them, and names what is wrong with them', async () => {
  const policy = `apiVersion: countersign.dev/v1alpha1
kind: Policy
metadata: { name: own }
spec:
  subjects: { kinds: [klusterlet] }
  rules: [{ name: pods, apiGroups: [""], resources: [pods], verbs: [get], namespaces: ["{{cluster}}"] }]
`;
  await site.put('own.yaml', policy);
  const settings = await site.put('with-own.yaml', `${GOOD_SETTINGS}inspect: { policyFiles: [own.yaml] }\n`);
  const ask = (): Promise<Ended> =>
    runToEnd('explain', '--config', settings, '--user', USER, '--request', 'GET /api/v1/namespaces/cluster1/pods/a');
  assert.match((await ask()).out, /^rule +own\/pods$/m);
  await site.put('own.yaml', policy.replace('verbs: [get]', 'verbs: [fetch]'));
  const broken = await ask();
  assert.equal(broken.code, 64);
  assert.match(
    broken.err,
    /^countersign explain: inspect: .*own\.yaml:6: spec\.rules\.0\.verbs\.0: found "fetch"; expected one of get, list/,
  );
});

test("judges a request of the import for a cluster's own bootstrap account", async () => {
  const settings = await site.put('import.yaml', `${GOOD_SETTINGS}inspect: { packs: [klusterlet, bootstrap] }\n`);
  const user = 'system:serviceaccount:cluster1:cluster1-bootstrap-sa';
  const ask = (target: string): Promise<Ended> => runToEnd('explain', '--config', settings, '--user', user, '--request', `GET ${target}`);
  assert.match((await ask(CLUSTER)).out, /^request +allowed\nrule +bootstrap\/own-managedcluster$/m);
  assert.match((await ask(CLUSTER.replace(/1$/, '2'))).out, /^closest rule +bootstrap\/own-managedcluster: the name is "cluster2"/m);
});

test('says that the cluster is cut off, whatever it asks for and in either mode', async () => {
  const settings = await site.put('cut-off.yaml', `${GOOD_SETTINGS}inspect: { mode: report }\nquarantine: { clusters: [cluster1] }\n`);
  const { code, out } = await runToEnd('explain', '--config', settings, '--user', USER, '--request', `GET ${CLUSTER}`);
  assert.equal(code, 2);
  assert.match(out, /^request +refused\nstage +quarantine[^\n]*\nrefusal +quarantined$/m);
});

test('a certificate that is refused settles the matter, and the request is not judged', async () => {
  const window = { notBeforeMs: nowMs - 2 * DAY_MS, notAfterMs: nowMs - DAY_MS };
  const ended = await site.put('ended.crt', makeClient(klusterletSubject('cluster1'), site.signer.signer, window).pem);
  const { code, out } = await explain('--certificate', ended, '--request', `GET ${CLUSTER}`);
  assert.equal(code, 2);
  assert.match(out, /^rule +certificate-expired$/m);
  assert.doesNotMatch(out, /^request/m);
});

test('nothing that a request holds steers the terminal', async () => {
  const { out } = await asUser('--request', `GET ${CLUSTER}`, '--header', 'X-\u001b[2J: \u202eabc');
  assert.match(out, /header-ambiguous/);
  // oxlint-disable-next-line no-control-regex -- that there is none is what is shown
  assert.doesNotMatch(out, /[\u0000-\u0009\u000b-\u001f\u202e]/);
});

test('ends with 64 on a question that is none', async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /give --certificate FILE, or with --request also --user NAME/],
    [['--user', USER], /--user goes with --request/],
    [['--certificate', 'x', '--header', 'A: b'], /--header goes with --request/],
    [['--certificate', 'x', '--user', USER, '--request', 'GET /'], /give one of them/],
    [['--user', 'kube:admin', '--request', 'GET /'], /--user kube:admin is not the name of a klusterlet, of an add-on, or/],
    [
      ['--user', 'system:serviceaccount:default:cluster1-bootstrap-sa', '--request', 'GET /'],
      /is not the name of a klusterlet, of an add-on, or/,
    ],
    [['--user', USER, '--request', 'GET'], /--request GET is not a method, one space and a path/],
    [['--user', USER, '--request', 'GET /', '--header', 'no colon'], /--header no colon is not a name, a colon and a value/],
    [['--user', USER, '--request', 'GET /', '--body', '/nowhere'], /--body \/nowhere cannot be read \(ENOENT\)/],
  ];
  for (const [args, said] of cases) {
    const { code, out, err } = await explain(...args);
    assert.equal(code, 64, args.join(' '));
    assert.match(err, said);
    assert.equal(out, '');
  }
});
