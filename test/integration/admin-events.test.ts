// Alerts as Events on the hub: written with the account of ca-sync and the one right that it needs for them, as Kubernetes validates them.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Alert } from '../../src/admin/alerts.ts';
import { openEventSink } from '../../src/admin/kubernetes-events.ts';
import { openHubEvents } from '../../src/ca-sync/hub-events.ts';
import type { HubEvents } from '../../src/ca-sync/hub-events.ts';
import { systemClock } from '../../src/clock.ts';
import { startEmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';
import type { EmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';
import { HastyClock } from '../admin/hasty-clock.ts';
import { keepLog, untilTrue } from '../ca-sync/waiting.ts';

const SIGNER = { namespace: 'openshift-kube-controller-manager', secret: 'csr-signer' };
const NAMESPACE = 'countersign';
const EVENTS = `/apis/events.k8s.io/v1/namespaces/${NAMESPACE}/events`;

interface WrittenEvent {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly type: string;
  readonly reason: string;
  readonly note: string;
  readonly eventTime: string;
  readonly action: string;
  readonly regarding: unknown;
  readonly reportingController: string;
  readonly reportingInstance: string;
}

interface Stage {
  readonly hub: EmbeddedHub;
  readonly events: HubEvents;
  written(): Promise<readonly WrittenEvent[]>;
}

async function setUp(t: TestContext, isAllowed: boolean): Promise<Stage> {
  const hub = await startEmbeddedHub();
  t.after(() => hub.close());
  await hub.request('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  if (isAllowed) hub.applyRbac(RIGHTS);
  const folder = mkdtempSync(join(tmpdir(), 'countersign-events-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const kubeconfigFile = join(folder, 'kubeconfig');
  writeFileSync(kubeconfigFile, hub.syncKubeconfig());
  const events = openHubEvents({ kubeconfigFile, namespace: NAMESPACE, signer: SIGNER, instance: 'i'.repeat(200), clock: systemClock });
  t.after(() => events.close());
  const written = async (): Promise<readonly WrittenEvent[]> => {
    const { object } = await hub.request('GET', EVENTS);
    return (object as { items: WrittenEvent[] }).items;
  };
  return { hub, events, written };
}

/** What an administrator has to give for it. */
const RIGHTS = `
kind: Role
metadata: { name: countersign-events, namespace: ${NAMESPACE} }
rules:
- { apiGroups: [events.k8s.io], resources: [events], verbs: [create] }
---
kind: RoleBinding
metadata: { name: countersign-events, namespace: ${NAMESPACE} }
roleRef: { kind: Role, name: countersign-events }
subjects: [{ kind: ServiceAccount, namespace: countersign, name: ca-sync }]
`;

const alert: Alert = {
  name: 'CountersignSignerUnproven',
  severity: 'critical',
  sinceMs: Date.UTC(2026, 10, 1),
  message: 'It is so.',
  runbook: 'https://runbook/',
};

test('an alert becomes a Warning about the signer Secret, and a Normal when it is over', async (t) => {
  const { events, written } = await setUp(t, true);
  const sink = openEventSink(events, { clock: systemClock, log: keepLog(), onResult: () => undefined });
  t.after(() => sink.close());
  sink.take({ raised: [alert], cleared: [], nowMs: 0 });
  await untilEvents(written, 1);
  sink.take({ raised: [], cleared: [alert], nowMs: Date.UTC(2026, 10, 2) });
  const both = await untilEvents(written, 2);
  const [raised, cleared] = both.toSorted((one, other) => one.eventTime.localeCompare(other.eventTime));
  assert.deepEqual([raised?.type, raised?.reason, raised?.note], ['Warning', 'CountersignSignerUnproven', 'It is so. https://runbook/']);
  assert.deepEqual([cleared?.type, cleared?.note], ['Normal', 'This alert is over since 2026-11-02T00:00:00.000Z.']);
  assert.deepEqual(raised?.regarding, { apiVersion: 'v1', kind: 'Secret', namespace: SIGNER.namespace, name: SIGNER.secret });
});

test('an Event is what the validation of events.k8s.io/v1 lets pass, however long its words', async (t) => {
  const { events, written } = await setUp(t, true);
  assert.equal(await events.post({ type: 'Warning', reason: 'CountersignNotReady', message: 'ä€😀'.repeat(400) }), null);
  const [event] = await written();
  assert.ok(event !== undefined);
  assert.match(event.eventTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.ok(Buffer.byteLength(event.note) <= 1024 && Buffer.byteLength(event.note) > 1000);
  assert.match(event.note, /^[ä€😀]+…$/u);
  assert.equal(event.reportingInstance.length, 128);
  assert.deepEqual([event.reportingController, event.action, event.metadata.namespace], ['countersign', 'Alert', NAMESPACE]);
});

test('what fires is written again after half an hour, and each alert by itself', async (t) => {
  const { events, written } = await setUp(t, true);
  const clock = new HastyClock();
  const sink = openEventSink(events, { clock, log: keepLog(), onResult: () => undefined });
  t.after(() => sink.close());
  sink.take({ raised: [alert], cleared: [], nowMs: 0 });
  await untilTrue(() => clock.waiting.includes(1_800_000));
  sink.take({ raised: [{ ...alert, name: 'CountersignNotReady' }], cleared: [], nowMs: 0 });
  assert.equal((await untilEvents(written, 2)).filter(({ reason }) => reason === alert.name).length, 1);
  await untilTrue(() => clock.waiting.includes(1_800_000));
  clock.fire(1_800_000);
  await untilEvents(written, 4);
});

test('without the right it says which is missing, in the log and once', async (t) => {
  const { events, written } = await setUp(t, false);
  const clock = new HastyClock();
  const log = keepLog();
  const sink = openEventSink(events, { clock, log, onResult: () => undefined });
  t.after(() => sink.close());
  sink.take({ raised: [alert, { ...alert, name: 'CountersignNotReady' }], cleared: [], nowMs: 0 });
  await untilTrue(() => clock.waiting.includes(1_000));
  clock.fire(1_000);
  await untilTrue(() => clock.waiting.includes(2_000));
  const reason =
    'the API server refuses (403) an Event in namespace countersign; a Role there has to allow create on events of events.k8s.io';
  assert.deepEqual(log.events, [{ name: 'alert-delivery-failed', fields: { sink: 'events', reason } }]);
  assert.deepEqual(await written(), []);
});

test('a hub that is away is a failure, and closing does not wait for it', async (t) => {
  const { hub, events } = await setUp(t, true);
  await hub.close();
  assert.match((await events.post({ type: 'Normal', reason: 'CountersignNotReady', message: 'm' })) ?? '', /cannot be reached/);
});

async function untilEvents(written: () => Promise<readonly WrittenEvent[]>, count: number): Promise<readonly WrittenEvent[]> {
  const deadlineMs = performance.now() + 30_000;
  for (;;) {
    const events = await written();
    if (events.length >= count) return events;
    assert.ok(performance.now() < deadlineMs, `${events.length} of ${count} Events`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
