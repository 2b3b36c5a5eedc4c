// The issuing side trusts nobody's word: neither that a chain verifies nor that its cluster is not cut off.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import type { AuditLine } from '../../src/audit.ts';
import { systemClock } from '../../src/clock.ts';
import { Live } from '../../src/live.ts';
import { silentMeter } from '../../src/meter.ts';
import { createIssuer } from '../../src/proxy/issuer.ts';
import { createLeafProfile } from '../../src/leaf.ts';
import type { Quarantine } from '../../src/proxy/quarantine.ts';
import { addonSubject, klusterletSubject, makeClient, makeOpenShiftSigner } from '../pki.ts';
import { toSigner, toTrust } from './test-proxy.ts';

const DAY_MS = 86_400_000;

test('no leaf is issued for a cluster in quarantine or its add-ons, and the audit says why', async () => {
  const nowMs = Date.now();
  const pki = makeOpenShiftSigner(nowMs - DAY_MS, 'p256');
  const audit: AuditLine[] = [];
  const quarantine = new Live<Quarantine>({ clusters: new Map() });
  const issuer = createIssuer({
    signer: new Live(toSigner(pki, 1)),
    trust: new Live(toTrust(pki.bundle)),
    quarantine,
    profile: createLeafProfile({ lifetimeMs: 'match' }),
    clock: systemClock,
    meter: silentMeter,
    audit: { write: (line) => void audit.push(line), reopen: () => Promise.resolve(), close: () => Promise.resolve() },
  });
  const publicKeySpki = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' });
  const kindsFor = (cluster: string): Promise<string[]> =>
    Promise.all(
      [klusterletSubject(cluster), addonSubject(cluster, 'search-collector')].map(async (subject) => {
        const { der } = makeClient(subject, pki.signer, { notBeforeMs: nowMs - DAY_MS / 2, notAfterMs: nowMs + DAY_MS });
        const answer = await issuer.issue({ chain: [der], publicKeySpki });
        return answer.kind === 'refused' ? answer.refusal.rule : answer.kind;
      }),
    );
  assert.deepEqual(await kindsFor('cluster1'), ['issued', 'issued']);
  quarantine.swap({ clusters: new Map([['cluster1', ['hub']]]) });
  assert.deepEqual(await kindsFor('cluster1'), ['quarantined', 'quarantined']);
  assert.deepEqual(await kindsFor('cluster2'), ['issued', 'issued']);
  const refused = audit.filter((line) => line.event === 'issue-refused').map(({ rule, detail }) => [rule, detail]);
  assert.deepEqual(refused, [
    ['quarantined', 'cluster cluster1, by hub'],
    ['quarantined', 'cluster cluster1, by hub'],
  ]);
});
