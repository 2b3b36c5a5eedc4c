// The command that is the proxy: starts it, ends it on SIGTERM or SIGINT, re-reads on SIGHUP. Owns the process's life, none of its work.

import { startCountersign } from '../countersign.ts';
import type { Countersign } from '../countersign.ts';
import { openLog } from '../events.ts';
import type { Log } from '../events.ts';
import { followSettings } from '../settings-following.ts';
import type { FollowedSettings } from '../settings-following.ts';
import { version } from '../version.ts';
import { exitCodes, requiredText } from './command.ts';
import type { Command, Surroundings } from './command.ts';
import { sayError } from './finding.ts';
import { loadSettingsFor } from './load-settings.ts';

export const run: Command = {
  description: `Serves agents until SIGTERM or SIGINT: then no new connections, open requests and watches have drainTimeout, and the process
ends; a second such signal ends it at once. SIGHUP reads again the settings and what they name: serving certificate, hub CA,
signer and trust bundle; and opens the audit file anew. Of changed settings, quarantine.clusters and log.level take effect at
once, without a signal too; the others with the next start. Logs go to standard error as JSON lines.
Exit codes: 0 after a clean drain, 1 on a failure, 64 on bad settings.`,
  options: { config: { type: 'string', value: 'FILE', help: 'settings', required: true } },
  example: 'countersign run --config countersign.yaml',
  run: async (values, around) => {
    const settings = await loadSettingsFor('run', values, around);
    if (settings === null) return exitCodes.usage;
    const log = openLog(settings.log.level);
    log.event('process-started', { version, node: process.versions.node, pid: process.pid });
    const followed = followSettings(requiredText(values, 'config'), settings, { clock: around.clock, log });
    followed.live.subscribe((next) => log.setLevel(next.log.level));
    const signals = followSignals(around);
    try {
      const countersign = await startCountersign(settings, { clock: around.clock, log, inForce: followed.live });
      signals.onHangUp(() => reread(countersign, followed, log));
      await signals.stopAsked;
      await countersign.stop();
      return exitCodes.ok;
    } catch (error) {
      log.event('process-failed', { error: sayError(error) });
      return exitCodes.failure;
    } finally {
      followed.close();
      signals.close();
    }
  },
};

interface Signals {
  /** Resolves with the first SIGTERM or SIGINT, also when that came before anyone waited. */
  readonly stopAsked: Promise<void>;
  /** From now on; a SIGHUP while one is being handled is handled after it, several only once. */
  onHangUp(handle: () => Promise<void>): void;
  close(): void;
}

function followSignals(around: Surroundings): Signals {
  const { promise: stopAsked, resolve } = Promise.withResolvers<void>();
  let isStopping = false;
  let handleHangUp: () => Promise<void> = () => Promise.resolve();
  let running: Promise<void> | null = null;
  let isAskedAgain = false;
  const hangUp = (): void => {
    if (running !== null) {
      isAskedAgain = true;
      return;
    }
    running = handleHangUp().finally(() => {
      running = null;
      if (isAskedAgain) hangUp();
    });
    isAskedAgain = false;
  };
  const close = around.onSignal((signal) => {
    if (signal === 'SIGHUP') return hangUp();
    if (isStopping) around.exitNow(exitCodes.failure);
    isStopping = true;
    resolve();
  });
  return {
    stopAsked,
    onHangUp: (handle) => {
      handleHangUp = handle;
    },
    close,
  };
}

async function reread(countersign: Countersign, followed: FollowedSettings, log: Log): Promise<void> {
  await followed.reread();
  try {
    await countersign.reread();
  } catch (error) {
    log.event('internal-error', { error: sayError(error) });
  }
}
