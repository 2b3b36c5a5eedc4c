// Who is in quarantine, by whose word, and who is told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditLine } from '../../src/audit.ts';
import type { Identity } from '../../src/identity.ts';
import { Live } from '../../src/live.ts';
import { openQuarantine, refuseQuarantined } from '../../src/proxy/quarantine.ts';
import type { OpenQuarantine, QuarantineSource } from '../../src/proxy/quarantine.ts';
import { keepLog } from '../ca-sync/waiting.ts';
import type { KeptLog } from '../ca-sync/waiting.ts';

interface Scene {
  readonly lists: Readonly<Record<QuarantineSource, Live<readonly string[]>>>;
  readonly quarantine: OpenQuarantine;
  readonly audit: AuditLine[];
  readonly log: KeptLog;
}

function open(named: readonly string[] = []): Scene {
  const lists = { settings: new Live(named), configMap: new Live<readonly string[]>([]), hub: new Live<readonly string[]>([]) };
  const audit: AuditLine[] = [];
  const log = keepLog();
  const sink = { write: (line: AuditLine) => void audit.push(line), reopen: () => Promise.resolve(), close: () => Promise.resolve() };
  return { lists, quarantine: openQuarantine({ lists, log, audit: sink }), audit, log };
}

const klusterlet: Identity = { user: 'u', groups: [], uid: null, kind: 'klusterlet', cluster: 'cluster1', addon: null };

test('a cluster that any list names is cut off, and the audit says by whom when it enters and when it leaves', () => {
  const { lists, quarantine, audit, log } = open(['cluster9']);
  lists.configMap.swap(['cluster1', 'cluster9']);
  lists.hub.swap(['cluster1']);
  assert.deepEqual(refuseQuarantined(quarantine.live.current, klusterlet), {
    rule: 'quarantined',
    detail: 'cluster cluster1, by configMap and hub',
  });
  lists.configMap.swap([]);
  assert.equal(refuseQuarantined(quarantine.live.current, klusterlet)?.detail, 'cluster cluster1, by hub');
  lists.hub.swap([]);
  assert.equal(refuseQuarantined(quarantine.live.current, klusterlet), null);
  assert.deepEqual(audit, [
    { event: 'quarantine', change: 'entered', cluster: 'cluster9', by: ['settings'] },
    { event: 'quarantine', change: 'entered', cluster: 'cluster1', by: ['configMap'] },
    { event: 'quarantine', change: 'left', cluster: 'cluster1', by: ['hub'] },
  ]);
  assert.deepEqual(
    log.events.map(({ fields }) => fields),
    [
      { entered: ['cluster9'], left: [], clusters: 1 },
      { entered: ['cluster1'], left: [], clusters: 2 },
      { entered: [], left: ['cluster1'], clusters: 1 },
    ],
  );
});

test('it is in effect before anything is told of it', () => {
  const { lists, quarantine, audit } = open();
  const told: number[] = [];
  quarantine.live.subscribe(() => told.push(audit.length));
  lists.settings.swap(['cluster1']);
  assert.deepEqual(told, [0]);
});

test('an import may go on where only the hub has turned a cluster out, and not where an administrator has', () => {
  const { lists, quarantine } = open();
  const bootstrap: Identity = { ...klusterlet, kind: 'bootstrap' };
  lists.hub.swap(['cluster1']);
  assert.equal(refuseQuarantined(quarantine.live.current, bootstrap), null);
  assert.equal(refuseQuarantined(quarantine.live.current, klusterlet)?.rule, 'quarantined');
  lists.settings.swap(['cluster1']);
  assert.equal(refuseQuarantined(quarantine.live.current, bootstrap)?.detail, 'cluster cluster1, by settings');
});

test('nothing is followed any more after closing', () => {
  const { lists, quarantine, audit } = open();
  quarantine.close();
  lists.settings.swap(['cluster1']);
  assert.deepEqual([quarantine.live.current.clusters.size, audit.length], [0, 0]);
});
