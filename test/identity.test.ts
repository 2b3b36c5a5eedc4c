// Identities: all of the grammar in every spelling, the recorded ones, and a row for each thing that is refused.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { readCertificates } from '../src/certificate.ts';
import { encode, encodeSequence, tags } from '../src/der.ts';
import { type IdentityVerdict, readIdentity } from '../src/identity.ts';
import { agentSubject } from './agent-subjects.ts';
import { addonSubject, klusterletSubject, subjectOf } from './pki.ts';
import { encodeName, type TestAttribute } from './pki-certificate.ts';

const OCM = 'system:open-cluster-management';

function accepted(verdict: IdentityVerdict): Extract<IdentityVerdict, { ok: true }>['identity'] {
  assert.ok(verdict.ok, verdict.ok ? '' : `${verdict.rule}: ${verdict.detail}`);
  return verdict.identity;
}

function recordedSubject(name: string): Buffer {
  const pem = readFileSync(new URL(`../fixtures/recorded/certificates/${name}`, import.meta.url), 'utf8');
  const [certificate] = readCertificates(pem);
  assert.ok(certificate !== undefined);
  return certificate.subjectDer;
}

test('reads the recorded klusterlet', () => {
  assert.deepEqual(accepted(readIdentity(recordedSubject('klusterlet.crt'))), {
    user: `${OCM}:cluster1:khnxf`,
    groups: [`${OCM}:cluster1`, `${OCM}:managed-clusters`],
    uid: null,
    kind: 'klusterlet',
    cluster: 'cluster1',
    addon: null,
  });
});

test('reads the recorded add-on with three groups and a common name over 64 characters', () => {
  const identity = accepted(readIdentity(recordedSubject('addon-application-manager.crt')));
  assert.ok(identity.user.length > 64);
  assert.deepEqual(identity, {
    user: `${OCM}:cluster:cluster1:addon:application-manager:agent:application-manager`,
    groups: ['system:authenticated', `${OCM}:addon:application-manager`, `${OCM}:cluster:cluster1:addon:application-manager`],
    uid: null,
    kind: 'addon',
    cluster: 'cluster1',
    addon: 'application-manager',
  });
});

test('reads every identity of the grammar, however its name is written', () => {
  fc.assert(
    fc.property(agentSubject, ({ der, user, groups, uid, kind, cluster, addon }) => {
      assert.deepEqual(accepted(readIdentity(der)), { user, groups, uid, kind, cluster, addon });
    }),
    { numRuns: 500 },
  );
});

test('reads a cluster called cluster in one way only', () => {
  assert.equal(accepted(readIdentity(klusterletSubject('cluster', 'addon'))).kind, 'klusterlet');
  assert.equal(accepted(readIdentity(klusterletSubject('cluster'))).cluster, 'cluster');
  const addon = accepted(readIdentity(addonSubject('cluster', 'addon', 'agent')));
  assert.deepEqual([addon.kind, addon.cluster, addon.addon], ['addon', 'cluster', 'addon']);
});

test('reads the add-ons that deviate from the usual names', () => {
  const proxy = accepted(
    readIdentity(subjectOf('open-cluster-management:cluster-proxy:addon-agent', ['open-cluster-management:cluster-proxy'])),
  );
  assert.deepEqual([proxy.kind, proxy.cluster, proxy.addon], ['addon', null, 'cluster-proxy']);
  const own = `${OCM}:cluster:c1:addon:observability-controller`;
  const groups = [own, `${OCM}:addon:observability-controller`, `ca-hash-${'0f'.repeat(32)}`];
  const observability = accepted(readIdentity(subjectOf(`${own}:agent:observability`, groups)));
  assert.equal(observability.addon, 'observability-controller');
  assert.equal(observability.groups.length, 3);
});

const user = `${OCM}:c1:khnxf`;
const klusterlet = (...attributes: readonly TestAttribute[]): Buffer =>
  encodeName([[{ type: 'O', value: `${OCM}:c1` }], [{ type: 'CN', value: user }], ...attributes.map((attribute) => [attribute])]);
const raw = (tag: number, content: string): Uint8Array => encode(tag, Buffer.from(content, 'latin1'));

