// Each alert, provoked in a whole Countersign in front of a hub: it shows in /status, in /metrics and in the log under its name, and is not there before.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alertNames } from '../../src/admin/alert-table.ts';
import type { AlertName } from '../../src/admin/alert-table.ts';
import {
  alertsOf,
  DAY_MS,
  HOUR_MS,
  setSurvivalStage,
  untilAlert,
  untilGeneration,
  untilView,
  troubleCaSync,
  writeBundle,
  writeSecret,
} from './survives/survival-stage.ts';
import type { Survival, SurvivalPlan } from './survives/survival-stage.ts';

interface Provocation {
  readonly plan?: SurvivalPlan;
  /** Where the hub is away from the start there is no first signer to wait for. */
  readonly startsUnready?: boolean;
  readonly provoke: (survival: Survival) => Promise<void> | void;
}

/** The embedded hub's own certificates end then (src/demo/hub/pki.ts, ALWAYS), and with them the one that Countersign serves here. */
const SERVING_END_MS = Date.UTC(2049, 11, 31);
/** More than the queue of the audit trail holds, at about 1 KiB a line. */
const LINES = 10_000;
const AT_ONCE = 100;

/** The API servers do not take over what is published: as with a cert-syncer that hangs. */
async function rotateUntrusted({ hub }: Survival): Promise<void> {
  hub.holdTrust();
  await hub.rotate({ order: 'secret-first', newRoot: true });
}

async function askOften({ agent }: Survival, times: number, path: string): Promise<void> {
  for (let sent = 0; sent < times; sent += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => agent.ask({ method: 'GET', path }).catch(() => null)));
  }
}

const provocations: Readonly<Record<AlertName, Provocation>> = {
  CountersignSignerEndsSoon: { provoke: (survival) => pass(survival, 24 * DAY_MS) },
  CountersignSignerEndsVerySoon: { provoke: (survival) => pass(survival, 28.5 * DAY_MS) },
  CountersignSyncStale: { provoke: ({ hub }) => troubleCaSync(hub, () => ({ kind: 'destroy-connection' })) },
  CountersignCandidateNotTrusted: { provoke: rotateUntrusted },
  CountersignCandidateRefused: { provoke: (survival) => writeSecret(survival, { crt: 'garbage' }) },
  // As late as can be, where the hub takes the one before and rejects this one.
  CountersignSignerUnproven: { plan: { ageMs: 30 * DAY_MS - HOUR_MS / 3 }, provoke: rotateUntrusted },
  CountersignHubRejectsLeaves: {
    provoke: async ({ hub, agent }) => {
      const body = JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Unauthorized', code: 401 });
      const answer = { kind: 'answer', status: 401, headers: { 'content-type': 'application/json' }, body } as const;
      hub.misbehave(({ user }) => (user?.startsWith('system:open-cluster-management:cluster1:') === true ? answer : null));
      assert.equal((await agent.getManagedCluster()).status, 503);
    },
  },
  CountersignTrustRefused: { provoke: (survival) => writeBundle(survival, 'garbage') },
  CountersignTrustEntrySkipped: {
    provoke: (survival) => writeBundle(survival, `-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n${survival.hub.bundle()}`),
  },
  CountersignServingCertificateEndsSoon: { provoke: ({ clock }) => clock.advance(SERVING_END_MS - 10 * DAY_MS - clock.now()) },
  CountersignServingCertificateEndsVerySoon: { provoke: ({ clock }) => clock.advance(SERVING_END_MS - 2 * DAY_MS - clock.now()) },
  CountersignAgentCertificateEnds: {
    plan: { ageMs: 28.5 * DAY_MS },
    provoke: async ({ agent }) => {
      assert.equal((await agent.whoAmI()).status, 201);
    },
  },
  CountersignDenialBurst: { provoke: (survival) => askOften(survival, 400, '/api/v1/secrets') },
  CountersignAuditLost: {
    plan: { moreSettings: 'limits: { maxTargetBytes: 8KiB }\n', auditFile: '/dev/full' },
    provoke: (survival) => askOften(survival, LINES, `/api/v1/namespaces/${'a'.repeat(500)}/secrets`),
  },
  CountersignNotReady: {
    plan: {
      prepare: (hub) => {
        hub.misbehave(() => ({ kind: 'destroy-connection' }));
      },
    },
    startsUnready: true,
    provoke: () => undefined,
  },
};

function pass({ clock, hubClock }: Survival, ms: number): void {
  clock.advance(ms);
  hubClock.advance(ms);
}

for (const name of alertNames) {
  const { plan = {}, startsUnready = false, provoke } = provocations[name];
  test(`${name} fires when it is provoked, and not before`, { timeout: 120_000 }, async (t) => {
    const survival = await setSurvivalStage(t, { ageMs: HOUR_MS, ...plan });
    if (!startsUnready) {
      await untilGeneration(survival, 1);
      await untilView(survival, ({ signer }) => signer.current?.proof === 'accepted');
    }
    assert.ok(!(await alertsOf(survival)).includes(name));
    await provoke(survival);
    await untilAlert(survival, name);
    const metrics = await (await fetch(`${survival.adminUrl}/metrics`)).text();
    assert.match(metrics, new RegExp(`^countersign_alerts\\{name="${name}",severity="\\w+"\\} 1$`, 'm'));
    assert.ok(survival.log.events.some((event) => event.name === 'alert-raised' && Object.values(event.fields).includes(name)));
  });
}
