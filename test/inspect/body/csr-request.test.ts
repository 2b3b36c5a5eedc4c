import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { contextTag, encode, encodeOid, encodeSequence, encodeUnsigned, tags } from '../../../src/der.ts';
import { opensslMissing } from '../../other-verifiers.ts';
import { encodeName, extension, testKey } from '../../pki-certificate.ts';
import { addonSubject, klusterletSubject, subjectOf } from '../../pki.ts';
import {
  acceptObject,
  acceptRequest,
  alternativeNames,
  dnsName,
  encodeAttributeOf,
  encodeExtensions,
  encodeRequest,
  EXTENSION_REQUEST,
  extensionRequest,
  type ObjectPlan,
  type RequestPlan,
  ruleForObject,
  ruleForRequest,
  toRequestPem,
} from './certificate-request.ts';
import { paths, plain, refusalOf } from './reading.ts';

const PREFIX = 'system:open-cluster-management';

test('the request of a klusterlet is read', () => {
  assert.deepEqual(plain(acceptRequest()), {
    user: `${PREFIX}:cluster1:khnxf`,
    groups: [`${PREFIX}:cluster1`, `${PREFIX}:managed-clusters`],
    organizationalUnits: [],
    uid: null,
    kind: 'klusterlet',
    cluster: 'cluster1',
    addon: null,
    dnsNames: [],
    otherNames: [],
    requestedExtensions: [],
    keyType: 'EC P-256',
    signerName: 'kubernetes.io/kube-apiserver-client',
    usages: ['digital signature', 'key encipherment', 'client auth'],
    expirationSeconds: null,
    labels: { 'open-cluster-management.io/cluster-name': 'cluster1' },
  });
});

test('the request of an add-on is read, with its name', () => {
  const csr = acceptRequest(
    {
      subject: addonSubject('cluster1', 'search-collector'),
      attributes: [extensionRequest(alternativeNames(dnsName('search-collector.addon.open-cluster-management.io')))],
    },
    { spec: { expirationSeconds: 86_400 } },
  );
  assert.equal(csr.kind, 'addon');
  assert.equal(csr.cluster, 'cluster1');
  assert.equal(csr.addon, 'search-collector');
  assert.deepEqual(csr.dnsNames, ['search-collector.addon.open-cluster-management.io']);
  assert.deepEqual(csr.requestedExtensions, ['2.5.29.17']);
  assert.equal(csr.expirationSeconds, 86_400);
});

test('names of other forms are listed beside the DNS names', () => {
  const names = alternativeNames(
    dnsName('a.example'),
    encode(contextTag(1, 'primitive'), Buffer.from('a@example')),
    encode(contextTag(6, 'primitive'), Buffer.from('spiffe://a/b')),
    encode(contextTag(7, 'primitive'), Buffer.from([10, 0, 0, 1])),
    encode(contextTag(4, 'constructed'), klusterletSubject('cluster2')),
    dnsName('b.example'),
  );
  const csr = acceptRequest({ attributes: [extensionRequest(names)] });
  assert.deepEqual(csr.dnsNames, ['a.example', 'b.example']);
  assert.deepEqual(csr.otherNames.slice(0, 3), ['email:a@example', 'uri:spiffe://a/b', 'ip:0a000001']);
  assert.equal(csr.otherNames.length, 4);
});

test('every requested extension is listed', () => {
  const usage = extension.keyUsage('keyCertSign');
  const constraints = extension.basicConstraints(true);
  const csr = acceptRequest({ attributes: [extensionRequest(usage, constraints)] });
  assert.deepEqual(csr.requestedExtensions, ['2.5.29.15', '2.5.29.19']);
});

for (const [type, keyType] of [
  ['p256', 'EC P-256'],
  ['p384', 'EC P-384'],
  ['p521', 'EC P-521'],
  ['rsa', 'RSA 2048'],
  ['ed25519', 'Ed25519'],
] as const) {
  test(`a request with a key of type ${keyType} says so`, () => {
    assert.equal(acceptRequest({ key: testKey(type, 'agent') }).keyType, keyType);
  });
}

test('a subject outside the grammar is nobody to a signer of its own, and refused for the signers of the hub', () => {
  const subject = encodeName([[{ type: 'OU', value: 'acm' }], [{ type: 'CN', value: 'managed-cluster-observability' }]]);
  const pem = toRequestPem(encodeRequest({ subject }));
  const csr = acceptRequest({ subject }, { spec: { signerName: 'open-cluster-management.io/observability-signer' } });
  assert.deepEqual([csr.kind, csr.cluster, csr.addon, csr.user], ['other', null, null, 'managed-cluster-observability']);
  assert.deepEqual(csr.organizationalUnits, ['acm']);
  for (const signerName of ['kubernetes.io/kube-apiserver-client', 'kubernetes.io/kubelet-serving', 'kubernetes.io/legacy-unknown']) {
    assert.equal(ruleForObject({ pem, spec: { signerName } }), 'csr-subject');
  }
});