const ambiguous: readonly (readonly [what: string, der: Buffer, detail: RegExp])[] = [
  ['two common names', klusterlet({ type: 'CN', value: user }), /2 common names/],
  [
    'two common names in one RDN',
    encodeName([
      [
        { type: 'CN', value: user },
        { type: 'CN', value: 'kube:admin' },
      ],
    ]),
    /2 common names/,
  ],
  ['two user IDs', klusterlet({ type: 'UID', value: 'a' }, { type: 'UID', value: 'b' }), /2 user IDs/],
  ['an INTEGER for a common name', encodeName([[{ type: 'CN', der: raw(tags.integer, '\x01') }]]), /not a string/],
  ['a BIT STRING for an organization', klusterlet({ type: 'O', der: raw(tags.bitString, '\0a') }), /not a string/],
  ['a UTF8String that is not UTF-8', klusterlet({ type: 'O', der: raw(tags.utf8String, '\xff') }), /UTF-8/],
  ['a BMPString with a terminator', klusterlet({ type: 'O', der: raw(tags.bmpString, '\0a\0\0') }), /UCS-2/],
  ['an empty RDN', encodeSequence(encode(tags.set)), /does not read as a name/],
  ['no name at all', Buffer.from('0500', 'hex'), /does not read as a name/],
  ['nothing', Buffer.alloc(0), /does not read as a name/],
  ['something behind the name', Buffer.concat([klusterlet(), Buffer.from('0500', 'hex')]), /does not read as a name/],
];

for (const [what, der, detail] of ambiguous) {
  test(`refuses a subject with ${what} as ambiguous`, () => {
    const verdict = readIdentity(der);
    assert.ok(!verdict.ok);
    assert.equal(verdict.rule, 'subject-ambiguous');
    assert.match(verdict.detail, detail);
  });
}

const own = `${OCM}:cluster:c1:addon:a`;
const strangers: readonly (readonly [what: string, der: Buffer])[] = [
  ['system:masters', subjectOf('kubernetes-admin', ['system:masters'])],
  ['system:masters beside its own group', klusterlet({ type: 'O', value: 'system:masters' })],
  ['kube:admin', subjectOf('kube:admin', [])],
  ['a node', subjectOf('system:node:worker-0', ['system:nodes'])],
  ['the controller manager', subjectOf('system:kube-controller-manager', [])],
  ['system:admin', subjectOf('system:admin', ['system:masters'])],
  ['a service account', subjectOf('system:serviceaccount:open-cluster-management:x', ['system:serviceaccounts'])],
  ['no common name', encodeName([[{ type: 'O', value: `${OCM}:c1` }]])],
  ['an empty name', encodeSequence()],
  ['an empty common name', subjectOf('', [])],
  ['an empty organization', klusterlet({ type: 'O', value: '' })],
  ['an empty user ID', klusterlet({ type: 'UID', value: '' })],
  ['the group of another cluster', subjectOf(user, [`${OCM}:c2`])],
  ['the groups of two clusters', klusterlet({ type: 'O', value: `${OCM}:c2` })],
  ['its own group twice', klusterlet({ type: 'O', value: `${OCM}:c1` })],
  ['no group of its own', subjectOf(user, [`${OCM}:managed-clusters`])],
  ['no group', subjectOf(user, [])],
  ['system:authenticated on a klusterlet', klusterlet({ type: 'O', value: 'system:authenticated' })],
  ['the groups of an add-on on a klusterlet', klusterlet({ type: 'O', value: own })],
  ['the group of the cluster on an add-on', subjectOf(`${own}:agent:x`, [own, `${OCM}:addon:a`, `${OCM}:c1`])],
  ['the group of another add-on', subjectOf(`${own}:agent:x`, [own, `${OCM}:addon:b`])],
  ['an add-on without its cluster group', subjectOf(`${own}:agent:x`, [`${OCM}:addon:a`])],
  ['an add-on without an agent', subjectOf(`${own}:agent:`, [own, `${OCM}:addon:a`])],
  ['a CA hash on another add-on', subjectOf(`${own}:agent:x`, [own, `${OCM}:addon:a`, `ca-hash-${'0'.repeat(64)}`])],
  ['an organizational unit', klusterlet({ type: 'OU', value: 'acm' })],
  ['a serial number attribute', klusterlet({ type: '2.5.4.5', value: '1' })],
  ['a country', klusterlet({ type: '2.5.4.6', value: 'DE' })],
  ['an unknown attribute', klusterlet({ type: '1.2.3.4', value: 'x' })],
  ['no agent', subjectOf(`${OCM}:c1:`, [`${OCM}:c1`])],
  ['no cluster', subjectOf(`${OCM}::x`, [`${OCM}:`])],
  ['three parts', subjectOf(`${OCM}:c1:x:y`, [`${OCM}:c1`])],
  ['an upper-case cluster', subjectOf(`${OCM}:C1:x`, [`${OCM}:C1`])],
  ['a cluster with a dot', subjectOf(`${OCM}:c.1:x`, [`${OCM}:c.1`])],
  ['a cluster of 64 characters', subjectOf(`${OCM}:${'c'.repeat(64)}:x`, [`${OCM}:${'c'.repeat(64)}`])],
  ['a newline behind the name', encodeName([[{ type: 'O', value: `${OCM}:c1` }], [{ type: 'CN', value: `${user}\n` }]])],
  ['a NUL in the name', encodeName([[{ type: 'O', value: `${OCM}:c1` }], [{ type: 'CN', value: `${user}\0` }]])],
  ['a space in the name', encodeName([[{ type: 'O', value: `${OCM}:c1` }], [{ type: 'CN', value: `${user} ` }]])],
  [
    'a letter that looks like another',
    encodeName([[{ type: 'O', value: `${OCM}:c1` }], [{ type: 'CN', value: user.replace('c1', 'с1') }]]),
  ],
  ['a name of 513 characters', subjectOf(`${OCM}:c1:${'x'.repeat(513 - `${OCM}:c1:`.length)}`, [`${OCM}:c1`])],
  ['another prefix', subjectOf('system:open-cluster-managementx:c1:x', ['system:open-cluster-managementx:c1'])],
  ['the prefix without system', subjectOf('open-cluster-management:c1:x', ['open-cluster-management:c1'])],
  [
    'the tunnel of cluster-proxy',
    subjectOf('open-cluster-management:cluster-proxy:proxy-agent', ['open-cluster-management:cluster-proxy']),
  ],
  [
    'cluster-proxy with one group more',
    subjectOf('open-cluster-management:cluster-proxy:addon-agent', ['open-cluster-management:cluster-proxy', `${OCM}:c1`]),
  ],
];

