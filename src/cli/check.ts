// The command that finds every problem before `run` meets it: in settings and files first, then on the hub. Changes nothing anywhere.

import { startCaSync } from '../ca-sync/ca-sync.ts';
import type { CaSync } from '../ca-sync/ca-sync.ts';
import type { Clock } from '../clock.ts';
import { silentLog } from '../events.ts';
import type { Settings } from '../settings.ts';
import { checkCanary } from './canary.ts';
import { checkAuditFile, checkHubAuthorities, checkServingCertificate } from './check-files.ts';
import { checkHub, checkRights } from './check-hub.ts';
import { checkPolicies } from './check-policies.ts';
import { checkSource } from './check-signer.ts';
import { checkTokenKeys } from './check-token-keys.ts';
import { exitCodes } from './command.ts';
import type { Command } from './command.ts';
import { exitCodeOf, ok, sayFinding, sayTotal, skip } from './finding.ts';
import type { Finding } from './finding.ts';
import { loadSettingsFor } from './load-settings.ts';

export const check: Command = {
  description: `Looks at everything that run needs, one line each: ok, warn, fail or skip, with what to do about it. The last question to the
hub is made with a certificate of the signer itself, for a user that nothing is bound to (system:open-cluster-management:countersign-probe:canary).
Exit codes: 0 nothing failed, 1 something did, 64 bad settings.`,
  options: {
    config: { type: 'string', value: 'FILE', help: 'settings', required: true },
    offline: { type: 'boolean', help: 'files only: ask neither the hub nor the API server that ca-sync reads from' },
  },
  example: 'countersign check --config countersign.yaml',
  run: async (values, around) => {
    const settings = await loadSettingsFor('check', values, around);
    if (settings === null) return exitCodes.usage;
    const findings: Finding[] = [];
    for await (const finding of look(settings, around.clock, values['offline'] === true)) {
      findings.push(finding);
      around.out(sayFinding(finding));
    }
    around.out(sayTotal(findings));
    return exitCodeOf(findings);
  },
};

async function* look(settings: Settings, clock: Clock, isOffline: boolean): AsyncGenerator<Finding> {
  const { listen, hub, caSync, inspect, bootstrap, audit } = settings;
  yield ok('settings', 'every key is known and every value is in its range');
  yield* await checkServingCertificate(listen, clock.now());
  const authorities = await checkHubAuthorities(hub, clock.now());
  yield* authorities;
  yield* await checkPolicies(inspect);
  yield* await checkAuditFile(audit);
  if (isOffline) {
    if (caSync.source === 'files') {
      const synced = await readSource(settings, clock);
      yield* await checkSource(caSync, synced, clock.now());
      yield* checkTokenKeys(bootstrap, synced);
    } else yield skip('signer and trust bundle', '--offline, and caSync.source is kubernetes');
    yield skip('hub', '--offline');
    return;
  }
  yield* await checkHub(hub, clock);
  if (caSync.source === 'kubernetes') yield* await checkRights(caSync, settings.quarantine, hub.responseTimeoutMs);
  const synced = await readSource(settings, clock);
  yield* await checkSource(caSync, synced, clock.now());
  yield* checkTokenKeys(bootstrap, synced);
  const signer = synced.signer.current;
  if (signer === null) yield skip('canary', 'there is no signer to issue one');
  else yield* await checkCanary(signer, { hub, caSync }, clock);
}

/** One read, as `run` would make it; what went wrong stands in the state. */
async function readSource(settings: Settings, clock: Clock): Promise<CaSync> {
  const caSync = await startCaSync(settings.caSync, { clock, log: silentLog, bootstrap: settings.bootstrap });
  await caSync.close();
  return caSync;
}