test('two common names are refused for a signer of its own too', () => {
  const subject = encodeName([[{ type: 'OU', value: 'acm' }], [{ type: 'CN', value: 'a' }], [{ type: 'CN', value: 'b' }]]);
  const pem = toRequestPem(encodeRequest({ subject }));
  assert.equal(ruleForObject({ pem, spec: { signerName: 'open-cluster-management.io/observability-signer' } }), 'csr-malformed');
});

for (const [who, subject] of [
  ['an administrator', subjectOf('admin', ['system:masters'])],
  ['a node', subjectOf('system:node:worker-1', ['system:nodes'])],
  ['a klusterlet with the group of an administrator', subjectOf(`${PREFIX}:cluster1:a`, [`${PREFIX}:cluster1`, 'system:masters'])],
  ['a klusterlet with the group of another cluster', subjectOf(`${PREFIX}:cluster1:a`, [`${PREFIX}:cluster2`])],
  ['a klusterlet of a cluster whose name begins alike', subjectOf(`${PREFIX}:foo1:a`, [`${PREFIX}:foo`])],
  ['nobody', encodeSequence()],
] as const) {
  test(`a request for ${who} is refused`, () => {
    assert.equal(ruleForRequest({ subject }), 'csr-subject');
  });
}

const wrongRequests: readonly (readonly [what: string, plan: RequestPlan])[] = [
  ['two common names', { subject: encodeName([[{ type: 'CN', value: `${PREFIX}:cluster1:a` }], [{ type: 'CN', value: 'admin' }]]) }],
  [
    'two user IDs',
    {
      subject: encodeName([
        [
          { type: 'UID', value: 'a' },
          { type: 'UID', value: 'b' },
        ],
      ]),
    },
  ],
  ['a value that is no string', { subject: encodeName([[{ type: 'CN', der: encodeUnsigned(Buffer.from([1])) }]]) }],
  ['version 1', { version: 1 }],
  ["another key's signature", { signedBy: testKey('p256', 'other') }],
  [
    'a signature that is changed',
    { changeSignature: (signature) => signature.map((octet, at) => (at === signature.length - 1 ? octet ^ 1 : octet)) },
  ],
  ['a signature that is not whole octets, which Go would shift', { unusedBits: 1 }],
  ['an empty signature', { changeSignature: () => Buffer.alloc(0) }],
  ['an algorithm of another key type', { algorithm: encodeSequence(encodeOid('1.2.840.113549.1.1.11'), encode(tags.null)) }],
  ['a signature with SHA-1', { digest: 'sha1', algorithm: encodeSequence(encodeOid('1.2.840.10045.4.1')) }],
  ['an unknown algorithm', { algorithm: encodeSequence(encodeOid('1.2.3.4')) }],
  ['parameters that its algorithm does not have', { algorithm: encodeSequence(encodeOid('1.2.840.10045.4.3.2'), encode(tags.null)) }],
  [
    'a key that is no point of its curve',
    { spkiDer: testKey('p256', 'klusterlet').spkiDer.map((octet, at, all) => (at === all.length - 1 ? octet ^ 1 : octet)) },
  ],
  ['no attributes at all', { attributesDer: Buffer.alloc(0) }],
  ['attributes in a SET', { attributesDer: encode(tags.set) }],
  ['something behind the attributes', { extra: encode(tags.null) }],
  ['a challenge password', { attributes: [encodeAttributeOf('1.2.840.113549.1.9.7', encode(tags.utf8String, Buffer.from('x')))] }],
  [
    'two extension requests',
    { attributes: [extensionRequest(alternativeNames(dnsName('a'))), extensionRequest(alternativeNames(dnsName('b')))] },
  ],
  [
    'two values in the extension request',
    { attributes: [encodeAttributeOf(EXTENSION_REQUEST, encodeExtensions(alternativeNames(dnsName('a'))), encodeExtensions())] },
  ],
  ['no value in the extension request', { attributes: [encodeAttributeOf(EXTENSION_REQUEST)] }],
  [
    "Microsoft's extension request",
    { attributes: [encodeAttributeOf('1.3.6.1.4.1.311.2.1.14', encodeExtensions(alternativeNames(dnsName('a'))))] },
  ],
  ['an extension twice', { attributes: [extensionRequest(alternativeNames(dnsName('a')), alternativeNames(dnsName('b')))] }],
  ['an alternative name without names', { attributes: [extensionRequest(alternativeNames())] }],
  ['an alternative name with a NUL', { attributes: [extensionRequest(alternativeNames(dnsName('a\0b')))] }],
];