for (const [what, der] of strangers) {
  test(`refuses a subject with ${what} as outside the grammar`, () => {
    const verdict = readIdentity(der);
    assert.ok(!verdict.ok);
    assert.equal(verdict.rule, 'subject-grammar', verdict.detail);
  });
}

test('refuses two CA hashes on the add-on that may have one', () => {
  const base = `${OCM}:cluster:c1:addon:observability-controller`;
  const groups = [base, `${OCM}:addon:observability-controller`, `ca-hash-${'a'.repeat(64)}`, `ca-hash-${'b'.repeat(64)}`];
  const verdict = readIdentity(subjectOf(`${base}:agent:observability`, groups));
  assert.equal(verdict.ok, false);
});

test('keeps what it says for the audit to short lines of ASCII, and never throws', () => {
  const value = fc.string({ unit: 'binary', maxLength: 600 });
  const attribute = fc.record({ type: fc.constantFrom('CN', 'O', 'UID', 'OU'), value });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 100 }),
        fc.array(attribute, { maxLength: 6 }).map((all) => encodeName(all.map((one) => [one]))),
      ),
      (der) => {
        const verdict = readIdentity(der);
        assert.ok(!verdict.ok);
        assert.match(verdict.detail, /^[\x20-\x7e]{1,600}$/);
      },
    ),
    { numRuns: 500 },
  );
});

test('grants no name to any change of a real subject but an equal one', () => {
  const subject = recordedSubject('klusterlet.crt');
  fc.assert(
    fc.property(fc.nat({ max: subject.length - 1 }), fc.nat({ max: 255 }), (at, octet) => {
      const changed = Buffer.from(subject);
      changed[at] = octet;
      const verdict = readIdentity(changed);
      if (!verdict.ok) return;
      const { user: name, cluster } = verdict.identity;
      assert.ok(name.startsWith(`${OCM}:${cluster}:`) && verdict.identity.groups.includes(`${OCM}:${cluster}`));
    }),
    { numRuns: 2_000 },
  );
});