for (const [what, plan] of wrongRequests) {
  test(`refuses a request with ${what}`, () => {
    assert.equal(ruleForRequest(plan), 'csr-malformed');
  });
}

const good = toRequestPem(encodeRequest());
const der = encodeRequest();

const wrongObjects: readonly (readonly [what: string, plan: ObjectPlan])[] = [
  ['no request', { request: '' }],
  ['a request that is a number', { request: 5 }],
  ['a request as a list of octets, which Go would take', { request: [...Buffer.from(good)] }],
  [
    'a request with line breaks in its base64, which Go would take',
    { request: Buffer.from(good).toString('base64').replace(/.{60}/g, '$&\n') },
  ],
  ['a request in base64 for URLs', { request: `${Buffer.from(good).toString('base64url')}_` }],
  ['a request as DER', { request: der.toString('base64') }],
  ['two requests', { pem: good + good }],
  ['a certificate before the request', { pem: `${toRequestPem(der, 64, 'CERTIFICATE')}${good}` }],
  ['text before the request', { pem: `for you\n${good}` }],
  ['text behind the request', { pem: `${good}thanks` }],
  ['a header in the request', { pem: good.replace('\n', '\nProc-Type: 4,ENCRYPTED\n\n') }],
  ['a block of another type', { pem: toRequestPem(der, 64, 'NEW CERTIFICATE REQUEST') }],
  ['an end of another type', { pem: good.replace('END CERTIFICATE REQUEST', 'END CERTIFICATE') }],
  ['a block that is cut off', { pem: good.slice(0, -20) }],
  ['padding within the base64', { pem: good.replace(/\n(.)/, '\n=$1') }],
  ['octets behind the request', { pem: toRequestPem(Buffer.concat([der, Buffer.from([0])])) }],
  ['a request that is cut off', { pem: toRequestPem(der.subarray(0, -1)) }],
  ['no signer', { spec: { signerName: undefined } }],
  ['a signer that is a list', { spec: { signerName: ['a'] } }],
  ['usages that are a string', { spec: { usages: 'client auth' } }],
  ['a usage that is a number', { spec: { usages: [1] } }],
  ['an expiration that is a string', { spec: { expirationSeconds: '600' } }],
  ['an expiration with a fraction', { spec: { expirationSeconds: 600.5 } }],
  ['an expiration beyond 32 bits', { spec: { expirationSeconds: 2 ** 31 } }],
  ['labels that are a list', { metadata: { labels: ['a'] } }],
  ['a label that is null', { metadata: { labels: { a: null } } }],
];

for (const [what, plan] of wrongObjects) {
  test(`refuses a CertificateSigningRequest with ${what}`, () => {
    assert.equal(ruleForObject(plan), 'csr-malformed');
  });
}

test('a CertificateSigningRequest without spec is refused', () => {
  assert.equal(refusalOf({ path: paths.csrs, body: '{"metadata":{}}' }), 'csr-malformed');
});

test('a request of more than 16 KiB is refused before it is read', () => {
  assert.equal(ruleForObject({ pem: `${good}${' '.repeat(16 * 1024)}` }), 'body-bounds');
});

test('line ends of another system and lines of another width are read', () => {
  assert.equal(ruleForObject({ pem: good.replaceAll('\n', '\r\n') }), 'accepted');
  assert.equal(ruleForObject({ pem: toRequestPem(der, 76) }), 'accepted');
  assert.equal(ruleForObject({ pem: good.trimEnd() }), 'accepted');
});

test('requests without anything optional are read', () => {
  const csr = acceptObject({ spec: { usages: undefined }, metadata: { labels: null } }).csr;
  assert.deepEqual([csr?.usages, csr?.expirationSeconds, plain(csr?.labels)], [[], null, {}]);
});

test('OpenSSL verifies what is accepted, and its own requests are read', { skip: opensslMissing() }, () => {
  const names = extensionRequest(alternativeNames(dnsName('search-collector.addon.open-cluster-management.io')));
  const ours = toRequestPem(encodeRequest({ subject: addonSubject('cluster1', 'search-collector'), attributes: [names] }));
  const shown = execFileSync('openssl', ['req', '-verify', '-noout', '-subject'], {
    input: ours,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  assert.match(shown, /CN ?= ?system:open-cluster-management:cluster:cluster1:addon:search-collector:agent:search-collector/);
  const subject = `/O=${PREFIX}:cluster1/CN=${PREFIX}:cluster1:a`;
  const theirs = execFileSync(
    'openssl',
    [
      'req',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      '/dev/null',
      '-subj',
      subject,
      '-addext',
      'subjectAltName=DNS:a.example',
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const { csr } = acceptObject({ pem: theirs });
  assert.equal(csr?.user, `${PREFIX}:cluster1:a`);
  assert.deepEqual(csr.dnsNames, ['a.example']);
});
